import numpy as np

from tbp_extract.kernels import regrid
from tbp_extract.measure.lab import TO_WHITE, rgb_to_lab
from tests.naive import regrid as naive
from tests.naive.regrid import planar


def test_regrid_weighs_covered_pixels_as_a_matrix_would() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, 13, 13, 3)).astype(np.uint8)
    covered = rng.random((2, 13, 13)) > 0.3
    pixels[~covered] = 0
    first = np.array([0, 2, 5, 9], np.int64)
    weight = rng.random((4, 4)).astype(np.float32)
    weight[3, 2:] = 0.0
    weight /= weight.sum(axis=1, keepdims=True)
    covered[1], lab = True, np.empty((2, 3, 4, 4), np.float32)
    shown, glare = np.empty((2, 4, 4), np.bool_), np.empty((2, 4, 4), np.bool_)
    regrid.regrid(pixels, covered, first, weight, 110.0, TO_WHITE, lab, shown, glare)
    expected, cover = naive.regrid(pixels, covered, first, weight)
    np.testing.assert_array_equal(shown, cover > 0.5)
    # Single precision.
    found = np.moveaxis(lab, 1, -1)
    np.testing.assert_allclose(found, rgb_to_lab(expected.astype(np.float32)), atol=1e-2)
    np.testing.assert_array_equal(glare, expected.min(axis=-1) > 110.0)
    assert 0 < glare.sum() < glare.size


def test_half_the_grid_shows_means_of_usable_pixels_around_every_second() -> None:
    rng = np.random.default_rng(1)
    lab, usable = rng.random((2, 9, 9, 3)).astype(np.float32), rng.random((2, 9, 9)) > 0.4
    usable[0, :3, :3] = False
    out, seen = np.empty((2, 3, 4, 4), np.float32), np.empty((2, 4, 4), np.bool_)
    regrid.halve(planar(lab), usable, out, seen)
    for n in range(2):
        expected, known = naive.halve(lab[n], usable[n])
        np.testing.assert_allclose(np.moveaxis(out[n], 0, -1), expected, atol=1e-6)
        np.testing.assert_array_equal(seen[n], known)
    assert not seen[0, 0, 0]
