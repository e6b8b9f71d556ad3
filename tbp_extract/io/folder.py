"""The only way to open a file that a scan names: inside its folder, regular, within limits."""

import hashlib
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from tbp_extract.config import LimitConfig
from tbp_extract.errors import ScanError, ScanReason

__all__ = ["FileKind", "InputFile", "ScanFolder", "is_text", "join_name", "parent_name"]

FileKind = Literal["mesh", "texture", "material", "table"]
_KINDS: tuple[FileKind, ...] = get_args(FileKind)

_ROOTED = re.compile(r"/|[A-Za-z]:")
"""Start of an absolute path, a UNC path or a drive, after separators are made equal."""


class InputFile(NamedTuple):
    """A file as it was when a scan was read."""

    sha256: str | None
    """``None`` where it could not be read whole."""

    size: int
    """In bytes; -1 where there was no such file."""

    mtime_ns: int
    ctime_ns: int
    inode: int

    seen_ns: int
    """When this was noted, by this machine's clock."""

    @classmethod
    def absent(cls) -> "InputFile":
        """Note that there was nothing."""
        return cls(None, -1, 0, 0, 0, 0)

    @classmethod
    def of(cls, status: os.stat_result, sha256: str | None = None) -> "InputFile":
        """Note what the system says of a file now."""
        return cls(
            *(sha256, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino),
            time.time_ns(),
        )


class ScanFolder:
    """A folder whose files are read, hashed and never left.

    Names may use either slash. They are taken as they are: no other case, no search elsewhere.
    Each step is opened relative to the folder before it and is no link, so that what is swapped
    meanwhile cannot lead outside.

    Parameters
    ----------
    root : Path
        May itself be a link; nothing outside of it is opened.
    limits : LimitConfig
        ``mesh_bytes``, ``texture_bytes``, ``table_bytes`` and ``material_bytes`` bound the files.
    """

    def __init__(self, root: Path, limits: LimitConfig) -> None:
        self.root = root
        self.limits = limits
        self._inputs: dict[str, InputFile] = {}
        self._listings = _Listings()

    @property
    def inputs(self) -> dict[str, InputFile]:
        """Each file asked for so far, by name relative to ``root``, POSIX separators."""
        return dict(self._inputs)

    @property
    def sha256(self) -> dict[str, str]:
        """SHA-256 of each file read so far, by name as in `inputs`."""
        return {name: file.sha256 for name, file in self._inputs.items() if file.sha256}

    @property
    def digest(self) -> str:
        """One SHA-256 over the names and hashes of all files read so far."""
        lines = (f"{name}\0{digest}\n" for name, digest in sorted(self.sha256.items()))
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    def read(
        self,
        name: str,
        *,
        role: str,
        missing: ScanReason,
        within: str = "",
        kind: FileKind | None = None,
    ) -> bytes:
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
        kind : str, optional
            Whose limit counts of ``limits.*_bytes``; by default the greatest of them.

        Returns
        -------
        bytes

        Raises
        ------
        ScanError
            ``PATH_OUTSIDE_SCAN``, `missing`, ``OVER_LIMIT`` or ``FILE_CHANGED``.
        """
        base, parts = _parts(within), _parts(name)
        if base is None or parts is None:
            raise _outside(role, name)
        if not parts:
            raise ScanError(missing, f"{role} is missing: its name is empty", file=name)
        if any(not is_text(part) for part in parts):
            raise ScanError(missing, f"{role} is missing: its name is not UTF-8", file=name)
        key = "/".join((*base, *parts))
        self._inputs.setdefault(key, InputFile.absent())
        setting, limit = self._limit(kind)
        with self._opened((*base, *parts), role=role, name=name, missing=missing) as handle:
            seen = self._inputs[key] = InputFile.of(os.fstat(handle))
            data = self._read_open(handle, limit, role=role, name=name, setting=setting)
        self._inputs[key] = seen._replace(sha256=hashlib.sha256(data).hexdigest())
        return data

    def names(self, place: str) -> list[str]:
        """Sorted names in a folder without hidden ones; none where there is no such folder.

        The folder counts as asked for: what appears in it or goes later is noticed.

        Raises
        ------
        ScanError
            ``PATH_OUTSIDE_SCAN`` for a folder outside of ``root`` or behind a symbolic link.
        """
        parts = _parts(place)
        if not parts:
            raise _outside("a folder", place)
        key = "/".join(parts)
        path = self.root
        self._inputs[key] = InputFile.absent()
        for part in parts:
            path = path / part
            if path.is_symlink():
                raise _linked("a folder", place)
        try:
            self._inputs[key] = InputFile.of(path.stat())
            return sorted(e.name for e in path.iterdir() if not e.name.startswith("."))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise ScanError(_ANY, "a folder cannot be read", file=place) from error

    def _limit(self, kind: FileKind | None) -> tuple[str, int]:
        settings = [f"{kind}_bytes"] if kind else [f"{known}_bytes" for known in _KINDS]
        setting = max(settings, key=lambda name: int(getattr(self.limits, name)))
        return setting, int(getattr(self.limits, setting))

    def exists(self, name: str, *, within: str = "") -> bool:
        """Whether `read` would find something of this name."""
        base, parts = _parts(within), _parts(name)
        if base is None or not parts:
            return False
        try:
            with self._opened((*base, *parts), role="", name=name, missing=_ANY):
                return True
        except ScanError:
            return False

    @contextmanager
    def _opened(
        self, parts: Sequence[str], *, role: str, name: str, missing: ScanReason
    ) -> Iterator[int]:
        """Open a file step by step from the root: no step may be a link or of another case."""
        handle = -1
        try:
            handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
            for k, part in enumerate(parts):
                last = k == len(parts) - 1
                if part not in self._listings.of(handle):
                    raise ScanError(missing, f"{role} is missing", file=name)
                _check_entry(handle, part, last=last, role=role, name=name, missing=missing)
                kind = os.O_NONBLOCK if last else os.O_DIRECTORY
                inner = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | kind, dir_fd=handle)
                os.close(handle)
                handle = inner
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ScanError(missing, f"{role} is not a regular file", file=name)
            yield handle
        except OSError as error:
            raise ScanError(missing, f"{role} cannot be read", file=name) from error
        finally:
            if handle >= 0:
                os.close(handle)

    def _read_open(self, handle: int, limit: int, *, role: str, name: str, setting: str) -> bytes:
        before = os.fstat(handle)
        if before.st_size > limit:
            raise _too_large(role, name, before.st_size, limit, setting)
        with os.fdopen(handle, "rb", closefd=False) as file:
            # A read makes room for all that it asks for.
            data = file.read(min(limit, before.st_size) + 1)
        after = os.fstat(handle)
        if len(data) > limit:
            raise _too_large(role, name, len(data), limit, setting)
        if len(data) != after.st_size or before.st_mtime_ns != after.st_mtime_ns:
            raise ScanError(
                ScanReason.FILE_CHANGED,
                f"{role} changed while it was read: expected a finished export, run again when "
                "its copying has ended",
                file=name,
            )
        return data


_ANY = ScanReason.MESH_MISSING

_SETTLED_NS = 3_000_000_000
"""A folder changed less than this before it was listed may change again under the same time: file
systems count in steps of up to two seconds."""


class _Stamp(NamedTuple):
    """Tells a state of a folder from all others."""

    device: int
    inode: int
    mtime_ns: int
    ctime_ns: int


class _Listings:
    """Names in open folders, listed anew only where a folder has changed since.

    The exact names are what a file system that is blind to case would not tell.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[_Stamp, frozenset[str]]] = {}

    def of(self, folder: int) -> frozenset[str]:
        """Names in the folder behind an open handle."""
        stamp = self._stamp(folder)
        place = stamp.device, stamp.inode
        known = self._known.get(place)
        if known is not None and known[0] == stamp:
            return known[1]
        listed_ns = time.time_ns()
        names = frozenset(os.listdir(folder))
        self._known.pop(place, None)
        changed_ns = max(stamp.mtime_ns, stamp.ctime_ns)
        if changed_ns + _SETTLED_NS < listed_ns and self._stamp(folder) == stamp:
            self._known[place] = stamp, names
        return names

    @staticmethod
    def _stamp(folder: int) -> _Stamp:
        found = os.fstat(folder)
        return _Stamp(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)


