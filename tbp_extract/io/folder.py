"""The only way to open a file that a scan names: inside its folder, regular, within limits."""

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import NamedTuple

from tbp_extract.config import LimitConfig
from tbp_extract.errors import ScanError, ScanReason

__all__ = ["ScanFolder", "join_name", "parent_name"]

_ROOTED = re.compile(r"/|[A-Za-z]:")
"""Start of an absolute path, a UNC path or a drive, after separators are made equal."""


class ScanFolder:
    """A folder whose files are read, hashed and never left.

    Names may use either slash. They are taken as they are: no other case, no search elsewhere.

    Parameters
    ----------
    root : Path
        Nothing outside of it is opened, links included.
    limits : LimitConfig
        ``file_bytes`` bounds each file.
    """

    def __init__(self, root: Path, limits: LimitConfig) -> None:
        self.root = root
        self.limits = limits
        self._sha256: dict[str, str] = {}

    @property
    def sha256(self) -> dict[str, str]:
        """SHA-256 of each file read so far, by name relative to ``root``, POSIX separators."""
        return dict(self._sha256)

    @property
    def digest(self) -> str:
        """One SHA-256 over the names and hashes of all files read so far."""
        lines = (f"{name}\0{digest}\n" for name, digest in sorted(self._sha256.items()))
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    def read(self, name: str, *, role: str, missing: ScanReason, within: str = "") -> bytes:
        """Read a file whole.

        Parameters
        ----------
        name : str
            Relative to `within`, which it may not leave.
        role : str
            What the file is, for messages: "the texture of page 2".
        missing : ScanReason
            Reason where there is no such file.
        within : str, optional
            Subfolder of ``root``.

        Returns
        -------
        bytes

        Raises
        ------
        ScanError
            ``PATH_OUTSIDE_SCAN``, `missing` or ``OVER_LIMIT``.
        """
        place = self._locate(name, role=role, missing=missing, within=within)
        data = self._read_regular(place.path, role=role, name=name, missing=missing)
        self._sha256[place.key] = hashlib.sha256(data).hexdigest()
        return data

    def exists(self, name: str, *, within: str = "") -> bool:
        """Whether `read` would find something of this name."""
        try:
            self._locate(name, role="", missing=ScanReason.MESH_MISSING, within=within)
        except ScanError:
            return False
        return True

    def _locate(self, name: str, *, role: str, missing: ScanReason, within: str) -> "_Place":
        base, parts = _parts(within), _parts(name)
        if base is None or parts is None:
            raise _outside(role, name)
        bound = path = self.root.joinpath(*base)
        for part in parts:
            if part not in _entries(path):
                raise ScanError(missing, f"{role} is missing", file=name)
            path = path / part
        if path == bound:
            raise ScanError(missing, f"{role} is missing: its name is empty", file=name)
        if not path.resolve().is_relative_to(bound.resolve()):
            raise _outside(role, name)
        return _Place(path.resolve(), "/".join((*base, *parts)))

    def _read_regular(self, path: Path, *, role: str, name: str, missing: ScanReason) -> bytes:
        try:
            # Without O_NONBLOCK, opening a pipe would wait for its writer.
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            raise ScanError(missing, f"{role} cannot be opened", file=name) from error
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            os.close(handle)
            raise ScanError(missing, f"{role} is not a regular file", file=name)
        with os.fdopen(handle, "rb") as file:
            limit = self.limits.file_bytes
            if status.st_size > limit:
                raise _too_large(role, name, status.st_size, limit)
            try:
                data = file.read(limit + 1)
            except OSError as error:
                raise ScanError(missing, f"{role} cannot be read", file=name) from error
        if len(data) > limit:
            raise _too_large(role, name, len(data), limit)
        return data


class _Place(NamedTuple):
    path: Path
    key: str


def join_name(parent: str, name: str) -> str:
    """Name a file relative to the folder that `parent` is relative to.

    A name that is absolute or leaves that folder is handed back as it is, for `ScanFolder.read`
    to refuse.
    """
    if _is_rooted(name):
        return name
    parts = _parts(f"{parent}/{name}" if parent else name)
    return name if parts is None else "/".join(parts)


def parent_name(name: str) -> str:
    """Folder of a file, relative as the file is; empty for the root."""
    return "/".join((_parts(name) or [])[:-1])


def _parts(name: str) -> list[str] | None:
    """List the steps down to a name; ``None`` where it does not stay below its folder."""
    if _is_rooted(name):
        return None
    kept: list[str] = []
    for part in name.replace("\\", "/").split("/"):
        if part == ".." and not kept:
            return None
        if part == "..":
            kept.pop()
        elif part not in ("", "."):
            kept.append(part)
    return kept


def _is_rooted(name: str) -> bool:
    return _ROOTED.match(name.replace("\\", "/")) is not None or "\0" in name


def _entries(folder: Path) -> frozenset[str]:
    """Names in a folder as they are stored: the file system may be blind to case, we are not."""
    try:
        return frozenset(entry.name for entry in folder.iterdir())
    except OSError:
        return frozenset()


def _outside(role: str, name: str) -> ScanError:
    return ScanError(
        ScanReason.PATH_OUTSIDE_SCAN,
        f"{role} must be named by a relative path inside the scan's folder",
        file=name,
    )


def _too_large(role: str, name: str, size: int, limit: int) -> ScanError:
    return ScanError(
        ScanReason.OVER_LIMIT,
        f"{role} has {size} bytes, limits.file_bytes allows {limit}",
        file=name,
    )
