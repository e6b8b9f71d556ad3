import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.kernels import mesh
from tests.naive import mesh as naive

TWO_SHEETS_ON_ONE_EDGE = np.array([[0, 1, 2], [1, 0, 3], [1, 0, 4]], np.int32)
WOUND_AGAINST_EACH_OTHER = np.array([[0, 1, 2], [0, 1, 3]], np.int32)
REPEATED_VERTEX_BETWEEN = np.array([[0, 1, 2], [1, 0, 0], [1, 0, 3]], np.int32)


def free_table(entries: int) -> NDArray[np.int32]:
    return np.full(1 << (2 * max(entries, 1)).bit_length(), -1, np.int32)


def linked(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    out = np.empty_like(faces)
    table = free_table(3 * len(faces))
    mesh.link_faces(faces, table, np.zeros(len(table), np.bool_), out)
    return out


def grid_faces(side: int) -> NDArray[np.int32]:
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    lower = np.column_stack((corner, corner + side, corner + 1))
    upper = np.column_stack((corner + 1, corner + side, corner + side + 1))
    return np.concatenate((lower, upper)).astype(np.int32)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("beside", [False, True])
def test_weld_joins_what_shares_a_cell_or_a_wall(seed: int, beside: bool) -> None:
    rng = np.random.default_rng(seed)
    cell = rng.integers(-3, 3, (200, 3)) * 10 ** rng.integers(0, 6, (200, 1))
    cell[100:150] = cell[rng.integers(0, 100, 50)]
    side = rng.integers(-1, 2, (200, 3)).astype(np.int8) * np.int8(beside)
    out = np.empty(200, np.int32)
    mesh.weld_vertices(cell, side, free_table(200), out)
    np.testing.assert_array_equal(out, naive.weld_vertices(cell, side))


def test_weld_survives_a_crowded_table() -> None:
    cell = np.random.default_rng(0).integers(0, 10**6, (15, 3))
    out = np.empty(15, np.int32)
    mesh.weld_vertices(cell, np.zeros((15, 3), np.int8), np.full(16, -1, np.int32), out)
    np.testing.assert_array_equal(out, np.arange(15))


def test_a_face_that_stands_there_twice_counts_once() -> None:
    once = grid_faces(5)
    twice = np.concatenate((once, np.roll(once, 1, axis=1)))
    out = linked(twice.astype(np.int32))
    np.testing.assert_array_equal(out[: len(once)], linked(once))
    assert (out[len(once) :] == -1).all()


def test_parts_are_what_hangs_together() -> None:
    faces = np.concatenate((grid_faces(4), grid_faces(3) + 100)).astype(np.int32)
    part = np.full(len(faces), -1, np.int32)
    mesh.label_parts(linked(faces), np.empty(len(faces), np.int32), part)
    np.testing.assert_array_equal(part, np.repeat([0, 1], [len(grid_faces(4)), len(grid_faces(3))]))


@pytest.mark.parametrize("seed", range(3))
def test_links_match_the_twin_on_random_soup(seed: int) -> None:
    # Few vertices: repeated corners, doubled edges and edges of many faces abound.
    faces = np.random.default_rng(seed).integers(0, 40, (120, 3)).astype(np.int32)
    np.testing.assert_array_equal(linked(faces), naive.link_faces(faces))


def test_links_match_the_twin_on_a_shuffled_grid_of_high_indices() -> None:
    rng = np.random.default_rng(4)
    faces = rng.permutation(grid_faces(9)) + 1_000_000
    out = linked(faces.astype(np.int32))
    np.testing.assert_array_equal(out, naive.link_faces(faces.astype(np.int32)))
    assert (out >= 0).sum() == 3 * len(faces) - 4 * 8


def test_an_edge_of_three_faces_is_a_border() -> None:
    assert (linked(TWO_SHEETS_ON_ONE_EDGE) == -1).all()


def test_faces_that_wind_against_each_other_are_not_linked() -> None:
    assert (linked(WOUND_AGAINST_EACH_OTHER) == -1).all()


def test_faces_meet_past_one_with_a_repeated_vertex() -> None:
    out = linked(REPEATED_VERTEX_BETWEEN)
    assert out[0, 0] == 2
    assert out[2, 0] == 0
    assert (out[1] == -1).all()


def test_no_faces_have_no_links() -> None:
    assert linked(np.empty((0, 3), np.int32)).shape == (0, 3)


@pytest.mark.parametrize("seed", range(3))
def test_vertex_faces_match_the_twin(seed: int) -> None:
    faces = np.random.default_rng(seed).integers(0, 30, (60, 3)).astype(np.int32)
    start, face = np.zeros(36, np.int32), np.empty(180, np.int32)
    mesh.list_vertex_faces(faces, start, face)
    around = [face[start[v] : start[v + 1]].tolist() for v in range(35)]
    assert around == naive.list_vertex_faces(faces, 35)


def test_normals_match_the_twin_with_flat_faces_among_them() -> None:
    rng = np.random.default_rng(5)
    vertices = rng.normal(size=(40, 3))
    vertices[1] = vertices[0]
    vertices[4] = 0.5 * (vertices[2] + vertices[3])
    faces = rng.integers(0, 38, (60, 3)).astype(np.int32)
    faces[:2] = (0, 1, 5), (7, 7, 8)
    of_face, of_vertex = np.empty((60, 3)), np.zeros((40, 3))
    mesh.normals(vertices, faces, of_face, of_vertex)
    expected_face, expected_vertex = naive.normals(vertices, faces)
    np.testing.assert_allclose(of_face, expected_face, atol=1e-12)
    # The twin's arccos loses half the digits near 0 and pi.
    np.testing.assert_allclose(of_vertex, expected_vertex, atol=1e-7)
    assert not of_face[:2].any()
    assert not of_vertex[38:].any()
