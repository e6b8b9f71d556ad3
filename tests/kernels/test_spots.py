"""Search kernels against plain NumPy."""

import numpy as np

from tbp_extract.kernels import spots
from tests.naive import spots as naive


def _rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_density_is_the_weighted_sum_of_table_entries() -> None:
    rng = _rng()
    pixels = rng.integers(0, 256, (2, 9, 9, 3)).astype(np.uint8)
    shown = rng.integers(-1, 3, (2, 9, 9)).astype(np.int32)
    tables, weights = rng.random((3, 256)).astype(np.float32), np.array((0.3, 0.6, 0.1), np.float32)
    out, valid = np.empty((2, 9, 9), np.float32), np.empty((2, 9, 9), np.float32)
    spots.density(pixels, shown, tables, weights, out, valid)
    # Single precision.
    np.testing.assert_allclose(out, naive.density(pixels, shown, tables, weights), atol=1e-6)
    np.testing.assert_array_equal(valid > 0, shown >= 0)


def test_gaps_take_the_mean_of_the_smallest_block_around() -> None:
    rng = _rng()
    image = rng.random((13, 10)).astype(np.float32)
    valid = (rng.random((13, 10)) < 0.25).astype(np.float32)
    expected = naive.fill_gaps(image.astype(np.float64), valid)
    spots.fill_gaps(image, valid)
    np.testing.assert_allclose(image, expected, atol=1e-6)


def test_peaks_are_maxima_that_bend_both_ways() -> None:
    response = _rng().random((40, 30)).astype(np.float32)
    out = np.empty((600, 3))
    n = spots.find_peaks(response, np.ones_like(response), 0.5, 0.9, 8.0, out)
    expected = naive.peaks(response.astype(np.float64), 0.5, 8.0)
    # A peak may lie up to half a pixel from its maximum, in noise farther.
    assert n == len(expected)
    tops = {(r, c) for r, c in expected if np.isclose(out[:n, 2], response[r, c], atol=1e-7).any()}
    assert tops == expected


def test_a_peak_is_placed_between_pixels() -> None:
    rows, cols = np.indices((31, 31))
    response = np.exp(-((rows - 14.3) ** 2 + (cols - 16.8) ** 2) / 18.0).astype(np.float32)
    out = np.empty((5, 3))
    assert spots.find_peaks(response, np.ones_like(response), 0.5, 0.9, 8.0, out) == 1
    # A parabola is not quite a bell.
    np.testing.assert_allclose(out[0, :2], (14.3, 16.8), atol=0.05)


def test_a_ridge_is_no_peak() -> None:
    rows, cols = np.indices((41, 41))
    along, across = rows - 20.0, cols - 20.0
    response = np.exp(-(along**2) / 800.0 - across**2 / 8.0).astype(np.float32)
    out = np.empty((5, 3))
    assert spots.find_peaks(response, np.ones_like(response), 0.5, 0.9, 8.0, out) == 0


def test_peaks_stand_out_by_the_scatter_of_the_ring_around_them() -> None:
    rng = _rng()
    image = rng.normal(1.0, 0.05, (40, 50)).astype(np.float32)
    image[:, :12] += 2.0
    peaks = np.array([(20.3, 30.2, 0.0), (15.0, 14.0, 0.0), (2.0, 47.0, 0.0)])
    out = np.empty(3)
    spots.stand_out(image, peaks, 5.4, 0.01, out)
    whole = image.astype(np.float64)
    wanted = [naive.apart(whole, at, 5.4, 0.01) for at in ((20, 30), (15, 14), (2, 47))]
    # Densities come in single precision.
    np.testing.assert_allclose(out, wanted, rtol=1e-5)


def test_a_scale_gives_the_peaks_of_each_image_that_stand_out() -> None:
    rng = _rng()
    rows, cols = np.indices((40, 50))
    fine = rng.normal(1.0, 0.02, (2, 40, 50)).astype(np.float32)
    coarse = np.ones_like(fine)
    places = ((0, 12, 30, 0.5), (1, 20, 15, 0.4), (1, 28, 40, 0.3))
    for image, row, col, height in places:
        away2 = (rows - row) ** 2 + (cols - col) ** 2
        fine[image] += height * np.exp(-away2 / 8.0).astype(np.float32)
    support = np.ones_like(fine)
    support[1, :, 30:] = 0.5
    out = np.empty((1000, 4))
    n = spots.search_scale(fine, coarse, support, 0.01, 2.5, 0.8, 8.0, 5.4, 0.01, 4.0, out)
    wanted = set()
    for image in range(2):
        response = (fine[image] - coarse[image]).astype(np.float64)
        for row, col in naive.peaks(response, max(0.01, 2.5 * np.abs(response).mean()), 8.0):
            # Placed to a fraction of a pixel, a peak is judged where it lies: here in its own.
            apart = naive.apart(fine[image].astype(np.float64), (row, col), 5.4, 0.01)
            if support[image, row, col] >= 0.8 and apart >= 4.0:
                wanted.add((image, row, col))
    found = {(int(k), round(r), round(c)) for k, r, c, _ in out[:n].tolist()}
    assert found == wanted
    # Those with skin below the filter.
    assert found & {place[:3] for place in places} == {place[:3] for place in places[:2]}


def test_the_spread_of_a_tile_is_that_of_what_shows() -> None:
    rng = _rng()
    image = rng.random((2, 6, 7)).astype(np.float32)
    valid = (rng.random((2, 6, 7)) < 0.5).astype(np.float32)
    assert spots.spread(image, valid) == np.ptp(image[valid > 0.0])
    assert spots.spread(image, np.zeros_like(valid)) == 0.0
