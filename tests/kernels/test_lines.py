import numpy as np

from tbp_extract.kernels import lines
from tests.naive import lines as naive


def scene(seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    light = np.random.default_rng(seed).normal(60.0, 0.3, (41, 41)).astype(np.float32)
    light[5:35, 12] -= 20.0
    light[np.arange(8, 30), np.arange(15, 37)] += 15.0
    light[29:37, 17:25] -= 25.0
    return light


def in_colour(
    light: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.stack((light, 0 * light, 0 * light), axis=1)


def test_lines_are_those_of_grey_morphology() -> None:
    # 64ths of L*, the unit of the kernel.
    light = (np.round(np.stack([scene(0), scene(1)]) * 64.0) / 64.0).astype(np.float32)
    out = np.empty(light.shape, np.bool_)
    lines.find_lines(in_colour(light), 3.0, 1.7, 10.0, 18, out)
    for image, found in zip(light, out, strict=True):
        np.testing.assert_array_equal(found, naive.find_lines(image, 3.0, 1.7, 10.0, 18))


def test_a_dark_and_a_light_line_are_found_and_a_blob_is_left() -> None:
    out = np.empty((1, 41, 41), np.bool_)
    lines.find_lines(in_colour(scene(0)[None]), 3.0, 1.7, 10.0, 18, out)
    assert out[0, 7:33, 12].all()
    assert out[0, np.arange(10, 28), np.arange(17, 35)].all()
    # Its corners are narrow along one diagonal.
    assert not out[0, 32:34, 18:24].any()


def test_holes_take_the_colour_beside_them_and_far_ones_stay() -> None:
    values = np.full((1, 3, 15, 15), 7.0, np.float32)
    known = np.ones((1, 15, 15), np.bool_)
    known[0, :, 4] = False
    known[0, 8:, 6:] = False
    values[:, :, ~known[0]] = -50.0
    filled = np.empty_like(known)
    lines.fill_holes(known, ~known, 3, values, filled)
    np.testing.assert_allclose(values[0, :, :, 4], 7.0, rtol=1e-6)
    assert filled[0, :, 4].all()
    assert not filled[0, 12, 12]
    assert values[0, 0, 12, 12] == -50.0


def test_a_net_of_lines_all_over_the_image_is_hair() -> None:
    light = np.full((1, 41, 41), 60.0, np.float32)
    light[0, ::3], light[0, :, ::3] = 30.0, 30.0
    out = np.empty((1, 41, 41), np.bool_)
    lines.find_lines(in_colour(light), 3.0, 1.7, 10.0, 18, out)
    assert out.mean() > 0.5
    np.testing.assert_array_equal(out[0], naive.find_lines(light[0], 3.0, 1.7, 10.0, 18))
