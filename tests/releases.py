"""Small releases of seeded crops, made the way a run makes them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import RELEASED_COLUMNS
from tbp_extract.config import Config, JpegConfig, ReleaseConfig
from tbp_extract.deidentify import (
    MADE_HERE,
    link,
    merge_releases,
    release,
    scan_pseudonym,
    shard_index,
)
from tbp_extract.errors import ScanReason
from tbp_extract.io.files import level_times, make_private_folder, write_whole
from tbp_extract.io.keys import read_or_make_key
from tbp_extract.io.manifest import (
    done_scan,
    quarantined_scan,
    write_manifest,
)
from tbp_extract.io.shards import shard_image, shard_name
from tbp_extract.io.tables import (
    linkage_part,
    metadata_part,
    write_data_dictionary,
    write_linkage,
    write_metadata,
)
from tbp_extract.jpeg import encode_jpeg
from tbp_extract.types import (
    DropReason,
    Drops,
    LesionTable,
    Release,
    ReleaseKey,
    ScanRef,
)

KEY = ReleaseKey(bytes(range(32)))
ATTRIBUTION = "Department of Dermatology, University Hospital"
CONFIG = Config(release=ReleaseConfig(attributions=(ATTRIBUTION,)))


def make_pixels(size_px: int, seed: int) -> NDArray[np.uint8]:
    """Smooth noise in skin colours, (S, S, 3)."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 60, (size_px, size_px, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 3) + np.array([205, 160, 140])
    return np.asarray(np.clip(smooth, 0, 255), np.uint8)


def make_jpegs(count: int, size_px: int = 33, seed: int = 0) -> list[bytes]:
    config = JpegConfig(quality=75, subsampling="4:2:0")
    return [encode_jpeg(make_pixels(size_px, seed + i), config) for i in range(count)]


def make_table(count: int, seed: int = 0, size_px: int = 33, **changes: Any) -> LesionTable:
    """Every measured column with plausible values; ``changes`` replaces or (``None``) removes."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {
        column.name: rng.uniform(0, min(50, column.limits[1]), count)
        for column in RELEASED_COLUMNS
        if column.dtype == "float" and column.name not in MADE_HERE
    }
    for axis in "xyz":
        columns[f"tbp_lv_{axis}"] = rng.uniform(-900, 900, count)
    columns["tbp_lv_symm_2axis_angle"] = rng.integers(0, 36, count) * 5.0
    columns["tbp_lv_location"] = np.array(["Left Leg - Upper"] * count, object)
    columns["tbp_lv_location_simple"] = np.array(["Left Leg"] * count, object)
    columns["anatom_site_general"] = np.array(["lower extremity"] * count, object)
    columns["tbp_ex_size_px"] = np.full(count, size_px)
    columns["tbp_ex_lesion_count"] = np.full(count, count)
    columns["tbp_ex_skin_tone"] = np.array(["tan"] * count, object)
    columns["tbp_ex_upsampled"] = rng.random(count) < 0.5
    columns |= changes
    return LesionTable({name: values for name, values in columns.items() if values is not None})


def make_ref(number: int = 0, **changes: Any) -> ScanRef:
    facts: dict[str, Any] = {
        "scan_id": f"visit {number:04d} Doe",
        "patient_id": f"MRN-{number:06d}",
        "root": Path("/nowhere"),
        "mesh": "body.obj",
        "capture_date": f"2024-03-{number + 1:02d}",
        "age_years": 43.2,
        "sex": "female",
        "tile_type": "3D: XP",
        "attribution": ATTRIBUTION,
        "copyright_license": "CC-BY",
    }
    return ScanRef(**(facts | changes))


def image_of(release: Release) -> bytes:
    """A shard of all crops of a release."""
    return shard_image(release.columns["isic_id"].tolist(), release.jpegs)


def make_release(count: int = 3, number: int = 0, config: Config = CONFIG) -> Release:
    return release(
        make_table(count, seed=number),
        make_jpegs(count, seed=100 * number),
        lesion_ids=[f"lesion {i}" for i in range(count)],
        ref=make_ref(number),
        key=KEY,
        config=config,
    )


def make_links(count: int, number: int, key: ReleaseKey) -> Mapping[str, Any]:
    return link(
        lesion_ids=[f"lesion {i}" for i in range(count)],
        noted={},
        jpegs=make_jpegs(count, seed=100 * number),
        position_mm=np.random.default_rng(number).uniform(-900, 900, (count, 3)),
        ref=make_ref(number),
        key=key,
    )


def make_out(out: Path, config: Config = CONFIG) -> Path:
    """Three scans over two shards, a quarantined scan and dropped lesions; returns ``out``."""
    make_private_folder(out / "private")
    (out / "work").mkdir()
    key = read_or_make_key(out / "private" / "key")
    drops = Drops(("lesion 3",), (DropReason.OFF_SURFACE,), np.full((1, 3), np.nan))
    names = [scan_pseudonym(key, make_ref(number).scan_id) for number in range(3)]
    lost = quarantined_scan(scan_pseudonym(key, "lost"), None, ScanReason.MESH_EMPTY)
    return write_out(
        out,
        [_make_part(number, key, config) for number in range(3)],
        [make_links(3, number, key) for number in range(3)],
        [*(done_scan(name, "00", 3, drops) for name in names), lost],
        config=config,
        shards=2,
    )


def write_out(
    out: Path,
    parts: Sequence[Release],
    links: Sequence[Mapping[str, Any]],
    scans: Sequence[Mapping[str, Any]],
    *,
    config: Config,
    shards: int,
) -> Path:
    """Put a release together as a run does, and its linkage; returns ``out``."""
    (out / "release" / "images").mkdir(parents=True)
    merged = merge_releases(parts)
    crops = dict(zip(merged.columns["isic_id"].tolist(), merged.jpegs, strict=True))
    for k in range(shards):
        ids = [isic_id for isic_id in crops if shard_index(isic_id, shards) == k]
        image = shard_image(ids, [crops[isic_id] for isic_id in ids])
        write_whole(out / "release" / "images" / shard_name(k), image)
    write_metadata([metadata_part(part) for part in parts], out / "release")
    write_linkage(
        [linkage_part(rows) for rows in links],
        out / "private" / "linkage.csv",
        lambda isic_id: shard_name(shard_index(isic_id, shards)),
    )
    write_data_dictionary(out / "release")
    write_manifest(out / "release", scans, config)
    level_times(out / "release")
    return out


def _make_part(number: int, key: ReleaseKey, config: Config) -> Release:
    return release(
        make_table(3, seed=number),
        make_jpegs(3, seed=100 * number),
        lesion_ids=[f"lesion {i}" for i in range(3)],
        ref=make_ref(number),
        key=key,
        config=config,
    )
