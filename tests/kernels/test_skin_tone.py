import numpy as np
import pytest

from tbp_extract.kernels import skin_tone as kernels
from tbp_extract.measure.skin import _lab_table
from tbp_extract.phantom.colour import lab_to_rgb, rgb_to_lab
from tests.naive import skin_tone as naive


@pytest.mark.parametrize("seed", range(4))
def test_typical_colour_is_that_of_sorted_values(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lab = rng.normal((60, 14, 18), (2, 1, 1.5), (40, 40, 3))
    lab[rng.random((40, 40)) < 0.2, 0] = 20
    pixels = lab_to_rgb(lab).round().astype(np.uint8)
    used = rng.random((40, 40)) < 0.8
    table, out = _lab_table(), np.full((1, 3), np.nan)
    kernels.skin_colours(
        pixels[None], used[None], table.share, table.root, 8.0, 1024, 2048, 3.7, 9, out
    )
    expected = naive.skin_colour(rgb_to_lab(pixels)[used], 3.7)
    # Bins are 1/8 wide, and a pixel at the edge of what is typical may fall to either side.
    np.testing.assert_allclose(out[0], expected, atol=0.15)


def test_too_few_pixels_leave_no_value() -> None:
    table, out = _lab_table(), np.full((1, 3), np.nan)
    pixels, used = np.full((1, 5, 5, 3), 150, np.uint8), np.ones((1, 5, 5), np.bool_)
    kernels.skin_colours(pixels, used, table.share, table.root, 8.0, 1024, 2048, 3.7, 26, out)
    assert np.isnan(out).all()
    kernels.skin_colours(pixels, used, table.share, table.root, 8.0, 1024, 2048, 3.7, 25, out)
    np.testing.assert_allclose(out[0], rgb_to_lab(pixels[0, 0, 0]), atol=0.1)


@pytest.mark.parametrize(
    ("counts", "median"), [([0, 4, 0], 1.0), ([2, 2], 0.5), ([1, 0, 3], 5 / 3 + 0.1667)]
)
def test_median_is_linear_within_its_bin(counts: list[int], median: float) -> None:
    # Half of all values lie below it; those of a bin are spread evenly over it.
    found = kernels.histogram_median(np.array(counts, np.int32))
    assert found == pytest.approx(median, abs=1e-3)


def test_no_values_have_no_median() -> None:
    assert np.isnan(kernels.histogram_median(np.zeros(3, np.int32)))
