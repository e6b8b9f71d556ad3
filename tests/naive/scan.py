"""Size of a mesh, by whole-array formulas."""

import numpy as np
from numpy.typing import NDArray


def measure_mesh(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=1) / 2
    centre = (area[:, None] * corners.mean(axis=1)).sum(axis=0) / area.sum()
    a, b, c = (corners[:, k] - centre for k in range(3))
    volume = (a * np.cross(b, c)).sum() / 6
    flat = corners.reshape(-1, 3)
    return np.concatenate(([area.sum(), volume], flat.min(axis=0), flat.max(axis=0)))
