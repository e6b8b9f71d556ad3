"""One large HDF5 file in the genuine layout, written crop by crop.

A shard is built in memory (`tbp_extract.io.shards`); the file of a whole challenge would not fit.
The HDF5 library must not see a failing disk, for it crashes then, at the latest when the process
ends: it writes through a file of ours that hides the first error, lets the library finish, and
raises it afterwards. The file appears under its name only when all is well.
"""

import hashlib
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
from h5py import h5f, h5fd, h5p

from tbp_extract.errors import OutputError
from tbp_extract.io.files import open_whole
from tbp_extract.io.shards import add_crop, crop_layout, stored_bytes

__all__ = ["write_image_file"]


def write_image_file(path: Path, crops: Iterable[tuple[str, bytes]]) -> None:
    """Write crops and read them back.

    Parameters
    ----------
    path : Path
    crops : iterable of (str, bytes)
        Id and JPEG, by ascending id; taken one at a time.

    Raises
    ------
    OutputError
        If the disk is full, an id comes twice, or what was written does not read back equal.
    """
    with open_whole(path) as file:
        digest = _build(_CalmFile(file.fileno()), crops)
        if digest != _digest_of(io.FileIO(file.fileno(), closefd=False)):
            raise OutputError("an image file does not read back as it was written")


def _build(file: "_CalmFile", crops: Iterable[tuple[str, bytes]]) -> str:
    layout, digest = crop_layout(), hashlib.sha256()
    target = _create(file)
    last = ""
    try:
        for name, jpeg in crops:
            if name <= last:
                raise OutputError("two crops of an image file have the same id")
            add_crop(target, layout, name, jpeg)
            _feed(digest, name, jpeg)
            last = name
            if file.error is not None:
                break
    finally:
        target.close()
    if file.error is not None:
        raise file.error
    return digest.hexdigest()


def _create(file: "_CalmFile") -> h5f.FileID:
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fileobj_driver(h5fd.fileobj_driver, file)
    access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)
    # Closing the file closes all of it: what an error's traceback keeps alive would otherwise call
    # our file when Python has ended, which is a crash. The same goes for the list itself.
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    try:
        return h5f.create(b"images", h5f.ACC_TRUNC, fapl=access)
    finally:
        access.close()


def _digest_of(file: io.FileIO) -> str:
    digest = hashlib.sha256()
    with h5py.File(file, "r") as written:
        for name in written:
            _feed(digest, name, stored_bytes(written, name))
    return digest.hexdigest()


def _feed(digest: Any, name: str, jpeg: bytes) -> None:
    digest.update(f"{name} {len(jpeg)} ".encode())
    digest.update(jpeg)


class _CalmFile(io.RawIOBase):
    """A file that never fails: it remembers its first error and goes on in memory.

    What the library wrote must read back until it has closed the file. That is little: the crop at
    hand and the library's own cache.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._at = 0
        self._size = 0
        self._kept: list[tuple[int, bytes]] = []
        self.error: OSError | None = None

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        found = os.pread(self._descriptor, len(view), self._at)
        view[: len(found)] = found
        view[len(found) :] = bytes(len(view) - len(found))
        for at, data in self._kept:
            first, end = max(at, self._at), min(at + len(data), self._at + len(view))
            if first < end:
                view[first - self._at : end - self._at] = data[first - at : end - at]
        self._at += len(view)
        return len(view)

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        try:
            done = 0
            while self.error is None and done < len(view):
                done += os.pwrite(self._descriptor, view[done:], self._at + done)
        except OSError as error:
            self.error = error
        if self.error is not None:
            self._kept.append((self._at, bytes(view)))
        self._at += len(view)
        self._size = max(self._size, self._at)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        self._size = self._at if size is None else size
        try:
            if self.error is None:
                os.ftruncate(self._descriptor, self._size)
        except OSError as error:
            self.error = error
        return self._size
