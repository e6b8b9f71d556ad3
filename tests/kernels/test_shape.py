import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.kernels import shape
from tests.naive import shape as naive


def soft_ellipse(
    long: float, short: float, angle_deg: float, *, size: int = 61
) -> NDArray[np.float32]:
    place = (np.arange(4 * size) + 0.5) / 4.0 - 0.5 - (size // 2 + 0.3)
    y, x = np.meshgrid(place, place, indexing="ij")
    turn = np.radians(angle_deg)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    inside = (u / long) ** 2 + (v / short) ** 2 <= 0.25
    return np.asarray(inside.reshape(size, 4, size, 4).mean(axis=(1, 3)), np.float32)


def directions(step_deg: float) -> NDArray[np.float64]:
    angle = np.radians(np.arange(0.0, 180.0, step_deg))
    return np.stack((np.sin(angle), np.cos(angle)), axis=1)


def rays(axes: int) -> NDArray[np.float64]:
    angle = (np.arange(2 * axes) + 0.5) * np.pi / axes
    return np.stack((np.sin(angle), np.cos(angle)), axis=1)


@pytest.mark.parametrize(
    ("pixels", "length"),
    [
        ([(3, 3)], 2.0 * np.sqrt(2.0)),
        ([(3, 3), (3, 4)], 2.0 + 2.0 * np.sqrt(2.0)),
        ([(2, 2), (2, 3), (3, 2), (3, 3)], 4.0 + 2.0 * np.sqrt(2.0)),
        # Pixels that touch by a corner are joined, whichever way it points.
        ([(2, 2), (3, 3)], 4.0 * np.sqrt(2.0)),
        ([(2, 3), (3, 2)], 4.0 * np.sqrt(2.0)),
    ],
)
def test_outline_of_whole_pixels_cuts_their_corners(
    pixels: list[tuple[int, int]], length: float
) -> None:
    share = np.zeros((1, 7, 7), np.float32)
    for row, col in pixels:
        share[0, row, col] = 1.0
    out = np.empty(1)
    shape.outline_length(share > 0.5, share, out)
    assert out[0] == pytest.approx(length)


def test_outline_is_that_of_marching_squares() -> None:
    share = soft_ellipse(30.0, 18.0, 25.0)
    share[20:30, 30:34] = 0.0
    share[40, 40] = 0.7
    out, mask = np.empty(1), share >= 0.5
    shape.outline_length(mask[None], share[None], out)
    # Shares of exactly one half are on no side there.
    expected = naive.outline_length(np.where(share == 0.5, np.float32(0.5001), share))
    assert out[0] == pytest.approx(expected, rel=1e-3)


def test_moments_are_those_of_little_squares() -> None:
    share = np.stack([soft_ellipse(30.0, 18.0, 25.0), soft_ellipse(9.0, 9.0, 0.0)])
    out = np.empty((2, 6))
    shape.moments(share, out)
    expected = np.stack([naive.moments(one) for one in share])
    # 5 x 5 points hold 24/25 of a square's own variance of 1/12.
    np.testing.assert_allclose(out, expected, atol=0.004)
    np.testing.assert_allclose(out[0, 0], np.pi / 4 * 30 * 18, rtol=2e-3)


def test_widths_of_an_ellipse_follow_the_formula() -> None:
    share = soft_ellipse(30.0, 18.0, 30.0)[None]
    ways = directions(6.0)
    out = np.empty((1, len(ways)))
    shape.widths(share >= 0.5, share, np.ones(share.shape, np.bool_), ways.T.copy(), out)
    turn = np.arctan2(ways[:, 0], ways[:, 1]) - np.radians(30.0)
    expected = np.hypot(30.0 * np.cos(turn), 18.0 * np.sin(turn))
    # Interpolated crossings of a curved outline: a tenth of a pixel on either side.
    np.testing.assert_allclose(out[0], expected, atol=0.25)


def test_a_hidden_bump_counts_by_half() -> None:
    share = soft_ellipse(30.0, 30.0, 0.0)
    share[29:32, 46:50] = 1.0
    clear, out = np.ones((1, 61, 61), np.bool_), np.empty((1, 2))
    shape.widths(share[None] >= 0.5, share[None], clear, directions(90.0).T.copy(), out)
    assert out[0, 0] == pytest.approx(34.2, abs=0.6)
    clear[0, 28:33, 45:51] = False
    shape.widths(share[None] >= 0.5, share[None], clear, directions(90.0).T.copy(), out)
    assert out[0, 0] == pytest.approx(32.1, abs=0.6)
    assert out[0, 1] == pytest.approx(30.0, abs=0.3)


def test_region_mean_looks_up_known_values_behind_the_raster() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((1, 20, 20)).astype(np.float32)
    values[0, :8] = 0.0
    index, share, out = np.arange(1, 19, 2), np.zeros((2, 9, 9), np.float32), np.empty(2)
    share[0, 2:7, 2:7] = rng.random((5, 5)).astype(np.float32)
    shape.region_mean(np.repeat(values, 2, axis=0), index, share, out)
    behind = values[0][np.ix_(index, index)]
    expected = np.average(behind[behind > 0], weights=share[0][behind > 0])
    assert out[0] == pytest.approx(expected, rel=1e-6)
    assert np.isnan(out[1])


def test_mirror_distance_matches_whole_images() -> None:
    share = soft_ellipse(30.0, 18.0, 30.0)
    share[20:30, 30:34] = 0.0
    moment = np.empty((1, 6))
    shape.moments(share[None], moment)
    out = np.empty((1, 36))
    shape.mirror_distance(share[None], moment, rays(36), 48, out)
    expected = naive.mirror_distance(share, moment[0], directions(5.0))
    # Whole images are compared with a mirror image that interpolation has blurred.
    np.testing.assert_allclose(out[0], expected, atol=0.03)
    assert out[0].argmin() == expected.argmin()


def test_a_symmetric_region_is_its_mirror_image() -> None:
    middle = np.zeros((1, 61, 61), np.float32)
    middle[0, 24:37, 12:49] = 1.0
    moment, out = np.empty((1, 6)), np.empty((1, 36))
    shape.moments(middle, moment)
    shape.mirror_distance(middle, moment, rays(36), 32, out)
    np.testing.assert_allclose(out[0, [0, 18]], 0.0, atol=1e-6)
    assert out[0, 9] > 0.3


def test_an_image_without_region_has_no_values() -> None:
    empty, moment = np.zeros((1, 9, 9), np.float32), np.empty((1, 6))
    width, length = np.empty((1, 2)), np.empty(1)
    shape.moments(empty, moment)
    shape.widths(empty > 0, empty, empty == 0, directions(90.0).T.copy(), width)
    shape.outline_length(empty > 0, empty, length)
    assert moment[0, 0] == 0.0
    assert np.isnan(np.concatenate((moment[0, 1:], width[0], length))).all()
