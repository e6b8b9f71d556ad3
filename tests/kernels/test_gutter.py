import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.kernels import gutter
from tests.naive import gutter as naive


def marked(corner: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.uint8]:
    out = np.zeros(shape, np.uint8)
    gutter.mark_texels(corner, out)
    return out


@pytest.mark.parametrize("seed", range(4))
def test_texels_inside_faces_are_marked_and_no_others(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(-6, 30, (12, 1, 2)) + rng.normal(scale=5, size=(12, 3, 2))
    mask, depth = marked(corner, (21, 27)), naive.depth_in_faces(corner, (21, 27))
    sure = np.abs(depth) > 1e-6
    assert sure.mean() > 0.99
    np.testing.assert_array_equal(mask[sure], depth[sure] > 0)


def test_texels_on_an_edge_are_marked() -> None:
    corner = np.array([[[2.0, 2.0], [2.0, 6.0], [6.0, 2.0]], [[1.0, 8.0], [5.0, 8.0], [3.0, 8.0]]])
    mask = marked(corner, (8, 10))
    assert mask[2, 2:7].all()
    assert mask[2:7, 2].all()
    assert mask[4, 4] == 1
    assert mask[1:6, 8].all()
    assert mask.sum() == 15 + 5


def test_faces_without_texture_or_beyond_the_page_mark_nothing() -> None:
    corner = np.full((3, 3, 2), np.nan)
    corner[1] = [[-20.0, -20.0], [-9.0, -20.0], [-20.0, -9.0]]
    corner[2] = [[20.0, 20.0], [np.inf, 20.0], [20.0, 29.0]]
    assert not marked(corner, (8, 8)).any()


def test_a_face_far_larger_than_the_page_marks_all_of_it() -> None:
    corner = np.array([[[-1e7, -1e7], [-1e7, 3e7], [3e7, -1e7]]])
    assert marked(corner, (5, 7)).all()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 1.0])
def test_gutter_takes_the_nearest_texel(share: float) -> None:
    rng = np.random.default_rng(9)
    mask = (rng.random((19, 23)) < share).astype(np.uint8)
    page = rng.integers(0, 256, (19, 23, 3)).astype(np.uint8)
    expected = naive.fill_gutter(mask, page)
    out = page.copy()
    gutter.fill_gutter(mask, np.empty(23, np.uint8), out)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(out[mask == 1], page[mask == 1])


def test_a_page_of_one_row_is_filled() -> None:
    mask, page = np.array([[0, 0, 0, 1, 0]], np.uint8), np.zeros((1, 5, 3), np.uint8)
    page[0, 3] = 7
    gutter.fill_gutter(mask, np.empty(5, np.uint8), page)
    assert page[0, :, 0].tolist() == [0, 7, 7, 7, 7]
