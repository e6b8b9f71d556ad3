"""Plain twins of ``tbp_extract.kernels.locate``: every point against every face."""

import itertools

import numpy as np
from numpy.typing import NDArray


def cell_faces(
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    origin: NDArray[np.float64],
    cell: float,
    shape: NDArray[np.int64],
) -> list[list[int]]:
    """Faces whose box touches each cell, cell after cell; outside counts as the nearest cell."""
    first = np.clip(np.floor((low - origin) / cell), 0, shape - 1)
    last = np.clip(np.floor((high - origin) / cell), 0, shape - 1)
    return [
        np.flatnonzero(((first <= place) & (place <= last)).all(axis=1)).tolist()
        for place in itertools.product(*(range(int(n)) for n in shape))
    ]


def closest_point(point: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Closest point of a triangle: its plane's where that lies inside, else an edge's."""
    a, b, c = corners
    ab, ac = b - a, c - a
    gram = np.array([[ab @ ab, ab @ ac], [ab @ ac, ac @ ac]])
    if np.linalg.det(gram) > 0:
        v, w = np.linalg.solve(gram, [ab @ (point - a), ac @ (point - a)])
        if v >= 0 and w >= 0 and v + w <= 1:
            inside: NDArray[np.float64] = a + v * ab + w * ac
            return inside
    ends = [_closest_on_segment(point, one, two) for one, two in ((a, b), (b, c), (c, a))]
    return min(ends, key=lambda place: float(np.linalg.norm(point - place)))


def _closest_on_segment(
    point: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]
) -> NDArray[np.float64]:
    along = b - a
    t = float((point - a) @ along) / max(float(along @ along), 1e-300)
    place: NDArray[np.float64] = a + min(max(t, 0.0), 1.0) * along
    return place


def nearest_distances(
    points: NDArray[np.float64], vertices: NDArray[np.float64], faces: NDArray[np.int32]
) -> NDArray[np.float64]:
    """(N, F) distance of every point to every face."""
    return np.array(
        [
            [np.linalg.norm(point - closest_point(point, vertices[face])) for face in faces]
            for point in points
        ]
    ).reshape(len(points), len(faces))


def depths(
    points: NDArray[np.float64], corners: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N, F, 3) barycentric coordinates in every face and (N, F) the least of the three."""
    bary = np.full((len(points), len(corners), 3), -np.inf)
    for f, face in enumerate(corners):
        system = np.vstack((face.T, np.ones(3)))
        if np.linalg.det(system) == 0:
            continue
        right = np.vstack((points.T, np.ones(len(points))))
        bary[:, f] = np.linalg.solve(system, right).T
    return bary, bary.min(axis=2)
