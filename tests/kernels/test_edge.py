from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tbp_extract.kernels import edge, region, shape
from tests.naive import region as naive


class Grown(NamedTuple):
    """What `region.grow` gives for one region, and `edge.outline` takes."""

    join: NDArray[np.int16]
    box: NDArray[np.int64]
    area: NDArray[np.float64]
    rim: NDArray[np.float64]
    level: NDArray[np.int64]


def grow(contrast: NDArray[np.float32], *, noise: float, top: int) -> Grown:
    """Grow the region around the middle of a picture of 61 px."""
    grown = Grown(
        join=np.empty((1, 61, 61), np.int16),
        box=np.empty((1, 4), np.int64),
        area=np.empty((1, top + 2)),
        rim=np.empty((1, top + 2)),
        level=np.array([0]),
    )
    region.grow(
        contrast, np.array([30 * 61 + 30]), np.array([noise]), 40, 0.45, 20,
        grown.join, grown.box, grown.level, grown.area, grown.rim,
    )  # fmt: skip
    return grown


def settle(
    contrast: NDArray[np.float32],
    grown: Grown,
    clear: float,
    level: NDArray[np.int64],
) -> None:
    """Move the region's level."""
    edge.settle(
        contrast, grown.join, grown.box, np.array([clear]), 40, level,
        np.empty(1, np.int64), np.empty(1),
    )  # fmt: skip


def test_fill_closes_holes_that_the_rim_does_not_reach() -> None:
    join = np.zeros((20, 20), np.int16)
    join[4:15, 4:15] = 5
    join[7:10, 7:10] = 2
    join[12:, 10] = 0
    mask = np.empty((20, 20), np.bool_)
    edge.fill(join, 5, np.empty((400, 2), np.int32), mask)
    holes: NDArray[np.bool_] = ndimage.binary_fill_holes(join >= 5)
    np.testing.assert_array_equal(mask, holes)


def test_distance_is_the_least_sum_of_steps() -> None:
    rough = np.random.default_rng(2).normal(size=(17, 31))
    for soft in (0.5, 2.0, 6.0):
        mask = ndimage.gaussian_filter(rough, soft) > 0.0
        expected, out = naive.chamfer(mask), np.empty((2, *mask.shape), np.int16)
        for reach in (31, 2):
            edge._distance(mask, False, reach, out[0])
            edge._distance(mask, True, reach, out[1])
            found = out[0] - out[1]
            near = abs(expected) <= (200 if reach == 31 else 8)
            np.testing.assert_array_equal(found[near], expected[near])
            assert (abs(found[~near]) > 8).all()


def test_the_largest_part_of_a_mask_is_kept() -> None:
    rng = np.random.default_rng(3)
    scratch = np.empty((600, 5), np.int32)
    for soft in (0.0, 0.5, 0.8):
        mask = ndimage.gaussian_filter(rng.normal(size=(20, 30)), soft) > 0.05
        label, count = ndimage.label(mask)
        largest = np.bincount(label.ravel())[1:].argmax() + 1
        edge._keep_largest(mask, scratch)
        np.testing.assert_array_equal(mask, label == largest)
        assert count > 3
    mask[:] = False
    edge._keep_largest(mask, scratch)
    assert not mask.any()


def test_outline_measures_distances_on_both_sides() -> None:
    place = np.indices((61, 61)) - 30.0
    soft = 0.5 - 0.5 * np.tanh(np.hypot(*place) - 12.0)
    contrast = soft.astype(np.float32)[None]
    grown = grow(contrast, noise=0.05, top=80)
    mask, share = np.empty((1, 61, 61), np.bool_), np.empty((1, 61, 61), np.float32)
    away, threshold, rim = np.empty((1, 61, 61), np.float32), np.empty(1), np.empty(1)
    settle(contrast, grown, 0.15, grown.level)
    edge.outline(
        *grown, 40, 20, 2, 0.3, mask, away, threshold, rim
    )  # fmt: skip
    shape.soften(contrast, mask, away, 0.27, threshold, share)
    np.testing.assert_array_equal(mask[0], contrast[0] >= threshold[0])
    thirds = naive.chamfer(mask[0])
    # The outline runs half a pixel of 0.3 mm before the other side.
    np.testing.assert_allclose(away[0], 0.1 * thirds - 0.15 * np.sign(thirds), atol=1e-5)
    # Half contrast lies at a radius of 12 px.
    assert abs(share.sum() / (np.pi * 144) - 1.0) < 0.02
    assert rim[0] == 0.0
    rough = np.empty((1, 61, 61), np.float32)
    edge.rough(grown.join, grown.box, np.array([round(40 * threshold[0])]), 0.3, rough)
    np.testing.assert_allclose(rough, away, atol=1e-5)


def test_near_skin_the_outline_stays_at_a_share_of_the_peak() -> None:
    place = np.indices((61, 61)) - 30.0
    away = np.hypot(*place)
    # A core of radius 6 px in a fringe of radius 12 px, both with steep edges.
    tones = 0.6 * (0.5 - 0.5 * np.tanh(2.0 * (away - 6.0)))
    tones += 0.4 * (0.5 - 0.5 * np.tanh(2.0 * (away - 12.0)))
    contrast = tones.astype(np.float32)[None]
    grown = grow(contrast, noise=0.02, top=40)
    radius = []
    for clear in (0.1, 1.0):
        moved = grown.level.copy()
        settle(contrast, grown, clear, moved)
        radius.append(float(np.sqrt((grown.join >= moved[0]).sum() / np.pi)))
    np.testing.assert_allclose(radius, (12.0, 6.0), atol=0.5)


def test_a_core_far_above_the_levels_keeps_its_outline() -> None:
    place = np.indices((61, 61)) - 30.0
    contrast = (3.0 - 3.0 * np.tanh(np.hypot(*place) - 12.0)).astype(np.float32)[None]
    grown = grow(contrast, noise=0.05, top=80)
    grown.level[0] = 60
    settle(contrast, grown, 0.15, grown.level)
    assert grown.level[0] == 80
    mask, away = np.empty((1, 61, 61), np.bool_), np.empty((1, 61, 61), np.float32)
    edge.outline(
        *grown, 40, 20, 2, 0.3, mask, away, np.empty(1), np.empty(1)
    )  # fmt: skip
    # The topmost level is a third of the core's contrast.
    np.testing.assert_array_equal(mask[0], contrast[0] >= 2.0)
