"""A vendor's tile export, written from scans of our own: data for tests and simulated centres."""

import csv
import io
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import BY_NAME, TILE_TYPES
from tbp_extract.config import Config, CropConfig, JpegConfig
from tbp_extract.crop import extract_crops, frame_crops
from tbp_extract.detect.listed import Listed
from tbp_extract.geometry import build_surface
from tbp_extract.io.lesions import read_lesions
from tbp_extract.io.scan import read_scan
from tbp_extract.jpeg import encode_jpeg
from tbp_extract.measure import measure_lesions
from tbp_extract.measure.location import add_locations, label_body_parts
from tbp_extract.types import Candidates, ScanRef, TagMatch

__all__ = ["VendorTile", "write_tile_export", "write_tiles"]

_CROP: Final = CropConfig(sampling="native")
_JPEG: Final = JpegConfig(quality=75, subsampling="4:2:0")
_FOLDER: Final[Mapping[TagMatch, str]] = {
    TagMatch.UNTAGGED: "tiles",
    TagMatch.TAGGED: "tiles_tagged",
    TagMatch.TAGGED_NL: "tiles_tagged_NL",
    TagMatch.UNMATCHED: "tiles_unmatched",
}
_SECRET: Final = uuid.UUID("9c1f0a52-5f3e-4b60-9d3a-2f1f6a3d7c11")
_PASSED_ON: Final = tuple(
    name
    for name, column in BY_NAME.items()
    if name.startswith("tbp_lv_") and name not in ("tbp_lv_location_simple",)
)


def write_tile_export(
    scans: Sequence[ScanRef], out: Path, matches: Mapping[str, TagMatch] | None = None
) -> None:
    """Write scans with lesion lists as the vendor's software exports them.

    Parameters
    ----------
    scans : sequence of ScanRef
        ``patient_id`` becomes the MRN; ``capture_date``, ``age_years``, ``sex`` and ``tile_type``
        go into ``patients.csv``, the age as a bin of five years.
    out : Path
        A folder that does not exist yet.
    matches : mapping of str to TagMatch, optional
        By lesion id; else a lesion with a tag in its list is ``tagged``, another ``untagged``.

    Notes
    -----
    Crops are 15 mm at the source's own density, odd sides, JPEG quality 75 with 4:2:0 chroma. The
    table has the columns that the organisers of SLICE-3D read, measures by our own definitions.
    """
    write_tiles(((ref, _tiles(ref, matches or {})) for ref in scans), out)


@dataclass(frozen=True, slots=True, eq=False)
class VendorTile:
    """One tile and what its row says."""

    jpeg: bytes
    size_px: int
    match: TagMatch

    uuid: str | None
    """``None`` for a tag alone."""

    tag: str | None = None
    tag_status: str | None = None

    measures: Mapping[str, Any] = field(default_factory=dict)
    """By column of the vendor's table; the same columns for all tiles of a capture."""

    @property
    def file_name(self) -> str:
        """Of the tile, as its folder has them."""
        return "_".join(filter(None, (self.tag, self.uuid))) + ".jpg"

    @property
    def row(self) -> dict[str, Any]:
        """Of the table."""
        return {
            "uuid": self.uuid,
            "tag_num": self.tag,
            "tag_status_name": self.tag_status,
            "isic_tile_file": self.file_name,
            "isic_tile_px": self.size_px,
            **self.measures,
        }


