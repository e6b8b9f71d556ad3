from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tbp_extract.kernels import region
from tests.naive import region as naive

TOP = 40


def field(seed: int) -> NDArray[np.float32]:
    rough = np.random.default_rng(seed).normal(size=(31, 31))
    smooth = ndimage.gaussian_filter(rough, 2.0)
    place = np.indices((31, 31)) - 15
    return np.asarray(np.exp(-0.01 * (place**2).sum(axis=0)) + smooth, np.float32)


class Flooded(NamedTuple):
    join: NDArray[np.int16]
    box: NDArray[np.int64]
    area: NDArray[np.float64]
    pairs: NDArray[np.float64]
    rim: NDArray[np.float64]


def flooded(contrast: NDArray[np.float32]) -> Flooded:
    room, levels = 33 * 33, [np.empty(TOP + 2) for _ in range(3)]
    out = Flooded(np.empty(contrast.shape, np.int16), np.empty(4, np.int64), *levels)
    own, join, after = np.empty(room, np.int16), np.empty(room, np.int16), np.empty(room, np.int32)
    region.flood(contrast, 15 * 31 + 15, 20, 1, own, join, after, *out)
    return out


def test_flood_joins_each_pixel_at_its_highest_connected_level() -> None:
    for seed in range(3):
        contrast = field(seed)
        found = flooded(contrast)
        expected = naive.flood(contrast, (15, 15), 20, TOP)
        np.testing.assert_array_equal(found.join, expected)
        rows, cols = np.nonzero(expected)
        assert found.box.tolist() == [rows.min(), rows.max(), cols.min(), cols.max()]


def test_flood_counts_pixels_and_pairs_at_each_level() -> None:
    for seed in range(3):
        found = flooded(field(seed))
        np.testing.assert_array_equal(found.area, naive.area(found.join, TOP))
        np.testing.assert_array_equal(found.pairs[1:], naive.pairs(found.join, TOP))


def test_flood_counts_where_the_region_meets_the_end_of_image_and_skin() -> None:
    contrast = field(0)
    contrast[10:14, 18:22] = -1.0
    found = flooded(contrast)
    assert (found.join[10:14, 18:22] == 0).all()
    np.testing.assert_array_equal(found.rim, naive.rim(found.join, contrast <= -1.0, TOP))
    assert found.rim[1] > found.rim[8] > 0.0


def test_a_seed_below_the_lowest_level_grows_nothing() -> None:
    contrast = field(0)
    contrast[15, 15] = 0.01
    found = flooded(contrast)
    assert found.join.max() == found.area.max() == 0.0
