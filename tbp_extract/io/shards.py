"""Image shards: HDF5 files laid out as those of the ISIC 2024 challenge.

The root group holds one scalar dataset per crop, named by its isic_id: a fixed-length string that
is the JPEG. A shard is built in memory and written in one piece, because a full disk or a kill
inside the HDF5 library would leave a file that does not open.
"""

import io
import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import h5py
import numpy as np
from h5py import h5d, h5f, h5l, h5p, h5s, h5t
from numpy.typing import NDArray

from tbp_extract.errors import OutputError, SourceError
from tbp_extract.jpeg import decode_jpeg

__all__ = ["ShardReader", "add_crop", "crop_layout", "shard_image", "shard_name", "stored_bytes"]

MAX_OPEN_FILES: Final = 64
MAX_JPEG_BYTES: Final = 1 << 26

_JPEG_END = b"\xff\xd9"
_ROOM_BYTES = 1 << 16
_STRUCTURE_BYTES_A_CROP = 1024


def shard_name(shard_id: int) -> str:
    """File name of a shard, such as ``shard-00000.hdf5``."""
    return f"shard-{shard_id:05d}.hdf5"


def shard_image(ids: Sequence[str], jpegs: Sequence[bytes]) -> bytes:
    """Build the bytes of a shard and read them back.

    Parameters
    ----------
    ids : sequence of str
        ``isic_id`` of each crop; may be empty.
    jpegs : sequence of bytes
        The crops, as a `Release` held them.

    Returns
    -------
    bytes
        An HDF5 file: the same crops in the same order give the same bytes.

    Raises
    ------
    OutputError
        If what was written does not read back equal.
    """
    image = _build(ids, jpegs)
    _check_image(image, ids, jpegs)
    return image


def _build(ids: Sequence[str], jpegs: Sequence[bytes]) -> bytes:
    access = h5p.create(h5p.FILE_ACCESS)
    # Room for all at once: memory grows by this step, so a step too small would double it.
    step_bytes = sum(map(len, jpegs)) + len(jpegs) * _STRUCTURE_BYTES_A_CROP + _ROOM_BYTES
    access.set_fapl_core(step_bytes, False)
    access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)
    layout = crop_layout()
    file = h5f.create(b"shard", h5f.ACC_TRUNC, fapl=access)
    try:
        for name, jpeg in zip(ids, jpegs, strict=True):
            add_crop(file, layout, name, jpeg)
        h5f.flush(file)
        return bytes(file.get_file_image())
    finally:
        file.close()


def crop_layout() -> h5p.PropDCID:
    """How each crop lies in a file: in one plain piece, without a time."""
    layout = h5p.create(h5p.DATASET_CREATE)
    layout.set_layout(h5d.CONTIGUOUS)
    layout.set_obj_track_times(False)
    return layout


def add_crop(file: h5f.FileID, layout: h5p.PropDCID, name: str, jpeg: bytes) -> None:
    """Put one crop into a file, as a null-padded string of fixed length.

    Raises
    ------
    OutputError
        If it does not end in FFD9.
    """
    if not jpeg.endswith(_JPEG_END):
        # Readers strip NULs from the end of a fixed-length string.
        raise OutputError("a crop must end in FFD9 to survive in a null-padded string")
    kind = h5t.C_S1.copy()
    kind.set_size(len(jpeg))
    kind.set_strpad(h5t.STR_NULLPAD)
    dataset = h5d.create(file, name.encode("ascii"), kind, h5s.create(h5s.SCALAR), dcpl=layout)
    dataset.write(h5s.ALL, h5s.ALL, np.frombuffer(jpeg, f"S{len(jpeg)}"), mtype=kind)


def _check_image(image: bytes, ids: Sequence[str], jpegs: Sequence[bytes]) -> None:
    # Through Python's own file: the core driver would hold two more copies of the image.
    with h5py.File(io.BytesIO(image), "r") as file:
        if list(file) != sorted(ids):
            raise OutputError("a shard does not hold the crops that were put into it")
        for name, jpeg in zip(ids, jpegs, strict=True):
            if stored_bytes(file, name) != jpeg:
                raise OutputError("a crop in a shard differs from the one that was put into it")


