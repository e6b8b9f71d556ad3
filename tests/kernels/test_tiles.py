"""Kernels that lay tiles, held against their plain twins."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.geometry import build_surface
from tbp_extract.kernels import tiles
from tbp_extract.testing import sample_scans
from tbp_extract.types import Surface
from tests.naive import tiles as naive

CORE_MM, COS = 14.0, 0.6


@pytest.fixture(scope="module")
def limb() -> Surface:
    return build_surface(sample_scans()["a limb with spots"])


def _laid(
    surface: Surface, middles: NDArray[np.float64], look: NDArray[np.float64],
    order: NDArray[np.int32], done: NDArray[np.bool_],
) -> list[naive.Tile]:  # fmt: skip
    n = len(surface.faces)
    face, axes, box = np.empty(n, np.int32), np.empty((n, 3, 3)), np.empty((n, 2, 2))
    count = tiles.lay_tiles(
        surface.vertices_mm, surface.faces, surface.neighbours, surface.face_normals, middles,
        _area_mm2(surface), look, order, CORE_MM, COS, np.zeros(n, np.int32), np.empty(n, np.int32),
        done.copy(), face, axes, box,
    )  # fmt: skip
    return [naive.Tile(int(face[k]), axes[k], box[k]) for k in range(count)]


def _area_mm2(surface: Surface) -> NDArray[np.float64]:
    corner = surface.vertices_mm[surface.faces]
    cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    return np.asarray(0.5 * np.linalg.norm(cross, axis=1))


def test_tiles_lie_where_the_plain_cover_lays_them(limb: Surface) -> None:
    rng = np.random.default_rng(4)
    middles = limb.vertices_mm[limb.faces].mean(axis=1)
    look = limb.face_normals + 0.05 * rng.normal(size=middles.shape)
    look /= np.linalg.norm(look, axis=1, keepdims=True)
    order = rng.permutation(len(middles)).astype(np.int32)
    done = rng.random(len(middles)) < 0.2
    found = _laid(limb, middles, look, order, done)
    wanted = naive.laid_tiles(limb, middles, look, order, done, core_mm=CORE_MM, cos=COS)
    assert [tile.face for tile in found] == [tile.face for tile in wanted]
    for one, two in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one.axes, two.axes, atol=1e-9)
        np.testing.assert_allclose(one.box, two.box, atol=1e-9)


@pytest.mark.parametrize("chunk", [1, 50, 100_000])
def test_faces_are_ordered_chunk_by_chunk(limb: Surface, chunk: int) -> None:
    n = len(limb.faces)
    out = np.empty(n, np.int32)
    tiles.order_faces(limb.neighbours, chunk, np.zeros(n, np.bool_), out)
    chunks = naive.chunked(limb.neighbours, chunk)
    assert out.tolist() == list(itertools.chain.from_iterable(chunks))
    assert sorted(out.tolist()) == list(range(n))


def test_shares_are_those_of_the_best_view() -> None:
    rng = np.random.default_rng(2)
    shown = rng.integers(-1, 30, (3, 9, 11)).astype(np.int32)
    face = rng.integers(0, 20, 30).astype(np.int32)
    cos = rng.uniform(0.2, 1.0, 30).astype(np.float32)
    area, share = rng.uniform(0.0, 5.0, 20), rng.uniform(0.0, 0.9, 20)
    wanted = naive.raised_shares(shown, face, cos, area, share, mm_per_px=0.4, least=0.5)
    tiles.add_shares(shown, face, cos, area, 0.4, 0.5, np.zeros(30, np.int64), share)
    np.testing.assert_allclose(share, wanted, rtol=1e-6)
