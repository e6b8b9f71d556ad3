import numpy as np

from tbp_extract.kernels import colour


def test_means_and_distances_are_those_of_the_chosen_pixels() -> None:
    rng = np.random.default_rng(0)
    lab = rng.normal(40.0, 5.0, (2, 21, 21, 3)).astype(np.float32)
    chosen = rng.random((2, 21, 21)) > 0.6
    chosen[1] = False
    out, away = np.empty((2, 4)), np.empty(2)
    colour.colour_means(lab, chosen, np.inf, out)
    colour.mean_distance(lab, chosen, np.array([38.0, 1.0]), np.array([41.0, 1.0]), away)
    pixels = lab[0][chosen[0]].astype(np.float64)
    np.testing.assert_allclose(out[0, :3], pixels.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(out[0, 3], pixels[:, 0].std(), rtol=1e-6)
    expected = np.hypot(pixels[:, 0] - 38.0, pixels[:, 2] - 41.0).mean()
    np.testing.assert_allclose(away[0], expected, rtol=1e-6)
    assert np.isnan(out[1]).all()
    assert np.isnan(away[1])
