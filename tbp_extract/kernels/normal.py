"""Which way a piece of skin faces on the whole."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def _clip(
    corner: NDArray[np.float64],  # (K, 2), the first `n` in use
    n: int,
    axis: int,
    sign: float,
    half: float,
    out: NDArray[np.float64],  # (K, 2)
) -> int:
    """Cut a polygon at sign * coordinate <= half; gives the number of corners left."""
    kept = 0
    for k in range(n):
        following = (k + 1) % n
        here = half - sign * corner[k, axis]
        there = half - sign * corner[following, axis]
        if here >= 0.0:
            out[kept] = corner[k]
            kept += 1
        if (here > 0.0 and there < 0.0) or (here < 0.0 and there > 0.0):
            share = here / (here - there)
            for i in range(2):
                out[kept, i] = corner[k, i] + share * (corner[following, i] - corner[k, i])
            kept += 1
    return kept


@kernel
def mean_normals(
    start: NDArray[np.int64],  # (N + 1,)
    face: NDArray[np.int32],  # (M,)
    corner: NDArray[np.float64],  # (M, 3, 2) along tangent and bitangent, mm
    face_normals: NDArray[np.float64],  # (F, 3)
    half: float,  # half the window, mm
    out: NDArray[np.float64],  # (N, 3) unit; as it comes where no face lies in the window
) -> None:
    """Mean normal of each patch, every face weighted by its image area inside the window.

    Plan: triangles cut at the four sides of the square (Sutherland and Hodgman 1974,
    doi:10.1145/360767.360802); a triangle cut four times has seven corners at most.
    """
    a, b = np.empty((8, 2)), np.empty((8, 2))
    for n in range(start.shape[0] - 1):
        x, y, z = 0.0, 0.0, 0.0
        for m in range(start[n], start[n + 1]):
            a[:3] = corner[m]
            count = _clip(a, 3, 0, 1.0, half, b)
            count = _clip(b, count, 0, -1.0, half, a)
            count = _clip(a, count, 1, 1.0, half, b)
            count = _clip(b, count, 1, -1.0, half, a)
            area = 0.0
            for k in range(count):
                following = (k + 1) % count
                area += a[k, 0] * a[following, 1] - a[following, 0] * a[k, 1]
            area = 0.5 * abs(area)
            x += area * face_normals[face[m], 0]
            y += area * face_normals[face[m], 1]
            z += area * face_normals[face[m], 2]
        length = math.sqrt(x * x + y * y + z * z)
        if length > 0.0:
            out[n, 0], out[n, 1], out[n, 2] = x / length, y / length, z / length
