from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.geometry import build_surface, geodesic_patches, orthographic_patches
from tbp_extract.types import CropFrames, Patches, Surface
from tests.naive import patch as naive
from tests.targets import bare_scan, bent, frames_at, lattice

Lay = Callable[..., Patches]
BOTH = pytest.mark.parametrize("lay", [orthographic_patches, geodesic_patches])


def crumpled(seed: int) -> tuple[Surface, CropFrames]:
    """Folds, faces that look away, holes, and a face without area here and there."""
    rng = np.random.default_rng(seed)
    mesh = bent("plane", 0.0, 3.0, half_mm=12.0, seed=seed)
    vertices = mesh.vertices + rng.normal(scale=0.8, size=mesh.vertices.shape)
    faces = mesh.faces[rng.random(len(mesh.faces)) < 0.97]
    a, b, c = faces[20]
    vertices[c] = 0.5 * (vertices[a] + vertices[b])
    surface = build_surface(bare_scan(vertices, faces))
    return surface, frames_at(surface, rng.uniform(-8, 8, (12, 3)) * (1, 1, 0), size_px=16)


@pytest.mark.parametrize("seed", range(3))
def test_orthographic_patches_hold_what_the_twin_finds(seed: int) -> None:
    surface, frames = crumpled(seed)
    patches = orthographic_patches(surface, frames, margin_mm=0.5)
    for n in range(len(frames)):
        rows = slice(patches.start[n], patches.start[n + 1])
        face = patches.face[rows]
        assert len(set(face.tolist())) == len(face)
        assert set(face.tolist()) == naive.orthographic_faces(surface, frames, n, 8.0)
        local = naive.local_corners(surface, frames, n, face)
        np.testing.assert_allclose(patches.corner_mm[rows], local[:, :, :2], atol=1e-9)
        np.testing.assert_allclose(patches.height_mm[rows], local[:, :, 2], atol=1e-9)


@BOTH
def test_patches_do_not_depend_on_their_company_or_on_room(lay: Lay) -> None:
    # All crops in one call overflow the first room and start over; one alone does not.
    surface, frames = crumpled(4)
    fine = build_surface(bare_scan(*_fine_plane()))
    many = frames_at(fine, np.random.default_rng(0).uniform(-2, 2, (6, 3)) * (1, 1, 0), size_px=16)
    for skin, all_frames in ((surface, frames), (fine, many)):
        together = lay(skin, all_frames)
        for n in range(len(all_frames)):
            alone = lay(skin, _only(all_frames, n))
            rows = slice(together.start[n], together.start[n + 1])
            np.testing.assert_array_equal(alone.face, together.face[rows])
            np.testing.assert_array_equal(alone.corner_mm, together.corner_mm[rows])
            np.testing.assert_array_equal(alone.height_mm, together.height_mm[rows])
    assert together.start[-1] > 1024 > 64 * len(many)


def _fine_plane() -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    mesh = bent("plane", 0.0, 0.9, half_mm=9.0)
    return mesh.vertices, mesh.faces


def _only(frames: CropFrames, n: int) -> CropFrames:
    rows = slice(n, n + 1)
    return replace(
        frames,
        candidate=frames.candidate[rows],
        face=frames.face[rows],
        origin_mm=frames.origin_mm[rows],
        axes=frames.axes[rows],
    )


@BOTH
def test_no_crops_give_no_patches(lay: Lay) -> None:
    surface, frames = crumpled(5)
    patches = lay(surface, replace(_only(frames, 0), face=frames.face[:0]))
    assert len(patches) == 0
    assert len(patches.face) == 0


@BOTH
@pytest.mark.parametrize("edge_mm", [2.0, 30.0, 200.0])
def test_a_patch_holds_all_of_the_window_however_long_the_edges(lay: Lay, edge_mm: float) -> None:
    step = np.arange(-3.0, 4.0) * edge_mm
    way = np.stack(np.meshgrid(step, step, indexing="ij"), axis=-1).reshape(-1, 2)
    vertices = np.column_stack((way, np.zeros(len(way))))
    surface = build_surface(bare_scan(vertices, lattice(7)))
    spots = np.random.default_rng(1).uniform(-0.9, 0.9, (10, 3)) * (edge_mm, edge_mm, 0)
    frames = frames_at(surface, spots, extent_mm=min(15.0, 2 * edge_mm), size_px=16)
    patches = lay(surface, frames)
    half = 0.5 * frames.extent_mm
    probe = np.random.default_rng(2).uniform(-half, half, (40, 2))
    for n in range(len(frames)):
        flat = patches.corner_mm[patches.start[n] : patches.start[n + 1]]
        for place in probe:
            # (tangent, bitangent) runs clockwise for counter-clockwise skin.
            edge, to = np.roll(flat, -1, axis=1) - flat, place - flat
            side = edge[..., 0] * to[..., 1] - edge[..., 1] * to[..., 0]
            assert (side <= 1e-9).all(axis=1).any()


def test_geodesic_patch_of_a_plane_is_the_plane() -> None:
    surface = build_surface(bare_scan(*_fine_plane()))
    frames = frames_at(surface, np.array([[0.3, -0.2, 0.0], [2.0, 1.0, 0.0]]), size_px=16)
    patches = geodesic_patches(surface, frames)
    for n in range(2):
        rows = slice(patches.start[n], patches.start[n + 1])
        truth = naive.local_corners(surface, frames, n, patches.face[rows])[:, :, :2]
        np.testing.assert_allclose(patches.corner_mm[rows], truth, atol=1e-9)
        away = np.linalg.norm(truth, axis=2)
        np.testing.assert_allclose(patches.height_mm[rows], -away, atol=1e-9)


def test_vertices_without_a_normal_leave_no_trace_of_earlier_crops() -> None:
    surface, frames = crumpled(6)
    bald = surface.vertex_normals.copy()
    bald[np.random.default_rng(0).random(len(bald)) < 0.2] = 0.0
    surface = replace(surface, vertex_normals=bald)
    together = geodesic_patches(surface, frames)
    assert np.isfinite(together.corner_mm).all()
    for n in range(len(frames)):
        alone = geodesic_patches(surface, _only(frames, n))
        rows = slice(together.start[n], together.start[n + 1])
        np.testing.assert_array_equal(alone.corner_mm, together.corner_mm[rows])
