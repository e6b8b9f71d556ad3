"""Hold the package's own columns against what was planted, and time them.

    python -m benchmarks.own_columns

Skin of all six tones is baked on a plane, hair of known density grown on it, glare drawn over it;
the genuine crops are blurred in steps. Speed is that of one core (processor time), on skin without
hair and on the genuine crop with the most hair; the columns of a capture are timed for the most
lesions that SLICE-3D has of one patient.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import data_folder, machine_facts, write_result
from tbp_extract import ShardReader
from tbp_extract.columns import MAIN_MEASURES
from tbp_extract.crop import extract_crops
from tbp_extract.geometry import build_surface
from tbp_extract.measure import add_context
from tbp_extract.measure.delineate import delineate
from tbp_extract.measure.existing import batch_of_images
from tbp_extract.measure.quality import crop_quality
from tbp_extract.measure.skin import skin_tone
from tbp_extract.phantom import Hair, Skin, Target, TargetShape, Tone, bake_skin, grow_hair
from tbp_extract.phantom.colour import rgb_to_lab
from tbp_extract.phantom.targets import make_target
from tbp_extract.types import CropBatch, CropFrames, LesionTable

SIZES_PX = (71, 133, 256)
HAIRS_PER_CM2 = (2.0, 8.0, 25.0)
DARKENED = 3.0 / 88.0
"""Share of L* + 16 by which hair darkens a pixel that counts: 3 L* of light skin."""

BLURS_PX = (0.0, 0.5, 1.0, 2.0, 4.0)
SPEED_CROPS = 300
MOST_LESIONS = 9184


def main() -> None:
    """Measure, print, keep."""
    result = {
        "tone": [_tone(tone) for tone in Tone],
        "hair": [_hair(tone, size) for tone in (Tone.VERY_LIGHT, Tone.DARK) for size in SIZES_PX],
        "sharpness": _sharpness(),
        "speed": _speed(),
        "machine": machine_facts(),
    }
    for name in ("tone", "hair", "sharpness"):
        for row in result[name]:
            print(name, row)
    print(result["speed"])
    write_result("own_columns", result)


def _crops(tone: Tone, size_px: int, hairs_per_cm2: float = 0.0) -> CropBatch:
    scan = make_target(Target(TargetShape.PLANE, texel_mm=0.08, edge_mm=2.0))
    bake_skin(scan, Skin.of(tone), seed=3)
    surface = build_surface(scan)
    if hairs_per_cm2:
        colour = (25, 18, 15) if tone is Tone.DARK else (58, 42, 34)
        grow_hair(scan, surface, Hair(per_cm2=hairs_per_cm2, rgb=colour), seed=5)
    places = np.array([[x, y, 0.0] for x in (-16, 0, 16) for y in (-16, 0, 16)])
    n = len(places)
    axes = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, 1]])
    frames = CropFrames(
        np.arange(n, dtype=np.int32),
        _faces_under(surface.vertices_mm[surface.faces], places),
        places,
        np.tile(axes, (n, 1, 1)),
        15.0,
        size_px,
    )
    return extract_crops(scan, surface, frames)


def _faces_under(corners: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.int32]:
    centres = corners.mean(axis=1)
    nearest = np.linalg.norm(centres[None] - places[:, None], axis=2).argmin(axis=1)
    return np.asarray(nearest, np.int32)


def _tone(tone: Tone) -> dict[str, Any]:
    found = skin_tone(delineate(_crops(tone, 133)))
    off = found["tbp_ex_ita_deg"] - Skin.of(tone).ita_deg
    hairy = skin_tone(delineate(_crops(tone, 133, 8.0)))["tbp_ex_ita_deg"] - found["tbp_ex_ita_deg"]
    return {
        "tone": tone.value,
        "ita_deg": round(Skin.of(tone).ita_deg, 1),
        "bias_deg": round(float(off.mean()), 2),
        "worst_deg": round(float(np.abs(off).max()), 2),
        "right_class": float((found["tbp_ex_skin_tone"] == tone.value).mean()),
        "shift_by_hair_deg": round(float(np.abs(hairy).max()), 2),
    }


def _hair(tone: Tone, size_px: int) -> dict[str, Any]:
    bare = _crops(tone, size_px)
    row: dict[str, Any] = {"tone": tone.value, "size_px": size_px}
    row["without"] = round(float(delineate(bare).hair_share.max()), 4)
    for density in HAIRS_PER_CM2:
        hairy = _crops(tone, size_px, density)
        light = rgb_to_lab(bare.pixels)[..., 0]
        drop = (light - rgb_to_lab(hairy.pixels)[..., 0]) / (light + 16.0)
        darkened = (drop >= DARKENED).mean(axis=(1, 2))
        found = delineate(hairy).hair_share
        row[f"{density:g}_per_cm2"] = {
            "darkened": round(float(darkened.mean()), 4),
            "found": round(float(found.mean()), 4),
            "worst_error": round(float(np.abs(found - darkened).max()), 3),
        }
    return row


def _genuine() -> dict[str, NDArray[np.uint8]]:
    with ShardReader(data_folder() / "isic2024" / "test-image.hdf5") as reader:
        return {name: reader[name] for name in reader}


def _sharpness() -> list[dict[str, Any]]:
    rows = []
    for name, pixels in _genuine().items():
        row: dict[str, Any] = {"crop": name}
        for blur in BLURS_PX:
            image = cv2.GaussianBlur(pixels, (0, 0), blur) if blur else pixels
            batch = batch_of_images(np.asarray(image, np.uint8)[None], 15.0)
            columns = crop_quality(batch)
            row[f"blur_{blur:g}_px"] = round(float(columns["tbp_ex_sharpness"][0]), 3)
            if not blur:
                row["hair"] = round(float(delineate(batch).hair_share[0]), 4)
        rows.append(row)
    return rows


def _speed() -> dict[str, float]:
    plain = _crops(Tone.TAN, 133)
    many = np.arange(SPEED_CROPS) % len(plain)
    smooth = batch_of_images(plain.pixels[many], 15.0)
    hairiest = cv2.resize(_genuine()["ISIC_0015740"], (133, 133), interpolation=cv2.INTER_AREA)
    hairy = replace(smooth, pixels=np.repeat(np.asarray(hairiest, np.uint8)[None], len(many), 0))
    rng = np.random.default_rng(0)
    table = LesionTable({name: rng.gamma(3.0, 2.0, MOST_LESIONS) for name in MAIN_MEASURES})
    places = rng.normal(0, 300, (MOST_LESIONS, 3))
    return {
        "quality_crops_s": round(SPEED_CROPS / _seconds(lambda: crop_quality(smooth))),
        "quality_hairy_crops_s": round(SPEED_CROPS / _seconds(lambda: crop_quality(hairy))),
        "context_lesions_s": round(MOST_LESIONS / _seconds(lambda: add_context(table, places))),
    }


def _seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Least processor time of some runs, after one that compiles."""
    work()
    least = np.inf
    for _ in range(repeats):
        started = time.process_time()
        work()
        least = min(least, time.process_time() - started)
    return float(least)


if __name__ == "__main__":
    main()
