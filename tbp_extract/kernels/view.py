"""Flat views of a mesh: grow over the skin, draw what the growth reaches, keep what shows.

One view at a time, so that what it touches stays in the cache, and nothing is kept of a face that
does not show.
"""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

THIN_PX2 = 1e-10
"""A face with less than half this area is rounding and shows nowhere."""

LEVEL_PX = 1e-12
"""An edge that climbs less than this lies along the row and bounds it nowhere."""

EDGE_PX = 1e-7
"""Faces reach this far beyond their edges, so that none of the pixels between two is lost."""

LEAST_FACING = 1e-3
LONG_RUN = 8


@kernel
def _project(
    vertices: NDArray[np.float64],
    faces: NDArray[np.int32],
    face: int,
    origin: NDArray[np.float64],  # (3,)
    axes: NDArray[np.float64],  # (3, 3)
    corner: NDArray[np.float64],  # (3, 3) right, down and height of each corner, mm
) -> None:
    for k in range(3):
        vertex = faces[face, k]
        dx = vertices[vertex, 0] - origin[0]
        dy = vertices[vertex, 1] - origin[1]
        dz = vertices[vertex, 2] - origin[2]
        for axis in range(3):
            corner[k, axis] = dx * axes[axis, 0] + dy * axes[axis, 1] + dz * axes[axis, 2]


@kernel
def _lies_within(a: float, b: float, c: float, limit: float) -> bool:
    return min(a, b, c) <= limit and max(a, b, c) >= -limit


@kernel
def _twice_area(r0: float, c0: float, r1: float, c1: float, r2: float, c2: float) -> float:
    """Above 0 where the face is seen from outside.

    Counter-clockwise on the skin is clockwise in an image whose rows run down.
    """
    return (r1 - r0) * (c2 - c0) - (c1 - c0) * (r2 - r0)


@kernel
def _draw(
    r0: float, c0: float, h0: float, r1: float, c1: float, h1: float,
    r2: float, c2: float, h2: float,
    area: float,
    name: np.int32,
    edges: NDArray[np.float64],  # (3, 3) scratch: row, column, columns a row
    depth: NDArray[np.float32],  # (H, W)
    shown: NDArray[np.int32],  # (H, W)
) -> None:  # fmt: skip
    """Draw a face by scan lines; the highest wins, of equal ones the first."""
    height, width = shown.shape
    first = max(math.ceil(min(r0, r1, r2) - EDGE_PX), 0)
    last = min(math.floor(max(r0, r1, r2) + EDGE_PX), height - 1)
    if first > last:
        return
    ar, ac, ha, br, bc, hb = r1 - r0, c1 - c0, h1 - h0, r2 - r0, c2 - c0, h2 - h0
    per_row, per_col = (ha * bc - hb * ac) / area, (hb * ar - ha * br) / area
    n_left, n_right = 0, 3
    for k in range(3):
        # Edges that climb bound the face on the left, those that fall on the right.
        row, col, rise, run = r0, c0, ar, ac
        if k == 1:
            row, col, rise, run = r1, c1, r2 - r1, c2 - c1
        elif k == 2:
            row, col, rise, run = r2, c2, -br, -bc
        if abs(rise) < LEVEL_PX:
            continue
        if rise > 0.0:
            at = n_left
            n_left += 1
        else:
            n_right -= 1
            at = n_right
        edges[at, 0], edges[at, 1], edges[at, 2] = row, col, run / rise
    for line in range(first, last + 1):
        low, high = -1.0, float(width)
        for k in range(n_left):
            low = max(low, edges[k, 1] + edges[k, 2] * (line - edges[k, 0]) - EDGE_PX)
        for k in range(n_right, 3):
            high = min(high, edges[k, 1] + edges[k, 2] * (line - edges[k, 0]) + EDGE_PX)
        left = max(math.ceil(min(low, float(width))), 0)
        stop = max(min(math.floor(high), width - 1) + 1, left)
        base = h0 + (line - r0) * per_row + (left - c0) * per_col
        # A long run's own index begins at 0, so that many pixels are compared at once.
        if stop - left > LONG_RUN:
            deep, seen = depth[line, left:stop], shown[line, left:stop]
            for i in range(deep.shape[0]):
                value = np.float32(base + i * per_col)
                if value > deep[i]:
                    deep[i], seen[i] = value, name
            continue
        for i in range(stop - left):
            value = np.float32(base + i * per_col)
            if value > depth[line, left + i]:
                depth[line, left + i], shown[line, left + i] = value, name


