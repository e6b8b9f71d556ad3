from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.geometry import build_surface
from tbp_extract.kernels import location as kernels
from tbp_extract.types import Surface
from tests.naive import location as naive
from tests.targets import bare_scan

STEP_MM = 10.0


def blob(seed: int) -> Surface:
    """Two lumpy closed surfaces, one with a hole."""
    import trimesh

    rng = np.random.default_rng(seed)
    ball = trimesh.creation.icosphere(2, 40.0)
    vertices = np.concatenate(
        [
            np.asarray(ball.vertices) * rng.uniform(0.8, 1.2, (len(ball.vertices), 1)) + shift
            for shift in ((0, 0, 0), (120, 13, 0))
        ]
    )
    faces = np.concatenate([ball.faces, ball.faces + len(ball.vertices)])
    faces = np.delete(faces, rng.integers(0, len(ball.faces), 6), axis=0)
    return build_surface(bare_scan(vertices, faces.astype(np.int32)))


def cut(surface: Surface, base_mm: float) -> tuple[NDArray[Any], ...]:
    faces, vertices = surface.faces, surface.vertices_mm
    start = np.empty(len(faces) + 1, np.int64)
    kernels.count_crossings(vertices, faces, base_mm, STEP_MM, start)
    m = int(start[-1])
    level, across = np.empty(m, np.int32), np.zeros((m, 2), np.int32)
    ends = np.full((m, 2, 2), np.nan)
    kernels.cut_faces(vertices, faces, base_mm, STEP_MM, start, level, ends, across)
    root = np.empty(m, np.int64)
    kernels.join_crossings(surface.neighbours, start, level, across, root)
    return start, level, ends, across, root


@pytest.mark.parametrize("seed", range(3))
def test_crossings_are_those_of_trying_every_level(seed: int) -> None:
    surface = blob(seed)
    start, level, ends, _, _ = cut(surface, -60.5)
    face = np.repeat(np.arange(len(surface.faces)), np.diff(start))
    expected = naive.cut_faces(surface.vertices_mm, surface.faces, -60.5, STEP_MM)
    assert [(f, k) for f, k, _, _ in expected] == list(
        zip(face.tolist(), level.tolist(), strict=True)
    )
    # Both interpolate along the same edges; only rounding differs.
    np.testing.assert_allclose(ends, [(a, b) for _, _, a, b in expected], atol=1e-9)


def test_a_level_through_vertices_cuts_each_face_once_or_not_at_all() -> None:
    vertices = np.array([[0, 0, 0], [10, 0, 0], [0, 10, 0], [10, 10, 0], [5, 20, 0.0]])
    faces = np.array([[0, 1, 2], [1, 3, 2], [2, 3, 4]], np.int32)
    surface = build_surface(bare_scan(vertices, faces))
    start, level, ends, _, root = cut(surface, 0.0)
    assert np.diff(start).tolist() == [1, 1, 1]
    assert level.tolist() == [0, 0, 1]
    assert np.isfinite(ends).all()
    assert root[0] == root[1] != root[2]


@pytest.mark.parametrize("seed", range(3))
def test_contours_are_what_a_walk_over_cut_edges_finds(seed: int) -> None:
    surface = blob(seed)
    start, level, _, _, root = cut(surface, -60.5)
    face = np.repeat(np.arange(len(surface.faces)), np.diff(start))
    for k in range(int(level.max()) + 1):
        here = level == k
        found = {frozenset(face[here & (root == r)].tolist()) for r in np.unique(root[here])}
        groups = naive.joined(
            surface.faces, surface.neighbours, surface.vertices_mm[:, 1], -60.5 + k * STEP_MM
        )
        assert found == {frozenset(group) for group in groups}


@pytest.mark.parametrize("seed", range(3))
def test_labels_come_from_a_nearest_labelled_face(seed: int) -> None:
    surface = blob(seed)
    rng = np.random.default_rng(seed)
    n = len(surface.faces)
    first = np.where(rng.random(n) < 0.02, np.arange(n), -1).astype(np.int32)
    out = first.copy()
    kernels.spread_labels(surface.neighbours, np.empty(n, np.int32), out)
    steps = naive.spread_distance(surface.neighbours, first)
    assert ((out >= 0) == (steps >= 0)).all()
    # Each label is the number of the face it comes from: a neighbour one step nearer has it too.
    for face in np.flatnonzero(steps > 0):
        near = surface.neighbours[face]
        near = near[near >= 0]
        assert out[face] in out[near[steps[near] == steps[face] - 1]]
