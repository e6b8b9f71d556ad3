"""Simulated centres: releases at release level by the real writers, with label tables.

The truth (which duplicates and which label errors were planted) is handed back with them.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import Config, JpegConfig, ReleaseConfig
from tbp_extract.deidentify import lesion_pseudonym, link, release
from tbp_extract.io.files import make_private_folder
from tbp_extract.io.keys import read_or_make_key
from tbp_extract.io.manifest import done_scan
from tbp_extract.jpeg import encode_jpeg
from tbp_extract.types import Drops, ReleaseKey, ScanRef
from tests.releases import make_table, write_out

CENTRES = ("Basel", "Athens", "Vienna")
CONFIG = Config(
    release=ReleaseConfig(attributions=tuple(f"Hospital of {name}" for name in CENTRES))
)
JPEG = JpegConfig(quality=75, subsampling="4:2:0")
LABEL_FIELDS = (
    *("mrn", "lesion_tag", "biopsy_date", "diagnosis", "mel_class", "mel_thick_mm"),
    *("mel_mitotic_index", "nevus_growth_pattern", "diagnosis_confirm_type", "centre"),
)


@dataclass
class Lesion:
    """One crop to be."""

    lesion_id: str
    tag: str | None
    jpeg: bytes
    status: str | None = None
    size_mm: float = 3.0
    location: str = "Left Arm"


@dataclass
class Visit:
    """One capture to be."""

    mrn: str
    scan_id: str
    day: date
    lesions: list[Lesion] = field(default_factory=list)
    tone: str = "light"

    mesh: str = ""
    """Scan whose files stand for this one's as well."""


def picture(seed: int, side_px: int = 41) -> NDArray[np.uint8]:
    """A lesion on skin, each seed its own: a dark disc with uneven shade and fine texture."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:side_px, :side_px]
    middle, radius = side_px / 2 + rng.normal(0, 1, 2), side_px * rng.uniform(0.1, 0.3)
    far = np.hypot((row - middle[0]) * rng.uniform(0.7, 1.4), column - middle[1])
    disc = 1 / (1 + np.exp(far - radius))
    coarse = cv2.resize(
        rng.normal(0, 12, (6, 6)), (side_px, side_px), interpolation=cv2.INTER_CUBIC
    )
    fine = cv2.GaussianBlur(rng.normal(0, 18, (side_px, side_px)), (0, 0), 1)
    skin = np.array([205, 160, 140]) + rng.normal(0, 10, 3)
    shade = disc[..., None] * np.array([80, 75, 60]) * rng.uniform(0.4, 1.3)
    return np.asarray(np.clip(skin - shade + (coarse + fine)[..., None], 0, 255), np.uint8)


def crop(seed: int, side_px: int = 41, config: JpegConfig = JPEG) -> bytes:
    return encode_jpeg(picture(seed, side_px), config)


def write_centre(out: Path, visits: Sequence[Visit], *, attribution: str, shards: int = 2) -> Path:
    """Write the output folder that a run over these visits would leave."""
    make_private_folder(out / "private")
    key = read_or_make_key(out / "private" / "key")
    none = Drops((), (), np.empty((0, 3)))
    return write_out(
        out,
        [_release(visit, key, attribution) for visit in visits],
        [_links(visit, key) for visit in visits],
        [done_scan(f"s{k}", "00", len(v.lesions), none) for k, v in enumerate(visits)],
        config=CONFIG,
        shards=shards,
    )


def _ref(visit: Visit, attribution: str) -> ScanRef:
    seed = sum(map(ord, visit.mrn))
    return ScanRef(
        scan_id=visit.scan_id,
        patient_id=visit.mrn,
        root=Path("/nowhere"),
        mesh="body.obj",
        capture_date=visit.day.isoformat(),
        age_years=30.0 + seed % 50,
        sex=("male", "female")[seed % 2],
        tile_type="3D: XP",
        attribution=attribution,
        copyright_license="CC-BY",
    )


def _release(visit: Visit, key: ReleaseKey, attribution: str) -> Any:
    count = len(visit.lesions)
    sizes = [_side_px(lesion.jpeg) for lesion in visit.lesions]
    table = make_table(
        count,
        seed=sum(map(ord, visit.scan_id)),
        tbp_ex_size_px=np.array(sizes),
        tbp_ex_skin_tone=np.array([visit.tone] * count, object),
        clin_size_long_diam_mm=np.array([lesion.size_mm for lesion in visit.lesions]),
    )
    return release(
        table,
        [lesion.jpeg for lesion in visit.lesions],
        lesion_ids=[lesion.lesion_id for lesion in visit.lesions],
        ref=_ref(visit, attribution),
        key=key,
        config=CONFIG,
    )


def _links(visit: Visit, key: ReleaseKey) -> Any:
    return link(
        lesion_ids=[lesion.lesion_id for lesion in visit.lesions],
        noted={
            "tag": [lesion.tag for lesion in visit.lesions],
            "tag_status": [lesion.status for lesion in visit.lesions],
        },
        jpegs=[lesion.jpeg for lesion in visit.lesions],
        position_mm=np.zeros((len(visit.lesions), 3)),
        ref=_ref(visit, ""),
        key=key,
    )


def _side_px(jpeg: bytes) -> int:
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    return int(pixels.shape[1])


def source_id(out: Path, visit: Visit, lesion_id: str) -> str:
    """Released id of a lesion of a centre."""
    return lesion_pseudonym(read_or_make_key(out / "private" / "key"), visit.scan_id, lesion_id)


def write_labels(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, LABEL_FIELDS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def us_date(day: date) -> str:
    return f"{day.month}/{day.day}/{day.year}"


def label(mrn: str, tag: object, day: date, diagnosis: str, **more: Any) -> dict[str, Any]:
    return {
        "mrn": mrn,
        "lesion_tag": tag,
        "biopsy_date": us_date(day),
        "diagnosis": diagnosis,
        **more,
    }


def no_biopsy(mrn: str) -> dict[str, Any]:
    return {"mrn": mrn, "lesion_tag": 0, "biopsy_date": "1/1/2024"}


def make_patient(
    mrn: str, *, seed: int, visits: int = 2, lesions: int = 8, tags: int = 3, tone: str = "light"
) -> list[Visit]:
    """A patient whose lesions with tags 1..tags come back at each visit, a year apart."""
    made = []
    for k in range(visits):
        day = date(2020, 1, 15) + timedelta(days=365 * k + seed % 200)
        visit = Visit(mrn, f"{mrn} visit {k}", day, tone=tone)
        for n in range(lesions):
            tag = str(n + 1) if n < tags else None
            picture_seed = (seed * 1000 + k) * 1000 + n
            visit.lesions.append(Lesion(f"row {n}", tag, crop(picture_seed)))
        made.append(visit)
    return made
