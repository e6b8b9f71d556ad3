import numpy as np
import pytest

from tbp_extract.kernels import skin_tone as kernels
from tests.naive import skin_tone as naive


@pytest.mark.parametrize("seed", range(4))
def test_typical_colour_is_that_of_sorted_values(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lab = rng.normal((60, 14, 18), (2, 1, 1.5), (40, 40, 3))
    lab[rng.random((40, 40)) < 0.2, 0] = 20
    used, out = rng.random((40, 40)) < 0.8, np.full((1, 3), np.nan)
    values = lab.astype(np.float32)
    kernels.skin_colours(values[None], used[None], 1, 8.0, 1024, 2048, 3.7, 9, out)
    expected = naive.skin_colour(lab[used], 3.7)
    # Bins are 1/8 wide, and a pixel at the edge of what is typical may fall to either side.
    np.testing.assert_allclose(out[0], expected, atol=0.15)


def test_too_few_pixels_leave_no_value() -> None:
    lab, out = np.full((1, 5, 5, 3), (60, 10, 15), np.float32), np.full((1, 3), np.nan)
    used = np.ones((1, 5, 5), np.bool_)
    # Of 25 pixels every second row and column has 9.
    kernels.skin_colours(lab, used, 2, 8.0, 1024, 2048, 3.7, 10, out)
    assert np.isnan(out).all()
    kernels.skin_colours(lab, used, 2, 8.0, 1024, 2048, 3.7, 9, out)
    np.testing.assert_allclose(out[0], lab[0, 0, 0], atol=0.1)


@pytest.mark.parametrize(
    ("counts", "median"), [([0, 4, 0], 1.0), ([2, 2], 0.5), ([1, 0, 3], 5 / 3 + 0.1667)]
)
def test_median_is_linear_within_its_bin(counts: list[int], median: float) -> None:
    # Half of all values lie below it; those of a bin are spread evenly over it.
    found = kernels.histogram_median(np.array(counts, np.int32))
    assert found == pytest.approx(median, abs=1e-3)


def test_no_values_have_no_median() -> None:
    assert np.isnan(kernels.histogram_median(np.zeros(3, np.int32)))
