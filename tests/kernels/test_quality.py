import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.kernels import quality as kernels
from tbp_extract.measure.quality import _light_table
from tbp_extract.phantom.colour import rgb_to_lab
from tests.naive import quality as naive


def light_plane(seed: int, size: int = 31) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Bright noise with dark lines, partly covered; 0 where it is not."""
    rng = np.random.default_rng(seed)
    light = rng.integers(3800, 4200, (size, size)).astype(np.int16)
    light[size // 3] -= 900
    light[np.arange(size), np.arange(size)] -= 700
    covered = rng.random((size, size)) > 0.03
    return light * covered, covered


def test_lightness_is_that_of_the_formulas() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (24, 24, 3)).astype(np.uint8)
    pixels[0, :2] = [[0, 0, 0], [255, 255, 255]]
    table = _light_table()
    light, lowest = np.empty((24, 24), np.int16), np.empty((24, 24), np.uint8)
    covered = np.ones((24, 24), np.bool_)
    covered[5, 5] = False
    clipped = kernels.lightness(pixels, covered, table.share, table.steps, 8, 254, light, lowest)
    exact = rgb_to_lab(pixels)[..., 0]
    exact[5, 5] = 0.0
    # A step of the table is 0.055 L* in the dark, a unit is 1/64.
    np.testing.assert_allclose(light / 64, exact, atol=0.05)
    high, low = pixels.max(axis=2).astype(float), pixels.min(axis=2).astype(float)
    assert clipped == (((high <= 8) | (high >= 254)) & covered).sum() > 2
    np.testing.assert_array_equal(lowest, low * covered)


@pytest.mark.parametrize("lag", [1, 2, 7])
@pytest.mark.parametrize("seed", range(3))
def test_steps_are_those_of_whole_arrays(seed: int, lag: int) -> None:
    light, covered = light_plane(seed)
    sums = np.empty(2, np.int64)
    found = kernels.rms_step(light, covered, False, float(lag), sums)
    assert found == pytest.approx(naive.rms_step(light, covered, lag), rel=1e-12)
    between = kernels.rms_step(light, covered, False, lag + 0.25, sums)
    after = naive.rms_step(light, covered, lag + 1)
    assert between == pytest.approx(0.75 * found + 0.25 * after, rel=1e-12)


def test_a_way_below_one_pixel_is_taken_as_straight() -> None:
    light, covered = light_plane(0)
    sums = np.empty(2, np.int64)
    whole = kernels.rms_step(light, covered, False, 1.0, sums)
    assert kernels.rms_step(light, covered, False, 0.5, sums) == pytest.approx(0.5 * whole)


@pytest.mark.parametrize(("rise", "some"), [(500, True), (2700, True), (3200, False)])
def test_glare_is_that_of_whole_arrays(rise: int, some: bool) -> None:
    table = _light_table()
    for seed in range(3):
        rng = np.random.default_rng(seed)
        # An odd number of skin pixels: their median is one of them.
        pixels = rng.integers(100, 250, (25, 25, 3)).astype(np.uint8)
        pixels[:2] = 252
        light = rng.integers(3000, 6000, (25, 25)).astype(np.int16)
        # Most skin is dark or, with the greatest rise, so light that nothing can exceed it.
        light[3:20] = 3000
        every, lowest = np.ones((25, 25), np.bool_), pixels.min(axis=2)
        high = pixels.max(axis=2).astype(np.float64)
        colour = np.floor(255 * (high - lowest) / high + 0.5).astype(np.uint8)
        found = kernels.count_glare(pixels, light, lowest, every, every, table.inverse, rise, 0.9)
        assert found == naive.count_glare(pixels, light, colour, every, rise, 0.9)
        assert (found > 50) == some


def test_without_skin_only_white_is_glare() -> None:
    pixels = np.full((9, 9, 3), 200, np.uint8)
    pixels[0, :3] = 255
    light, none = np.full((9, 9), 5000, np.int16), np.zeros((9, 9), np.bool_)
    lowest, inverse = pixels.min(axis=2), _light_table().inverse
    assert kernels.count_glare(pixels, light, lowest, ~none, none, inverse, 10, 0.6) == 3


def test_a_covered_crop_is_compared_without_its_cover() -> None:
    rng = np.random.default_rng(3)
    # The greatest differences that there are.
    light = (rng.integers(0, 2, (33, 33)) * 6400).astype(np.int16)
    covered, sums = np.ones((33, 33), np.bool_), np.empty(2, np.int64)
    for lag in (1, 5, 31):
        found = kernels.rms_step(light, covered, True, float(lag), sums)
        assert found == pytest.approx(naive.rms_step(light, covered, lag), rel=1e-12)
        assert found == kernels.rms_step(light, covered, False, float(lag), sums)
