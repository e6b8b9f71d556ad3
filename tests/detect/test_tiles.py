"""Surface tiles: they show all skin, and follow it however it is turned or laid out."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.detect.tiles.lay import (
    ROUND_MM,
    Coverage,
    draw_tiles,
    lay_snug_tiles,
    lay_tiles,
)
from tbp_extract.detect.tiles.skin import Skin, read_skin
from tbp_extract.geometry import build_surface, corner_rowcol
from tbp_extract.phantom import make_body
from tbp_extract.testing import sample_scans
from tbp_extract.types import Scan

TURN = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
TURN = TURN * np.linalg.det(TURN)


def _skin(scan: Scan) -> Skin:
    return read_skin(scan, build_surface(scan), to_mm=0.4)


def _covered(skin: Skin, core_mm: float) -> float:
    coverage = Coverage(skin.area_mm2, np.zeros(len(skin.area_mm2)))
    nothing = np.zeros(len(skin.area_mm2), np.bool_)
    for tiles in draw_tiles(skin, lay_tiles(skin, nothing, core_mm=core_mm, mm_per_px=0.4)):
        coverage.add(tiles)
    return coverage.fraction


@pytest.mark.parametrize("core_mm", [24.0, 72.0])
def test_tiles_show_a_limb_whole(core_mm: float) -> None:
    # Pixels that fall between the faces' edges at the open ends are all that may lack.
    assert _covered(_skin(sample_scans()["a limb with spots"]), core_mm) > 0.99


def test_tiles_show_a_hand_whole() -> None:
    body = make_body("arm", faces=8000)
    uv = np.full((len(body.faces), 3, 2), 0.5, np.float32)
    page = np.full((64, 64, 3), 180, np.uint8)
    scan = Scan(body.vertices_mm, body.faces, uv, np.zeros(len(body.faces), np.int16), (page,))
    # One round of the three that the detector makes; fingers hide what lies between them.
    assert _covered(_skin(scan), 24.0) > 0.97


def test_snug_tiles_show_all_skin_round_by_round_with_fewer_pixels() -> None:
    skin = _skin(sample_scans()["a limb with spots"])
    done = np.zeros(len(skin.area_mm2), np.bool_)
    whole = lay_tiles(skin, done, core_mm=ROUND_MM[0], mm_per_px=0.4)
    coverage = Coverage(skin.area_mm2, np.zeros(len(skin.area_mm2)))
    px = 0
    for core_mm in ROUND_MM:
        for tiles in lay_snug_tiles(skin, done, core_mm=core_mm, mm_per_px=0.4):
            px += len(tiles.frames) * tiles.shape[0] * tiles.shape[1]
            for views in draw_tiles(skin, tiles.frames, tiles.shape):
                assert views.shown.shape[1:] == tiles.shape
                coverage.add(views)
        done = coverage.share >= 0.5
    # A face of 30 pixels counts a few more or fewer of them as they happen to fall.
    shown = skin.area_mm2[coverage.share > 0.85].sum() / skin.area_mm2.sum()
    assert shown > 0.998
    assert px < 0.9 * len(whole) * whole.size_px**2


def test_tiles_turn_with_the_body() -> None:
    scan = sample_scans()["a limb with spots"]
    turned = replace(scan, vertices_mm=scan.vertices_mm @ TURN.T + (3.0, -40.0, 900.0))
    one, two = (_frames(_skin(s)) for s in (scan, turned))
    np.testing.assert_array_equal(one[0], two[0])
    # Rounding of coordinates, seen over the length of an edge.
    np.testing.assert_allclose(one[1] @ TURN.T, two[1], atol=1e-6)


def test_tiles_do_not_see_the_texture_layout() -> None:
    scan = sample_scans()["a limb with spots"]
    swapped = replace(scan, wedge_uv=np.ascontiguousarray(scan.wedge_uv[..., ::-1]))
    for one, two in zip(_frames(_skin(scan)), _frames(_skin(swapped)), strict=True):
        np.testing.assert_array_equal(one, two)


def test_corners_lie_on_the_same_picture_of_every_coarser_page() -> None:
    scan = sample_scans()["a limb with spots"]
    # Odd sizes: the smaller page is no half of the larger.
    assert any(side % 2 for side in scan.atlas[0].shape[:2])
    skin = read_skin(scan, build_surface(scan), to_mm=1.6)
    assert len(skin.levels) > 1
    every = np.arange(len(scan.faces))
    for level in skin.levels:
        np.testing.assert_allclose(level.rowcol, corner_rowcol(level.scan, every), atol=1e-9)


def _frames(skin: Skin) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    nothing = np.zeros(len(skin.area_mm2), np.bool_)
    frames = lay_tiles(skin, nothing, core_mm=72.0, mm_per_px=0.4)
    return frames.face, frames.axes
