"""Plain twin of ``tbp_extract.kernels.implicit``: distance by search along the axis."""

import numpy as np
from numpy.typing import NDArray


def round_cone(points: NDArray[np.float64], cone: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least distance to any of the balls between the ends, found by shrinking an interval."""
    stretch = np.array((1.0, 1.0, 1.0 / cone[8]))
    a, b = cone[:3] * stretch, cone[3:6] * stretch
    low, high = np.zeros(len(points)), np.ones(len(points))

    def away(t: NDArray[np.float64]) -> NDArray[np.float64]:
        centre = a + t[:, None] * (b - a)
        radius = cone[6] + t * (cone[7] - cone[6])
        return np.asarray(np.linalg.norm(points * stretch - centre, axis=1) - radius)

    for _ in range(100):
        third = (high - low) / 3.0
        left = away(low + third) < away(high - third)
        high = np.where(left, high - third, high)
        low = np.where(left, low, low + third)
    return np.asarray(away(0.5 * (low + high)) * min(1.0, float(cone[8])))


def blend(a: NDArray[np.float64], b: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Quadratic where the two differ by less than the width."""
    near = np.abs(a - b) < width
    soft = np.minimum(a, b) - (width - np.abs(a - b)) ** 2 / (4.0 * width)
    return np.where(near, soft, np.minimum(a, b))


def body_distance(
    points: NDArray[np.float64], cones: NDArray[np.float64], floor: float
) -> NDArray[np.float64]:
    distance = np.full(len(points), 1e9)
    for cone in cones:
        distance = blend(distance, round_cone(points, cone), float(cone[9]))
    return -blend(-distance, points[:, 1] - floor, 6.0)


def nearest_part(
    points: NDArray[np.float64], cones: NDArray[np.float64], parts: NDArray[np.int32]
) -> NDArray[np.int32]:
    return np.asarray(parts[np.argmin([round_cone(points, cone) for cone in cones], axis=0)])
