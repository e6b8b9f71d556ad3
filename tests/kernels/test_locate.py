import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.kernels import locate
from tests.naive import locate as naive

CELL = 0.5


def soup(seed: int, n_faces: int = 60) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    rng = np.random.default_rng(seed)
    centre = rng.uniform(-2, 2, (n_faces, 1, 3))
    corners = centre + rng.normal(scale=0.3, size=(n_faces, 3, 3))
    return corners.reshape(-1, 3), np.arange(3 * n_faces, dtype=np.int32).reshape(-1, 3)


def build(
    low: NDArray[np.float64], high: NDArray[np.float64], cell: float
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    origin = low.min(axis=0)
    shape = (np.floor((high.max(axis=0) - origin) / cell) + 1).astype(np.int64)
    start = np.zeros(int(np.prod(shape)) + 1, np.int64)
    locate.count_cells(low, high, origin, cell, shape, start)
    face = np.empty(start[-1], np.int32)
    locate.fill_cells(low, high, origin, cell, shape, start[:-1].copy(), face)
    return origin, shape, start, face


def nearest(
    points: NDArray[np.float64],
    vertices: NDArray[np.float64],
    faces: NDArray[np.int32],
    reach: float,
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    corners = vertices[faces]
    origin, shape, start, cell_face = build(corners.min(axis=1), corners.max(axis=1), CELL)
    n = len(points)
    out = np.empty(n, np.int32), np.zeros((n, 3)), np.empty(n)
    locate.nearest_faces(
        points, vertices, faces, origin, CELL, shape, start, cell_face, reach, *out
    )
    return out


def test_grid_lists_each_face_in_every_cell_that_its_box_touches() -> None:
    vertices, faces = soup(0)
    low, high = vertices[faces].min(axis=1), vertices[faces].max(axis=1)
    origin, shape, start, face = build(low, high, CELL)
    listed = [face[start[c] : start[c + 1]].tolist() for c in range(len(start) - 1)]
    assert listed == naive.cell_faces(low, high, origin, CELL, shape)


@pytest.mark.parametrize("reach", [0.3, 1.7])
def test_nearest_face_matches_brute_force(reach: float) -> None:
    vertices, faces = soup(1)
    points = np.random.default_rng(2).uniform(-3, 3, (60, 3))
    face, bary, distance = nearest(points, vertices, faces, reach)
    every = naive.nearest_distances(points, vertices, faces)
    within = every.min(axis=1) <= reach
    np.testing.assert_array_equal(face >= 0, within)
    assert within.sum() > 0
    np.testing.assert_array_equal(face[within], every.argmin(axis=1)[within])
    np.testing.assert_allclose(distance[within], every.min(axis=1)[within], atol=1e-9)
    assert np.isinf(distance[~within]).all()
    place = (vertices[faces[face[within]]] * bary[within, :, None]).sum(axis=1)
    away = np.linalg.norm(points[within] - place, axis=1)
    np.testing.assert_allclose(away, distance[within], atol=1e-9)
    assert (bary[within] >= -1e-12).all()


def test_every_region_around_a_triangle_is_reached() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    faces = np.array([[0, 1, 2]], np.int32)
    row, col = np.mgrid[-1.0:2.0:0.25, -1.0:2.0:0.25]
    points = np.column_stack((row.ravel(), col.ravel(), np.full(row.size, 0.2)))
    face, _, distance = nearest(points, vertices, faces, 5.0)
    assert (face == 0).all()
    expected = naive.nearest_distances(points, vertices, faces)[:, 0]
    np.testing.assert_allclose(distance, expected, atol=1e-12)


def test_of_equally_near_faces_the_lowest_wins() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    faces = np.array([[1, 3, 2], [0, 1, 2]], np.int32)
    face, _, _ = nearest(np.array([[0.5, 0.5, 0.25], [0.75, 0.25, 0.25]]), vertices, faces, 1.0)
    assert face.tolist() == [0, 0]


@pytest.mark.parametrize("corners", [(0, 0, 1), (0, 1, 1), (0, 1, 0), (0, 0, 0), (0, 1, 2)])
def test_faces_without_area_do_no_harm(corners: tuple[int, int, int]) -> None:
    # Corners 0, 1, 2 lie on one line; the sound face stands off it.
    vertices = np.array([[0.0, 0, 0], [2, 0, 0], [1, 0, 0], [0, 0, 1], [2, 0, 1], [1, 1, 1]])
    faces = np.array([corners, (3, 4, 5)], np.int32)
    points = np.array([[1.0, 0.5, 0.9], [0.0, 0.0, 0.8], [2.0, 0.1, 0.6], [1.0, -0.3, 0.0]])
    face, bary, distance = nearest(points, vertices, faces, 2.0)
    assert np.isfinite(bary).all()
    expected = naive.nearest_distances(points, vertices, faces)
    assert (face[:3] == 1).all()
    np.testing.assert_allclose(distance[:3], expected[:3].min(axis=1), atol=1e-12)


def test_uv_point_lies_in_the_face_that_brute_force_finds() -> None:
    rng = np.random.default_rng(3)
    corners = rng.uniform(0, 1, (30, 1, 2)) + rng.normal(scale=0.2, size=(30, 3, 2))
    corners[4] = corners[4, :1]
    face_page = rng.integers(0, 3, 30).astype(np.int16)
    points, page = rng.uniform(0, 1, (200, 2)), rng.integers(0, 4, 200).astype(np.int16)
    low = np.column_stack((corners.min(axis=1), face_page * CELL))
    high = np.column_stack((corners.max(axis=1), face_page * CELL))
    origin, shape, start, cell_face = build(low, high, CELL)
    face, bary = np.empty(200, np.int32), np.zeros((200, 3))
    locate.holding_faces(
        np.column_stack((points, page * CELL)), page, corners, face_page,
        origin, CELL, shape, start, cell_face, 1e-6, face, bary,
    )  # fmt: skip
    all_bary, depth = naive.depths(points, corners)
    depth[page[:, None] != face_page] = -np.inf
    held = depth.max(axis=1) > -1e-6
    assert 20 < held.sum() < 180
    np.testing.assert_array_equal(face, np.where(held, depth.argmax(axis=1), -1))
    chosen = all_bary[np.flatnonzero(held), face[held]]
    np.testing.assert_allclose(bary[held], chosen, atol=1e-9)


def test_uv_that_is_not_finite_lies_nowhere() -> None:
    corners = np.array([[[0.0, 0], [1, 0], [0, 1]]])
    box = np.array([[0.0, 0, 0]])
    origin, shape, start, cell_face = build(box, np.array([[1.0, 1, 0]]), CELL)
    face, bary = np.empty(2, np.int32), np.zeros((2, 3))
    points = np.array([[np.nan, 0.1, 0.0], [0.1, np.inf, 0.0]])
    locate.holding_faces(
        points, np.zeros(2, np.int16), corners, np.zeros(1, np.int16),
        origin, CELL, shape, start, cell_face, 1e-6, face, bary,
    )  # fmt: skip
    assert face.tolist() == [-1, -1]
