"""Measures of planted lesions beside those of the 401,059 genuine rows of SLICE-3D.

    python -m benchmarks.distributions [--lesions 3000] [--page-px 8192]

A quarter of the lesions is planted on each of the four real bodies: photographed, elliptic,
irregular and two-tone ones in equal parts, their longest diameters even on a log scale within one
quarter of the genuine rows' diameters each. Every column that the published table of quartiles
holds and that is measured here gets a box plot, in ``docs/figures/measures_*.svg``: whiskers at the
5th and 95th percentile for planted lesions; for genuine ones, of which only quartiles and extremes
are published, one and a half times the distance of the quartiles beyond them, or the extreme.
"""

import argparse
import csv
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.charts import Box, Panel, write_panels
from benchmarks.machine import ROOT, data_folder, machine_facts, write_result
from benchmarks.measure import crops_of, forget_diameters
from tbp_extract.measure import measure_lesions
from tbp_extract.phantom import LesionKind, PhantomOptions, make_phantom, read_photos

KINDS = (LesionKind.PHOTO, LesionKind.ELLIPSE, LesionKind.IRREGULAR, LesionKind.TWO_TONE)
DIAMETERS_MM = ((2.0, 2.84), (2.84, 3.37), (3.37, 4.38), (4.38, 9.0))
"""Between the genuine rows' quartiles; their ends, 1 and 28 mm, are far from the bulk."""

GROUPS: dict[str, tuple[str, ...]] = {
    "size": (
        *("clin_size_long_diam_mm", "tbp_lv_minorAxisMM", "tbp_lv_areaMM2", "tbp_lv_perimeterMM"),
        *("tbp_lv_area_perim_ratio", "tbp_lv_eccentricity", "tbp_lv_symm_2axis"),
        *("tbp_lv_symm_2axis_angle", "tbp_lv_norm_border"),
    ),
    "colour": (
        *("tbp_lv_L", "tbp_lv_A", "tbp_lv_B", "tbp_lv_C", "tbp_lv_H", "tbp_lv_Lext"),
        *("tbp_lv_Aext", "tbp_lv_Bext", "tbp_lv_Cext", "tbp_lv_Hext"),
    ),
    "contrast": (
        *("tbp_lv_deltaL", "tbp_lv_deltaA", "tbp_lv_deltaB", "tbp_lv_deltaLB"),
        *("tbp_lv_deltaLBnorm", "tbp_lv_stdL", "tbp_lv_stdLExt", "tbp_lv_color_std_mean"),
        *("tbp_lv_radial_color_std_max", "tbp_lv_norm_color"),
    ),
}


def main() -> None:
    """Plant, measure, draw; print and keep the quartiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lesions", type=int, default=3000)
    parser.add_argument("--page-px", type=int, default=8192)
    options = parser.parse_args()
    meshes = sorted(data_folder().glob("bodies/*/*.obj"))
    parts = [
        _measured(mesh, number, options.lesions // len(meshes), options.page_px)
        for number, mesh in enumerate(meshes)
    ]
    planted = {
        name: np.concatenate([part[name] for part in parts])
        for group in GROUPS.values()
        for name in group
    }
    genuine = _genuine()
    folder = ROOT / "docs" / "figures"
    folder.mkdir(exist_ok=True)
    for group, names in GROUPS.items():
        panels = [Panel(name, (_box(genuine[name]), _planted_box(planted[name]))) for name in names]
        write_panels(folder / f"measures_{group}.svg", panels, ("SLICE-3D", "planted"))
    rows = {name: _row(genuine[name], planted[name]) for group in GROUPS.values() for name in group}
    for name, row in rows.items():
        print(f"{name:30s}", row, flush=True)
    result = {"columns": rows, "lesions": len(planted["tbp_lv_L"]), "machine": machine_facts()}
    write_result("distributions", result)


def _measured(mesh: Path, number: int, lesions: int, page_px: int) -> dict[str, NDArray[Any]]:
    photos = data_folder() / "lesion_patches"
    options = PhantomOptions(
        mesh=mesh,
        mesh_unit="mm",
        seed=100 + number,
        page_px=page_px,
        lesions=lesions,
        diameter_mm=DIAMETERS_MM[number % len(DIAMETERS_MM)],
        kinds=KINDS,
        photos=photos,
        gap_mm=5.0,
    )
    with tempfile.TemporaryDirectory(prefix="tbp_distributions_") as name:
        phantom = make_phantom(Path(name), options, 0, photos=read_photos(photos))
        forget_diameters(phantom.mesh.parent / "lesions.csv")
        parts = [measure_lesions(*found).columns for found in crops_of(phantom.mesh)]
    return {column: np.concatenate([part[column] for part in parts]) for column in parts[0]}


def _genuine() -> dict[str, dict[str, float]]:
    path = data_folder() / "isic2024" / "train_quantiles.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row[""]: {k: float(v) for k, v in row.items() if k} for row in rows}


def _box(row: dict[str, float]) -> Box:
    reach = 1.5 * (row["75%"] - row["25%"])
    low, high = max(row["min"], row["25%"] - reach), min(row["max"], row["75%"] + reach)
    return Box(low, row["25%"], row["50%"], row["75%"], high)


def _planted_box(values: NDArray[np.float64]) -> Box:
    low, first, median, third, high = np.nanpercentile(values, (5, 25, 50, 75, 95)).tolist()
    return Box(low, first, median, third, high)


def _row(genuine: dict[str, float], values: NDArray[np.float64]) -> dict[str, Any]:
    """Quartiles of both, and by how much of the genuine one each differs at most."""
    ours = np.nanpercentile(values, (25, 50, 75))
    theirs = np.array([genuine[k] for k in ("25%", "50%", "75%")])
    apart = np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-9)
    return {
        "planted": ours.round(3).tolist(),
        "genuine": theirs.round(3).tolist(),
        "most_apart": round(float(apart.max()), 2),
        "missing": round(float(np.isnan(values).mean()), 3),
    }


if __name__ == "__main__":
    main()
