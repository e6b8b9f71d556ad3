import numpy as np

from tbp_extract.kernels import lines
from tests.naive import lines as naive


def scene(seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    light = np.random.default_rng(seed).normal(60.0, 0.3, (41, 41)).astype(np.float32)
    light[5:35, 12] -= 20.0
    light[np.arange(8, 30), np.arange(15, 37)] += 15.0
    light[29:37, 17:25] -= 25.0
    return light


def test_lines_are_those_of_grey_morphology() -> None:
    light = np.stack([scene(0), scene(1)])
    out = np.empty(light.shape, np.bool_)
    lines.find_lines(light, 3.0, 1.7, 18, out)
    for image, found in zip(light, out, strict=True):
        np.testing.assert_array_equal(found, naive.find_lines(image, 3.0, 1.7, 18))


def test_a_dark_and_a_light_line_are_found_and_a_blob_is_left() -> None:
    out = np.empty((1, 41, 41), np.bool_)
    lines.find_lines(scene(0)[None], 3.0, 1.7, 18, out)
    assert out[0, 7:33, 12].all()
    assert out[0, np.arange(10, 28), np.arange(17, 35)].all()
    # Its corners are narrow along one diagonal.
    assert not out[0, 32:34, 18:24].any()


def test_holes_take_the_colour_beside_them_and_far_ones_stay() -> None:
    values = np.full((1, 15, 15, 3), 7.0, np.float32)
    known = np.ones((1, 15, 15), np.bool_)
    known[0, :, 4] = False
    known[0, 8:, 6:] = False
    values[~known] = -50.0
    filled = np.empty_like(known)
    lines.fill_holes(known, ~known, 3, values, filled)
    np.testing.assert_allclose(values[0, :, 4], 7.0, rtol=1e-6)
    assert filled[0, :, 4].all()
    assert not filled[0, 12, 12]
    assert values[0, 12, 12, 0] == -50.0
