"""Points to faces: nearest on the surface, or the face that holds a texture coordinate.

Both search a uniform grid whose cells list the faces that touch them (compressed rows: cell c
holds ``cell_face[cell_start[c]:cell_start[c + 1]]``).
"""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def _cell(value: float, low: float, cell: float, n: int) -> int:
    # Clamped before it becomes an integer: beyond 2^63 that has no meaning.
    return int(min(max((value - low) / cell, 0.0), n - 1.0))


@kernel
def count_cells(
    low: NDArray[np.float64],  # (F, 3) lower corner of each face's box
    high: NDArray[np.float64],  # (F, 3)
    origin: NDArray[np.float64],  # (3,)
    cell: float,
    shape: NDArray[np.int64],  # (3,)
    out_start: NDArray[np.int64],  # (C + 1,) zeros; becomes the start of each cell
) -> None:
    """First pass of the grid: how many faces touch each cell."""
    for face in range(low.shape[0]):
        for i in range(
            _cell(low[face, 0], origin[0], cell, shape[0]),
            _cell(high[face, 0], origin[0], cell, shape[0]) + 1,
        ):
            for j in range(
                _cell(low[face, 1], origin[1], cell, shape[1]),
                _cell(high[face, 1], origin[1], cell, shape[1]) + 1,
            ):
                for k in range(
                    _cell(low[face, 2], origin[2], cell, shape[2]),
                    _cell(high[face, 2], origin[2], cell, shape[2]) + 1,
                ):
                    out_start[(i * shape[1] + j) * shape[2] + k + 1] += 1
    for c in range(1, out_start.shape[0]):
        out_start[c] += out_start[c - 1]


@kernel
def fill_cells(
    low: NDArray[np.float64],  # (F, 3)
    high: NDArray[np.float64],  # (F, 3)
    origin: NDArray[np.float64],  # (3,)
    cell: float,
    shape: NDArray[np.int64],  # (3,)
    cursor: NDArray[np.int64],  # (C,) start of each cell; used up
    out_face: NDArray[np.int32],  # (entries,)
) -> None:
    """Second pass of the grid: list the faces of each cell, in ascending order."""
    for face in range(low.shape[0]):
        for i in range(
            _cell(low[face, 0], origin[0], cell, shape[0]),
            _cell(high[face, 0], origin[0], cell, shape[0]) + 1,
        ):
            for j in range(
                _cell(low[face, 1], origin[1], cell, shape[1]),
                _cell(high[face, 1], origin[1], cell, shape[1]) + 1,
            ):
                for k in range(
                    _cell(low[face, 2], origin[2], cell, shape[2]),
                    _cell(high[face, 2], origin[2], cell, shape[2]) + 1,
                ):
                    c = (i * shape[1] + j) * shape[2] + k
                    out_face[cursor[c]] = face
                    cursor[c] += 1


@kernel
def _closest_on_face(
    vertices: NDArray[np.float64],
    faces: NDArray[np.int32],
    face: int,
    x: float,
    y: float,
    z: float,
    out: NDArray[np.float64],  # (3,) barycentric
) -> float:
    """Squared distance to the closest point of a triangle, by its Voronoi regions.

    Ericson, Real-Time Collision Detection (2005), section 5.1.5.
    """
    a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
    ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
    abx, aby, abz = vertices[b, 0] - ax, vertices[b, 1] - ay, vertices[b, 2] - az
    acx, acy, acz = vertices[c, 0] - ax, vertices[c, 1] - ay, vertices[c, 2] - az
    apx, apy, apz = x - ax, y - ay, z - az
    d1 = abx * apx + aby * apy + abz * apz
    d2 = acx * apx + acy * apy + acz * apz
    bpx, bpy, bpz = apx - abx, apy - aby, apz - abz
    d3 = abx * bpx + aby * bpy + abz * bpz
    d4 = acx * bpx + acy * bpy + acz * bpz
    cpx, cpy, cpz = apx - acx, apy - acy, apz - acz
    d5 = abx * cpx + aby * cpy + abz * cpz
    d6 = acx * cpx + acy * cpy + acz * cpz
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    v, w = 0.0, 0.0
    if d1 <= 0.0 and d2 <= 0.0:
        pass
    elif d3 >= 0.0 and d4 <= d3:
        v = 1.0
    elif d6 >= 0.0 and d5 <= d6:
        w = 1.0
    elif vc <= 0.0 and d1 >= 0.0 and d3 < 0.0:
        v = d1 / (d1 - d3)
    elif vb <= 0.0 and d2 >= 0.0 and d6 < 0.0:
        w = d2 / (d2 - d6)
    elif va <= 0.0 and d4 >= d3 and d5 >= d6:
        w = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        v = 1.0 - w
    else:
        v, w = vb / (va + vb + vc), vc / (va + vb + vc)
    out[0], out[1], out[2] = 1.0 - v - w, v, w
    dx, dy, dz = apx - v * abx - w * acx, apy - v * aby - w * acy, apz - v * abz - w * acz
    return float(dx * dx + dy * dy + dz * dz)


