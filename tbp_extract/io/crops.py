"""Crops that exist already: a shard, a release, or a folder of JPEGs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tbp_extract.errors import SourceError
from tbp_extract.io.shards import ShardReader
from tbp_extract.jpeg import decode_jpeg, jpeg_markers

__all__ = ["CropGroup", "CropReader", "JpegFolder"]

_ENDINGS = frozenset({".jpg", ".jpeg"})


class JpegFolder:
    """The JPEGs that lie in a folder itself, named by their files."""

    def __init__(self, folder: Path) -> None:
        paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in _ENDINGS and p.is_file())
        self._paths = {path.stem: path for path in paths}
        if len(self._paths) < len(paths):
            raise SourceError(
                "expected crops with different names, got two that differ in their ending only"
            )

    def close(self) -> None:
        """Nothing stays open."""

    @property
    def ids(self) -> tuple[str, ...]:
        """File names without ending, sorted."""
        return tuple(self._paths)

    def jpeg(self, name: str) -> bytes:
        """Bytes of one file."""
        try:
            return self._paths[name].read_bytes()
        except OSError as error:
            raise SourceError(f"cannot read a crop: {error.strerror}") from None


@dataclass(frozen=True, slots=True, eq=False)
class CropGroup:
    """Some crops of one size."""

    index: NDArray[np.int64]
    """(N,) their places among all ids."""

    pixels: NDArray[np.uint8]
    """(N, S, S, 3) sRGB."""


class CropReader:
    """Square crops by id, in groups of one size.

    Parameters
    ----------
    source : Path
        An HDF5 shard, a release or images folder with shards, or a folder of JPEG files.

    Raises
    ------
    SourceError
        If there are no crops.
    """

    def __init__(self, source: Path) -> None:
        self._crops = _open(source)
        self.ids = self._crops.ids
        """Names of the crops, in the order of the rows to come."""

        if not self.ids:
            raise SourceError("expected crops (a shard or a folder of JPEG files), got none")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._crops.close()

    def groups(self, max_px: int) -> Iterator[CropGroup]:
        """Decode all crops, by size, at most `max_px` pixels (and at least one crop) at a time.

        Raises
        ------
        SourceError
            Saying which crop is no JPEG or not square.
        """
        sizes = np.array([self._size_px(k) for k in range(len(self.ids))])
        for size in np.unique(sizes):
            chosen = np.flatnonzero(sizes == size)
            step = max(max_px // int(size) ** 2, 1)
            for first in range(0, len(chosen), step):
                index = chosen[first : first + step]
                yield CropGroup(index, np.stack([self._pixels(int(k)) for k in index]))

    def _size_px(self, index: int) -> int:
        try:
            found = jpeg_markers(self._jpeg(index))
        except SourceError as error:
            raise SourceError(f"{self._place(index)} is no whole JPEG: {error}") from None
        if found.height_px != found.width_px:
            raise SourceError(
                f"{self._place(index)} is not square: expected as many rows as columns, got "
                f"{found.height_px} x {found.width_px} px"
            )
        return found.height_px

    def _pixels(self, index: int) -> NDArray[np.uint8]:
        try:
            return decode_jpeg(self._jpeg(index))
        except SourceError as error:
            raise SourceError(f"{self._place(index)} does not decode: {error}") from None

    def _jpeg(self, index: int) -> bytes:
        return self._crops.jpeg(self.ids[index])

    def _place(self, index: int) -> str:
        # Names of files may be private; their order is not.
        return f"crop {index + 1} of {len(self.ids)}, in order of name,"


def _open(source: Path) -> ShardReader | JpegFolder:
    if source.is_dir() and not (source / "images").is_dir() and not _has_shards(source):
        return JpegFolder(source)
    return ShardReader(source)


def _has_shards(folder: Path) -> bool:
    return next(folder.glob("shard-*.hdf5"), None) is not None
