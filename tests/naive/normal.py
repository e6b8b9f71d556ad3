"""Plain twin of ``tbp_extract.kernels.normal``: points counted instead of polygons cut."""

import numpy as np
from numpy.typing import NDArray


def mean_normal(
    corner: NDArray[np.float64], normals: NDArray[np.float64], half: float, grid: int = 400
) -> NDArray[np.float64]:
    """Mean over a fine grid in the window of the normals of all triangles that hold the point."""
    side = (np.arange(grid) + 0.5) / grid * 2 * half - half
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    total = np.zeros(3)
    for triangle, normal in zip(corner, normals, strict=True):
        edges = np.roll(triangle, -1, axis=0) - triangle
        turn = [
            edge[0] * (points[:, 1] - start[1]) - edge[1] * (points[:, 0] - start[0])
            for edge, start in zip(edges, triangle, strict=True)
        ]
        inside = (np.array(turn) >= 0).all(axis=0) | (np.array(turn) <= 0).all(axis=0)
        total += inside.sum() * normal
    return np.asarray(total / np.linalg.norm(total), np.float64)
