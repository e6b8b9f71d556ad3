import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tbp_extract.config import JpegConfig
from tbp_extract.errors import ConfigError
from tbp_extract.geometry import build_surface, snap_points
from tbp_extract.io.lesions import read_lesions
from tbp_extract.io.scan import read_scan, scan_ref
from tbp_extract.io.source import read_source
from tbp_extract.phantom import (
    Hair,
    LesionKind,
    MeshFormat,
    PhantomOptions,
    Tone,
    enlarge_atlas,
    make_phantoms,
    mean_skin,
)
from tbp_extract.phantom.samples import make_samples
from tests.phantom.scenes import arm

SMALL: dict[str, Any] = {
    "body": "arm",
    "faces": 3000,
    "page_px": 512,
    "lesions": 6,
    "diameter_mm": (3.0, 6.0),
}


def options(**changes: Any) -> PhantomOptions:
    return PhantomOptions(**{**SMALL, **changes})


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def truth(folder: Path) -> list[dict[str, str]]:
    with (folder / "truth.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_phantoms(tmp_path / name, options(count=2, hair=Hair(), masks=True))
    make_phantoms(tmp_path / "c", options(count=2, hair=Hair(), masks=True, seed=1))
    a, b, c = (contents(tmp_path / name) for name in "abc")
    assert a == b
    assert a.keys() == c.keys()
    assert all(a[name] != c[name] for name in a if name.endswith((".jpg", "lesions.csv")))
    # The two of one call differ as well.
    assert a["phantom_000/lesions.csv"] != a["phantom_001/lesions.csv"]


@pytest.mark.parametrize("mesh_format", MeshFormat)
def test_what_is_made_is_a_source_with_lesions_on_the_skin(
    tmp_path: Path, mesh_format: MeshFormat
) -> None:
    made = make_phantoms(tmp_path, options(mesh_format=mesh_format))
    (ref,) = read_source(tmp_path)
    assert ref.scan_id == made[0].scan_id
    scan = read_scan(ref)
    rows = truth(tmp_path)
    exact = np.array([[float(row[f"{axis}_mm"]) for axis in "xyz"] for row in rows])
    listed = read_lesions(ref, scan)
    assert listed.xyz_mm is not None
    assert list(listed.lesion_id) == [row["lesion_id"] for row in rows]
    # A list in metres has six decimals: a thousandth of a mm.
    np.testing.assert_allclose(listed.xyz_mm, exact, atol=1e-3)
    found = snap_points(build_surface(scan), exact, max_mm=1.0)
    assert found.distance_mm.max() < 1e-3
    np.testing.assert_allclose(exact, made[0].truth.xyz_mm, atol=1e-6)


def test_lesions_are_dark_where_the_truth_says(tmp_path: Path) -> None:
    make_phantoms(tmp_path, options(page_px=1024, masks=True, tone=Tone.LIGHT))
    scan = read_scan(read_source(tmp_path)[0])
    mask = cv2.imread(str(tmp_path / "phantom_000" / "phantom_000_mask_0.png"), 0)
    assert mask is not None
    rows = truth(tmp_path)
    inside = mask > 0
    texel = float(np.median(build_surface(scan).texel_mm))
    area = sum(float(row["area_mm2"]) for row in rows)
    np.testing.assert_allclose(inside.sum() * texel**2, area, rtol=0.15)
    assert scan.atlas[0][inside].mean() < scan.atlas[0][~inside].mean() - 8.0


def test_a_users_mesh_becomes_the_body(tmp_path: Path, data: Path) -> None:
    mesh = next((data / "bodies").glob("*/*.obj"))
    make_phantoms(
        tmp_path,
        options(
            mesh=mesh,
            mesh_unit="mm",
            page_px=2048,
            lesions=12,
            kinds=(LesionKind.PHOTO,),
            photos=data / "lesion_patches",
            name="real",
        ),
    )
    scan, bare = read_scan(read_source(tmp_path)[0]), read_scan(scan_ref(mesh, unit="mm"))
    np.testing.assert_allclose(scan.vertices_mm, bare.vertices_mm, atol=1e-5)
    rows = truth(tmp_path)
    assert {row["kind"] for row in rows} == {"photo"}
    assert max(float(row["y_mm"]) for row in rows) < 0.86 * bare.vertices_mm[:, 1].max()


def test_enlarging_keeps_the_picture() -> None:
    scan = arm(512)
    large = enlarge_atlas(scan, page_px=1024)
    assert large.atlas[0].shape == (1024, 1024, 3)
    small = cv2.resize(large.atlas[0], (512, 512), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - scan.atlas[0]).mean() < 1.0
    np.testing.assert_allclose(mean_skin(large).lab, mean_skin(scan).lab, atol=0.5)
    with pytest.raises(ConfigError, match=r"512\.\.16384"):
        enlarge_atlas(scan, page_px=256)


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"lesions": 0},
        {"diameter_mm": (5.0, 3.0)},
        {"diameter_mm": (1.0, 30.0)},
        {"kinds": ()},
        {"kinds": (LesionKind.PHOTO,)},
        {"page_px": 100},
        {"pages": 0},
        {"name": "../elsewhere"},
    ],
    ids=str,
)
def test_options_that_make_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        options(**wrong)


def test_samples_are_small_and_stand_in_the_repository(tmp_path: Path) -> None:
    make_samples(tmp_path)
    files = contents(tmp_path)
    assert sum(map(len, files.values())) < 3_000_000
    shipped = contents(Path(__file__).parents[2] / "data_samples")
    assert files.keys() <= shipped.keys()
    # Tables hold no bytes that depend on a library's version; pictures and last digits may.
    assert files["scans.csv"] == shipped["scans.csv"]
    assert [ref.scan_id for ref in read_source(tmp_path)] == ["body_000", "arm_000"]


def test_quality_of_pages_can_be_chosen(tmp_path: Path) -> None:
    make_phantoms(tmp_path / "low", options(jpeg=JpegConfig(quality=50)))
    make_phantoms(tmp_path / "high", options())
    low, high = (contents(tmp_path / name) for name in ("low", "high"))
    assert len(low["phantom_000/phantom_000.jpg"]) < 0.6 * len(high["phantom_000/phantom_000.jpg"])
