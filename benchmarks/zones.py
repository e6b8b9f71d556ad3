"""Where the MakeHuman bodies show what identifies: drawn on their shared skin by hand.

Independent of the landmarks that the gate goes by. Places are shares of the skin's width and height
from its upper left corner.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tbp_extract.types import Scan

__all__ = ["ZONES", "inner_faces", "near_zone", "zone_faces"]

_Box = tuple[float, float, float, float]

ZONES: Mapping[str, tuple[_Box, ...]] = {
    # Left, top, right, bottom.
    "face": (
        (0.812, 0.398, 0.944, 0.656),
        (0.828, 0.342, 0.874, 0.398),
        (0.828, 0.656, 0.874, 0.712),
    ),
    "nipple": ((0.316, 0.290, 0.336, 0.310), (0.426, 0.290, 0.446, 0.310)),
    # In front, and the cleft behind, which the skin is cut along.
    "genital": (
        (0.360, 0.565, 0.400, 0.630),
        (0.132, 0.522, 0.150, 0.540),
        (0.626, 0.522, 0.644, 0.540),
    ),
}

_INNER: tuple[_Box, ...] = (
    (0.0, 0.36, 0.16, 0.46),
    (0.75, 0.85, 1.0, 1.0),
    (0.25, 0.636, 0.44, 0.836),
)
"""Mouth, eye sockets and other skin that no camera sees."""


def zone_faces(scan: Scan, zone: str) -> NDArray[np.bool_]:
    """(F,) whether a face of the mesh lies in a zone."""
    return _in_boxes(scan, ZONES[zone])


def inner_faces(scan: Scan) -> NDArray[np.bool_]:
    """(F,) whether a face is inside the body."""
    return _in_boxes(scan, _INNER)


def near_zone(
    scan: Scan, zone: str, position_mm: NDArray[np.float64], within_mm: float
) -> NDArray[np.bool_]:
    """(N,) whether a place lies in a zone or close to it."""
    corners = scan.vertices_mm[scan.faces[zone_faces(scan, zone)]]
    distance, _ = cKDTree(corners.mean(axis=1)).query(position_mm)
    return np.asarray(distance < within_mm)


def _in_boxes(scan: Scan, boxes: tuple[_Box, ...]) -> NDArray[np.bool_]:
    x, down = scan.wedge_uv.mean(axis=1).T
    y = 1.0 - down
    return np.asarray(
        np.any([(x > a) & (x < c) & (y > b) & (y < d) for a, b, c, d in boxes], axis=0)
    )