def write_tiles(captures: Iterable[tuple[ScanRef, Sequence[VendorTile]]], out: Path) -> None:
    """Write tiles that are there already, as `write_tile_export` does.

    Parameters
    ----------
    captures : iterable of (ScanRef, sequence of VendorTile)
        Of the reference only what `write_tile_export` names counts.
    out : Path
        A folder that does not exist yet.
    """
    out.mkdir(parents=True)
    people: dict[str, int] = {}
    rows = []
    for number, (ref, tiles) in enumerate(captures):
        patient = people.setdefault(ref.patient_id, 1000 + len(people))
        day = (ref.capture_date or "2020-01-01").replace("-", "")
        capture = f"{day}_{number:06d}"
        _write_capture(tiles, out / f"{patient}-{ref.patient_id}" / capture)
        rows.append(
            {
                "Patient ID": patient,
                "MRN": ref.patient_id,
                "Capture ID": capture,
                "3D Modality": {TILE_TYPES[0]: "XP", TILE_TYPES[1]: "STD"}.get(ref.tile_type or ""),
                "Age": _age_bin(ref.age_years),
                "Sex": (ref.sex or "").capitalize(),
            }
        )
    _write_csv(rows, out / "patients.csv")


def _write_capture(tiles: Sequence[VendorTile], folder: Path) -> None:
    for name in _FOLDER.values():
        (folder / name).mkdir(parents=True)
    for tile in tiles:
        (folder / _FOLDER[tile.match] / tile.file_name).write_bytes(tile.jpeg)
    rows = [tile.row for tile in tiles]
    _write_csv(rows, folder / "isic24_data_1.0.0.csv")
    text = json.dumps(rows, indent=1, default=str)
    (folder / "isic24_data_1.0.0.json").write_text(text, encoding="utf-8")


def _tiles(ref: ScanRef, matches: Mapping[str, TagMatch]) -> list[VendorTile]:
    config = Config()
    scan = read_scan(ref, config)
    surface = build_surface(scan)
    listed = Listed(read_lesions(ref, scan, config), config.lesions)
    candidates = listed.detect(scan, surface).candidates
    body = label_body_parts(surface)
    tiles = []
    for frames in frame_crops(surface, candidates, _CROP):
        batch = extract_crops(scan, surface, frames)
        table = add_locations(measure_lesions(candidates, batch), body, frames.face)
        for k, candidate in enumerate(frames.candidate):
            tile = _tile(ref, candidates, int(candidate), matches)
            jpeg = encode_jpeg(batch.pixels[k], _JPEG)
            measures = _measures(table.columns, k)
            tiles.append(replace(tile, jpeg=jpeg, size_px=frames.size_px, measures=measures))
    return tiles


def _tile(
    ref: ScanRef, candidates: Candidates, index: int, matches: Mapping[str, TagMatch]
) -> VendorTile:
    """Say of a tile what neither shows nor is measured."""
    lesion = candidates.lesion_id[index]
    noted = {
        name: values[index] if (values := candidates.extra.get(name)) is not None else None
        for name in ("tag", "tag_status")
    }
    match = matches.get(lesion, TagMatch.TAGGED if noted["tag"] else TagMatch.UNTAGGED)
    has_tag, has_find = match is not TagMatch.UNTAGGED, match is not TagMatch.UNMATCHED
    return VendorTile(
        jpeg=b"",
        size_px=0,
        match=match,
        uuid=str(uuid.uuid5(_SECRET, f"{ref.scan_id}/{lesion}")) if has_find else None,
        tag=(noted["tag"] or str(index + 1)) if has_tag else None,
        tag_status=noted["tag_status"] if has_tag else None,
    )


def _measures(columns: Mapping[str, NDArray[Any]], row: int) -> dict[str, Any]:
    given = {name: columns[name][row] for name in _PASSED_ON if name in columns}
    return {
        "majorAxisMM": _number(columns["clin_size_long_diam_mm"][row]),
        "location_simple": columns["tbp_lv_location_simple"][row],
        **{name: _number(value) for name, value in given.items()},
    }


def _number(value: Any) -> Any:
    """Write a number as JSON and CSV can; nothing for what was not measured."""
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value


def _age_bin(age_years: float | None) -> str:
    if age_years is None:
        return ""
    low = int(age_years // 5) * 5
    return f"{low}-{low + 5}"


def _write_csv(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]) if rows else ["uuid"], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")
