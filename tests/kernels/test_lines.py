import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.kernels import lines
from tests.naive import lines as naive

LIMITS = (1.5 / 88.0, 2.0, 10.0 / 88.0)
LEAST = 9
_ANGLE, _ALONG = np.arange(16)[:, None] * np.pi / 16, np.arange(-5, 6)
STEPS = np.round(np.stack((np.sin(_ANGLE) * _ALONG, np.cos(_ANGLE) * _ALONG), axis=-1)).astype(
    np.int64
)


def scene(seed: int, middle: float = 60.0) -> NDArray[np.float32]:
    light = np.random.default_rng(seed).normal(middle, 0.3, (41, 41)).astype(np.float32)
    light[5:35, 12] -= 0.2 * middle
    light[np.arange(8, 30), np.arange(15, 37)] += 0.2 * middle
    light[29:37, 17:25] -= 0.4 * middle
    return light


def found(
    *images: NDArray[np.float32], covered: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]]:
    light = np.stack(images)
    lab = np.stack((light, 0 * light, 0 * light), axis=1)
    steps = STEPS[..., 0] * (light.shape[1] + 16) + STEPS[..., 1]
    out, count, scatter = np.empty(light.shape, np.bool_), np.empty(len(lab), np.int64), np.empty(2)
    seen = np.ones(light.shape, np.bool_) if covered is None else covered[None]
    lines.find_lines(lab, *LIMITS, seen, steps, steps, LEAST, out, count, scatter)
    return out, count, scatter


def test_lines_are_those_of_whole_arrays() -> None:
    images = (scene(0), scene(1, 30.0))
    out, count, scatter = found(*images)
    for k, image in enumerate(images):
        middle, wide, expected = naive.find_lines(image, LIMITS, STEPS, LEAST)
        np.testing.assert_array_equal(out[k], wide)
        assert count[k] == middle.sum()
        assert scatter[k] == pytest.approx(expected)


@pytest.mark.parametrize("middle", [70.0, 50.0, 30.0])
def test_a_dark_and_a_light_line_are_found_and_a_blob_is_left(middle: float) -> None:
    out = found(scene(0, middle))[0][0]
    assert out[8:28, 12].all()
    assert out[np.arange(11, 27), np.arange(18, 34)].all()
    assert not out[31:37, 19:25].any()


def test_a_dark_bar_that_falls_to_its_middle_is_no_hair() -> None:
    light = np.full((41, 41), 60.0, np.float32)
    # A lesion one millimetre wide: seven pixels with soft sides.
    light[8:34, 17:24] -= np.array([3.0, 9.0, 14.0, 15.0, 14.0, 9.0, 3.0], np.float32)
    assert not found(light)[0].any()


def test_the_gap_between_two_dark_hairs_is_no_light_one() -> None:
    light = np.full((41, 41), 60.0, np.float32)
    light[:, [18, 22]] -= 15.0
    out = found(light)[0][0]
    assert out[:, [18, 22]].all()
    assert not out[:, 20].any()


def test_the_edge_of_what_is_covered_is_no_hair() -> None:
    light, covered = np.full((41, 41), 60.0, np.float32), np.ones((41, 41), np.bool_)
    light[:, 20:22], light[:, 22:] = 64.0, 0.0
    covered[:, 22:] = False
    assert not found(light, covered=covered)[0].any()


def test_holes_take_the_colour_beside_them_and_far_ones_stay() -> None:
    values = np.full((1, 3, 15, 15), 7.0, np.float32)
    known = np.ones((1, 15, 15), np.bool_)
    known[0, :, 4] = False
    known[0, 8:, 6:] = False
    values[:, :, ~known[0]] = -50.0
    covered = np.ones_like(known)
    covered[0, 2, 4] = False
    lines.fill_holes(known, covered, 3, 1, values)
    np.testing.assert_allclose(values[0, :, 3:, 4], 7.0, rtol=1e-6)
    assert known[0, 3:, 4].all()
    assert not known[0, 12, 12]
    assert values[0, 0, 12, 12] == -50.0
    # From round to round the far ones come into reach; what is not covered stays as it is.
    lines.fill_holes(known, covered, 3, 4, values)
    np.testing.assert_array_equal(known, covered)
    np.testing.assert_allclose(values[0, :, 12, 12], 7.0, rtol=1e-6)
    assert values[0, 0, 2, 4] == -50.0
