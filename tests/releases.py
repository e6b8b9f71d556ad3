"""Small releases of seeded crops, made the way a run makes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import RELEASED_COLUMNS
from tbp_extract.config import Config, JpegConfig, ReleaseConfig
from tbp_extract.deidentify import MADE_HERE, link, merge_releases, release, scan_pseudonym
from tbp_extract.errors import ScanReason
from tbp_extract.io.files import PRIVATE_FILE, level_times, make_private_folder, write_whole
from tbp_extract.io.keys import read_or_make_key
from tbp_extract.io.manifest import (
    FORMAT_VERSION,
    done_scan,
    file_entry,
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
    ShardManifest,
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
    """Two shards of three scans, a quarantined scan and a dropped lesion; returns ``out``."""
    images, private, work = out / "release" / "images", out / "private", out / "work"
    images.mkdir(parents=True)
    work.mkdir()
    make_private_folder(private)
    key = read_or_make_key(private / "key")
    shards = [
        _make_shard(out, shard_id, numbers, key, config)
        for shard_id, numbers in enumerate(((0, 1), (2,)))
    ]
    write_metadata(sorted(work.glob("*.rows")), out / "release")
    write_linkage(sorted(work.glob("*.links")), private / "linkage.csv")
    write_data_dictionary(out / "release")
    write_manifest(out / "release", shards, config)
    level_times(out / "release")
    return out


def _make_shard(
    out: Path, shard_id: int, numbers: tuple[int, ...], key: ReleaseKey, config: Config
) -> ShardManifest:
    name = shard_name(shard_id)
    parts = [
        release(
            make_table(3, seed=number),
            make_jpegs(3, seed=100 * number),
            lesion_ids=[f"lesion {i}" for i in range(3)],
            ref=make_ref(number),
            key=key,
            config=config,
        )
        for number in numbers
    ]
    merged = merge_releases(parts)
    links = linkage_part(name, [make_links(3, number, key) for number in numbers])
    image = shard_image(merged)
    write_whole(out / "release" / "images" / name, image)
    write_whole(out / "work" / f"{shard_id}.rows", metadata_part(merged), mode=PRIVATE_FILE)
    write_whole(out / "work" / f"{shard_id}.links", links, mode=PRIVATE_FILE)
    drops = Drops(("lesion 3",), (DropReason.OFF_SURFACE,), np.full((1, 3), np.nan))
    scans = [done_scan(scan_pseudonym(key, make_ref(n).scan_id), "00", 3, drops) for n in numbers]
    lost = quarantined_scan(scan_pseudonym(key, "lost"), None, ScanReason.MESH_EMPTY)
    return ShardManifest(
        format_version=FORMAT_VERSION,
        shard_id=shard_id,
        fingerprint="00",
        files={name: file_entry(image)},
        scans=(*scans, lost),
    )
