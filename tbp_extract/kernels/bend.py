"""Which way skin faces on the whole, and how it bends, face by face."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def spread_normals(
    neighbours: NDArray[np.int32],  # (F, 3)
    area_mm2: NDArray[np.float64],  # (F,)
    rounds: int,
    other: NDArray[np.float64],  # (F, 3) scratch
    normals: NDArray[np.float64],  # (F, 3) comes as unit normals, leaves as local means
) -> None:
    """Average normals over neighbours again and again, large faces counting more.

    The means are not made unit again: how short they are says how much the skin turns.
    """
    one, two = normals, other
    for _ in range(rounds):
        for face in range(neighbours.shape[0]):
            weight = area_mm2[face]
            for axis in range(3):
                two[face, axis] = weight * one[face, axis]
            for k in range(3):
                near = neighbours[face, k]
                if near < 0:
                    continue
                weight += area_mm2[near]
                for axis in range(3):
                    two[face, axis] += area_mm2[near] * one[near, axis]
            for axis in range(3):
                two[face, axis] /= max(weight, 1e-12)
        one, two = two, one
    if rounds % 2 == 1:
        normals[:] = other


@kernel
def bend(
    middles: NDArray[np.float64],  # (F, 3)
    neighbours: NDArray[np.int32],  # (F, 3)
    means: NDArray[np.float64],  # (F, 3) of `spread_normals`
    out: NDArray[np.float64],  # (F, 2) curvature in 1/mm, bulges above 0; lean 0..1
) -> None:
    """Mean over the three neighbours of how fast the mean normal turns on the way to them."""
    for face in range(neighbours.shape[0]):
        length2 = 0.0
        for axis in range(3):
            length2 += means[face, axis] ** 2
        out[face, 1] = 1.0 - math.sqrt(length2)
        total, weight = 0.0, 0.0
        for k in range(3):
            near = neighbours[face, k]
            if near < 0:
                continue
            along, way2 = 0.0, 0.0
            for axis in range(3):
                way = middles[near, axis] - middles[face, axis]
                along += way * (means[near, axis] - means[face, axis])
                way2 += way * way
            # Far neighbours tell more than near ones, whose way is rounding.
            total += along
            weight += way2
        out[face, 0] = total / weight if weight > 0.0 else 0.0