@kernel
def nearest_faces(
    points: NDArray[np.float64],  # (N, 3)
    vertices: NDArray[np.float64],  # (V, 3)
    faces: NDArray[np.int32],  # (F, 3)
    origin: NDArray[np.float64],  # (3,)
    cell: float,
    shape: NDArray[np.int64],  # (3,)
    cell_start: NDArray[np.int64],  # (C + 1,)
    cell_face: NDArray[np.int32],  # (entries,)
    reach: float,
    out_face: NDArray[np.int32],  # (N,) -1 beyond reach
    out_barycentric: NDArray[np.float64],  # (N, 3)
    out_distance: NDArray[np.float64],  # (N,) infinite beyond reach
) -> None:
    """Nearest face within reach of each point; of equally near ones the lowest index."""
    bary = np.empty(3)
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        out_face[n] = -1
        out_distance[n] = math.inf
        best = reach * reach
        for i in range(
            _cell(x - reach, origin[0], cell, shape[0]),
            _cell(x + reach, origin[0], cell, shape[0]) + 1,
        ):
            for j in range(
                _cell(y - reach, origin[1], cell, shape[1]),
                _cell(y + reach, origin[1], cell, shape[1]) + 1,
            ):
                for k in range(
                    _cell(z - reach, origin[2], cell, shape[2]),
                    _cell(z + reach, origin[2], cell, shape[2]) + 1,
                ):
                    c = (i * shape[1] + j) * shape[2] + k
                    for entry in range(cell_start[c], cell_start[c + 1]):
                        face = cell_face[entry]
                        d = _closest_on_face(vertices, faces, face, x, y, z, bary)
                        if d < best or (d == best and (out_face[n] < 0 or face < out_face[n])):
                            best = d
                            out_face[n] = face
                            out_distance[n] = math.sqrt(d)
                            out_barycentric[n, :] = bary


@kernel
def holding_faces(
    points: NDArray[np.float64],  # (N, 3) u, v and the place of the page
    page: NDArray[np.int16],  # (N,)
    corners: NDArray[np.float64],  # (F, 3, 2)
    face_page: NDArray[np.int16],  # (F,)
    origin: NDArray[np.float64],  # (3,) the third axis is the page
    cell: float,
    shape: NDArray[np.int64],  # (3,)
    cell_start: NDArray[np.int64],  # (C + 1,)
    cell_face: NDArray[np.int32],  # (entries,)
    slack: float,  # how far outside, in barycentric terms, still counts as inside
    out_face: NDArray[np.int32],  # (N,) -1 where no face holds the point
    out_barycentric: NDArray[np.float64],  # (N, 3)
) -> None:
    """Face that holds each texture coordinate; of several the one it lies deepest in."""
    for n in range(points.shape[0]):
        out_face[n] = -1
        if not (math.isfinite(points[n, 0]) and math.isfinite(points[n, 1])):
            continue
        i = _cell(points[n, 0], origin[0], cell, shape[0])
        j = _cell(points[n, 1], origin[1], cell, shape[1])
        k = _cell(points[n, 2], origin[2], cell, shape[2])
        c = (i * shape[1] + j) * shape[2] + k
        deepest = -slack
        for entry in range(cell_start[c], cell_start[c + 1]):
            face = cell_face[entry]
            if face_page[face] != page[n]:
                continue
            ax, ay = corners[face, 0, 0], corners[face, 0, 1]
            bx, by = corners[face, 1, 0] - ax, corners[face, 1, 1] - ay
            cx, cy = corners[face, 2, 0] - ax, corners[face, 2, 1] - ay
            px, py = points[n, 0] - ax, points[n, 1] - ay
            area = bx * cy - by * cx
            if area == 0.0:
                continue
            v, w = (px * cy - py * cx) / area, (bx * py - by * px) / area
            depth = min(1.0 - v - w, v, w)
            if depth > deepest:
                deepest = depth
                out_face[n] = face
                out_barycentric[n, 0] = 1.0 - v - w
                out_barycentric[n, 1] = v
                out_barycentric[n, 2] = w