def _check_entry(
    folder: int, part: str, *, last: bool, role: str, name: str, missing: ScanReason
) -> None:
    """Refuse links, and what is neither file nor folder.

    Nothing is opened to find out: opening a device can have effects, opening a pipe can wait.
    """
    mode = os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        raise _linked(role, name)
    if last and not stat.S_ISREG(mode):
        raise ScanError(missing, f"{role} is not a regular file", file=name)
    if not last and not stat.S_ISDIR(mode):
        raise ScanError(missing, f"{role} is missing", file=name)


def _linked(role: str, name: str) -> ScanError:
    return ScanError(
        ScanReason.PATH_OUTSIDE_SCAN,
        f"{role} is reached over a symbolic link: links below SOURCE are not followed, put the "
        "file itself there",
        file=name,
    )


def join_name(parent: str, name: str) -> str:
    """Name a file relative to the folder that `parent` is relative to.

    A name that is absolute or leaves that folder is handed back as it is, for `ScanFolder.read`
    to refuse.
    """
    if _is_rooted(name):
        return name
    parts = _parts(f"{parent}/{name}" if parent else name)
    return name if parts is None else "/".join(parts)


def is_text(name: str) -> bool:
    """Whether a name can be written down: half a letter cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def parent_name(name: str) -> str:
    """Folder of a file, relative as the file is; empty for the root."""
    return "/".join((_parts(name) or [])[:-1])


def _parts(name: str) -> list[str] | None:
    """List the steps down to a file; ``None`` where it does not stay below its folder."""
    steps = name.replace("\\", "/").split("/")
    if _is_rooted(name) or (len(steps) > 1 and steps[-1] in ("", ".")):
        return None
    kept: list[str] = []
    for part in steps:
        if part == ".." and not kept:
            return None
        if part == "..":
            kept.pop()
        elif part not in ("", "."):
            kept.append(part)
    return kept


def _is_rooted(name: str) -> bool:
    return _ROOTED.match(name.replace("\\", "/")) is not None or "\0" in name


def _outside(role: str, name: str) -> ScanError:
    return ScanError(
        ScanReason.PATH_OUTSIDE_SCAN,
        f"{role} must be named by a relative path inside the scan's folder",
        file=name,
    )


def _too_large(role: str, name: str, size: int, limit: int, setting: str) -> ScanError:
    return ScanError(
        ScanReason.OVER_LIMIT,
        f"{role} has {size} bytes, limits.{setting} allows {limit}",
        file=name,
    )
