"""What blob finders of image libraries reach on the raw texture of the same planted bodies.

    python -m benchmarks.detection_baselines [--lesions 300] [--page-px 2048]

scikit-image's ``blob_log`` and ``blob_dog`` and OpenCV's ``SimpleBlobDetector`` look at the page as
an image; what they find is taken to the skin and matched like the finds of the built-in detector.
Their thresholds are the ones with the best F1 on these very bodies: more than they would reach with
thresholds chosen elsewhere. Pages are shrunk, for ``blob_log`` takes 5 GB for a page of 8192 px.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_laplace
from skimage import feature

from benchmarks.detection_scenes import HALVES, Plants, bare_body, match, photos_of, plant
from benchmarks.machine import machine_facts, write_result
from tbp_extract.geometry import build_surface, locate_uv, point_positions
from tbp_extract.types import Scan, Surface
from tbp_extract.uv import rowcol_to_uv

SIZES_MM = (2.5, 12.0)
N_SIGMA = 5
LEAST_MM, LEAST_CONTRAST = 2.5, 3.0

Blobs = NDArray[np.float64]
"""(N, 4) row, column, diameter in pixels, strength."""


def main() -> None:
    """Run all three on each body of the ``test`` half; print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lesions", type=int, default=300)
    parser.add_argument("--page-px", type=int, default=2048)
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine_facts(), "page_px": options.page_px}
    finders: dict[str, Callable[[NDArray[np.float32], float], Blobs]] = {
        "blob_log": laplacian,
        "blob_dog": differences,
        "SimpleBlobDetector": simple,
    }
    for number, name in enumerate(HALVES["test"]):
        bare = bare_body(name)
        surface = build_surface(bare)
        seed = 10 + number
        scan, plants = plant(bare, surface, photos_of("test"), count=options.lesions, seed=seed)
        px = (options.page_px, options.page_px)
        page = np.asarray(cv2.resize(scan.atlas[0], px, interpolation=cv2.INTER_AREA), np.uint8)
        scan = replace(scan, atlas=(page,))
        mm = float(np.nanmedian(surface.texel_mm)) * bare.atlas[0].shape[0] / options.page_px
        grey = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255.0
        result[name] = {}
        for finder, find in finders.items():
            started = time.perf_counter()
            blobs = find(1.0 - grey, mm)
            seconds = round(time.perf_counter() - started, 1)
            best = best_threshold(scan, surface, plants, blobs, mm)
            result[name][finder] = {"seconds": seconds, **best}
            print(name, finder, json.dumps(result[name][finder]), flush=True)
    write_result("detection_baselines", result)


def laplacian(dark: NDArray[np.float32], mm: float) -> Blobs:
    """Find maxima of the Laplacian of Gaussians."""
    low, high = (size / (2.0 * np.sqrt(2.0)) / mm for size in SIZES_MM)
    found = cast(Any, feature.blob_log)(
        dark, min_sigma=low, max_sigma=high, num_sigma=N_SIGMA, log_scale=True, threshold=0.03
    )
    return strengths(dark, np.asarray(found, np.float64))


def differences(dark: NDArray[np.float32], mm: float) -> Blobs:
    """Find maxima of differences of Gaussians."""
    low, high = (size / (2.0 * np.sqrt(2.0)) / mm for size in SIZES_MM)
    found = cast(Any, feature.blob_dog)(dark, min_sigma=low, max_sigma=high, threshold=0.02)
    return strengths(dark, np.asarray(found, np.float64))


def strengths(dark: NDArray[np.float32], found: NDArray[np.float64]) -> Blobs:
    """How strongly the picture answers at each blob's own scale."""
    out = np.column_stack((found[:, :2], 2.0 * np.sqrt(2.0) * found[:, 2], np.zeros(len(found))))
    for sigma in np.unique(found[:, 2]):
        rows = np.flatnonzero(found[:, 2] == sigma)
        answer = -(sigma**2) * gaussian_laplace(dark, sigma)
        out[rows, 3] = answer[found[rows, 0].astype(int), found[rows, 1].astype(int)]
    return out


def simple(dark: NDArray[np.float32], mm: float) -> Blobs:
    """Find blobs by thresholds, with the library's filters for shape."""
    params = cv2.SimpleBlobDetector.Params()
    params.filterByColor, params.blobColor = True, 0
    params.filterByArea = True
    params.minArea, params.maxArea = (float(0.785 * (size / mm) ** 2) for size in SIZES_MM)
    params.filterByCircularity, params.minCircularity = True, 0.5
    params.minThreshold, params.maxThreshold, params.thresholdStep = 10.0, 230.0, 5.0
    finder = cv2.SimpleBlobDetector.create(params)
    points = finder.detect(np.rint(255.0 * (1.0 - dark)).astype(np.uint8))
    rows = [(p.pt[1], p.pt[0], p.size, p.response or 1.0) for p in points]
    return np.array(rows, np.float64).reshape(-1, 4)


def best_threshold(
    scan: Scan, surface: Surface, plants: Plants, blobs: Blobs, mm: float
) -> dict[str, Any]:
    """Sensitivity and precision at the threshold with the best F1."""
    size = np.array(scan.atlas[0].shape[:2])
    uv = rowcol_to_uv(blobs[:, :2], size)
    points = locate_uv(scan, uv, np.zeros(len(uv), np.int16))
    on = points.face >= 0
    xyz = point_positions(surface, points.face[on], points.barycentric[on])
    big, strength = blobs[on, 2] * mm >= 0.8 * LEAST_MM, blobs[on, 3]
    of, _ = match(xyz, plants)
    asked = (plants.long_mm >= LEAST_MM) & (plants.contrast >= LEAST_CONTRAST)
    best: dict[str, Any] = {"F1": 0.0}
    for level in np.unique(np.quantile(strength, np.linspace(0.0, 0.995, 80))) if len(of) else ():
        kept = big & (strength >= level)
        hit = np.unique(of[kept & (of >= 0)])
        seen = np.isin(np.arange(len(plants)), hit)
        sensitivity, right = float(seen[asked].mean()), len(hit)
        precision = right / max(int(kept.sum()), 1)
        f1 = 2.0 * sensitivity * precision / max(sensitivity + precision, 1e-9)
        if f1 > best["F1"]:
            strong = asked & (plants.contrast >= 5.0)
            best = {
                "F1": round(f1, 3),
                "sensitivity, deltaLBnorm 3 and more": round(sensitivity, 3),
                "sensitivity, deltaLBnorm 5 and more": round(float(seen[strong].mean()), 3),
                "precision": round(precision, 3),
                "finds": int(kept.sum()),
            }
    return best


if __name__ == "__main__":
    main()
