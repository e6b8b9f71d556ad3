"""Measure lesions of known truth: bias and spread by size and tone; overlap; lesions a second.

    python -m benchmarks.measure [--lesions 150] [--page-px 8192] [--bodies 1]

Drawn lesions (discs, ellipses, irregular, two-tone) lie on phantoms of three skin tones, with and
without hair; photographed ones on the real bodies, compared with the experts' masks, which are
cropped from their pages with the same frames. Speed is that of delineation and all lesion columns
on 133 px crops in one thread.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import data_folder, machine_facts, write_result
from tbp_extract import read_scan, scan_ref
from tbp_extract.config import Config, parse_config
from tbp_extract.crop import extract_crops, frame_crops
from tbp_extract.detect.listed import Listed
from tbp_extract.geometry import build_surface
from tbp_extract.io.lesions import read_lesions
from tbp_extract.measure import measure_lesions
from tbp_extract.measure.delineate import Outlines, delineate
from tbp_extract.phantom import (
    Hair,
    LesionKind,
    PhantomOptions,
    Tone,
    Truth,
    make_phantom,
    read_photos,
)
from tbp_extract.types import Candidates, CropBatch

_DRAWN = (LesionKind.DISC, LesionKind.ELLIPSE, LesionKind.IRREGULAR, LesionKind.TWO_TONE)
_EDGES_MM = (2.0, 3.0, 5.0, 12.1)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Lesions as planted and as measured, in the order of planting."""

    truth: Truth
    columns: dict[str, NDArray[Any]]
    dice: NDArray[np.float64]
    lesions_per_s: float


