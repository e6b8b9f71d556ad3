"""Whether the built-in detector finds the same on the same skin, however it is handed over.

    python -m benchmarks.detection_invariance [--lesions 300]

One planted body of each tone in the ``test`` half: moved and turned; with another UV layout (cut
along a grid into new charts that are turned and shuffled on a larger page, once by quarter turns,
which keep all texels, once by any angle, for which the page is resampled at as many texels a mm as
before); written as OBJ and as GLB; and lit by 0.7 to 1.3 times the light.
Finds are the same if they lie within 1 mm of each other; the share counts those of both runs.
``only in one`` lists the others: which run has them, their diameter and their score.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from benchmarks.detection_copies import relaid, toned
from benchmarks.detection_scenes import HALVES, bare_body, photos_of, plant
from benchmarks.machine import machine_facts, write_result
from tbp_extract.config import Config
from tbp_extract.detect import without_small
from tbp_extract.detect.blob import Blob
from tbp_extract.geometry import build_surface, point_positions
from tbp_extract.io.scan import read_scan, scan_ref
from tbp_extract.phantom.write import MeshFormat, write_scan
from tbp_extract.types import Scan

SAME_MM = 1.0
YAW_DEG, SHIFT_MM = 23.0, (137.0, 41.0, -260.0)
LIGHT = (0.7, 0.85, 1.15, 1.3)


@dataclass(frozen=True, slots=True, eq=False)
class Finds:
    """N finds of one run."""

    xyz_mm: NDArray[np.float64]
    diameter_mm: NDArray[np.float32]
    score: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.score)


def main() -> None:
    """Compare, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lesions", type=int, default=300)
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine_facts()}
    for number, name in enumerate(HALVES["test"]):
        bare = bare_body(name)
        photos = photos_of("test")
        scan, _ = plant(bare, build_surface(bare), photos, count=options.lesions, seed=10 + number)
        result[name] = compared(scan)
        print(json.dumps({name: result[name]}, indent=1), flush=True)
    write_result("detection_invariance", result)


def compared(scan: Scan) -> dict[str, Any]:
    """Share of finds that stay, by what was changed."""
    first = finds(scan)
    out: dict[str, Any] = {"finds": len(first)}
    turned = finds(replace(scan, vertices_mm=moved(scan.vertices_mm)))
    out["moved and turned"] = same(replace(first, xyz_mm=moved(first.xyz_mm)), turned)
    out["another UV layout, same texels"] = same(first, finds(relaid(scan, same_texels=True)))
    out["another UV layout, resampled"] = same(first, finds(relaid(scan)))
    for light in LIGHT:
        out[f"light x{light:g}"] = same(first, finds(toned(scan, (light,) * 3)))
    with tempfile.TemporaryDirectory() as folder:
        obj, glb = (
            finds(read_scan(scan_ref(write_scan(Path(folder) / form, "body", scan,
                                                mesh_format=form), unit=unit)))
            for form, unit in ((MeshFormat.OBJ, "mm"), (MeshFormat.GLB, None))
        )  # fmt: skip
    out["OBJ or GLB"] = same(obj, glb)
    out["in memory or as OBJ with JPEG pages"] = same(first, obj)
    return out


def finds(scan: Scan) -> Finds:
    """Find what the detector finds on a scan."""
    surface, config = build_surface(scan), Config().detect
    found = Blob(config.blob).detect(scan, surface)
    kept = without_small(found, config.min_diameter_mm, surface).candidates
    return Finds(
        point_positions(surface, kept.face, kept.barycentric), kept.diameter_mm, kept.score
    )


def same(one: Finds, two: Finds) -> dict[str, Any]:
    """Share of the finds of both that the other has too, how far those lie apart, and the rest."""
    if len(one) == 0 or len(two) == 0:
        return {"share": float(len(one) == len(two)), "finds": [len(one), len(two)]}
    away = np.atleast_1d(cKDTree(two.xyz_mm).query(one.xyz_mm)[0])
    back = np.atleast_1d(cKDTree(one.xyz_mm).query(two.xyz_mm)[0])
    both = int((away < SAME_MM).sum() + (back < SAME_MM).sum())
    return {
        "share": round(both / (len(one) + len(two)), 4),
        "finds": [len(one), len(two)],
        "median distance mm": round(float(np.median(away[away < SAME_MM])), 4),
        "only in one": [
            f"{which}: {found.diameter_mm[k]:.2f} mm, score {found.score[k]:.2f}"
            for which, found, far in (("first", one, away), ("second", two, back))
            for k in np.flatnonzero(far >= SAME_MM)
        ],
    }


def moved(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn about the vertical and shift."""
    c, s = np.cos(np.radians(YAW_DEG)), np.sin(np.radians(YAW_DEG))
    return np.asarray(points @ np.array(((c, 0, -s), (0, 1, 0), (s, 0, c))) + SHIFT_MM)


if __name__ == "__main__":
    main()
