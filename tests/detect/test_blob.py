"""The built-in detector on small scans whose spots are known."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tbp_extract.config import BlobConfig
from tbp_extract.detect.blob import Blob
from tbp_extract.geometry import build_surface
from tbp_extract.testing import check_detector, sample_scans
from tbp_extract.types import EmptyReason
from tests.targets import plane_scan

PX_PER_MM = 4.0
"""Of the page of `sample_scans`."""


@pytest.fixture(scope="module")
def blob() -> Blob:
    return Blob(BlobConfig())


def test_it_keeps_the_contract_of_detectors(blob: Blob) -> None:
    check_detector(blob)


def test_spots_on_a_limb_are_found_once_each_with_their_size(blob: Blob) -> None:
    scan = sample_scans()["a limb with spots"]
    found = blob.detect(scan, build_surface(scan))
    sizes = np.round(np.sort(found.candidates.diameter_mm), 1)
    assert len(sizes) >= 20
    assert sizes.min() > 2.4
    assert sizes.max() < 8.8


@pytest.mark.parametrize("finer", [0.25, 4.0])
def test_the_same_finds_on_a_coarse_and_on_a_fine_texture(blob: Blob, finer: float) -> None:
    page = sample_scans()["a limb with spots"].atlas[0][:480, :480].copy()
    size = (round(480 * finer), round(480 * finer))
    other = cv2.resize(page, size, interpolation=cv2.INTER_AREA if finer < 1 else cv2.INTER_CUBIC)
    found = []
    for pixels, px_per_mm in ((page, PX_PER_MM), (other, PX_PER_MM * finer)):
        sheet = plane_scan(np.asarray(pixels, np.uint8), 1.0 / px_per_mm)
        found.append(blob.detect(sheet, build_surface(sheet)).candidates)
    sizes, wanted = (np.sort(each.diameter_mm) for each in reversed(found))
    assert len(wanted) == 16
    # On texels of 1 mm a spot is as blurred as they are wide, and blur counts as a soft rim.
    np.testing.assert_allclose(sizes, wanted, atol=0.4 if finer < 1 else 0.1)


def test_finds_above_a_higher_score_are_those_of_a_run_with_it() -> None:
    limb = sample_scans()["a limb with spots"]
    page = limb.atlas[0].astype(np.float64)
    usual = np.median(page, axis=(0, 1))
    # A seventh of their contrast: only some still look like lesions.
    faint = np.rint(usual + (page - usual) / 7.0).astype(np.uint8)
    scan = replace(limb, atlas=(faint,))
    surface = build_surface(scan)
    low = Blob(BlobConfig(min_score=0.02)).detect(scan, surface).candidates
    middle = float(np.median(low.score))
    high = Blob(BlobConfig(min_score=middle)).detect(scan, surface).candidates
    sure = low.score >= np.float32(middle)
    assert 5 < sure.sum() < len(low) - 5
    np.testing.assert_array_equal(low.face[sure], high.face)
    np.testing.assert_array_equal(low.score[sure], high.score)


def test_it_says_how_much_of_the_skin_it_saw(blob: Blob) -> None:
    limb = sample_scans()["a limb with spots"]
    assert blob.detect(limb, build_surface(limb)).seen_share == pytest.approx(1.0, abs=0.01)
    # Two faces of 250 x 160 mm: larger than a tile, which shows a part of each.
    sheet = plane_scan(limb.atlas[0], 1.0 / PX_PER_MM, steps=1)
    seen = blob.detect(sheet, build_surface(sheet)).seen_share
    assert seen is not None
    assert seen < 0.8


def test_skin_without_area_is_no_skin(blob: Blob) -> None:
    limb = sample_scans()["a limb with spots"]
    flat = limb.faces[:9, [0, 0, 1]]
    bare = replace(
        limb,
        faces=np.concatenate((limb.faces, flat)),
        wedge_uv=np.concatenate((limb.wedge_uv, limb.wedge_uv[:9])),
        face_page=np.repeat(np.array((-1, 0), np.int16), (len(limb.faces), len(flat))),
    )
    assert blob.detect(bare, build_surface(bare)).empty is EmptyReason.NO_SKIN


@pytest.mark.parametrize(("apart_mm", "wide_mm"), [(3.0, 2.2), (3.0, 2.7), (4.0, 3.0)])
def test_two_lesions_side_by_side_stay_two(blob: Blob, apart_mm: float, wide_mm: float) -> None:
    scan = sample_scans()["a limb of one colour"]
    page = scan.atlas[0].copy()
    rows, cols = np.indices(page.shape[:2]) / PX_PER_MM
    for col in (60.0, 60.0 + apart_mm):
        away = np.hypot(rows - 80.0, cols - col) - 0.5 * wide_mm
        share = np.clip(0.5 - away * PX_PER_MM, 0.0, 1.0)[..., None]
        page = np.rint(page * (1.0 - 0.5 * share)).astype(np.uint8)
    pair = replace(scan, atlas=(page,))
    found = blob.detect(pair, build_surface(pair)).candidates
    assert len(found) == 2
    # On a page of four texels a mm.
    np.testing.assert_allclose(found.diameter_mm, wide_mm, atol=0.35)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a limb of one colour", EmptyReason.ONE_COLOUR),
        ("a limb without texture", EmptyReason.NO_SKIN),
        ("a mesh without faces", EmptyReason.NO_SKIN),
    ],
)
def test_nothing_found_says_why(blob: Blob, name: str, reason: EmptyReason) -> None:
    scan = sample_scans()[name]
    found = blob.detect(scan, build_surface(scan))
    assert len(found.candidates) == 0
    assert found.empty is reason
