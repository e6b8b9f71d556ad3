import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import colour
from tests.naive import colour as naive


def scene(seed: int) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]:
    """Colours, a choice of pixels and distances from a circle of 1.5 mm."""
    rng = np.random.default_rng(seed)
    lab = rng.normal(40.0, 5.0, (31, 31, 3)).astype(np.float32)
    place = (np.indices((31, 31)) - 15.2) * 0.137
    return lab, rng.random((31, 31)) > 0.3, (1.5 - np.hypot(*place)).astype(np.float32)


def test_sides_are_clear_pixels_inside_and_in_a_ring_around() -> None:
    _, clear, away = scene(0)
    mask = np.stack((away > 0.0, away > 1.3))
    inside, around, count = np.empty_like(mask), np.empty_like(mask), np.empty(2, np.int64)
    both = np.stack((clear, clear & (away < 0.0)))
    colour.choose_sides(mask, both, np.stack((away, away)), 0.2, 0.5, 12, inside, around, count)
    for n in range(2):
        expected = naive.choose_sides(mask[n], both[n], away, 0.2, 0.5, 12)
        np.testing.assert_array_equal(inside[n], expected[0])
        np.testing.assert_array_equal(around[n], expected[1])
        assert count[n] == expected[1].sum()


def test_means_and_distances_are_those_of_the_chosen_pixels() -> None:
    lab, chosen, _ = scene(1)
    labs, choices = np.stack((lab, lab)), np.stack((chosen, np.zeros_like(chosen)))
    for trim in (np.inf, 1.5):
        out = np.empty((2, 4))
        colour.colour_means(labs, choices, trim, out)
        np.testing.assert_allclose(out[0], naive.colour_means(lab, chosen, trim), rtol=1e-6)
        assert np.isnan(out[1]).all()
    away = np.empty(2)
    colour.mean_distance(labs, choices, np.array([38.0, 1.0]), np.array([41.0, 1.0]), away)
    np.testing.assert_allclose(away[0], naive.mean_distance(lab, chosen, 38.0, 41.0), rtol=1e-6)
    assert np.isnan(away[1])


def test_spread_is_that_among_the_sectors_of_a_ring() -> None:
    for seed in range(3):
        lab, chosen, away = scene(seed)
        lab[:, :15] += 10.0
        middle, mean, most = np.array([[15.2, 15.2]]), np.empty(1), np.empty(1)
        colour.ring_spread(lab[None], chosen[None], away[None], middle, 0.3, 3, mean, most)
        expected = naive.ring_spread(lab, chosen, away, middle[0], 0.3, 3)
        np.testing.assert_allclose((mean[0], most[0]), expected, rtol=1e-6)
        assert most[0] > mean[0] > 0.0
