import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels.paint import find_overlaps, list_texels, mark_covered, spread_area
from tests.naive import paint as naive

SHAPE = (37, 43)
Found = dict[tuple[int, int], tuple[float, NDArray[np.float64], float]]


def triangles(seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(-6, 40, (5, 3, 2))


def bits(rowcol: NDArray[np.float64]) -> NDArray[np.uint8]:
    out = np.zeros((SHAPE[0], (SHAPE[1] + 7) // 8), np.uint8)
    mark_covered(rowcol, SHAPE[1], out)
    return out


def test_covered_texels_are_those_of_the_twin() -> None:
    for seed in range(4):
        rowcol = triangles(seed)
        held = np.unpackbits(bits(rowcol), axis=1, bitorder="little")[:, : SHAPE[1]]
        np.testing.assert_array_equal(held.astype(bool), naive.covered(rowcol, SHAPE))


def test_overlapping_faces_are_those_of_the_twin() -> None:
    for seed in range(6):
        rowcol = np.random.default_rng(seed).uniform(-3, 40, (9, 3, 2))
        rowcol[:, 1:] = rowcol[:, :1] + 0.3 * (rowcol[:, 1:] - rowcol[:, :1])
        found = np.zeros(9, np.bool_)
        find_overlaps(rowcol, np.full(SHAPE, -1, np.int32), found)
        assert found.tolist() == naive.overlapping(rowcol, SHAPE)


def test_faces_that_share_an_edge_do_not_overlap() -> None:
    square = np.array([[0, 0], [9, 0], [9, 9], [0, 9]], np.float64)
    found = np.zeros(2, np.bool_)
    find_overlaps(square[[[0, 1, 2], [0, 2, 3]]], np.full(SHAPE, -1, np.int32), found)
    assert not found.any()


def test_listed_texels_are_those_of_the_twin() -> None:
    rng = np.random.default_rng(5)
    rowcol, corner, area = triangles(6), rng.uniform(-8, 8, (5, 3, 2)), rng.uniform(1, 9, 5)
    room = 20_000
    texel, beyond = np.empty(room, np.int64), np.empty(room, np.float32)
    place, mm2 = np.empty((room, 2)), np.empty(room)
    # One face after the other: the twin keeps them apart.
    expected = naive.texels(rowcol, corner, area, naive.covered(rowcol, SHAPE), 6.0, 2.5)
    total = 0
    for m in range(5):
        one = slice(m, m + 1)
        n = list_texels(
            rowcol[one], corner[one], area[one], bits(rowcol), SHAPE[1], 6.0, 2.5,
            texel, beyond, place, mm2,
        )  # fmt: skip
        total += n
        for k in range(n):
            away, where, share = expected[m, int(texel[k])]
            # The twin's rim is made of points 0.01 texels apart.
            assert abs(beyond[k] - away) < 0.01
            np.testing.assert_allclose(place[k], where, atol=1e-9)
            np.testing.assert_allclose(mm2[k], share, rtol=1e-12)
    assert total == len(expected) > 300


def test_too_little_room_is_reported_and_not_overrun() -> None:
    rowcol = triangles(6)
    corner, area = np.zeros((5, 3, 2)), np.ones(5)
    texel, beyond = np.full(8, -1, np.int64), np.empty(8, np.float32)
    place, mm2 = np.empty((8, 2)), np.empty(8)
    n = list_texels(
        rowcol, corner, area, bits(rowcol), SHAPE[1], 1.0, 0.0,
        texel[:4], beyond[:4], place[:4], mm2[:4],
    )  # fmt: skip
    assert n > 4
    assert (texel[:4] >= 0).all()
    assert (texel[4:] == -1).all()


def test_spread_area_is_that_of_the_twin() -> None:
    # Faces that share edges and do not overlap.
    rng = np.random.default_rng(7)
    fan = np.sort(rng.uniform(0, 2 * np.pi, 6))
    rim = 9.0 * np.stack((np.cos(fan), np.sin(fan)), axis=1)
    corner = np.stack((np.zeros_like(rim), rim, np.roll(rim, -1, axis=0)), axis=1)
    area = rng.uniform(5, 30, 6)
    out = np.zeros((41, 41))
    spread_area(corner, area, 0.37, out)
    expected = naive.spread(corner, area, 0.37, 41)
    clear = np.isfinite(expected)
    np.testing.assert_allclose(out[clear], expected[clear], rtol=1e-12)
    assert clear.mean() > 0.99
    assert (out > 0).any()
