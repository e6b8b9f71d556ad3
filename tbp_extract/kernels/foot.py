"""From the level midway up an edge to that of its foot, where a soft edge ends."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


# The radius of the region at a level, less that of a sharp edge that is blurred as much, is where
# the level would lie without the blur: the same for all levels of a sharp edge, farther out for
# the lower levels of one that fades. The outline goes to the farthest.
@kernel
def foot_level(
    area: NDArray[np.float64],  # (K + 2,) pixels of the region at each level
    rim: NDArray[np.float64],  # (K + 2,) pixels of its outline where the image ends
    level: int,
    lowest: int,
    outer: float,  # contrast outside of the edge
    foot: NDArray[np.float64],  # (4,) most of the level that lies outside; least share of the
    #   edge's height; least contrast above what lies outside; most growth
    blur_px: float,  # scale of the logistic as which a sharp edge falls
    steps: int,
) -> int:
    """Level at the foot of an edge."""
    outer = min(outer, foot[0] * level / steps)
    height = 2.0 * (level / steps - outer)
    least = max(foot[1], foot[2] / height)
    farthest = math.sqrt(area[level] / math.pi)
    for k in range(level - 1, lowest - 1, -1):
        share = (k / steps - outer) / height
        if share < least or area[k] > foot[3] * area[level] or rim[k] > rim[level]:
            break
        blur = blur_px * math.log((1.0 - share) / share)
        farthest = max(farthest, math.sqrt(area[k] / math.pi) - blur)
    while level > lowest and area[level] < math.pi * farthest**2:
        level -= 1
    return level


@kernel
def follow(
    area: NDArray[np.float64],  # (N, K + 2) of `region.grow`
    rim: NDArray[np.float64],  # (N, K + 2) of `region.grow`
    lowest: NDArray[np.int64],  # (N,)
    outer: NDArray[np.float64],  # (N,)
    foot: NDArray[np.float64],  # (N, 4) of `foot_level`
    blur_px: float,
    steps: int,
    level: NDArray[np.int64],  # (N,) midway up each edge, or 0; changed
) -> None:
    """Follow the edge of each region to its foot."""
    for n in range(area.shape[0]):
        if level[n] > 0:
            level[n] = foot_level(
                area[n], rim[n], level[n], lowest[n], outer[n], foot[n], blur_px, steps
            )
