"""Views drawn in one pass, held against a plain drawing of what geometry lays flat."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.kernels import view
from tbp_extract.types import CropFrames, Surface
from tests.naive.raster import texel_map
from tests.naive.view import shown_faces

SIZE, MM_PER_PX = 24, 0.5


def _bumpy(side: int = 14, spacing_mm: float = 1.1) -> Surface:
    """A sheet with a ridge that hides what lies behind it."""
    rng = np.random.default_rng(3)
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    z = 2.5 * np.exp(-((x - 0.6 * side) ** 2) / 2.0) + 0.3 * rng.normal(size=x.shape)
    vertices = np.stack((x.ravel(), y.ravel(), z.ravel()), axis=1).astype(np.float64)
    vertices = vertices * spacing_mm + 0.07 * rng.normal(size=vertices.shape)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    faces = np.concatenate(
        (
            np.column_stack((corner, corner + 1, corner + side)),
            np.column_stack((corner + 1, corner + side + 1, corner + side)),
        )
    ).astype(np.int32)
    return _surface(vertices, faces)


def _surface(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> Surface:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    edges = {(f[k], f[(k + 1) % 3]): n for n, f in enumerate(faces.tolist()) for k in range(3)}
    neighbours = [[edges.get((f[(k + 1) % 3], f[k]), -1) for k in range(3)] for f in faces.tolist()]
    none = np.empty(0, np.int32)
    return Surface(
        vertices, faces, np.array(neighbours, np.int32), normal, np.zeros_like(vertices),
        none, none, np.ones(len(vertices), np.float32),
    )  # fmt: skip


def _frames(surface: Surface, seeds: NDArray[np.int32]) -> CropFrames:
    rng = np.random.default_rng(1)
    normal = np.array((0.3, 0.1, 1.0)) + 0.2 * rng.normal(size=(len(seeds), 3))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    tangent = np.cross((0.0, 1.0, 0.0), normal)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    axes = np.stack((tangent, np.cross(tangent, normal), normal), axis=1)
    origin = surface.vertices_mm[surface.faces[seeds]].mean(axis=1)
    index = np.arange(len(seeds), dtype=np.int32)
    return CropFrames(index, seeds, origin, axes, SIZE * MM_PER_PX, SIZE)


Drawn = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32], NDArray[np.float64]]


def _drawn(
    surface: Surface, frames: CropFrames, textured: NDArray[np.bool_],
    texel: NDArray[np.float64], shape: tuple[int, int] = (SIZE, SIZE),
) -> Drawn:  # fmt: skip
    n_faces = len(surface.faces)
    shown = np.empty((len(frames), *shape), np.int32)
    face, cos = np.empty(shown.size, np.int32), np.empty(shown.size, np.float32)
    maps, seen = np.empty((shown.size, 2, 3)), np.zeros(n_faces, np.bool_)
    rows = view.draw_views(
        surface.vertices_mm, surface.faces, surface.neighbours, surface.face_normals, textured,
        texel, frames.face, frames.origin_mm, frames.axes, MM_PER_PX, SIZE, seen,
        np.empty(n_faces, np.int32), np.empty(n_faces, np.int32), np.empty(n_faces, np.int32),
        np.empty((n_faces, 3, 2)), np.empty(shape, np.float32), shown, face, cos, maps,
    )  # fmt: skip
    assert not seen.any()
    return shown, face[:rows], cos[:rows], maps[:rows]


@pytest.fixture(scope="module")
def scene() -> tuple[Surface, CropFrames, NDArray[np.bool_], NDArray[np.float64]]:
    surface = _bumpy()
    rng = np.random.default_rng(0)
    textured = rng.random(len(surface.faces)) > 0.1
    frames = _frames(surface, np.array((90, 200, 310, 91), np.int32))
    return surface, frames, textured, rng.uniform(0.0, 50.0, (len(surface.faces), 3, 2))


def test_the_highest_face_shows(
    scene: tuple[Surface, CropFrames, NDArray[np.bool_], NDArray[np.float64]],
) -> None:
    surface, frames, textured, texel = scene
    shown, face, _, _ = _drawn(surface, frames, textured, texel)
    for n in range(len(frames)):
        wanted, clear = shown_faces(surface, frames, n, textured)
        found = np.where(shown[n] >= 0, face[shown[n]], -1)
        # On an edge either face may show.
        sure = clear > 1e-6
        assert sure.mean() > 0.9
        np.testing.assert_array_equal(found[sure], wanted[sure])


def test_each_view_has_rows_of_its_own_and_no_more(
    scene: tuple[Surface, CropFrames, NDArray[np.bool_], NDArray[np.float64]],
) -> None:
    surface, frames, textured, texel = scene
    shown, face, cos, maps = _drawn(surface, frames, textured, texel)
    rows = [set(np.unique(one[one >= 0]).tolist()) for one in shown]
    assert sum(map(len, rows)) == len(set().union(*rows)) == len(face)
    assert textured[face].all()
    for n, members in enumerate(rows):
        here = np.array(sorted(members))
        facing = surface.face_normals[face[here]] @ frames.axes[n, 2]
        np.testing.assert_allclose(cos[here], facing, atol=1e-6)
        for row in here[::7]:
            way = surface.vertices_mm[surface.faces[face[row]]] - frames.origin_mm[n]
            rowcol = (way @ frames.axes[n, 1::-1].T) / MM_PER_PX + 0.5 * (SIZE - 1)
            wanted = texel_map(rowcol, texel[face[row]])
            np.testing.assert_allclose(maps[row], wanted, rtol=1e-6, atol=1e-6)


def test_a_narrow_view_is_the_middle_of_a_square_one(
    scene: tuple[Surface, CropFrames, NDArray[np.bool_], NDArray[np.float64]],
) -> None:
    surface, frames, textured, texel = scene
    frames = replace(frames, axes=np.repeat(np.diag((1.0, -1.0, 1.0))[None], len(frames), axis=0))
    square, faces, _, _ = _drawn(surface, frames, textured, texel)
    narrow, few, _, _ = _drawn(surface, frames, textured, texel, (SIZE, SIZE - 10))
    middle = square[:, :, 5:-5]
    np.testing.assert_array_equal(
        np.where(narrow >= 0, few[narrow], -1), np.where(middle >= 0, faces[middle], -1)
    )
