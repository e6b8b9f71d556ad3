import numpy as np

from tbp_extract.kernels import regrid
from tests.naive import regrid as naive


def test_regrid_weighs_covered_pixels_as_a_matrix_would() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, 13, 13, 3)).astype(np.uint8)
    covered = rng.random((2, 13, 13)) > 0.3
    pixels[~covered] = 0
    first = np.array([0, 2, 5, 9], np.int64)
    weight = rng.random((4, 4)).astype(np.float32)
    weight[3, 2:] = 0.0
    weight /= weight.sum(axis=1, keepdims=True)
    rgb, cover = np.empty((2, 4, 4, 3), np.float32), np.empty((2, 4, 4), np.float32)
    regrid.regrid(pixels, covered, first, weight, rgb, cover)
    expected_rgb, expected_cover = naive.regrid(pixels, covered, first, weight)
    # Single precision.
    np.testing.assert_allclose(cover, expected_cover, atol=1e-6)
    np.testing.assert_allclose(rgb, expected_rgb, atol=1e-2)
