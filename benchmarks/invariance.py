"""Measure the same lesions at 133 and 256 px, and seen from above and unrolled.

    python -m benchmarks.invariance [--lesions 80] [--page-px 8192]

Drawn lesions of 3 to 9 mm on a real body; only those on gently curved skin, whose crops are
stretched by less than 1.02 in the mean. Differences are shares of the column's median size, and the
95th percentile stands in the column's own unit too.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import data_folder, machine_facts, write_result
from benchmarks.measure import crops_of, forget_diameters
from tbp_extract.measure import measure_lesions
from tbp_extract.phantom import LesionKind, PhantomOptions, make_phantom

COLUMNS = (
    *("clin_size_long_diam_mm", "tbp_lv_minorAxisMM", "tbp_lv_areaMM2", "tbp_lv_perimeterMM"),
    *("tbp_lv_area_perim_ratio", "tbp_lv_eccentricity", "tbp_lv_symm_2axis", "tbp_lv_norm_border"),
    *("tbp_lv_L", "tbp_lv_A", "tbp_lv_B", "tbp_lv_Lext", "tbp_lv_deltaL", "tbp_lv_deltaLB"),
    *("tbp_lv_deltaLBnorm", "tbp_lv_stdL", "tbp_lv_stdLExt", "tbp_lv_color_std_mean"),
    *("tbp_lv_radial_color_std_max", "tbp_lv_norm_color"),
    *("tbp_ex_ita_deg", "tbp_ex_sharpness"),
)
GENTLE = 1.02


def main() -> None:
    """Plant, measure three times, compare; print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lesions", type=int, default=80)
    parser.add_argument("--page-px", type=int, default=8192)
    chosen = parser.parse_args()
    options = PhantomOptions(
        mesh=min(data_folder().glob("bodies/*/*.obj")),
        mesh_unit="mm",
        seed=7,
        page_px=chosen.page_px,
        lesions=chosen.lesions,
        diameter_mm=(3.0, 9.0),
        kinds=(LesionKind.ELLIPSE, LesionKind.IRREGULAR),
    )
    with tempfile.TemporaryDirectory(prefix="tbp_invariance_") as name:
        phantom = make_phantom(Path(name), options, 0)
        forget_diameters(phantom.mesh.parent / "lesions.csv")
        plain = _measured(phantom.mesh)
        fine = _measured(phantom.mesh, size_px=256)
        unrolled = _measured(phantom.mesh, projection="geodesic")
    gentle = plain["tbp_ex_stretch"] < GENTLE
    result: dict[str, Any] = {
        "lesions": int(gentle.sum()),
        "256 px": {name: _apart(plain[name], fine[name], gentle) for name in COLUMNS},
        "geodesic": {name: _apart(plain[name], unrolled[name], gentle) for name in COLUMNS},
        "machine": machine_facts(),
    }
    for other in ("256 px", "geodesic"):
        for name, row in result[other].items():
            print(f"{other:10s}{name:28s}", row)
    write_result("invariance", result)


def _measured(mesh: Path, **kind: Any) -> dict[str, NDArray[Any]]:
    parts = [measure_lesions(*found).columns for found in crops_of(mesh, **kind)]
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in (*COLUMNS, "tbp_ex_stretch")
    }


def _apart(
    one: NDArray[np.float64], two: NDArray[np.float64], rows: NDArray[np.bool_]
) -> dict[str, float]:
    """Difference of the same lesion: in percent of the median size, and in the column's unit."""
    size = float(np.nanmedian(np.abs(one[rows])))
    single = np.abs(two[rows] - one[rows])
    middle, high = np.nanpercentile(single, (50, 95))
    return {
        "median": round(100.0 * middle / size, 2),
        "p95": round(100.0 * high / size, 2),
        "p95_absolute": round(high, 4),
    }


if __name__ == "__main__":
    main()
