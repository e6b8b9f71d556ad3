"""Mesh topology and normals: one skin out of vertices that UV seams have split."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

REPEATED = -2
"""Marks, while faces are linked, one that stands there already."""


@kernel
def _slot(a: int, b: int, c: int, mask: int) -> int:
    """Hash small integers; the products stay far below 2^63."""
    h = (a * 73856093) ^ (b * 19349663) ^ (c * 83492791)
    h ^= h >> 15
    h ^= h >> 31
    return h & mask


@kernel
def _find_cell(cell: NDArray[np.int64], table: NDArray[np.int32], a: int, b: int, c: int) -> int:
    """Slot that holds a vertex of cell (a, b, c), or the free slot where one belongs."""
    mask = table.shape[0] - 1
    slot = _slot(a, b, c, mask)
    while table[slot] >= 0:
        first = table[slot]
        if cell[first, 0] == a and cell[first, 1] == b and cell[first, 2] == c:
            break
        slot = (slot + 1) & mask
    return slot


@kernel
def weld_vertices(
    cell: NDArray[np.int64],  # (V, 3) grid cell of each vertex
    side: NDArray[np.int8],  # (V, 3) -1 or 1: beside the lower or upper wall of its cell; else 0
    table: NDArray[np.int32],  # (T,) filled with -1, T a power of two above V
    out: NDArray[np.int32],  # (V,) the vertex that stands for it
) -> None:
    """Let the first vertex of a cell stand for all of them, and for those just beyond its walls.

    Plan: open addressing over cells. A vertex beside a wall also looks behind it before it opens a
    cell of its own, so that copies with rounding between them meet.
    """
    for vertex in range(cell.shape[0]):
        a, b, c = int(cell[vertex, 0]), int(cell[vertex, 1]), int(cell[vertex, 2])
        own = _find_cell(cell, table, a, b, c)
        if table[own] >= 0:
            out[vertex] = out[table[own]]
            continue
        out[vertex] = vertex
        for choice in range(1, 8):
            i, j, k = choice & 1, (choice >> 1) & 1, (choice >> 2) & 1
            di, dj, dk = (
                i * int(side[vertex, 0]),
                j * int(side[vertex, 1]),
                k * int(side[vertex, 2]),
            )
            if (i and di == 0) or (j and dj == 0) or (k and dk == 0):
                continue
            found = table[_find_cell(cell, table, a + di, b + dj, c + dk)]
            if found >= 0:
                out[vertex] = out[found]
                break
        table[own] = vertex


@kernel
def _find_edge(faces: NDArray[np.int32], table: NDArray[np.int32], a: int, b: int) -> int:
    """Slot that holds half-edge a->b, or the free slot where it belongs."""
    mask = table.shape[0] - 1
    slot = _slot(int(a), int(b), 0, mask)
    while table[slot] >= 0:
        half = table[slot]
        face, corner = half // 3, half % 3
        if faces[face, corner] == a and faces[face, (corner + 1) % 3] == b:
            break
        slot = (slot + 1) & mask
    return slot


@kernel
def link_faces(
    faces: NDArray[np.int32],  # (F, 3) welded
    table: NDArray[np.int32],  # (T,) filled with -1, T a power of two above 3F
    doubled: NDArray[np.bool_],  # (T,) filled with False
    out: NDArray[np.int32],  # (F, 3) face across each edge, -1 at a border
) -> None:
    """Pair half-edges a->b and b->a; an edge used twice in one direction joins nothing.

    Faces with a repeated vertex have no area and take no part, so that their neighbours meet; so
    do faces that stand there already.
    """
    n_faces = faces.shape[0]
    for face in range(n_faces):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        out[face, 0] = -1
        if a == b or b == c or c == a:
            continue
        for corner in range(3):
            start, end = faces[face, corner], faces[face, (corner + 1) % 3]
            half = table[_find_edge(faces, table, start, end)]
            if half >= 0 and faces[half // 3, (half % 3 + 2) % 3] == faces[face, (corner + 2) % 3]:
                out[face, 0] = REPEATED
        if out[face, 0] == REPEATED:
            continue
        for corner in range(3):
            slot = _find_edge(faces, table, faces[face, corner], faces[face, (corner + 1) % 3])
            if table[slot] >= 0:
                doubled[slot] = True
            else:
                table[slot] = 3 * face + corner
    for face in range(n_faces):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        takes_part = out[face, 0] != REPEATED and a != b and b != c and c != a
        for corner in range(3):
            out[face, corner] = -1
            if not takes_part:
                continue
            start, end = faces[face, corner], faces[face, (corner + 1) % 3]
            if doubled[_find_edge(faces, table, start, end)]:
                continue
            slot = _find_edge(faces, table, end, start)
            if table[slot] >= 0 and not doubled[slot]:
                out[face, corner] = table[slot] // 3


@kernel
def label_parts(
    neighbours: NDArray[np.int32],  # (F, 3)
    queue: NDArray[np.int32],  # (F,) scratch
    out: NDArray[np.int32],  # (F,) comes as -1; number of the connected part
) -> None:
    """Give a number to each part of a mesh that hangs together over edges."""
    parts = 0
    for seed in range(neighbours.shape[0]):
        if out[seed] >= 0:
            continue
        out[seed] = parts
        queue[0] = seed
        head, tail = 0, 1
        while head < tail:
            for k in range(3):
                other = neighbours[queue[head], k]
                if other >= 0 and out[other] < 0:
                    out[other] = parts
                    queue[tail] = other
                    tail += 1
            head += 1
        parts += 1


@kernel
def list_vertex_faces(
    faces: NDArray[np.int32],  # (F, 3)
    out_start: NDArray[np.int32],  # (V + 1,) zeros
    out_face: NDArray[np.int32],  # (3F,)
) -> None:
    """Sort face corners by vertex, by counting."""
    for face in range(faces.shape[0]):
        for corner in range(3):
            out_start[faces[face, corner] + 1] += 1
    for vertex in range(1, out_start.shape[0]):
        out_start[vertex] += out_start[vertex - 1]
    for face in range(faces.shape[0] - 1, -1, -1):
        for corner in range(3):
            # Ends count down to starts; shifted back below.
            vertex = faces[face, corner] + 1
            out_start[vertex] -= 1
            out_face[out_start[vertex]] = face
    for vertex in range(out_start.shape[0] - 1):
        out_start[vertex] = out_start[vertex + 1]
    out_start[out_start.shape[0] - 1] = out_face.shape[0]


@kernel
def _angle(ax: float, ay: float, az: float, bx: float, by: float, bz: float) -> float:
    cx, cy, cz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    return math.atan2(math.sqrt(cx * cx + cy * cy + cz * cz), ax * bx + ay * by + az * bz)


@kernel
def normals(
    vertices: NDArray[np.float64],  # (V, 3)
    faces: NDArray[np.int32],  # (F, 3)
    out_face: NDArray[np.float64],  # (F, 3) unit, zero where the face has no area
    out_vertex: NDArray[np.float64],  # (V, 3) unit, zero where no face has area; comes as zeros
) -> None:
    """Face normals, and vertex normals weighted by the faces' corner angles."""
    for face in range(faces.shape[0]):
        i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
        ax, ay, az = (
            vertices[j, 0] - vertices[i, 0],
            vertices[j, 1] - vertices[i, 1],
            vertices[j, 2] - vertices[i, 2],
        )
        bx, by, bz = (
            vertices[k, 0] - vertices[i, 0],
            vertices[k, 1] - vertices[i, 1],
            vertices[k, 2] - vertices[i, 2],
        )
        nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        length = math.sqrt(nx * nx + ny * ny + nz * nz)
        if length == 0.0:
            out_face[face, :] = 0.0
            continue
        nx, ny, nz = nx / length, ny / length, nz / length
        out_face[face, 0], out_face[face, 1], out_face[face, 2] = nx, ny, nz
        at_i = _angle(ax, ay, az, bx, by, bz)
        at_j = _angle(bx - ax, by - ay, bz - az, -ax, -ay, -az)
        at_k = math.pi - at_i - at_j
        for vertex, weight in ((i, at_i), (j, at_j), (k, at_k)):
            out_vertex[vertex, 0] += weight * nx
            out_vertex[vertex, 1] += weight * ny
            out_vertex[vertex, 2] += weight * nz
    for vertex in range(out_vertex.shape[0]):
        x, y, z = out_vertex[vertex, 0], out_vertex[vertex, 1], out_vertex[vertex, 2]
        length = math.sqrt(x * x + y * y + z * z)
        if length > 0.0:
            out_vertex[vertex, 0] = x / length
            out_vertex[vertex, 1] = y / length
            out_vertex[vertex, 2] = z / length


@kernel
def gather_wedges(
    texcoords: NDArray[np.float64],  # (T, 2)
    face_texcoord: NDArray[np.int32],  # (F, 3), -1 where a corner has none
    out: NDArray[np.float32],  # (F, 3, 2), NaN for a face with a corner that has none
) -> None:
    """Give each face corner its texture coordinates."""
    for face in range(len(face_texcoord)):
        whole = True
        for corner in range(3):
            whole = whole and face_texcoord[face, corner] >= 0
        for corner in range(3):
            for k in range(2):
                if whole:
                    out[face, corner, k] = texcoords[face_texcoord[face, corner], k]
                else:
                    out[face, corner, k] = np.nan
