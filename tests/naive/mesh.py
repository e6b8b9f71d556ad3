"""Plain twins of ``tbp_extract.kernels.mesh``."""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray


def weld_vertices(cell: NDArray[np.int64], side: NDArray[np.int8]) -> NDArray[np.int32]:
    """Vertex that stands for each: of its own cell, else of one behind a wall it lies beside."""
    stands: dict[tuple[int, ...], int] = {}
    out = []
    for vertex, home in enumerate(cell.tolist()):
        steps = [(0, int(s)) if s else (0,) for s in side[vertex]]
        # The first axis turns fastest.
        moves = [(i, j, k) for k in steps[2] for j in steps[1] for i in steps[0]]
        cells = [tuple(h + m for h, m in zip(home, move, strict=True)) for move in moves]
        found = next((stands[c] for c in cells if c in stands), vertex)
        stands.setdefault(tuple(home), found)
        out.append(found)
    return np.array(out, np.int32)


def link_faces(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """Face across each edge, where exactly one face runs each way along it; repeats left out."""
    users: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    seen: set[tuple[int, ...]] = set()
    whole = []
    for face, corners in enumerate(faces.tolist()):
        turned = {tuple(corners[k:] + corners[:k]) for k in range(3)}
        if len(set(corners)) == 3 and not turned & seen:
            whole.append(face)
            seen |= turned
    for face in whole:
        for k in range(3):
            users[int(faces[face, k]), int(faces[face, (k + 1) % 3])].append(face)
    out = np.full((len(faces), 3), -1, np.int32)
    for face in whole:
        for k in range(3):
            a, b = int(faces[face, k]), int(faces[face, (k + 1) % 3])
            across = users.get((b, a), [])
            if len(users[a, b]) == 1 and len(across) == 1:
                out[face, k] = across[0]
    return out


def list_vertex_faces(faces: NDArray[np.int32], n_vertices: int) -> list[list[int]]:
    """Faces around each vertex, ascending; a face that names a vertex twice counts twice."""
    around: list[list[int]] = [[] for _ in range(n_vertices)]
    for face, corners in enumerate(faces.tolist()):
        for vertex in corners:
            around[vertex].append(face)
    return around


def normals(
    vertices: NDArray[np.float64], faces: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit normals of faces, and of vertices weighted by corner angles."""
    of_face = np.zeros((len(faces), 3))
    of_vertex = np.zeros((len(vertices), 3))
    for face, corners in enumerate(faces):
        place = vertices[corners]
        cross = np.cross(place[1] - place[0], place[2] - place[0])
        if not cross.any():
            continue
        of_face[face] = cross / np.linalg.norm(cross)
        for k in range(3):
            one, two = place[(k + 1) % 3] - place[k], place[(k + 2) % 3] - place[k]
            cos = one @ two / (np.linalg.norm(one) * np.linalg.norm(two))
            of_vertex[corners[k]] += np.arccos(np.clip(cos, -1.0, 1.0)) * of_face[face]
    length = np.linalg.norm(of_vertex, axis=1, keepdims=True)
    return of_face, np.divide(of_vertex, length, out=np.zeros_like(of_vertex), where=length > 0)
