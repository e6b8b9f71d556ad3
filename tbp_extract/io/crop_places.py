"""Where the crops of finished scans lie: in files of their own, or already in image shards.

Crops are known by their SHA-256. In shards they are looked for as JPEGs, start by start, without
the HDF5 library: a damaged shard may crash it, and gives back all crops but the damaged ones here.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tbp_extract.errors import OutputError
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.scan_record import Crop, ScanRecord

__all__ = ["CropPlace", "CropPlaces", "read_crops"]

_START = re.compile(rb"\xff\xd8\xff\xe0\x00\x10JFIF\x00")
_END = b"\xff\xd9"


class CropPlace(NamedTuple):
    """Bytes of one crop in some file."""

    path: Path
    offset: int
    crop: Crop


class CropPlaces:
    """Finds the crops of finished scans, as they were made.

    Parameters
    ----------
    layout : OutLayout
    """

    def __init__(self, layout: OutLayout) -> None:
        self._layout = layout
        self._in_shards: dict[str, tuple[Path, int]] | None = None

    def find(self, record: ScanRecord) -> tuple[CropPlace, ...] | None:
        """Find all crops of a scan; ``None`` where one is missing or damaged."""
        own = self._in_own_file(record)
        return self._in_images(record) if own is None else own

    def _in_own_file(self, record: ScanRecord) -> tuple[CropPlace, ...] | None:
        path = self._layout.crops(record.scan)
        places = tuple(
            CropPlace(path, offset, crop)
            for offset, crop in zip(record.offsets(), record.crops, strict=True)
        )
        whole = all(_is(jpeg, place.crop) for place, jpeg in _contents(places))
        return places if whole else None

    def _in_images(self, record: ScanRecord) -> tuple[CropPlace, ...] | None:
        if self._in_shards is None:
            folders = (self._layout.images, self._layout.work)
            shards = [path for folder in folders for path in sorted(folder.glob("*.hdf5"))]
            self._in_shards = {digest: at for path in shards for digest, at in _jpegs(path)}
        found = [(self._in_shards.get(crop.sha256), crop) for crop in record.crops]
        places = tuple(CropPlace(*at, crop) for at, crop in found if at)
        return places if len(places) == len(record.crops) else None


def read_crops(places: Iterable[CropPlace]) -> list[bytes]:
    """Read crops and check each against its hash.

    Raises
    ------
    OutputError
        If one is not what was made.
    """
    jpegs = []
    for place, jpeg in _contents(places):
        if not _is(jpeg, place.crop):
            raise OutputError(
                "a crop of a finished scan has changed on disk: run the same command again to have "
                "it made anew"
            )
        jpegs.append(jpeg)
    return jpegs


def _is(jpeg: bytes, crop: Crop) -> bool:
    return hashlib.sha256(jpeg).hexdigest() == crop.sha256


def _contents(places: Iterable[CropPlace]) -> Iterator[tuple[CropPlace, bytes]]:
    """Read crops; what does not read is empty. Runs of crops in one file take one opening."""
    for path, group in groupby(places, key=lambda place: place.path):
        try:
            file = path.open("rb")
        except OSError:
            yield from ((place, b"") for place in group)
            continue
        with file:
            for place in group:
                yield place, _read(file, place)


def _read(file: BinaryIO, place: CropPlace) -> bytes:
    try:
        file.seek(place.offset)
        return file.read(place.crop.length)
    except OSError:
        return b""


def _jpegs(path: Path) -> Iterator[tuple[str, tuple[Path, int]]]:
    """All JPEGs of a shard by their hash."""
    try:
        content = path.read_bytes()
    except OSError:
        return
    starts = [match.start() for match in _START.finditer(content)]
    for start, beyond in pairwise([*starts, len(content)]):
        end = content.rfind(_END, start, beyond) + len(_END)
        yield hashlib.sha256(content[start:end]).hexdigest(), (path, start)
