import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.kernels import contrast
from tests.naive import contrast as naive
from tests.naive.regrid import planar

STEP_MM = 0.137


def scene(seed: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A darker patch on sloping, mottled skin with some pixels missing."""
    rng = np.random.default_rng(seed)
    down, right = naive.places(41, STEP_MM)
    lab = np.stack((60 + 0.8 * down - 0.5 * right, 12 + 0.2 * right, 17 + 0 * right), axis=-1)
    lab += rng.normal(0.0, 0.5, lab.shape)
    row, col = rng.integers(14, 20, 2)
    lab[row : row + 8, col : col + 8] += (-9.0, 4.0, 2.0)
    return lab.astype(np.float32), rng.random((41, 41)) > 0.1


def fitted(
    lab: NDArray[np.float32], skin: NDArray[np.bool_], stiff_mm2: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    plane, sd, count = np.empty((1, 3, 3)), np.empty((1, 3)), np.empty(1, np.int64)
    contrast.fit_skin(planar(lab[None]), skin[None], STEP_MM, stiff_mm2, plane, sd, count)
    assert count[0] == skin.sum()
    return plane[0], sd[0]


@pytest.mark.parametrize("stiff_mm2", [0.0, 6.0])
def test_skin_is_the_plane_of_least_squares_without_outliers(stiff_mm2: float) -> None:
    for seed in range(3):
        lab, skin = scene(seed)
        plane, sd = fitted(lab, skin, stiff_mm2)
        expected_plane, expected_sd = naive.fit_skin(lab, skin, STEP_MM, stiff_mm2)
        # Medians are counted in bins of 0.05: a pixel at the limit falls to either side.
        np.testing.assert_allclose(plane, expected_plane, atol=0.02)
        np.testing.assert_allclose(sd, expected_sd, atol=0.03)


def test_outliers_do_not_move_the_plane() -> None:
    lab, skin = scene(0)
    lab[:8, :12] -= 25.0
    plane, sd = fitted(lab, skin, 0.0)
    expected = ((60.0, 0.8, -0.5), (12.0, 0.0, 0.2), (17.0, 0.0, 0.0))
    # 1,500 pixels with a scatter of 0.5; outliers are trimmed, not weighed.
    np.testing.assert_allclose(plane, expected, atol=0.15)
    np.testing.assert_allclose(sd, 0.5, atol=0.1)


def test_core_is_where_3_by_3_pixels_differ_most_near_the_middle() -> None:
    for seed in range(3):
        lab, usable = scene(seed)
        plane, sd = fitted(lab, usable, 6.0)
        core = np.empty((1, 41, 41), np.bool_)
        contrast.find_core(
            planar(lab[None]), usable[None], plane[None], sd[None], STEP_MM, 1.1, core
        )
        row, col = naive.core(lab, usable, plane, sd, STEP_MM, 1.1)
        expected = np.zeros((41, 41), np.bool_)
        expected[row - 1 : row + 2, col - 1 : col + 2] = True
        np.testing.assert_array_equal(core[0], expected & usable)


def test_contrast_is_the_projection_onto_the_line_from_skin_to_core() -> None:
    lab, usable = scene(1)
    plane, sd = fitted(lab, usable, 6.0)
    core = np.zeros((1, 41, 41), np.bool_)
    core[0, 18:23, 18:23] = usable[18:23, 18:23]
    field, core_lab, noise = np.empty((1, 41, 41), np.float32), np.empty((1, 3)), np.empty(1)
    contrast.project(
        *(planar(lab[None]), usable[None], plane[None], sd[None], core, STEP_MM),
        *(field, core_lab, noise),
    )
    expected, expected_lab, expected_noise = naive.project(lab, usable, plane, sd, core[0], STEP_MM)
    np.testing.assert_allclose(field[0], expected, atol=1e-4)
    np.testing.assert_allclose(core_lab[0], expected_lab, atol=1e-4)
    assert noise[0] == pytest.approx(expected_noise, rel=1e-6)
    contrast.smooth(usable[None], field)
    np.testing.assert_allclose(field[0], naive.smooth(usable, expected), atol=1e-4)
    seed = np.empty(1, np.int64)
    contrast.find_seed(field, core, seed)
    assert field[0].flat[seed[0]] == field[core].max()


def test_no_core_gives_no_contrast() -> None:
    lab, usable = scene(0)
    none = np.zeros((1, 41, 41), np.bool_)
    field, core_lab, noise = np.empty((1, 41, 41), np.float32), np.empty((1, 3)), np.empty(1)
    plane, sd, seed = np.zeros((1, 3, 3)), np.ones((1, 3)), np.empty(1, np.int64)
    colours = planar(lab[None])
    contrast.project(colours, usable[None], plane, sd, none, STEP_MM, field, core_lab, noise)
    contrast.find_seed(field, none, seed)
    assert (field == -1.0).all()
    assert np.isnan(core_lab).all()
    assert seed[0] == -1


def test_every_second_pixel_of_a_finer_image_is_fitted() -> None:
    lab, skin = scene(2)
    plane, sd = np.empty((2, 1, 3, 3)), np.empty((2, 1, 3))
    count, half = np.empty(1, np.int64), np.ascontiguousarray(skin[1::2, 1::2])
    every = np.ascontiguousarray(lab[1::2, 1::2])
    contrast.fit_skin(planar(lab[None]), half[None], STEP_MM, 6.0, plane[0], sd[0], count)
    contrast.fit_skin(planar(every[None]), half[None], STEP_MM, 6.0, plane[1], sd[1], count)
    np.testing.assert_array_equal(plane[0], plane[1])
    np.testing.assert_array_equal(sd[0], sd[1])


def test_a_core_on_half_the_grid_stands_for_all_pixels_below_it() -> None:
    lab, usable = scene(1)
    plane, sd = fitted(lab, usable, 6.0)
    rough = np.zeros((20, 20), np.bool_)
    # Up to the end of the image, where the last of them stand for three pixels.
    rough[9:12, 8:11], rough[17:, 18:] = True, True
    fine = np.pad(rough.repeat(2, axis=0).repeat(2, axis=1), ((0, 1), (0, 1)), "edge") & usable
    fields, core_lab = np.empty((2, 1, 41, 41), np.float32), np.empty((2, 1, 3))
    noise, seed = np.empty((2, 1)), np.empty((2, 1), np.int64)
    for k, core in enumerate((rough, fine)):
        contrast.project(
            *(planar(lab[None]), usable[None], plane[None], sd[None], core[None], STEP_MM),
            *(fields[k], core_lab[k], noise[k]),
        )
        contrast.find_seed(fields[k], core[None], seed[k])
    np.testing.assert_allclose(fields[0], fields[1], atol=1e-5)
    np.testing.assert_allclose(core_lab[0], core_lab[1], rtol=1e-9)
    assert seed[0] == seed[1]


def test_surroundings_are_told_by_distance_and_what_is_clear() -> None:
    rng = np.random.default_rng(4)
    row, col = np.indices((20, 20))
    away = (1.0 - 0.274 * np.hypot(row - 9, col - 8)).astype(np.float32)
    clear, usable = rng.random((41, 41)) > 0.2, rng.random((20, 20)) > 0.2
    one, two, hidden = np.empty((1, 20, 20), np.bool_), np.empty((1, 20, 20), np.bool_), np.empty(1)
    for most in (0.35, 9.0):
        contrast.surround(
            away[None], clear[None], usable[None], (0.7, 1.5), (0.5, 1.0), most, one, two, hidden
        )
        shown = clear[1::2, 1::2]
        np.testing.assert_array_equal(one[0], shown & (away < -0.7) & (away > -1.5))
        np.testing.assert_array_equal(two[0], usable & (away > min(most, 0.5)))
        rim = (away < 0.5) & (away > -1.0)
        assert hidden[0] == (rim & ~shown).sum() / rim.sum() > 0.1


def test_grain_is_the_scatter_over_two_pixels_where_skin_is() -> None:
    rng = np.random.default_rng(5)
    field = rng.normal(0.0, 0.02, (1, 61, 61)) + 0.01 * np.arange(61)
    skin = rng.random((1, 30, 30)) > 0.4
    field[0, 20:40, 20:40] += rng.normal(0.0, 0.5, (20, 20))
    skin[0, 8:22, 8:22] = False
    out = np.empty(1)
    contrast.grain(field.astype(np.float32), skin, out)
    # Counted in bins of 0.0005.
    assert out[0] == pytest.approx(naive.grain(field[0], skin[0]), abs=5e-4)
    # A slope leaves nothing; of noise, a pixel's own and a quarter of the four others' variance.
    assert out[0] == pytest.approx(0.02 * np.sqrt(1.25), rel=0.15)


def test_no_skin_has_no_grain() -> None:
    out = np.empty(1)
    contrast.grain(np.zeros((1, 21, 21), np.float32), np.zeros((1, 10, 10), np.bool_), out)
    assert np.isnan(out[0])
