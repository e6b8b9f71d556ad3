"""Whether the files of a scan are still those that it was made from."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from tbp_extract.config import LimitConfig
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.folder import InputFile, ScanFolder

__all__ = ["glance", "still_the_same"]

CLOCK_NS: Final = 2_000_000_000
"""A file changed this shortly before it was read may change again within the same tick."""


def glance(root: Path, names: Iterable[str]) -> dict[str, InputFile]:
    """Note size and times of files without reading them."""
    found = {}
    for name in names:
        try:
            found[name] = InputFile.of((root / name).stat())
        except OSError:
            found[name] = InputFile.absent()
    return found


def still_the_same(
    root: Path, inputs: Mapping[str, InputFile], limits: LimitConfig, *, rehash: bool = False
) -> Mapping[str, InputFile] | None:
    """Compare files with what was noted of them.

    A file whose size, inode and both times are as noted has not been written to: the system sets
    the time of change itself, at every write, rename or change of times. It is read and hashed
    only where these differ, where it had changed within two seconds before it was noted, or
    where it is asked for.

    Parameters
    ----------
    root : Path
        The folder of the scan.
    inputs : mapping of str to InputFile
        What was noted.
    limits : LimitConfig
    rehash : bool
        Hash every file, whatever the system says.

    Returns
    -------
    mapping of str to InputFile or None
        What to note from now on; ``None`` where a file has changed, appeared or gone.
    """
    folder = ScanFolder(root, limits)
    renewed: dict[str, InputFile] = {}
    for name, noted in inputs.items():
        now = glance(root, (name,))[name]
        if noted.sha256 is None or (_same_place(now, noted) and _is_settled(noted) and not rehash):
            if not _same_place(now, noted):
                return None
            renewed[name] = noted
            continue
        try:
            folder.read(name, role="an input", missing=ScanReason.MESH_MISSING)
        except ScanError:
            return None
        renewed[name] = folder.inputs[name]
        if renewed[name].sha256 != noted.sha256:
            return None
    return renewed


def _same_place(now: InputFile, noted: InputFile) -> bool:
    return now[1:5] == noted[1:5]


def _is_settled(noted: InputFile) -> bool:
    return max(noted.mtime_ns, noted.ctime_ns) < noted.seen_ns - CLOCK_NS
