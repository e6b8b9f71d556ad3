"""A small source folder that the whole pipeline can run on in a second."""

import csv
import shutil
from pathlib import Path

from tbp_extract.phantom import PhantomOptions, make_phantoms

SCANS = 3
LESIONS = 6


def make_source(folder: Path) -> Path:
    """Three arms of a few thousand faces with six lesions each, as OBJ."""
    options = PhantomOptions(
        body="arm", count=SCANS, seed=5, faces=3000, page_px=512, lesions=LESIONS,
        diameter_mm=(3.0, 6.0), name="arm",
    )  # fmt: skip
    make_phantoms(folder, options)
    return folder


def copy_source(source: Path, to: Path) -> Path:
    """A copy that a test may spoil."""
    shutil.copytree(source, to)
    return to


def read_rows(path: Path) -> list[dict[str, str]]:
    """All rows of a CSV."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    """Write rows back."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
