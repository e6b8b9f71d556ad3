import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.kernels import raster
from tests.naive import raster as naive

EDGE_PX = 1e-7


def cover(
    start: NDArray[np.int64],
    corner: NDArray[np.float64],
    height: NDArray[np.float64],
    size: int,
    textured: NDArray[np.bool_] | None = None,
) -> NDArray[np.int32]:
    out = np.empty((len(start) - 1, size, size), np.int32)
    if textured is None:
        textured = np.ones(len(corner), np.bool_)
    raster.cover(start, corner, height, textured, EDGE_PX, np.empty((size, size), np.float32), out)
    return out


def soup(seed: int, n_faces: int, size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Faces of all sizes and directions, over the borders too, each at heights of its own."""
    rng = np.random.default_rng(seed)
    reach = size * 10 ** rng.uniform(-1.5, 0.5, (n_faces, 1, 1))
    corner = rng.uniform(-3, size + 3, (n_faces, 1, 2)) + reach * rng.normal(size=(n_faces, 3, 2))
    return corner, rng.uniform(-1, 1, (n_faces, 3))


@pytest.mark.parametrize("seed", range(4))
def test_the_highest_face_wins_each_sample(seed: int) -> None:
    size = 24
    corner, height = soup(seed, 40, size)
    won = cover(np.array([0, 25, 40]), corner, height, size)
    for n, rows in enumerate((slice(0, 25), slice(25, 40))):
        inside, level = naive.layers(corner[rows], height[rows], size)
        sure = np.where(inside >= 1e-6, level, -np.inf)
        best = sure.argmax(axis=0) + rows.start
        # Samples within a millionth of an edge or of a tie may go either way.
        doubtful = (np.abs(inside) < 1e-6).any(axis=0)
        second, first = np.sort(sure, axis=0)[-2:]
        doubtful |= np.isfinite(second) & (first < second + 1e-5)
        expected = np.where(np.isfinite(first), best, -1)
        assert doubtful.mean() < 0.01
        np.testing.assert_array_equal(won[n][~doubtful], expected[~doubtful])
        assert (won[n] >= 0).any()


@pytest.mark.parametrize("angle_deg", [0.0, 0.001, 30.0, 45.0, 89.999])
def test_a_triangulated_plane_has_no_gap(angle_deg: float) -> None:
    # Vertices and edges on sample centres, and all of it turned by awkward angles.
    size = 25
    step = np.concatenate((np.arange(-24.0, 25.0, 4.0), 1e-9 * np.arange(1, 4)))
    r, c = np.meshgrid(np.sort(step), np.sort(step), indexing="ij")
    place = np.stack((r, c), axis=-1)
    a, b, d, e = place[:-1, :-1], place[1:, :-1], place[:-1, 1:], place[1:, 1:]
    corner = np.concatenate([np.stack(t, axis=2).reshape(-1, 3, 2) for t in ((a, b, d), (d, b, e))])
    # (row, column) of counter-clockwise skin runs clockwise: area = dr1 * dc2 - dc1 * dr2 > 0.
    turn = math.radians(angle_deg)
    matrix = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    corner = np.ascontiguousarray(corner @ matrix.T + 0.5 * (size - 1))
    won = cover(np.array([0, len(corner)]), corner, np.zeros((len(corner), 3)), size)
    assert (won >= 0).all()


def test_of_equally_high_faces_the_first_wins() -> None:
    corner = np.array([[[-9.0, -9.0], [30.0, -9.0], [-9.0, 30.0]]] * 2)
    assert (cover(np.array([0, 2]), corner, np.zeros((2, 3)), 8) == 0).all()


def test_a_face_that_turns_away_is_not_drawn() -> None:
    corner = np.array([[[-9.0, -9.0], [-9.0, 30.0], [30.0, -9.0]]])
    assert (cover(np.array([0, 1]), corner, np.zeros((1, 3)), 8) == -1).all()


def test_a_face_without_texture_hides_and_shows_nothing() -> None:
    corner = np.array([[[-9.0, -9.0], [30.0, -9.0], [-9.0, 30.0]]] * 2)
    height = np.array([[0.0] * 3, [1.0] * 3])
    won = cover(np.array([0, 2]), corner, height, 8, np.array([True, False]))
    assert (won == -1).all()


def test_a_face_without_area_shows_nowhere() -> None:
    # It lies along a row of samples and, by rounding, may come out with a hair of area.
    rng = np.random.default_rng(7)
    whole = np.array([[[-9.0, -9.0], [30.0, -9.0], [-9.0, 30.0]]])
    line = np.zeros((50, 3, 2))
    line[:, :, 0] = 4.0 + rng.uniform(-1e-15, 1e-15, (50, 3))
    line[:, :, 1] = rng.uniform(0, 8, (50, 3))
    corner = np.concatenate((line, whole))
    won = cover(np.array([0, 51]), corner, np.zeros((51, 3)), 8)
    assert (won == 50).all()


def test_no_crops_and_empty_crops_are_drawn_as_nothing() -> None:
    none = np.empty((0, 3, 2)), np.empty((0, 3))
    assert cover(np.array([0]), *none, 4).shape == (0, 4, 4)
    assert (cover(np.array([0, 0]), *none, 4) == -1).all()


def test_texel_maps_take_corners_to_their_texels() -> None:
    rng = np.random.default_rng(8)
    corner, _ = soup(8, 30, 24)
    texel = rng.uniform(0, 500, (30, 3, 2))
    maps, density = np.empty((30, 2, 3)), np.empty(30)
    raster.texel_maps(corner, texel, maps, density)
    edge, other = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    drawn = edge[:, 0] * other[:, 1] - edge[:, 1] * other[:, 0] > raster.THIN_PX2
    assert 5 < drawn.sum() < 25
    for m in np.flatnonzero(drawn):
        expected = naive.texel_map(corner[m], texel[m])
        np.testing.assert_allclose(maps[m], expected, rtol=1e-6, atol=1e-6)
        largest = np.linalg.svd(expected[:, :2], compute_uv=False)[0]
        np.testing.assert_allclose(density[m], largest, rtol=1e-6)
    assert not density[~drawn].any()


def shaded(
    page: NDArray[np.uint8],
    maps: NDArray[np.float64],
    winner: NDArray[np.int32],
    page_index: int = 0,
    face_page: NDArray[np.int16] | None = None,
) -> NDArray[np.uint8]:
    out = np.zeros((*winner.shape, 3), np.uint8)
    if face_page is None:
        face_page = np.zeros(len(maps), np.int16)
    raster.shade(page, page_index, face_page, maps, winner, np.arange(len(winner)), out)
    return out


@pytest.mark.parametrize("seed", range(3))
def test_samples_are_bilinear_to_the_grey_level(seed: int) -> None:
    rng = np.random.default_rng(seed)
    page = rng.integers(0, 256, (17, 23, 3)).astype(np.uint8)
    maps = rng.normal(scale=0.7, size=(6, 2, 3))
    maps[:, :, 2] = rng.uniform(-4, 24, (6, 2))
    winner = rng.integers(-1, 6, (2, 20, 20)).astype(np.int32)
    winner[0] = np.sort(winner[0], axis=1)
    out = shaded(page, maps, winner)
    row, col = np.mgrid[0:20, 0:20]
    sample = np.stack((row, col, np.ones_like(row)), axis=-1).astype(np.float64)
    rowcol = np.einsum("nrcij,rcj->nrci", maps[winner], sample)
    exact = naive.sample_bilinear(page, rowcol)
    away = np.abs(out - exact)[winner >= 0]
    # Half a level of rounding and 13 bits of weights.
    assert away.max() <= 0.5 + 4 * 255 / 8192
    assert not out[winner < 0].any()


def test_extreme_maps_stay_on_the_page() -> None:
    page = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    maps = np.array([[[1e30, -1e30, 1e30], [1e300, 0, 0]], [[0, 0, -1e9], [0, 0, 1e9]]])
    winner = np.array([[[0, 0], [1, 1]]], np.int32)
    out = shaded(page, maps, winner)
    np.testing.assert_array_equal(out[0, 1], [page[0, 3], page[0, 3]])


def test_black_and_white_stay_black_and_white() -> None:
    winner = np.zeros((1, 16, 16), np.int32)
    maps = np.array([[[0.37, 0.11, 0.2], [-0.13, 0.41, 3.0]]])
    for level in (0, 255):
        page = np.full((9, 9, 3), level, np.uint8)
        assert (shaded(page, maps, winner) == level).all()


def test_only_faces_of_the_page_are_shaded() -> None:
    page = np.full((4, 4, 3), 200, np.uint8)
    maps = np.zeros((2, 2, 3))
    winner = np.array([[[0, 1], [1, 0]]], np.int32)
    out = shaded(page, maps, winner, 1, np.array([0, 1], np.int16))
    assert (out[0, :, :, 0] == [[0, 200], [200, 0]]).all()


@pytest.mark.parametrize(("k", "pad"), [(2, 1), (3, 1), (4, 1), (5, 2)])
def test_shrinking_matches_the_twin(k: int, pad: int) -> None:
    size, rng = 5, np.random.default_rng(k)
    fine_px = (size + 2 * pad) * k
    fine = rng.integers(0, 256, (2, fine_px, fine_px, 3)).astype(np.uint8)
    winner = np.zeros((2, fine_px, fine_px), np.int32)
    winner[1, rng.random((fine_px, fine_px)) < 0.4] = -1
    winner[1, :, : 2 * k] = -1
    out = np.full((3, size, size, 3), 77, np.uint8)
    across = np.empty((fine_px, size, 4), np.float32)
    raster.shrink(k, pad, winner, fine, across, np.array([2, 0]), out)
    for n, place in enumerate((2, 0)):
        exact = naive.shrink(k, pad, winner[n], fine[n])
        # Half a level of rounding and float32 sums.
        assert np.abs(out[place] - exact).max() <= 0.501
    assert (out[1] == 77).all()


@pytest.mark.parametrize(("k", "pad"), [(1, 0), (2, 1), (3, 1)])
def test_cover_is_measured_as_the_twin_does(k: int, pad: int) -> None:
    size, rng = 6, np.random.default_rng(k)
    fine_px = (size + 2 * pad) * k
    winner = rng.integers(-4, 5, (2, fine_px, fine_px)).astype(np.int32)
    ratio = rng.uniform(1, 3, 5)
    share = np.zeros(5, np.int32)
    covered, mm2 = np.empty((2, size, size), np.bool_), np.empty((2, size, size), np.float32)
    pixels = np.full((2, size, size, 3), 9, np.uint8)
    place = np.array([1, 0])
    raster.measure_cover(k, pad, 0.25, winner, ratio, place, share, covered, mm2, pixels)
    total = np.zeros(5, np.int64)
    for n in range(2):
        expected, mean, each = naive.measure_cover(k, pad, winner[n], ratio)
        np.testing.assert_array_equal(covered[place[n]], expected)
        np.testing.assert_allclose(mm2[place[n]], 0.25 * mean, rtol=1e-6)
        total += each
    np.testing.assert_array_equal(share, total)
    np.testing.assert_array_equal(pixels[..., 0], np.where(covered, 9, 0))
