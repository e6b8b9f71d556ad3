import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.kernels import skin_tone as kernels
from tests.naive import skin_tone as naive
from tests.naive.regrid import planar


def colours(
    lab: NDArray[np.float32], clear: NDArray[np.bool_], every: int, fewest: int, outlined: bool
) -> NDArray[np.float64]:
    """Skin colour of one image, with an outline around the middle or none."""
    row, col = np.indices(clear.shape)
    away = (0.5 - 0.1 * np.hypot(row - 20, col - 20)).astype(np.float32)
    border, out = np.full(clear.shape, -1.0, np.float32), np.full((1, 3), np.nan)
    known = np.array([outlined])
    kernels.skin_colours(
        planar(lab)[None], away[None], border, known, clear[None],
        0.5, every, 8.0, 1024, 2048, 3.7, fewest, out,
    )  # fmt: skip
    return np.asarray(out[0])


@pytest.mark.parametrize("outlined", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_typical_colour_is_that_of_sorted_values(seed: int, outlined: bool) -> None:
    rng = np.random.default_rng(seed)
    lab = rng.normal((60, 14, 18), (2, 1, 1.5), (40, 40, 3))
    lab[rng.random((40, 40)) < 0.2, 0] = 20
    clear = rng.random((40, 40)) < 0.8
    row, col = np.indices(clear.shape)
    beyond = np.hypot(row - 20, col - 20) > 10.001
    # Another colour within reach of the outline must not be looked at.
    lab[~beyond] += 9.0 if outlined else 0.0
    found = colours(lab.astype(np.float32), clear, 1, 9, outlined)
    expected = naive.skin_colour(lab[clear & beyond if outlined else clear], 3.7)
    # Bins are 1/8 wide, and a pixel at the edge of what is typical may fall to either side.
    np.testing.assert_allclose(found, expected, atol=0.15)


def test_too_few_pixels_leave_no_value() -> None:
    lab = np.full((5, 5, 3), (60, 10, 15), np.float32)
    used = np.ones((5, 5), np.bool_)
    # Of 25 pixels every second row and column has 9.
    assert np.isnan(colours(lab, used, 2, 10, False)).all()
    np.testing.assert_allclose(colours(lab, used, 2, 9, False), lab[0, 0], atol=0.1)


@pytest.mark.parametrize(
    ("counts", "median"), [([0, 4, 0], 1.0), ([2, 2], 0.5), ([1, 0, 3], 5 / 3 + 0.1667)]
)
def test_median_is_linear_within_its_bin(counts: list[int], median: float) -> None:
    # Half of all values lie below it; those of a bin are spread evenly over it.
    found = kernels.histogram_median(np.array(counts, np.int32))
    assert found == pytest.approx(median, abs=1e-3)


def test_no_values_have_no_median() -> None:
    assert np.isnan(kernels.histogram_median(np.zeros(3, np.int32)))
