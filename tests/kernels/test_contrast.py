import numpy as np

from tbp_extract.kernels import contrast


def test_skin_is_fitted_by_a_plane_that_outliers_do_not_move() -> None:
    rng = np.random.default_rng(0)
    axis = (np.arange(61) - 30) * 0.1
    y, x = np.meshgrid(axis, axis, indexing="ij")
    lab = np.stack((60 + 0.8 * y - 0.5 * x, 12 + 0.2 * x, 17 + 0 * x), axis=-1)
    lab += rng.normal(0.0, 0.5, lab.shape)
    lab[:8, :12] -= 25.0
    plane, sd, count = np.empty((1, 3, 3)), np.empty((1, 3)), np.empty(1, np.int64)
    skin = np.ones((1, 61, 61), np.bool_)
    contrast.fit_skin(lab.astype(np.float32)[None], skin, 0.1, 0.0, plane, sd, count)
    expected = ((60.0, 0.8, -0.5), (12.0, 0.0, 0.2), (17.0, 0.0, 0.0))
    # 3,600 pixels with a scatter of 0.5; outliers are trimmed, not weighed.
    np.testing.assert_allclose(plane[0], expected, atol=0.08)
    np.testing.assert_allclose(sd[0], 0.5, atol=0.06)
    assert count[0] == 61 * 61


def test_contrast_is_none_on_skin_and_one_in_the_core() -> None:
    lab = np.full((1, 41, 41, 3), (60.0, 12.0, 17.0), np.float32)
    lab[0, 15:26, 15:26] += np.array((-6.0, 9.0, 2.0), np.float32)
    usable = np.ones((1, 41, 41), np.bool_)
    usable[0, :, :3] = False
    plane, sd = np.zeros((1, 3, 3)), np.ones((1, 3))
    plane[0, :, 0] = (60.0, 12.0, 17.0)
    core, field = np.empty_like(usable), np.empty((1, 41, 41), np.float32)
    seed, core_lab, noise = np.empty(1, np.int64), np.empty((1, 3)), np.empty(1)
    contrast.find_core(lab, usable, plane, sd, 0.137, 1.1, core)
    contrast.project(lab, usable, plane, sd, core, 0.137, field, seed, core_lab, noise)
    np.testing.assert_allclose(core_lab[0], (-6.0, 9.0, 2.0), atol=1e-4)
    np.testing.assert_allclose(field[0, 17:24, 17:24], 1.0, atol=1e-5)
    np.testing.assert_allclose(field[0, :13, 3:], 0.0, atol=1e-5)
    assert (field[0, :, :3] == -1.0).all()
    # One over the length of the difference, 11, at a scatter of 1.
    assert abs(noise[0] - 1.0 / 11.0) < 1e-6
    assert core[0, seed[0] // 41, seed[0] % 41]
