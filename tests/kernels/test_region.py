import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tbp_extract.kernels import region
from tests.naive import region as naive

TOP = 40
BOX = np.empty(4, np.int64)


def field(seed: int) -> NDArray[np.float32]:
    rough = np.random.default_rng(seed).normal(size=(31, 31))
    smooth = ndimage.gaussian_filter(rough, 2.0)
    place = np.indices((31, 31)) - 15
    return (np.exp(-0.01 * (place**2).sum(axis=0)) + smooth).astype(np.float32)


def flooded(contrast: NDArray[np.float32]) -> NDArray[np.int16]:
    join = np.empty(contrast.shape, np.int16)
    region.flood(contrast, 15 * 31 + 15, 20, 1, TOP, np.empty(31 * 31, np.int32), join, BOX)
    return join


def test_flood_joins_each_pixel_at_its_highest_connected_level() -> None:
    for seed in range(3):
        contrast = field(seed)
        expected = naive.flood(contrast, (15, 15), 20, TOP)
        np.testing.assert_array_equal(flooded(contrast), expected)


def test_edge_profile_counts_pixels_and_pairs_at_each_level() -> None:
    contrast = field(1)
    join = flooded(contrast)
    area, pairs, rim = (np.empty(TOP + 2) for _ in range(3))
    region.edge_profile(join, contrast, BOX, area, pairs, rim)
    np.testing.assert_array_equal(area, naive.area(join, TOP))
    np.testing.assert_array_equal(pairs[1:], naive.pairs(join, TOP))


def test_fill_closes_holes_that_the_rim_does_not_reach() -> None:
    join = np.zeros((20, 20), np.int16)
    join[4:15, 4:15] = 5
    join[7:10, 7:10] = 2
    join[12:, 10] = 0
    mask = np.empty((20, 20), np.bool_)
    region.fill(join, 5, np.empty(400, np.int32), mask)
    holes: NDArray[np.bool_] = ndimage.binary_fill_holes(join >= 5)
    np.testing.assert_array_equal(mask, holes)


def test_chamfer_is_the_least_sum_of_steps() -> None:
    mask = field(2)[:17] > 0.5
    out = np.empty(mask.shape, np.int16)
    region.chamfer(mask, out)
    np.testing.assert_array_equal(out, naive.chamfer(mask))


def test_outline_measures_distances_on_both_sides() -> None:
    place = np.indices((41, 41)) - 20.0
    edge = 0.5 - 0.5 * np.tanh(np.hypot(*place) - 8.0)
    contrast = edge.astype(np.float32)[None]
    mask, share = np.empty((1, 41, 41), np.bool_), np.empty((1, 41, 41), np.float32)
    away, threshold, rim = np.empty((1, 41, 41), np.int16), np.empty(1), np.empty(1)
    seed, noise = np.array([20 * 41 + 20]), np.array([0.05])
    region.outline(contrast, seed, noise, 40, 0.45, 20, 2, mask, share, away, threshold, rim)
    np.testing.assert_array_equal(mask[0], contrast[0] >= threshold[0])
    np.testing.assert_array_equal(away[0], naive.chamfer(mask[0]))
    # Half contrast lies at a radius of 8 px; the threshold comes in steps of 0.025.
    assert abs(share.sum() / (np.pi * 64) - 1.0) < 0.02
    assert rim[0] == 0.0
