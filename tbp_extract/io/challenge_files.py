"""Where everything lies in a challenge folder, and how it is written.

``public/`` may be published, ``private/`` never leaves. Every file appears whole or not at all, the
manifest last: where it is, the challenge is complete.
"""

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from tbp_extract import __version__
from tbp_extract.errors import OutputError
from tbp_extract.io.files import (
    LEFTOVER_PATTERN,
    PRIVATE_FILE,
    PUBLIC_FILE,
    make_private_folder,
    open_whole,
    sha256_file,
    sync_folder,
    write_whole,
)
from tbp_extract.io.tables import write_csv

__all__ = [
    "FORMAT_VERSION",
    "ChallengeLayout",
    "check_place",
    "prepare",
    "write_challenge_manifest",
    "write_single_files",
    "write_table",
]

FORMAT_VERSION: Final = 1

TOP: Final = frozenset({"public", "private"})
PRIVATE_NAMES: Final = frozenset(
    {
        *("key", "lock", "solution.csv", "test-clinical.csv", "linkage.csv", "fates.csv"),
        *("label_problems.csv", "duplicates.csv", "selection.csv", "selection.svg", "audit.csv"),
        *("card-with-test-labels.md", "archive"),
    }
)
"""All that a challenge writes into its private folder: anything else there is not ours to clear."""


@dataclass(frozen=True, slots=True)
class ChallengeLayout:
    """Places in a challenge folder."""

    root: Path

    @property
    def public(self) -> Path:
        """All that may be published."""
        return self.root / "public"

    @property
    def private(self) -> Path:
        """For the organiser alone."""
        return self.root / "private"

    @property
    def manifest(self) -> Path:
        """Written last."""
        return self.public / "manifest.json"

    @property
    def key(self) -> Path:
        """The challenge key, unless one was given."""
        return self.private / "key"

    @property
    def lock(self) -> Path:
        """Held while the challenge is made."""
        return self.private / "lock"

    @property
    def archive(self) -> Path:
        """Upload package for the ISIC archive; holds the labels of the test set."""
        return self.private / "archive"


def check_place(layout: ChallengeLayout) -> None:
    """Raise unless a folder is new, empty or of an interrupted run; change nothing.

    Raises
    ------
    OutputError
        If the folder holds a finished challenge or anything else.
    """
    root = layout.root
    if root.exists() and not root.is_dir():
        raise OutputError("expected a folder to write to, got a file")
    if layout.manifest.exists():
        raise OutputError("the output folder holds a finished challenge: give another folder")
    inside = (root, TOP), (layout.private, PRIVATE_NAMES)
    strangers = [
        entry.name
        for folder, names in inside
        for entry in (folder.iterdir() if folder.is_dir() else ())
        if entry.name not in names and not entry.match(LEFTOVER_PATTERN)
    ]
    if strangers:
        raise OutputError(
            f"expected an empty folder or one of an interrupted run, got one with {len(strangers)} "
            "other entries: give a folder of its own"
        )


def prepare(layout: ChallengeLayout) -> None:
    """Make the folders, and clear what an interrupted run left.

    Raises
    ------
    OutputError
        As `check_place`.
    """
    check_place(layout)
    make_private_folder(layout.private)
    shutil.rmtree(layout.public, ignore_errors=True)
    layout.public.mkdir(parents=True)
    for entry in set(layout.private.iterdir()) - {layout.key, layout.lock}:
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def write_table(path: Path, table: pa.Table, *, private: bool) -> None:
    """Write a CSV file.

    Raises
    ------
    OutputError
        If the disk is full.
    """
    with open_whole(path, mode=PRIVATE_FILE if private else PUBLIC_FILE) as file:
        write_csv(table, file)


def write_single_files(
    folder: Path, crops: Iterable[tuple[str, bytes]], ending: str = ".jpg", *, private: bool = False
) -> None:
    """Write one file a crop; the folder appears when all are there.

    Raises
    ------
    OutputError
        If the disk is full.
    """
    part = folder.with_name(f".{folder.name}.part")
    try:
        part.mkdir(parents=True)
        for name, data in crops:
            path = part / f"{name}{ending}"
            path.write_bytes(data)
            if private:
                path.chmod(PRIVATE_FILE)
        sync_folder(part)
        part.replace(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise OutputError(f"cannot write to the output folder: {error.strerror}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_challenge_manifest(
    layout: ChallengeLayout, settings: Mapping[str, Any], counts: Mapping[str, Any]
) -> None:
    """Hash every public file and write the manifest: from then on the challenge is complete.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    paths = sorted(path for path in layout.public.rglob("*") if path.is_file())
    files = {
        path.relative_to(layout.public).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": sha256_file(path),
        }
        for path in paths
    }
    content = {
        "format": "tbp_extract challenge",
        "format_version": FORMAT_VERSION,
        "tool": {"name": "tbp_extract", "version": __version__},
        "settings": settings,
        "counts": counts,
        "files": files,
    }
    text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"
    write_whole(layout.manifest, text.encode())
