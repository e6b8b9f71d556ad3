"""Run the main job on real bodies and check where its crops look.

    python -m benchmarks.main_job [--page-px 8192] [--lesions 300] [--workers 1] [--work FOLDER]

Real lesion photographs are planted on each of the real bodies; ``run`` crops them by their list. A
crop is centred when the centroid of its lesion lies in its middle. That is measured on the planted
outline, cropped from its mask page with the same frame in both projections, and on the pixels: what
changed against the same crop of the bare body. The outline is known to one texel of the page, so
that small lesions on a native skin (``--page-px 0``, 0.8 mm a texel) cannot be measured finely.
"""

import argparse
import json
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import data_folder, machine_facts, write_result
from tbp_extract import ShardReader, read_scan, scan_ref
from tbp_extract.config import Config, parse_config
from tbp_extract.crop import extract_crops, frame_crops
from tbp_extract.detect.listed import Listed
from tbp_extract.geometry import build_surface
from tbp_extract.io.lesions import read_lesions
from tbp_extract.phantom import (
    LesionKind,
    PhantomOptions,
    enlarge_atlas,
    make_phantom,
    read_photos,
    write_phantom_tables,
)
from tbp_extract.phantom.make import PhantomScan
from tbp_extract.pipeline.run import run
from tbp_extract.types import CropBatch, CropFrames
from tbp_extract.verify import verify


@dataclass(frozen=True, slots=True)
class Offsets:
    """Distance of lesion from crop centre, mm; NaN where the lesion cannot be told from skin."""

    diameter_mm: NDArray[np.float32]
    orthographic_mm: NDArray[np.float64]
    geodesic_mm: NDArray[np.float64]
    pixels_mm: NDArray[np.float64]


def main() -> None:
    """Plant, run, verify, measure; print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page-px", type=int, default=8192)
    parser.add_argument("--lesions", type=int, default=300)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="tbp_main_job_"))
    try:
        result = measure(work, options.page_px, options.lesions, options.workers)
    finally:
        if options.work is None:
            shutil.rmtree(work)
    print(json.dumps(result, indent=1))
    write_result(f"main_job_{options.page_px or 'native'}", result)


def measure(work: Path, page_px: int, lesions: int, workers: int) -> dict[str, Any]:
    """Do the whole job in a folder."""
    bodies = sorted(data_folder().glob("bodies/*/*.obj"))
    photos_folder = data_folder() / "lesion_patches"
    photos = read_photos(photos_folder)
    started, scans = time.perf_counter(), []
    for number, mesh in enumerate(bodies):
        options = PhantomOptions(
            mesh=mesh,
            mesh_unit="mm",
            name=mesh.stem,
            seed=number,
            page_px=page_px or native_px(mesh),
            lesions=lesions,
            diameter_mm=(2.0, 12.0),
            kinds=(LesionKind.PHOTO,),
            photos=photos_folder,
            fine_texture=False,
            masks=True,
        )
        scans.append(make_phantom(work / "source", options, 0, photos=photos))
    write_phantom_tables(work / "source", scans)
    planted = time.perf_counter()
    config = parse_config({"jpeg": {"quality": 95}, "release": {"coordinates": "kept"}})
    report = run(work / "source", work / "out", config, workers=workers)
    done = time.perf_counter()
    offsets = {
        scan.scan_id: crop_offsets(work / "source", scan, mesh, config)
        for scan, mesh in zip(scans, bodies, strict=True)
    }
    contact_sheet(work / "out" / "release", work / "contact_sheet.png")
    return {
        "machine": machine_facts(),
        "page_px": page_px or "native",
        "counts": report.counts,
        "verify_failures": len(verify(work / "out")),
        "seconds": {"plant": planted - started, "run": done - planted},
        "centre_offset_mm": {name: describe(found) for name, found in offsets.items()},
    }


def native_px(mesh: Path) -> int:
    """Side of a body's own skin."""
    return int(read_scan(scan_ref(mesh, unit="mm")).atlas[0].shape[0])