@kernel
def _grow(
    vertices: NDArray[np.float64],
    faces: NDArray[np.int32],
    neighbours: NDArray[np.int32],
    face_normals: NDArray[np.float64],
    textured: NDArray[np.bool_],
    seed: int,
    origin: NDArray[np.float64],  # (3,)
    axes: NDArray[np.float64],  # (3, 3)
    mm_per_px: float,
    reach_px: int,
    seen: NDArray[np.bool_],
    queue: NDArray[np.int32],
    drawn: NDArray[np.int32],  # (F,) gets the faces that were drawn
    rowcol: NDArray[np.float64],  # (F, 3, 2) gets their corners
    depth: NDArray[np.float32],
    shown: NDArray[np.int32],  # (H, W) gets places in `drawn`
) -> int:
    """Breadth first over shared edges, from face to face that looks up and touches the view.

    A face that turns away, leaves the view or lies beyond reach above or below ends the growth
    there. Faces without area are passed over: they look nowhere. Returns how many were drawn.
    """
    height, width = shown.shape
    half_x, half_y = (0.5 * width + 1.0) * mm_per_px, (0.5 * height + 1.0) * mm_per_px
    middle_r, middle_c, reach = 0.5 * (height - 1), 0.5 * (width - 1), reach_px * mm_per_px
    corner, edges = np.empty((3, 3)), np.empty((3, 3))
    depth[:] = -np.inf
    shown[:] = -1
    queue[0], seen[seed] = seed, True
    head, tail, n_drawn = 0, 1, 0
    while head < tail:
        face = queue[head]
        head += 1
        x, y, z = face_normals[face, 0], face_normals[face, 1], face_normals[face, 2]
        has_area = x != 0.0 or y != 0.0 or z != 0.0
        if has_area and x * axes[2, 0] + y * axes[2, 1] + z * axes[2, 2] <= LEAST_FACING:
            continue
        _project(vertices, faces, face, origin, axes, corner)
        x0, y0, h0 = corner[0, 0], corner[0, 1], corner[0, 2]
        x1, y1, h1 = corner[1, 0], corner[1, 1], corner[1, 2]
        x2, y2, h2 = corner[2, 0], corner[2, 1], corner[2, 2]
        inside = _lies_within(x0, x1, x2, half_x) and _lies_within(y0, y1, y2, half_y)
        if not (inside and _lies_within(h0, h1, h2, reach)):
            continue
        if has_area:
            r0, c0 = y0 / mm_per_px + middle_r, x0 / mm_per_px + middle_c
            r1, c1 = y1 / mm_per_px + middle_r, x1 / mm_per_px + middle_c
            r2, c2 = y2 / mm_per_px + middle_r, x2 / mm_per_px + middle_c
            area = _twice_area(r0, c0, r1, c1, r2, c2)
            if area > THIN_PX2:
                # A face without texture hides what lies below it and shows nothing.
                name = np.int32(n_drawn) if textured[face] else np.int32(-1)
                _draw(r0, c0, h0, r1, c1, h1, r2, c2, h2, area, name, edges, depth, shown)
                drawn[n_drawn], at = face, rowcol[n_drawn]
                at[0, 0], at[0, 1], at[1, 0], at[1, 1], at[2, 0], at[2, 1] = r0, c0, r1, c1, r2, c2
                n_drawn += 1
        for k in range(3):
            other = neighbours[face, k]
            if other >= 0 and not seen[other]:
                seen[other] = True
                queue[tail] = other
                tail += 1
    for k in range(tail):
        seen[queue[k]] = False
    return n_drawn


