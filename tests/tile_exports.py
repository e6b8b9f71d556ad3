"""A small vendor tile export, made from the small source of scans."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from tbp_extract.io.source import read_source
from tbp_extract.phantom.tile_export import write_tile_export
from tbp_extract.types import TagMatch

MRNS: Final = ("00123", "AB-7x", "00123")
"""Zero-padded and alphanumeric; the first patient came twice."""

MATCHES: Final[Mapping[str, TagMatch]] = {
    "L0001": TagMatch.TAGGED,
    "L0002": TagMatch.TAGGED_NL,
    "L0003": TagMatch.UNMATCHED,
}


def make_tile_export(scans: Path, folder: Path) -> Path:
    """Three captures of two patients with six tiles each, one of every kind and three untagged."""
    refs = [replace(ref, patient_id=mrn) for ref, mrn in zip(read_source(scans), MRNS, strict=True)]
    write_tile_export(refs, folder, MATCHES)
    for table in folder.rglob("isic24_data_*"):
        # An arm by itself is no body that parts could be told of.
        table.write_text(table.read_text().replace("Unknown", "Left Arm"))
    return folder


def captures(export: Path) -> list[Path]:
    """Folders of the captures, by patient and capture."""
    return sorted(path.parent for path in export.rglob("isic24_data_1.0.0.csv"))