def crop_offsets(source: Path, phantom: PhantomScan, bare_mesh: Path, config: Config) -> Offsets:
    """Crop planted skin, bare skin and outlines with the same frames, and compare."""
    name = phantom.scan_id
    ref = scan_ref(phantom.mesh, unit="mm", lesions="lesions.csv")
    scan = read_scan(ref, config)
    bare = enlarge_atlas(read_scan(scan_ref(bare_mesh, unit="mm")), page_px=len(scan.atlas[0]))
    outline = cv2.imread(str(source / name / f"{name}_mask_0.png"), cv2.IMREAD_COLOR)
    masks = replace(scan, atlas=(np.asarray(outline, np.uint8),))
    surface = build_surface(scan)
    lesions = read_lesions(ref, scan, config)
    candidates = Listed(lesions, config.lesions).detect(scan, surface).candidates
    flat, rolled, pixels = (np.full(len(lesions), np.nan) for _ in range(3))
    for frames in frame_crops(surface, candidates, config.crop):
        planted, plain = (extract_crops(of, surface, frames) for of in (scan, bare))
        flat[frames.candidate] = _outline_offset(extract_crops(masks, surface, frames))
        rolled[frames.candidate] = _outline_offset(
            extract_crops(masks, surface, frames, projection="geodesic")
        )
        pixels[frames.candidate] = _change_offset(planted, plain, frames)
    return Offsets(lesions.diameter_mm, flat, rolled, pixels)


def _outline_offset(shape: CropBatch) -> NDArray[np.float64]:
    return np.array([_centroid_mm(crop[:, :, 0] / 255.0, shape.frames) for crop in shape.pixels])


def _change_offset(planted: CropBatch, plain: CropBatch, frames: CropFrames) -> NDArray[np.float64]:
    change = np.abs(planted.pixels.astype(np.int16) - plain.pixels).max(axis=3)
    # Faint lesions drown in the JPEG noise of the page.
    return np.array(
        [
            _centroid_mm((crop > 12).astype(np.float64), frames) if crop.max() > 40 else np.nan
            for crop in change
        ]
    )


def _centroid_mm(weight: NDArray[np.float64], frames: CropFrames) -> float:
    """Distance between the weight's centroid and the middle of the crop; neighbours left out."""
    n_parts, label = cv2.connectedComponents((weight > 0.25).astype(np.uint8))
    middle = frames.size_px // 2
    near = np.abs(np.indices(weight.shape) - middle).max(axis=0) + 1e3 * (label == 0)
    part = label.flat[int(near.argmin())]
    if n_parts < 2 or part == 0:
        return float("nan")
    rows, cols = np.nonzero(label == part)
    mass = weight[rows, cols]
    offset = np.array([np.average(rows, weights=mass), np.average(cols, weights=mass)])
    return float(np.linalg.norm(offset - 0.5 * (frames.size_px - 1)) * frames.mm_per_px)


def describe(offsets: Offsets) -> dict[str, Any]:
    """Median, 95th percentile and maximum of each kind of offset, small and large lesions apart."""
    large = offsets.diameter_mm >= 4.0
    kinds = {
        "outline, orthographic": offsets.orthographic_mm,
        "outline, geodesic": offsets.geodesic_mm,
        "pixels, orthographic": offsets.pixels_mm,
    }
    return {
        f"{kind}, {size}": _spread(values[chosen])
        for kind, values in kinds.items()
        for size, chosen in (("below 4 mm", ~large), ("4 mm and more", large))
    }


def _spread(values: NDArray[np.float64]) -> dict[str, float | None]:
    known = values[np.isfinite(values)]
    figures = np.percentile(known, (50, 95, 100)).round(3).tolist() if len(known) else [None] * 3
    return {
        "lesions": len(values),
        "measured": len(known),
        **dict(zip(("median", "p95", "max"), figures, strict=True)),
        "over 0.3 mm": int((known > 0.3).sum()),
    }


def contact_sheet(release: Path, path: Path, *, rows: int = 10, columns: int = 16) -> None:
    """Lay out some crops of a release, for looking at."""
    with ShardReader(release) as reader:
        ids = np.random.default_rng(0).permutation(list(reader.ids))[: rows * columns]
        crops = [cv2.resize(reader[str(name)], (100, 100)) for name in ids]
    crops += [np.zeros((100, 100, 3), np.uint8)] * (rows * columns - len(crops))
    lines = [np.hstack(crops[row * columns : (row + 1) * columns]) for row in range(rows)]
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(lines), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
