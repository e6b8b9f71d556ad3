"""Pools without files, for rules that need no pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from tbp_extract.challenge.pool import Pool, merge_centres
from tbp_extract.io.centres import CentreRelease
from tbp_extract.io.labels import LabelRow


@dataclass(frozen=True)
class Crop:
    """One crop of a pool to be."""

    mrn: str
    day: str | None
    tag: str | None = None
    lesion_id: str = ""
    status: str | None = None
    match: str | None = None
    centre: str = "Basel"
    scan: str = ""
    size_mm: float = 3.0
    sharpness: float = 0.5
    tone: str = "light"


def make_pool(crops: Sequence[Crop], identity: str = "tag") -> Pool:
    """Merge crops, one release a centre; places in the pool are those in ``crops``."""
    centres = list(dict.fromkeys(crop.centre for crop in crops))
    assert [c.centre for c in crops] == sorted((c.centre for c in crops), key=centres.index)
    return merge_centres(
        [_release(name, [c for c in crops if c.centre == name]) for name in centres], identity
    )


def _release(name: str, crops: Sequence[Crop]) -> CentreRelease:
    ids = [f"TBP_{name}{k:06d}" for k in range(len(crops))]
    scans = [c.scan or f"{c.mrn} {c.day}" for c in crops]
    return CentreRelease(
        name,
        pa.table(
            {
                "isic_id": ids,
                "clin_size_long_diam_mm": np.array([c.size_mm for c in crops]),
                "tbp_ex_sharpness": np.array([c.sharpness for c in crops]),
                "tbp_ex_skin_tone": [c.tone for c in crops],
            }
        ),
        pa.table(
            {
                "isic_id": ids,
                "scan_id": scans,
                "patient_id": [c.mrn for c in crops],
                "lesion_id": [c.lesion_id or f"row {k}" for k, c in enumerate(crops)],
                "tag": pa.array([c.tag for c in crops], pa.string()),
                "capture_date": pa.array([c.day for c in crops], pa.string()),
                "tag_match": pa.array([c.match for c in crops], pa.string()),
                "tag_status": pa.array([c.status for c in crops], pa.string()),
            }
        ),
        Path("/nowhere"),
    )


def make_row(
    mrn: str, tag: object, day: str, diagnosis: str, row: int = 2, **more: str
) -> LabelRow:
    cells = {"mrn": mrn, "lesion_tag": str(tag), "biopsy_date": day, "diagnosis": diagnosis, **more}
    return LabelRow(1, row, {name: cell for name, cell in cells.items() if cell})
