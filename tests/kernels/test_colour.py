import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.kernels import colour
from tests.naive import colour as naive
from tests.naive.regrid import planar


def scene(seed: int) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]:
    """Colours, a choice of pixels and distances from a circle of 1.5 mm."""
    rng = np.random.default_rng(seed)
    lab = rng.normal(40.0, 5.0, (31, 31, 3)).astype(np.float32)
    place = (np.indices((31, 31)) - 15.2) * 0.137
    return lab, rng.random((31, 31)) > 0.3, (1.5 - np.hypot(*place)).astype(np.float32)


def both_sides(
    mask: NDArray[np.bool_], clear: NDArray[np.bool_], away: NDArray[np.float32], least_px: int
) -> list[NDArray[np.bool_]]:
    """Inside and around, as masks."""
    count, side = np.empty(2, np.int64), np.empty(len(mask), np.int8)
    inside, around = np.empty(mask.size + 1, np.int32), np.empty(mask.size + 1, np.int32)
    reach = np.array((0.2, 0.5), np.float32)
    colour.choose_sides(mask, clear, away, reach, least_px, side, inside, around, count)
    out = [np.zeros(mask.shape, np.bool_) for _ in range(2)]
    out[0].flat[inside[: count[0]]] = True
    out[1].flat[around[: count[1]]] = True
    assert [side.sum() for side in out] == count.tolist()
    return out


def test_sides_are_clear_pixels_inside_and_in_a_ring_around() -> None:
    _, clear, away = scene(0)
    for mask, shown in ((away > 0.0, clear), (away > 1.3, clear & (away < 0.0))):
        found = both_sides(mask, shown, away, 12)
        expected = naive.choose_sides(mask, shown, away, 0.2, 0.5, 12)
        np.testing.assert_array_equal(found, expected)
    assert not any(side.any() for side in both_sides(away > 9.0, clear, away - 9.0, 12))


def test_means_and_distances_are_those_of_the_chosen_pixels() -> None:
    lab, chosen, _ = scene(1)
    colours = planar(lab).reshape(3, -1)
    places, none = np.flatnonzero(chosen).astype(np.int32), np.empty(0, np.int32)
    for trim in (np.inf, 1.5):
        out = np.empty(4)
        colour.colour_means(colours, places, trim, out)
        np.testing.assert_allclose(out, naive.colour_means(lab, chosen, trim), rtol=1e-6)
        colour.colour_means(colours, none, trim, out)
        assert np.isnan(out).all()
    found = colour.mean_distance(colours, places, 38.0, 41.0)
    np.testing.assert_allclose(found, naive.mean_distance(lab, chosen, 38.0, 41.0), rtol=1e-6)
    assert np.isnan(colour.mean_distance(colours, none, 1.0, 1.0))


# A centroid between pixels, and one on a pixel, from which some lie straight and on diagonals.
@pytest.mark.parametrize("middle", [(15.2, 15.2), (15.0, 15.0)])
def test_spread_is_that_among_the_sectors_of_a_ring(middle: tuple[float, float]) -> None:
    for seed in range(3):
        lab, chosen, away = scene(seed)
        lab[:, :15] += 10.0
        places, out = np.flatnonzero(chosen).astype(np.int32), np.empty(2)
        colour.ring_spread(
            *(planar(lab).reshape(3, -1), away.reshape(-1), places, 31, np.array(middle)),
            *(0.3, 3, np.empty((64, 8, 4)), out),
        )
        expected = naive.ring_spread(lab, chosen, away, np.array(middle), 0.3, 3)
        np.testing.assert_allclose(out, expected, rtol=1e-6)
        assert out[1] > out[0] > 0.0


def test_spread_below_the_rim_is_that_of_weighed_pixels() -> None:
    lab, chosen, away = scene(3)
    colours, places = planar(lab).reshape(3, -1), np.flatnonzero(chosen).astype(np.int32)
    for off in (0.0, 1.1):
        lifted = (away - off).astype(np.float32)
        found = colour.deep_spread(colours, lifted.reshape(-1), places, 0.3, 12)
        expected = naive.deep_spread(lab, chosen, lifted, 0.3, 12)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert np.isnan(colour.deep_spread(colours, away.reshape(-1), places[:0], 0.3, 12))


def test_a_region_is_compared_with_its_surroundings() -> None:
    lab, clear, away = scene(2)
    masks, clears = np.stack((away > 0.0, away > 1.3)), np.stack((clear, clear))
    means, spread, px = np.empty((2, 2, 4)), np.empty((2, 4)), np.empty((2, 2), np.int64)
    middle = np.full((2, 2), 15.2)
    reach, least = np.array((0.2, 0.5), np.float32), np.array((12, 3))
    colour.compare(
        planar(np.stack((lab, lab))), masks, clears, np.stack((away, away - np.float32(1.3))),
        middle, reach, 2.5, 0.3, least, means, spread, px,
    )  # fmt: skip
    for n, off in enumerate((0.0, 1.3)):
        lifted = (away - off).astype(np.float32)
        inside, around = naive.choose_sides(masks[n], clear, lifted, 0.2, 0.5, 12)
        for k, (chosen, trim) in enumerate(((inside, np.inf), (around, 2.5))):
            expected = naive.colour_means(lab, chosen, trim)
            np.testing.assert_allclose(means[n, k], expected, rtol=1e-6)
        light, yellow = means[n, 1, 0], means[n, 1, 2]
        expected_spread = (
            naive.mean_distance(lab, inside, light, yellow),
            naive.deep_spread(lab, inside, lifted, 0.3, 12),
            *naive.ring_spread(lab, inside, lifted, middle[n], 0.3, 3),
        )
        np.testing.assert_allclose(spread[n], expected_spread, rtol=1e-6)
        assert px[n].tolist() == [inside.sum(), around.sum()]
    assert spread[0, 3] > spread[1, 3] == 0.0
