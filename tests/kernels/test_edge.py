import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tbp_extract.kernels import edge, region
from tests.naive import region as naive


def test_fill_closes_holes_that_the_rim_does_not_reach() -> None:
    join = np.zeros((20, 20), np.int16)
    join[4:15, 4:15] = 5
    join[7:10, 7:10] = 2
    join[12:, 10] = 0
    mask = np.empty((20, 20), np.bool_)
    edge.fill(join, 5, np.empty(400, np.int32), mask)
    holes: NDArray[np.bool_] = ndimage.binary_fill_holes(join >= 5)
    np.testing.assert_array_equal(mask, holes)


def test_chamfer_is_the_least_sum_of_steps() -> None:
    rough = np.random.default_rng(2).normal(size=(17, 31))
    mask = ndimage.gaussian_filter(rough, 2.0) > 0.0
    out = np.empty(mask.shape, np.int16)
    edge.chamfer(mask, out)
    np.testing.assert_array_equal(out, naive.chamfer(mask))


def test_outline_measures_distances_on_both_sides() -> None:
    place = np.indices((41, 41)) - 20.0
    soft = 0.5 - 0.5 * np.tanh(np.hypot(*place) - 8.0)
    contrast = soft.astype(np.float32)[None]
    join, box, level = np.empty((1, 41, 41), np.int16), np.empty((1, 4), np.int64), np.array([0])
    area, at_rim = np.empty((1, 82)), np.empty((1, 82))
    region.grow(
        contrast, np.array([20 * 41 + 20]), np.array([0.05]), 40, 0.45, 20,
        join, box, level, area, at_rim,
    )  # fmt: skip
    mask, share = np.empty((1, 41, 41), np.bool_), np.empty((1, 41, 41), np.float32)
    away, threshold, rim = np.empty((1, 41, 41), np.int16), np.empty(1), np.empty(1)
    edge.outline(
        contrast, join, box, level, area, at_rim, 40, 20, 2, mask, share, away, threshold, rim
    )
    np.testing.assert_array_equal(mask[0], contrast[0] >= threshold[0])
    np.testing.assert_array_equal(away[0], naive.chamfer(mask[0]))
    # Half contrast lies at a radius of 8 px; the threshold comes in steps of 0.025.
    assert abs(share.sum() / (np.pi * 64) - 1.0) < 0.02
    assert rim[0] == 0.0
