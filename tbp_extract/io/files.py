"""Files that appear whole or not at all, hashes, and folders for the owner alone."""

import hashlib
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from tbp_extract.errors import OutputError

__all__ = [
    "LEFTOVER_PATTERN",
    "PRIVATE_FILE",
    "PRIVATE_FOLDER",
    "PUBLIC_FILE",
    "level_times",
    "make_private_folder",
    "open_whole",
    "renew_private",
    "sha256_file",
    "sweep_leftovers",
    "sync_files",
    "sync_folder",
    "write_whole",
]

PUBLIC_FILE: Final = 0o666
"""As the user's umask leaves it."""

PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700

FIXED_TIME_S: Final = 946_684_800
"""2000-01-01 UTC: times of change of a finished release."""

LEFTOVER_PATTERN: Final = ".*.part"
"""Names of unfinished files: what a killed run leaves behind and the next may delete."""


@contextmanager
def open_whole(path: Path, *, mode: int = PUBLIC_FILE, flush: bool = True) -> Iterator[BinaryIO]:
    """Write a file beside its place; on leaving it is flushed to disk and renamed.

    Parameters
    ----------
    path : Path
        Final place. A file that is there is replaced in one step.
    mode : int
        Permissions, before the umask.
    flush : bool
        Without it a power cut may lose the file or leave it torn: only for files that are known
        by their hash and can be made again.

    Yields
    ------
    BinaryIO
        Open for writing. If the block raises, nothing is left and ``path`` is as it was.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with _create(part, mode) as file:
            yield file
            file.flush()
            if flush:
                os.fsync(file.fileno())
        part.replace(path)
        if flush:
            sync_folder(path.parent)
    except OSError as error:
        # The system's own message would name the path.
        raise OutputError(f"cannot write to the output folder: {error.strerror}") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes, *, mode: int = PUBLIC_FILE, flush: bool = True) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    OutputError
        As `open_whole`.
    """
    with open_whole(path, mode=mode, flush=flush) as file:
        file.write(data)


def renew_private(path: Path, data: bytes) -> None:
    """Write a private file unless it is there already: who has nothing to do changes nothing.

    Raises
    ------
    OutputError
        As `open_whole`.
    """
    with suppress(OSError):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode == PRIVATE_FILE and path.read_bytes() == data:
            return
    write_whole(path, data, mode=PRIVATE_FILE)


def sweep_leftovers(folder: Path) -> None:
    """Delete what a killed run left unfinished in a folder; nobody else may be writing there."""
    for leftover in folder.glob(LEFTOVER_PATTERN) if folder.is_dir() else ():
        leftover.unlink()


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_files(paths: Iterable[Path]) -> None:
    """Flush files to disk that were written without, and the folders they lie in.

    Raises
    ------
    OutputError
        If one is gone or the disk is full.
    """
    folders = set()
    try:
        for path in paths:
            folders.add(path.parent)
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        for folder in folders:
            sync_folder(folder)
    except OSError as error:
        raise OutputError(f"cannot write to the output folder: {error.strerror}") from None


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter, or close one that is there.

    Raises
    ------
    OutputError
        If it cannot be made or is not a folder.
    """
    try:
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        folder.chmod(PRIVATE_FOLDER)
    except OSError as error:
        raise OutputError(f"cannot make the private folder: {error.strerror}") from None


def level_times(folder: Path) -> None:
    """Give a folder and all that lies in it one fixed time of change, which says nothing.

    Raises
    ------
    OutputError
        If the folder is missing or belongs to somebody else.
    """
    try:
        for path in (*folder.rglob("*"), folder):
            os.utime(path, (FIXED_TIME_S, FIXED_TIME_S), follow_symlinks=False)
    except OSError as error:
        raise OutputError(f"cannot set times in the output folder: {error.strerror}") from None


def sha256_file(path: Path) -> str:
    """SHA-256 of a file as hex, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _create(path: Path, mode: int) -> BinaryIO:
    # Readable as well: the HDF5 library reads back what it has written.
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode), "wb")
