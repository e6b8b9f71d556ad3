"""Size of a mesh as a whole."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def measure_mesh(
    vertices: NDArray[np.float64],  # (V, 3)
    faces: NDArray[np.int32],  # (F, 3)
    out: NDArray[np.float64],  # (8,) area, signed volume, smallest x y z, largest x y z
) -> None:
    """Measure what the faces use; the volume is taken about the centroid of the surface."""
    centre, middle, normal = np.zeros(3), np.zeros(3), np.zeros(3)
    out[:2] = 0.0
    out[2:5] = np.inf
    out[5:8] = -np.inf
    for turn in range(2):
        for face in range(len(faces)):
            a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
            for k in range(3):
                i, j = (k + 1) % 3, (k + 2) % 3
                bi, bj = vertices[b, i] - vertices[a, i], vertices[b, j] - vertices[a, j]
                ci, cj = vertices[c, i] - vertices[a, i], vertices[c, j] - vertices[a, j]
                normal[k] = bi * cj - bj * ci
                middle[k] = (vertices[a, k] + vertices[b, k] + vertices[c, k]) / 3.0
            if turn == 1:
                for k in range(3):
                    out[1] += (middle[k] - centre[k]) * normal[k] / 6.0
                continue
            area = 0.5 * math.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
            out[0] += area
            for k in range(3):
                centre[k] += area * middle[k]
                least = min(vertices[a, k], vertices[b, k], vertices[c, k])
                most = max(vertices[a, k], vertices[b, k], vertices[c, k])
                out[2 + k] = min(out[2 + k], least)
                out[5 + k] = max(out[5 + k], most)
        if turn == 0 and out[0] > 0.0:
            for k in range(3):
                centre[k] /= out[0]
