import numpy as np

from tbp_extract.kernels.skin import paint_skin
from tests.naive import skin as naive

AMOUNTS = np.array((1.8, 1.6, 0.9, 0.5, 9.0, 2.5))
PIGMENT = np.array(((-3.0, -3.1, -3.2), (0.3, -1.9, -1.5)))
BASE = np.array((200.0, 160.0, 138.0))
SHAPE = (40, 50)


def page_with_triangles(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rowcol = rng.uniform(-5, 55, (6, 3, 2))
    return rowcol, rng.uniform(-300, 300, (6, 1, 3)) + rng.uniform(-8, 8, (6, 3, 3))


def test_texels_have_the_colour_of_their_place() -> None:
    rowcol, corners = page_with_triangles(3)
    page = np.zeros((*SHAPE, 3), np.uint8)
    rim = np.zeros(6, np.bool_)
    paint_skin(rowcol, corners, rim, 0, 0, 0.0, BASE, PIGMENT, AMOUNTS, 7, page)
    expected = np.zeros((*SHAPE, 3))
    for face in range(6):
        texel, weight = naive.inner_texels(rowcol[face], SHAPE)
        value = BASE + naive.skin(weight @ corners[face], AMOUNTS, 7) @ PIGMENT
        expected[texel[:, 0], texel[:, 1]] = np.floor(value + 0.5)
    # Rounding error may tip a value over to the next byte.
    assert np.abs(page - expected).max() <= 1
    assert (page != expected).mean() < 1e-3
    assert 0.2 < (page > 0).mean() < 1.0


def test_bands_paint_what_the_whole_page_gets() -> None:
    rowcol, corners = page_with_triangles(4)
    rim = np.ones(6, np.bool_)
    whole, bands = np.zeros((2, *SHAPE, 3), np.uint8)
    paint_skin(rowcol, corners, rim, 4, 0, 0.0, BASE, PIGMENT, AMOUNTS, 7, whole)
    for first in range(0, SHAPE[0], 16):
        part = bands[first : first + 16]
        paint_skin(rowcol, corners, rim, 4, first, 0.0, BASE, PIGMENT, AMOUNTS, 7, part)
    np.testing.assert_array_equal(bands, whole)


def test_adding_to_a_page_touches_every_texel_once() -> None:
    # A lattice whose edges run through texel centres: each centre belongs to one face only.
    corner = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float64)
    rowcol = np.stack((corner[[0, 1, 2]], corner[[0, 2, 3]]))
    grid = np.concatenate([rowcol + np.array((10 * i, 10 * j)) for i in range(3) for j in range(3)])
    page = np.full((31, 31, 3), 100, np.uint8)
    still = np.zeros(6)
    paint_skin(
        grid, np.ones((18, 3, 3)), np.zeros(18, np.bool_), 0, 0, 1.0, np.full(3, 5.0),
        PIGMENT, still, 0, page,
    )  # fmt: skip
    assert (page[1:30, 1:30] == 105).all()


def test_rim_goes_as_far_as_told() -> None:
    rowcol = np.array([[[10.0, 10.0], [30.0, 10.0], [10.0, 30.0]]])
    page = np.zeros((40, 50, 3), np.uint8)
    corners = np.zeros((1, 3, 3))
    paint_skin(
        rowcol, corners, np.ones(1, np.bool_), 3, 0, 0.0, BASE, PIGMENT, np.zeros(6), 0, page
    )
    assert (page[7:34, 7:34] == BASE).all()
    assert page[:7].max() == page[:, 34:].max() == 0
