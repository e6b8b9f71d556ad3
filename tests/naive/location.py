"""Horizontal contours and spreading labels, face by face."""

import numpy as np
from numpy.typing import NDArray


def cut_faces(
    vertices: NDArray[np.float64], faces: NDArray[np.int32], base_mm: float, step_mm: float
) -> list[tuple[int, int, tuple[float, float], tuple[float, float]]]:
    """Face, level and both ends of every crossing, by trying every level on every face."""
    top = int((vertices[:, 1].max() - base_mm) / step_mm) + 2
    found = []
    for face, corners in enumerate(vertices[faces]):
        for level in range(-1, top):
            y = base_mm + level * step_mm
            ends: dict[bool, tuple[float, float]] = {}
            for k in range(3):
                p, q = corners[k], corners[(k + 1) % 3]
                if (p[1] > y) != (q[1] > y):
                    r = p + (y - p[1]) / (q[1] - p[1]) * (q - p)
                    ends[bool(q[1] > y)] = (float(r[0]), float(r[2]))
            if ends:
                found.append((face, level, ends[True], ends[False]))
    return found


def joined(
    faces: NDArray[np.int32], neighbours: NDArray[np.int32], heights: NDArray[np.float64], y: float
) -> list[set[int]]:
    """Contours at one height as sets of faces, by walking over edges that the height cuts."""
    cut = {f for f, tri in enumerate(faces) if heights[tri].min() <= y < heights[tri].max()}
    groups = []
    while cut:
        group, border = set(), [cut.pop()]
        while border:
            face = border.pop()
            group.add(face)
            for k in range(3):
                i, j = faces[face, k], faces[face, (k + 1) % 3]
                other = int(neighbours[face, k])
                if (heights[i] > y) != (heights[j] > y) and other in cut:
                    cut.remove(other)
                    border.append(other)
        groups.append(group)
    return groups


def spread_distance(neighbours: NDArray[np.int32], labels: NDArray[np.int32]) -> NDArray[np.int64]:
    """Steps over edges from the nearest labelled face; -1 where none is reached."""
    steps = np.where(labels >= 0, 0, -1)
    for far in range(len(labels)):
        ring = np.flatnonzero(steps == far)
        if not len(ring):
            break
        near = neighbours[ring].ravel()
        near = near[near >= 0]
        steps[near[steps[near] < 0]] = far + 1
    return steps
