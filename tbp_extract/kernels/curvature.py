"""How skin bends around a point."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def bend(
    start: NDArray[np.int64],  # (N + 1,) of patches seen from above
    face: NDArray[np.int32],  # (M,)
    corner: NDArray[np.float64],  # (M, 3, 2)
    normals: NDArray[np.float64],  # (F, 3)
    axes: NDArray[np.float64],  # (N, 3, 3)
    reach_mm: float,
    out: NDArray[np.float64],  # (N, 2) mean curvature in 1/mm, bulges above 0; mean lean 0..1
) -> None:
    """Least-squares growth of the normals' sideways part with the way from the centre."""
    for n in range(start.shape[0] - 1):
        growth, way2, lean, total = 0.0, 0.0, 0.0, 0.0
        for m in range(start[n], start[n + 1]):
            x = (corner[m, 0, 0] + corner[m, 1, 0] + corner[m, 2, 0]) / 3.0
            y = (corner[m, 0, 1] + corner[m, 1, 1] + corner[m, 2, 1]) / 3.0
            ax, ay = corner[m, 1, 0] - corner[m, 0, 0], corner[m, 1, 1] - corner[m, 0, 1]
            bx, by = corner[m, 2, 0] - corner[m, 0, 0], corner[m, 2, 1] - corner[m, 0, 1]
            # A large face counts from nearby: its middle is not all that it is.
            width2 = (ax * ax + ay * ay + bx * bx + by * by) / 9.0
            if x * x + y * y > reach_mm * reach_mm + width2:
                continue
            area = abs(0.5 * (ax * by - ay * bx))
            right, down, up = 0.0, 0.0, 0.0
            for axis in range(3):
                right += normals[face[m], axis] * axes[n, 0, axis]
                down += normals[face[m], axis] * axes[n, 1, axis]
                up += normals[face[m], axis] * axes[n, 2, axis]
            growth += area * (right * x + down * y)
            way2 += area * (x * x + y * y)
            lean += area * (1.0 - up)
            total += area
        out[n, 0] = growth / way2 if way2 > 0.0 else math.nan
        out[n, 1] = lean / total if total > 0.0 else math.nan
