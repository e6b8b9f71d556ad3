import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tbp_extract.kernels import edge, region, shape
from tests.naive import region as naive


def test_fill_closes_holes_that_the_rim_does_not_reach() -> None:
    join = np.zeros((20, 20), np.int16)
    join[4:15, 4:15] = 5
    join[7:10, 7:10] = 2
    join[12:, 10] = 0
    mask = np.empty((20, 20), np.bool_)
    edge.fill(join, 5, np.empty((400, 2), np.int32), mask)
    holes: NDArray[np.bool_] = ndimage.binary_fill_holes(join >= 5)
    np.testing.assert_array_equal(mask, holes)


def test_chamfer_is_the_least_sum_of_steps() -> None:
    rough = np.random.default_rng(2).normal(size=(17, 31))
    mask = ndimage.gaussian_filter(rough, 2.0) > 0.0
    out, inward = np.empty(mask.shape, np.int16), np.empty(mask.shape, np.int16)
    edge.chamfer(mask, np.empty(33, np.int16), inward, out)
    np.testing.assert_array_equal(out, naive.chamfer(mask))


def test_outline_measures_distances_on_both_sides() -> None:
    place = np.indices((61, 61)) - 30.0
    soft = 0.5 - 0.5 * np.tanh(np.hypot(*place) - 12.0)
    contrast = soft.astype(np.float32)[None]
    join, box, level = np.empty((1, 61, 61), np.int16), np.empty((1, 4), np.int64), np.array([0])
    area, at_rim = np.empty((1, 82)), np.empty((1, 82))
    region.grow(
        contrast, np.array([30 * 61 + 30]), np.array([0.05]), 40, 0.45, 20,
        join, box, level, area, at_rim,
    )  # fmt: skip
    mask, share = np.empty((1, 61, 61), np.bool_), np.empty((1, 61, 61), np.float32)
    away, threshold, rim = np.empty((1, 61, 61), np.float32), np.empty(1), np.empty(1)
    noise = np.array([0.05])
    edge.outline(
        contrast, join, box, level, area, at_rim, noise, 40, 20, 2, 0.3,
        mask, away, threshold, rim,
    )  # fmt: skip
    shape.soften(contrast, mask, away, 0.27, threshold, share)
    np.testing.assert_array_equal(mask[0], contrast[0] >= threshold[0])
    thirds = naive.chamfer(mask[0])
    # The outline runs half a pixel of 0.3 mm before the other side.
    np.testing.assert_allclose(away[0], 0.1 * thirds - 0.15 * np.sign(thirds), atol=1e-5)
    # Half contrast lies at a radius of 12 px. This edge, a logistic of scale 0.5, is sharper than
    # the one that is allowed for: its foot adds nothing.
    assert abs(share.sum() / (np.pi * 144) - 1.0) < 0.02
    assert rim[0] == 0.0
    rough = np.empty((1, 61, 61), np.float32)
    edge.rough(join, box, np.array([round(40 * threshold[0])]), 0.3, rough)
    np.testing.assert_allclose(rough, away, atol=1e-5)


def areas(scale_px: float, radius_px: float = 12.0) -> NDArray[np.float64]:
    """Pixels of a disc with a logistic edge at each of 40 levels."""
    share = np.clip(np.arange(42) / 40.0, 1e-3, 1.0 - 1e-3)
    return np.asarray(np.pi * (radius_px + scale_px * np.log((1.0 - share) / share)) ** 2)


def test_a_sharp_edge_has_no_foot_and_a_soft_one_is_followed_outward() -> None:
    sharp = edge.foot_level(areas(0.6), 20, 1, 0.0, 0.02, 40)
    soft = edge.foot_level(areas(2.0), 20, 1, 0.0, 0.02, 40)
    assert sharp == 20
    assert soft < 20
    # Never by more than a seventh of the area, one level apart.
    assert areas(2.0)[soft + 1] <= 1.15 * areas(2.0)[20]


def test_the_foot_stays_clear_of_the_scatter_of_skin() -> None:
    assert edge.foot_level(areas(2.0), 20, 1, 0.0, 0.25, 40) == 20
