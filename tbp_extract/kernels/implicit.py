"""Signed distance to a smooth union of round cones."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def _round_cone(px: float, py: float, pz: float, cone: NDArray[np.float64]) -> float:
    """Distance to the hull of two balls, in a space whose depth is stretched by ``cone[8]``."""
    depth: float = cone[8]
    ra: float = cone[6]
    rb: float = cone[7]
    bx: float = cone[3] - cone[0]
    by: float = cone[4] - cone[1]
    bz: float = (cone[5] - cone[2]) / depth
    x: float = px - cone[0]
    y: float = py - cone[1]
    z: float = (pz - cone[2]) / depth
    length2 = bx * bx + by * by + bz * bz
    rr = ra - rb
    a2 = length2 - rr * rr
    shrink = min(1.0, depth)
    if a2 <= 0.0:
        if ra >= rb:
            return (math.sqrt(x * x + y * y + z * z) - ra) * shrink
        return (math.sqrt((x - bx) ** 2 + (y - by) ** 2 + (z - bz) ** 2) - rb) * shrink
    along = x * bx + y * by + z * bz
    beyond = along - length2
    sx, sy, sz = x * length2 - bx * along, y * length2 - by * along, z * length2 - bz * along
    side2 = sx * sx + sy * sy + sz * sz
    y2, z2 = along * along * length2, beyond * beyond * length2
    k = math.copysign(rr * rr * side2, rr) if rr != 0.0 else 0.0
    if math.copysign(a2 * z2, beyond) > k:
        return (math.sqrt(side2 + z2) / length2 - rb) * shrink
    if math.copysign(a2 * y2, along) < k:
        return (math.sqrt(side2 + y2) / length2 - ra) * shrink
    return ((math.sqrt(side2 * a2 / length2) + along * rr) / length2 - ra) * shrink


@kernel
def _blend(a: float, b: float, width: float) -> float:
    h = max(width - abs(a - b), 0.0) / width
    return min(a, b) - 0.25 * h * h * width


@kernel
def body_distance(
    points: NDArray[np.float64],  # (N, 3)
    cones: NDArray[np.float64],  # (K, 10) ends a and b, radius at a and b, depth, blend width
    floor: float,  # nothing of the body lies below this y
    out: NDArray[np.float64],  # (N,)
) -> None:
    """Smooth union of all cones in their order, cut off flat at the floor."""
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        distance = 1e9
        for i in range(cones.shape[0]):
            distance = _blend(distance, _round_cone(x, y, z, cones[i]), cones[i, 9])
        out[n] = -_blend(-distance, y - floor, 6.0)


@kernel
def nearest_part(
    points: NDArray[np.float64],  # (N, 3)
    cones: NDArray[np.float64],  # (K, 10)
    parts: NDArray[np.int32],  # (K,)
    out: NDArray[np.int32],  # (N,)
) -> None:
    """Part of the cone whose own surface is nearest."""
    for n in range(points.shape[0]):
        best = 1e300
        for i in range(cones.shape[0]):
            distance = _round_cone(points[n, 0], points[n, 1], points[n, 2], cones[i])
            if distance < best:
                best = distance
                out[n] = parts[i]
