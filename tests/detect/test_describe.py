"""Looks at spots: from another angle, and several of them together."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tbp_extract.detect.blob.describe import LOOKS, Angle, Looks, look_at, middle_looks
from tbp_extract.detect.blob.find import ANGLES, Described, describe_spots
from tbp_extract.detect.blob.judge import load_forest, score_looks, score_spots
from tbp_extract.detect.blob.spots import Spots, find_spots
from tbp_extract.detect.blob.surroundings import FEATURES
from tbp_extract.detect.tiles.lay import Coverage
from tbp_extract.detect.tiles.skin import Skin, read_skin
from tbp_extract.geometry import build_surface, corner_rowcol
from tbp_extract.testing import sample_scans
from tbp_extract.types import Scan
from tbp_extract.uv import rowcol_to_uv


@pytest.fixture(scope="module")
def limb() -> Scan:
    return sample_scans()["a limb with spots"]


@pytest.fixture(scope="module")
def skin(limb: Scan) -> Skin:
    return read_skin(limb, build_surface(limb), to_mm=0.4)


@pytest.fixture(scope="module")
def spots(skin: Skin) -> Spots:
    return find_spots(skin, Coverage(skin.area_mm2, np.zeros(len(skin.area_mm2))))[0]


def _looks(diameter_mm: list[float]) -> Looks:
    size = np.array(diameter_mm)
    n = len(size)
    values = np.tile(size[:, None], len(LOOKS)).astype(np.float32)
    spots = Spots(np.zeros(n, np.int32), np.eye(3)[[0] * n], np.zeros((n, 3)), size, np.ones(n))
    return Looks(spots, size, values)


def test_a_turned_frame_is_turned_about_the_line_of_sight(skin: Skin, spots: Spots) -> None:
    straight, turned = (
        skin.frames(spots.face, spots.xyz_mm, size_px=9, mm_per_px=0.2, turn_deg=deg)
        for deg in (0.0, 90.0)
    )
    np.testing.assert_allclose(turned.axes[:, 2], straight.axes[:, 2])
    np.testing.assert_allclose(turned.axes[:, 0], straight.axes[:, 1], atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turned.axes), np.linalg.det(straight.axes))


def test_a_round_spot_looks_the_same_from_every_angle(skin: Skin, spots: Spots) -> None:
    known = look_at(skin, look_at(skin, spots).spots)
    clear = known.at(np.flatnonzero(known.values[:, LOOKS.index("contrast")] > 0.4))
    assert len(clear) > 10
    for angle in (Angle(0.0, 1.0), *ANGLES):
        again = look_at(skin, clear.spots, angle)
        # Views are 16 to 23 pixels wide per diameter: half a pixel is 3 %.
        np.testing.assert_allclose(again.spots.diameter_mm, clear.spots.diameter_mm, rtol=0.06)
        # Two looks, each right to that.
        apart = np.linalg.norm(again.spots.xyz_mm - clear.spots.xyz_mm, axis=1)
        assert (apart / clear.spots.diameter_mm).max() < 0.03 * np.sqrt(2.0)


def test_the_look_of_middle_diameter_is_taken() -> None:
    nan = np.nan
    every = [
        _looks([3.0, 9.0, nan, 5.0]),
        _looks([1.0, 2.0, 4.0, nan]),
        _looks([2.0, 4.0, 8.0, nan]),
    ]
    looks, turn = middle_looks(every)
    np.testing.assert_array_equal(looks.spots.diameter_mm, [2.0, 4.0, 4.0, 5.0])
    np.testing.assert_array_equal(turn, [2, 2, 1, 0])
    np.testing.assert_array_equal(looks.values[:, 0], [2.0, 4.0, 4.0, 5.0])


def test_some_looks_are_replaced_and_the_rest_stays() -> None:
    looks = _looks([1.0, 2.0, 3.0]).replaced(np.array([2, 0]), _looks([30.0, 10.0]))
    np.testing.assert_array_equal(looks.spots.diameter_mm, [10.0, 2.0, 30.0])


def test_a_score_of_several_looks_is_that_of_their_mean_log_odds() -> None:
    rng = np.random.default_rng(0)
    every = rng.normal(0.5, 0.5, (3, 8, len(FEATURES))).astype(np.float32)
    every[1:, :4] = np.nan
    forest = load_forest()
    score = score_looks(every, forest).astype(np.float64)
    one = np.stack([score_spots(each, forest) for each in every]).astype(np.float64)
    np.testing.assert_allclose(score[:4], one[0, :4], rtol=1e-5)
    odds = np.log(one / (1.0 - one))[:, 4:].mean(axis=0)
    # Chances near 1 in single precision hold fewer places of their odds.
    np.testing.assert_allclose(np.log(score / (1.0 - score))[4:], odds, atol=0.02)


def _relaid(scan: Scan, turn_deg: float) -> Scan:
    """Turn the picture on a larger page, and the layout with it."""
    page = scan.atlas[0]
    rows, cols = page.shape[:2]
    size = int(np.hypot(rows, cols)) + 8
    matrix = cv2.getRotationMatrix2D((cols / 2.0, rows / 2.0), turn_deg, 1.0)
    matrix[:, 2] += (0.5 * (size - cols), 0.5 * (size - rows))
    drawn = cv2.warpAffine(page, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
    rowcol = corner_rowcol(scan, np.arange(len(scan.faces)))
    col, row = np.moveaxis(rowcol[..., ::-1] @ matrix[:, :2].T + matrix[:, 2], -1, 0)
    uv = rowcol_to_uv(np.stack((row, col), axis=-1), np.array((size, size))).astype(np.float32)
    return replace(scan, wedge_uv=uv, atlas=(np.asarray(drawn, np.uint8),))


def _faint(scan: Scan) -> Scan:
    """The same scan with a seventh of its contrast, so that scores stay open."""
    page = scan.atlas[0].astype(np.float64)
    usual = np.median(page, axis=(0, 1))
    return replace(scan, atlas=(np.rint(usual + (page - usual) / 7.0).astype(np.uint8),))


def _described(scan: Scan) -> Described:
    return describe_spots(scan, build_surface(scan), load_forest())


def _odds(chance: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.log(chance / (1.0 - chance.astype(np.float64)))


@pytest.mark.parametrize("turn_deg", [17.0, 63.0])
def test_open_spots_score_alike_in_another_texture_layout(limb: Scan, turn_deg: float) -> None:
    one, two = (_described(scan) for scan in (_faint(limb), _relaid(_faint(limb), turn_deg)))
    open_ = np.flatnonzero(np.isfinite(one.every[1:, :, 0]).any(axis=0))
    assert len(open_) > 5
    away, partner = cKDTree(two.looks.spots.xyz_mm).query(one.looks.spots.xyz_mm[open_])
    assert np.max(away) < 0.3
    np.testing.assert_allclose(
        two.looks.spots.diameter_mm[partner], one.looks.spots.diameter_mm[open_], rtol=0.08
    )
    together = np.abs(_odds(two.score[partner]) - _odds(one.score[open_]))
    # The page drawn anew is softer, which all looks share; operating points lie as far apart.
    assert together.max() < np.log(3.0)
    single = (score_spots(found.every[0], load_forest()) for found in (two, one))
    after, before = (_odds(score) for score in single)
    assert together.mean() < np.abs(after[partner] - before[open_]).mean()


def test_every_spot_keeps_a_look_that_shows_it_and_a_score(limb: Scan) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, limb.atlas[0].shape).astype(np.uint8)
    shift = rng.normal(0.0, 3.0, limb.vertices_mm.shape)
    crumpled = replace(limb, vertices_mm=limb.vertices_mm + shift)
    for scan in (replace(limb, atlas=(noise,)), crumpled):
        found = _described(scan)
        assert len(found.looks) > 10
        # What a mean over looks divides by is at least one.
        assert np.isfinite(found.every[0, :, 0]).all()
        assert np.isfinite(found.score).all()
