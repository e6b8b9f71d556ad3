"""Horizontal contours of a mesh, and labels that spread over its faces."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def _first_level(y_mm: float, base_mm: float, step_mm: float) -> int:
    """Lowest level at or above a height; levels are compared as they are computed later."""
    level = int(np.ceil((y_mm - base_mm) / step_mm))
    while base_mm + (level - 1) * step_mm >= y_mm:
        level -= 1
    while base_mm + level * step_mm < y_mm:
        level += 1
    return level


@kernel
def _span(
    vertices: NDArray[np.float64],
    faces: NDArray[np.int32],
    face: int,
    base_mm: float,
    step_mm: float,
) -> tuple[int, int]:
    """First level that a face crosses, and the one after the last."""
    a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
    low = min(vertices[a, 1], vertices[b, 1], vertices[c, 1])
    high = max(vertices[a, 1], vertices[b, 1], vertices[c, 1])
    return _first_level(low, base_mm, step_mm), _first_level(high, base_mm, step_mm)


@kernel
def count_crossings(
    vertices: NDArray[np.float64],  # (V, 3)
    faces: NDArray[np.int32],  # (F, 3)
    base_mm: float,
    step_mm: float,
    out_start: NDArray[np.int64],  # (F + 1,), overwritten: where each face's crossings begin
) -> None:
    """Count the levels base + k * step that each face crosses, as running sums."""
    out_start[0] = 0
    for face in range(faces.shape[0]):
        first, end = _span(vertices, faces, face, base_mm, step_mm)
        out_start[face + 1] = out_start[face] + end - first


@kernel
def cut_faces(
    vertices: NDArray[np.float64],  # (V, 3)
    faces: NDArray[np.int32],  # (F, 3)
    base_mm: float,
    step_mm: float,
    start: NDArray[np.int64],  # (F + 1,) of count_crossings
    out_level: NDArray[np.int32],  # (M,)
    out_ends: NDArray[np.float64],  # (M, 2, 2) x and z where the crossing begins and ends
    out_across: NDArray[np.int32],  # (M, 2) edge of the face under each end
) -> None:
    """Cut faces at levels; seen from above a crossing has the inside on one and the same hand.

    A corner that lies on a level counts as below it, so every cut face has one edge that goes up
    through the level and one that comes down.
    """
    for face in range(faces.shape[0]):
        first, _ = _span(vertices, faces, face, base_mm, step_mm)
        for row in range(start[face], start[face + 1]):
            level = first + row - start[face]
            y = base_mm + level * step_mm
            out_level[row] = level
            for corner in range(3):
                i, j = faces[face, corner], faces[face, (corner + 1) % 3]
                if (vertices[i, 1] > y) == (vertices[j, 1] > y):
                    continue
                end = 0 if vertices[j, 1] > y else 1
                t = (y - vertices[i, 1]) / (vertices[j, 1] - vertices[i, 1])
                out_ends[row, end, 0] = vertices[i, 0] + t * (vertices[j, 0] - vertices[i, 0])
                out_ends[row, end, 1] = vertices[i, 2] + t * (vertices[j, 2] - vertices[i, 2])
                out_across[row, end] = corner


@kernel
def _root(parent: NDArray[np.int64], item: int) -> int:
    while parent[item] != item:
        parent[item] = parent[parent[item]]
        item = parent[item]
    return item


@kernel
def join_crossings(
    neighbours: NDArray[np.int32],  # (F, 3)
    start: NDArray[np.int64],  # (F + 1,)
    level: NDArray[np.int32],  # (M,)
    across: NDArray[np.int32],  # (M, 2)
    out: NDArray[np.int64],  # (M,), overwritten: one crossing that stands for the contour
) -> None:
    """Join crossings that share a mesh edge at one level to contours (union-find)."""
    for row in range(out.shape[0]):
        out[row] = row
    for face in range(neighbours.shape[0]):
        for row in range(start[face], start[face + 1]):
            for end in range(2):
                other = neighbours[face, across[row, end]]
                if other < 0 or start[other] == start[other + 1]:
                    continue
                there = start[other] + level[row] - level[start[other]]
                if there < start[other] or there >= start[other + 1]:
                    continue
                a, b = _root(out, row), _root(out, there)
                if a != b:
                    out[max(a, b)] = min(a, b)
    for row in range(out.shape[0]):
        out[row] = _root(out, row)


@kernel
def spread_labels(
    neighbours: NDArray[np.int32],  # (F, 3)
    queue: NDArray[np.int32],  # (F,), working memory
    out: NDArray[np.int32],  # (F,) labels, -1 where none is; filled from the nearest in faces
) -> None:
    """Grow labels over shared edges, breadth first, from all labelled faces at once."""
    end = 0
    for face in range(out.shape[0]):
        if out[face] >= 0:
            queue[end] = face
            end += 1
    begin = 0
    while begin < end:
        face = queue[begin]
        begin += 1
        for corner in range(3):
            other = neighbours[face, corner]
            if other >= 0 and out[other] < 0:
                out[other] = out[face]
                queue[end] = other
                end += 1
