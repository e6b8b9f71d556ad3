import numpy as np
from skimage.color import rgb2lab

from tbp_extract.measure.lab import rgb_to_lab


def test_lab_of_bytes_agrees_with_scikit_image() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (50, 40, 3)).astype(np.uint8)
    rgb[0, :4] = ((0, 0, 0), (255, 255, 255), (255, 0, 0), (3, 2, 1))
    np.testing.assert_allclose(rgb_to_lab(rgb), rgb2lab(rgb), atol=1e-3)


def test_fractions_of_a_level_count() -> None:
    rgb = np.random.default_rng(1).uniform(20, 255, (500, 3)).astype(np.float32)
    np.testing.assert_allclose(rgb_to_lab(rgb), rgb2lab(rgb / 255.0), atol=1e-3)