def main() -> None:
    """Plant, measure, compare; print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lesions", type=int, default=150)
    parser.add_argument("--page-px", type=int, default=8192)
    parser.add_argument("--bodies", type=int, default=1)
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine_facts(), "drawn": {}, "photographed": {}}
    for tone in (Tone.LIGHT, Tone.TAN, Tone.DARK):
        for hair in (None, Hair()):
            name = f"{tone.value}, {'hair' if hair else 'bare'}"
            found = measure(drawn(options.lesions, tone, hair))
            result["drawn"][name] = describe(found)
            print(name, json.dumps(result["drawn"][name], indent=1), flush=True)
    photos = data_folder() / "lesion_patches"
    for number, mesh in enumerate(sorted(data_folder().glob("bodies/*/*.obj"))[: options.bodies]):
        found = measure(_photographed(options.lesions, options.page_px, mesh, photos, number))
        result["photographed"][mesh.stem] = describe(found)
        print(mesh.stem, json.dumps(result["photographed"][mesh.stem], indent=1), flush=True)
    write_result("measure", result)


def drawn(lesions: int, tone: Tone, hair: Hair | None) -> PhantomOptions:
    """Options of a phantom arm with drawn lesions of 2 to 12 mm and nothing else on it."""
    return PhantomOptions(
        body="arm",
        faces=20_000,
        page_px=4096,
        tone=tone,
        freckles=0.0,
        hair=hair,
        lesions=lesions,
        diameter_mm=(2.0, 12.0),
        kinds=_DRAWN,
        masks=True,
    )


def _photographed(
    lesions: int, page_px: int, mesh: Path, photos: Path, seed: int
) -> PhantomOptions:
    return PhantomOptions(
        mesh=mesh,
        mesh_unit="mm",
        seed=seed,
        page_px=page_px,
        lesions=lesions,
        diameter_mm=(2.0, 12.0),
        kinds=(LesionKind.PHOTO,),
        photos=photos,
        masks=True,
    )


def measure(options: PhantomOptions, *, projection: str = "orthographic") -> Measured:
    """Make a phantom, crop its lesions by their list and measure them."""
    photos = read_photos(options.photos) if options.photos is not None else ()
    config = parse_config({})
    with tempfile.TemporaryDirectory(prefix="tbp_measure_") as name:
        phantom = make_phantom(Path(name), options, 0, photos=photos)
        # A listed diameter would stand in the place of the measured one.
        forget_diameters(phantom.mesh.parent / "lesions.csv")
        return _compare(phantom.mesh, phantom.truth, config, projection)


def forget_diameters(path: Path) -> None:
    """Take the diameters from a lesion list, so that they are measured."""
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    kept = [k for k, title in enumerate(head.split(",")) if title != "diameter_mm"]
    lines = [",".join(row.split(",")[k] for k in kept) for row in (head, *rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _compare(mesh: Path, truth: Truth, config: Config, projection: str) -> Measured:
    ref = scan_ref(mesh, unit="mm", lesions="lesions.csv")
    scan = read_scan(ref, config)
    page = cv2.imread(str(mesh.parent / f"{mesh.parent.name}_mask_0.png"), cv2.IMREAD_COLOR)
    masks = replace(scan, atlas=(np.asarray(page, np.uint8),))
    surface = build_surface(scan)
    found = Listed(read_lesions(ref, scan, config), config.lesions).detect(scan, surface)
    parts, dice, seconds = [], [], 0.0
    for frames in frame_crops(surface, found.candidates, config.crop):
        batch = extract_crops(scan, surface, frames, projection=projection)
        outline = extract_crops(masks, surface, frames, projection=projection)
        seconds += _time(found.candidates, batch)
        parts.append(measure_lesions(found.candidates, batch).columns)
        dice.append(_dice(delineate(batch), outline))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Measured(truth, columns, np.concatenate(dice), len(truth) / seconds)


def crops_of(
    mesh: Path, *, projection: str = "orthographic", size_px: int = 133
) -> Iterator[tuple[Candidates, CropBatch]]:
    """Cut the listed lesions of a body in millimetres, batch by batch."""
    config = parse_config({"crop": {"size_px": size_px}})
    ref = scan_ref(mesh, unit="mm", lesions="lesions.csv")
    scan = read_scan(ref, config)
    surface = build_surface(scan)
    found = Listed(read_lesions(ref, scan, config), config.lesions).detect(scan, surface)
    for frames in frame_crops(surface, found.candidates, config.crop):
        yield found.candidates, extract_crops(scan, surface, frames, projection=projection)


def _time(candidates: Candidates, batch: CropBatch) -> float:
    if len(batch) == 0:
        return 0.0
    # Compiled and warm before it is timed.
    measure_lesions(candidates, batch)
    started = time.process_time()
    measure_lesions(candidates, batch)
    return time.process_time() - started


def _dice(outlines: Outlines, masks: CropBatch) -> NDArray[np.float64]:
    """Overlap of each outline and the planted one, of neighbours only the part at the centre."""
    size = outlines.mask.shape[1]
    scale = masks.frames.mm_per_px / outlines.step_mm
    shift = size // 2 - 0.5 * (masks.frames.size_px - 1) * scale
    grid = np.array(((scale, 0.0, shift), (0.0, scale, shift)))
    out = np.zeros(len(outlines))
    for n, mask in enumerate(outlines.mask):
        planted = cv2.warpAffine(masks.pixels[n, :, :, 0], grid, (size, size)) > 127
        _, label = cv2.connectedComponents(planted.astype(np.uint8))
        near = np.abs(np.indices(label.shape) - size // 2).max(axis=0) + 1000 * (label == 0)
        truth = (label == label.flat[int(near.argmin())]) & planted
        if outlines.is_sized[n]:
            out[n] = 2.0 * (mask & truth).sum() / max(mask.sum() + truth.sum(), 1)
    return out


def describe(found: Measured) -> dict[str, Any]:
    """Errors by size: median, 5th and 95th percentile; overlap; words on trust; speed."""
    truth, columns = found.truth, found.columns
    errors = {
        "area_percent": 100.0 * (columns["tbp_lv_areaMM2"] / truth.area_mm2 - 1.0),
        "long_mm": columns["clin_size_long_diam_mm"] - truth.long_mm,
        "short_mm": columns["tbp_lv_minorAxisMM"] - truth.short_mm,
        **{
            f"delta_{channel}": columns[f"tbp_lv_delta{channel}"] - truth.contrast_lab[:, k]
            for k, channel in enumerate("LAB")
        },
        "dice": found.dice,
    }
    words, counts = np.unique(columns["tbp_ex_delineation"].astype(str), return_counts=True)
    bins = np.digitize(truth.long_mm, _EDGES_MM)
    return {
        "lesions_per_s": round(found.lesions_per_s),
        "trust": {str(word): int(count) for word, count in zip(words, counts, strict=True)},
        **{
            f"{_EDGES_MM[k - 1]:g} to {_EDGES_MM[k]:g} mm": {
                name: _spread(values[bins == k]) for name, values in errors.items()
            }
            for k in range(1, len(_EDGES_MM))
        },
        "all": {name: _spread(values) for name, values in errors.items()},
    }


def _spread(values: NDArray[np.float64]) -> list[float]:
    known = values[np.isfinite(values)]
    return np.percentile(known, (50, 5, 95)).round(2).tolist() if len(known) else []


if __name__ == "__main__":
    main()
