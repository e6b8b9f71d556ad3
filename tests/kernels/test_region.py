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
    return np.asarray(np.exp(-0.01 * (place**2).sum(axis=0)) + smooth, np.float32)


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
