"""What lies in the output folder, and what the file system knows beside the files' content."""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tbp_extract.verify.evidence import Evidence

__all__ = [
    "check_extended_attributes",
    "check_links",
    "check_modes",
    "check_private_modes",
    "check_times",
    "check_tree",
]

OUT_ENTRIES: Final = frozenset({"release", "private", "work", "report.html"})
TOP_FILES: Final = frozenset(
    {"metadata.csv", "metadata.parquet", "data_dictionary.csv", "manifest.json"}
)
SHARD_NAME: Final = re.compile(r"images/shard-\d{5}\.hdf5")
SYSTEM_ATTRIBUTES: Final = ("security.", "system.")
"""Extended attributes that systems give by themselves."""


def check_tree(evidence: Evidence) -> Iterator[str]:
    """Expect in OUT and in ``release/`` what belongs there, all of it and nothing else."""
    strays = {entry.name for entry in evidence.out.iterdir()} - OUT_ENTRIES
    if strays:
        yield f"the output folder holds {len(strays)} entries that do not belong there"
    names = [path.relative_to(evidence.release).as_posix() for path in _below(evidence.release)]
    files = [name for name in names if not (evidence.release / name).is_dir()]
    alien = [name for name in files if name not in TOP_FILES and not SHARD_NAME.fullmatch(name)]
    if alien:
        yield f"release/ holds {len(alien)} files that do not belong there"
    folders = set(names) - set(files) - {"images"}
    if folders:
        yield f"release/ holds {len(folders)} folders that do not belong there"
    absent = sorted(TOP_FILES - set(files))
    if absent:
        yield f"release/ lacks {', '.join(absent)}"


def check_links(evidence: Evidence) -> Iterator[str]:
    """Expect plain files with a single name: no link, no device, no pipe."""
    entries = [evidence.release, *_below(evidence.release), *evidence.out.iterdir()]
    status = {path: path.lstat() for path in entries}
    symbolic = sum(stat.S_ISLNK(found.st_mode) for found in status.values())
    if symbolic:
        yield f"{symbolic} entries are symbolic links"
    plain = {path: found for path, found in status.items() if stat.S_ISREG(found.st_mode)}
    shared = sum(found.st_nlink > 1 for found in plain.values())
    if shared:
        yield f"{shared} files have a second name elsewhere (hard links)"
    kinds = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISLNK)
    special = sum(not any(is_kind(found.st_mode) for is_kind in kinds) for found in status.values())
    if special:
        yield f"{special} entries are pipes, sockets or devices"


def check_extended_attributes(evidence: Evidence) -> Iterator[str]:
    """Expect no file to carry attributes of a user's own beside its content."""
    if not hasattr(os, "listxattr"):
        return
    marked = 0
    for path in (evidence.release, *_below(evidence.release)):
        names = os.listxattr(path, follow_symlinks=False)
        marked += any(not name.startswith(SYSTEM_ATTRIBUTES) for name in names)
    if marked:
        yield f"{marked} files or folders of the release carry extended attributes"


def check_modes(evidence: Evidence) -> Iterator[str]:
    """Expect a release that not everybody may write to and that cannot be run."""
    status = [path.lstat() for path in (evidence.release, *_below(evidence.release))]
    modes = [found.st_mode for found in status if not stat.S_ISLNK(found.st_mode)]
    writable = sum(bool(mode & stat.S_IWOTH) for mode in modes)
    if writable:
        yield f"{writable} files or folders of the release may be written by everybody"
    odd = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX | 0o111
    executable = sum(bool(mode & odd) for mode in modes if stat.S_ISREG(mode))
    if executable:
        yield f"{executable} files of the release may be run as programs"


def check_private_modes(evidence: Evidence) -> Iterator[str]:
    """Expect what is private to be so for the system as well, and to lead nowhere else."""
    if not evidence.has_private:
        return
    status = [path.lstat() for path in (evidence.private, *_below(evidence.private))]
    links = sum(stat.S_ISLNK(found.st_mode) for found in status)
    if links:
        yield f"private/: {links} of its entries are symbolic links"
    opened = [f for f in status if not stat.S_ISLNK(f.st_mode) and f.st_mode & 0o077]
    if opened:
        yield (
            f"private/: {len(opened)} of its files and folders may be entered by others: take "
            "their rights away (chmod -R go-rwx)"
        )


def check_times(evidence: Evidence) -> Iterator[str]:
    """All files of a release where it was made have one time of change: it tells nothing.

    A copy has the times of copying, so this is asked only where the private side is at hand.
    """
    if not evidence.has_private:
        return
    paths = (evidence.release, *_below(evidence.release))
    times = {path.lstat().st_mtime_ns for path in paths}
    if len(times) > 1:
        yield f"the release bears {len(times)} times of change instead of one"


def _below(folder: Path) -> Iterable[Path]:
    """All entries below a folder, links not followed, in order."""
    found = []
    for root, folders, files in os.walk(folder):
        found += [Path(root) / name for name in (*folders, *files)]
    return sorted(found)