def stored_bytes(file: h5py.File, name: str) -> bytes:
    """Read one crop, and only from this very file."""
    if file.id.links.get_info(name.encode()).type != h5l.TYPE_HARD:
        raise SourceError("expected a crop inside the shard, got a link to elsewhere")
    dataset = h5py.h5o.open(file.id, name.encode())
    if not isinstance(dataset, h5d.DatasetID) or dataset.shape != ():
        raise SourceError("expected a scalar dataset, got something else in a shard")
    layout = dataset.get_create_plist()
    if layout.get_external_count() or layout.get_layout() == h5d.VIRTUAL:
        raise SourceError("expected a crop inside the shard, got one that is stored elsewhere")
    kind = dataset.get_type()
    if not isinstance(kind, h5t.TypeStringID) or kind.is_variable_str():
        raise SourceError("expected a fixed-length string, got another type in a shard")
    if kind.get_size() > MAX_JPEG_BYTES:
        raise SourceError(f"expected a crop of up to {MAX_JPEG_BYTES} bytes, got a larger one")
    stored = np.empty((), f"S{kind.get_size()}")
    dataset.read(h5s.ALL, h5s.ALL, stored, mtype=kind)
    return stored.tobytes().rstrip(b"\0")


class ShardReader:
    """Crops by isic_id, from one HDF5 file or from all shards of a release.

    Parameters
    ----------
    source : Path or str
        A shard, a genuine ISIC 2024 file, a release folder or its ``images`` folder.

    cache_bytes : int, optional
        What the HDF5 library may keep of each open file's structure; its own default is up to
        32 MB, which adds up where many are open.

    Raises
    ------
    SourceError
        If there is no shard, one does not open, or two hold the same id.

    Examples
    --------
    >>> with ShardReader(Path("out/release")) as reader:  # doctest: +SKIP
    ...     for isic_id in reader:
    ...         pixels = reader[isic_id]  # (H, W, 3) uint8 sRGB
    """

    def __init__(self, source: Path | str, *, cache_bytes: int | None = None) -> None:
        self._cache_bytes = cache_bytes
        self._paths = _shard_paths(Path(source))
        self._open: OrderedDict[int, h5py.File] = OrderedDict()
        self._process = os.getpid()
        self._shard_of: dict[str, int] = {}
        for index in range(len(self._paths)):
            self._take_in(index)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all files; reading opens them again."""
        while self._open:
            self._open.popitem()[1].close()

    def __len__(self) -> int:
        return len(self._shard_of)

    def __iter__(self) -> Iterator[str]:
        return iter(self._shard_of)

    def __contains__(self, isic_id: object) -> bool:
        return isic_id in self._shard_of

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids, shard by shard in order of name."""
        return tuple(self._shard_of)

    def __getitem__(self, isic_id: str) -> NDArray[np.uint8]:
        """Pixels of a crop, (H, W, 3) uint8 sRGB."""
        return decode_jpeg(self.jpeg(isic_id))

    def jpeg(self, isic_id: str) -> bytes:
        """Bytes of a crop as they are stored.

        Raises
        ------
        KeyError
            If no shard holds this id.
        SourceError
            If what bears the id is not a crop stored in the shard itself.
        """
        return stored_bytes(self._file(self._shard_of[isic_id]), isic_id)

    def _take_in(self, index: int) -> None:
        names = list(self._file(index))
        if not self._shard_of.keys().isdisjoint(names):
            raise SourceError(f"shard {index} holds an id that an earlier shard holds as well")
        self._shard_of |= dict.fromkeys(names, index)

    def _file(self, index: int) -> h5py.File:
        """Open file of a shard: few at a time, and never one from before a fork."""
        if self._process != os.getpid():
            self._open = OrderedDict()
            self._process = os.getpid()
        if index not in self._open:
            if len(self._open) >= MAX_OPEN_FILES:
                self._open.popitem(last=False)[1].close()
            self._open[index] = _open_shard(self._paths[index], index, self._cache_bytes)
        self._open.move_to_end(index)
        return self._open[index]


def _open_shard(path: Path, index: int, cache_bytes: int | None) -> h5py.File:
    try:
        file = h5py.File(path, "r")
    except OSError:
        raise SourceError(f"shard {index} is missing or no HDF5 file") from None
    if cache_bytes is not None:
        cache = file.id.get_mdc_config()
        cache.set_initial_size = True
        cache.initial_size = cache.min_size = cache.max_size = cache_bytes
        file.id.set_mdc_config(cache)
    return file


def _shard_paths(source: Path) -> tuple[Path, ...]:
    if not source.is_dir():
        return (source,)
    folder = source / "images" if (source / "images").is_dir() else source
    paths = tuple(sorted(folder.glob("shard-*.hdf5")))
    if not paths:
        raise SourceError(
            "expected a shard or a release folder, got a folder without shards"
            + (": give the folder release/ in it" if (source / "release").is_dir() else "")
        )
    return paths