@kernel
def _map_texels(
    rowcol: NDArray[np.float64],  # (3, 2) in the view
    texel: NDArray[np.float64],  # (3, 2) on the page
    out: NDArray[np.float64],  # (2, 3)
) -> None:
    r0, c0, r1, c1 = rowcol[0, 0], rowcol[0, 1], rowcol[1, 0], rowcol[1, 1]
    r2, c2 = rowcol[2, 0], rowcol[2, 1]
    area = _twice_area(r0, c0, r1, c1, r2, c2)
    for axis in range(2):
        ta, tb = texel[1, axis] - texel[0, axis], texel[2, axis] - texel[0, axis]
        per_row = (ta * (c2 - c0) - tb * (c1 - c0)) / area
        per_col = (tb * (r1 - r0) - ta * (r2 - r0)) / area
        out[axis, 0], out[axis, 1] = per_row, per_col
        out[axis, 2] = texel[0, axis] - per_row * r0 - per_col * c0


@kernel
def draw_views(
    vertices: NDArray[np.float64],  # (V, 3)
    faces: NDArray[np.int32],  # (F, 3)
    neighbours: NDArray[np.int32],  # (F, 3)
    face_normals: NDArray[np.float64],  # (F, 3)
    textured: NDArray[np.bool_],  # (F,)
    texel: NDArray[np.float64],  # (F, 3, 2) row, column on the page
    seed: NDArray[np.int32],  # (N,)
    origin: NDArray[np.float64],  # (N, 3)
    axes: NDArray[np.float64],  # (N, 3, 3)
    mm_per_px: float,
    reach_px: int,  # how far above or below the middle skin may lie
    seen: NDArray[np.bool_],  # (F,) comes and leaves as False
    queue: NDArray[np.int32],  # (F,) scratch
    drawn: NDArray[np.int32],  # (F,) scratch
    row_of: NDArray[np.int32],  # (F,) scratch
    rowcol: NDArray[np.float64],  # (F, 3, 2) scratch
    depth: NDArray[np.float32],  # (H, W) scratch
    out_shown: NDArray[np.int32],  # (N, H, W) row of what shows in each pixel, -1 for none
    out_face: NDArray[np.int32],  # (M,) of each row
    out_cos: NDArray[np.float32],  # (M,) between the face and its view
    out_maps: NDArray[np.float64],  # (M, 2, 3) texel row, column = per row, per column, constant
) -> int:
    """Draw N views; returns how many rows there are: at most as many as pixels.

    Plan: `_grow` leaves the faces that show. Then each of them gets a row, in the order in which
    they show.
    """
    height, width = out_shown.shape[1:]
    rows = 0
    for n in range(seed.shape[0]):
        shown = out_shown[n]
        n_drawn = _grow(
            vertices, faces, neighbours, face_normals, textured, seed[n], origin[n], axes[n],
            mm_per_px, reach_px, seen, queue, drawn, rowcol, depth, shown,
        )  # fmt: skip
        row_of[:n_drawn] = -1
        for r in range(height):
            for c in range(width):
                at = shown[r, c]
                if at < 0:
                    continue
                if row_of[at] < 0:
                    row_of[at] = rows
                    face = drawn[at]
                    _map_texels(rowcol[at], texel[face], out_maps[rows])
                    facing = 0.0
                    for axis in range(3):
                        facing += face_normals[face, axis] * axes[n, 2, axis]
                    out_face[rows], out_cos[rows] = face, np.float32(facing)
                    rows += 1
                shown[r, c] = row_of[at]
    return rows
