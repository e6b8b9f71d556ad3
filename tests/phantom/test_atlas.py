import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.errors import ConfigError
from tbp_extract.phantom import Atlas, make_atlas, make_body
from tbp_extract.uv import uv_to_rowcol
from tests.naive.paint import weights

BODY = make_body("human", faces=5000)
PAGE_PX = 1024
ATLAS = make_atlas(BODY, page_px=PAGE_PX)


def texel_charts(atlas: Atlas) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Chart of each texel of page 0 (-1: none), and how many faces hold its centre."""
    chart = np.full((PAGE_PX, PAGE_PX), -1, np.int32)
    count = np.zeros((PAGE_PX, PAGE_PX), np.int32)
    rowcol = uv_to_rowcol(atlas.wedge_uv, np.array([PAGE_PX, PAGE_PX]))
    for face in np.flatnonzero(atlas.face_page == 0):
        low, high = np.ceil(rowcol[face].min(axis=0)), np.floor(rowcol[face].max(axis=0))
        rows, columns = (np.arange(a, b + 1) for a, b in zip(low, high, strict=True))
        box = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
        # Float32 coordinates round the edges by less than a thousandth of a texel.
        inside = box[(weights(rowcol[face], box) > 1e-3).all(axis=1)].astype(int)
        chart[inside[:, 0], inside[:, 1]] = atlas.face_chart[face]
        count[inside[:, 0], inside[:, 1]] += 1
    return chart, count


def test_no_texel_is_used_twice() -> None:
    _, count = texel_charts(ATLAS)
    assert count.max() == 1
    assert count.mean() > 0.45


def test_charts_keep_their_distance_and_stay_on_the_page() -> None:
    chart, _ = texel_charts(ATLAS)
    for number in np.unique(chart[chart >= 0]):
        away = cv2.distanceTransform((chart != number).astype(np.uint8), cv2.DIST_L2, 5)
        assert away[(chart >= 0) & (chart != number)].min() >= 7.0
    border = np.concatenate((chart[0], chart[-1], chart[:, 0], chart[:, -1]))
    assert (border == -1).all()


def stretch(atlas: Atlas) -> NDArray[np.float64]:
    """(F, 2) texels per mm along the most and the least stretched way in each face."""
    rowcol = uv_to_rowcol(atlas.wedge_uv, np.array([PAGE_PX, PAGE_PX]))
    corners = BODY.vertices_mm[BODY.faces]
    edge = corners[:, 1] - corners[:, 0]
    length = np.linalg.norm(edge, axis=1, keepdims=True)
    other = corners[:, 2] - corners[:, 0]
    along = (other * edge / length).sum(axis=1)
    across = np.linalg.norm(np.cross(edge, other), axis=1) / length[:, 0]
    flat = np.zeros((len(edge), 2, 2))
    flat[:, 0, 0], flat[:, 0, 1], flat[:, 1, 1] = length[:, 0], along, across
    px = np.stack((rowcol[:, 1] - rowcol[:, 0], rowcol[:, 2] - rowcol[:, 0]), axis=2)
    return np.asarray(np.linalg.svd(px @ np.linalg.inv(flat), compute_uv=False))


def test_density_is_even_and_distortion_low() -> None:
    relative = stretch(ATLAS) / ATLAS.px_per_mm
    low, high = np.percentile(relative, (5, 95))
    assert low > 0.88
    assert high < 1.12


def test_charts_are_not_mirrored() -> None:
    u, v = ATLAS.wedge_uv[..., 0], ATLAS.wedge_uv[..., 1]
    twice = (u[:, 1] - u[:, 0]) * (v[:, 2] - v[:, 0]) - (v[:, 1] - v[:, 0]) * (u[:, 2] - u[:, 0])
    assert (twice > 0).all()


def test_more_pages_give_more_density() -> None:
    two = make_atlas(BODY, page_px=PAGE_PX, pages=2)
    assert set(two.face_page.tolist()) == {0, 1}
    assert two.px_per_mm > 1.15 * ATLAS.px_per_mm
    _, count = texel_charts(two)
    assert count.max() == 1


def test_a_page_too_small_is_refused() -> None:
    with pytest.raises(ConfigError, match="do not fit"):
        make_atlas(BODY, page_px=24)


def test_atlas_is_the_same_again() -> None:
    again = make_atlas(BODY, page_px=PAGE_PX)
    np.testing.assert_array_equal(again.wedge_uv, ATLAS.wedge_uv)
