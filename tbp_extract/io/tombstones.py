"""Patients who asked to be forgotten: keyed digests, one a line, and no names."""

from collections.abc import Collection
from pathlib import Path

from tbp_extract.errors import OutputError
from tbp_extract.io.files import PRIVATE_FILE, write_whole

__all__ = ["add_tombstones", "read_tombstones"]


def read_tombstones(path: Path) -> frozenset[str]:
    """Read the digests; no file means none.

    Raises
    ------
    OutputError
        If the file cannot be read: a run must not bring back whom it names.
    """
    try:
        return frozenset(path.read_text(encoding="ascii").split())
    except FileNotFoundError:
        return frozenset()
    except (OSError, UnicodeDecodeError):
        raise OutputError("the list of forgotten patients cannot be read") from None


def add_tombstones(path: Path, digests: Collection[str]) -> None:
    """Add digests, sorted, so that the file tells nothing of when."""
    lines = sorted(read_tombstones(path) | frozenset(digests))
    write_whole(path, "".join(f"{line}\n" for line in lines).encode(), mode=PRIVATE_FILE)
