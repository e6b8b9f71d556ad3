"""Where bodies show what identifies: drawn by hand on skins, by construction on phantoms.

Independent of the landmarks that the gate goes by. On the MakeHuman bodies places are shares of
their shared skin's width and height from its upper left corner. What belongs to a zone follows
anatomy, as *Terminologia Anatomica* names regions, and what the four skins show:

- face: from the middle of the forehead to the lower border of the jaw, back to its angle
  (parotideomasseteric region), with the ears;
- nipple: with its areola;
- genital: the mons pubis with its hair, which one of the skins shows, the external genitals, the
  perineum and the skin about the anus;
- finger end: nails with their folds, and the pads opposite, whose ridges are a fingerprint.

Phantoms have neither face nor nipples worth the name; their crotch and fingers are those of a body.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tbp_extract.phantom.anatomy import RIGHT, Part, human_cones
from tbp_extract.types import Scan

__all__ = ["Zones", "inner_faces", "is_near", "phantom_zones", "skin_zones"]

Zones = Mapping[str, NDArray[np.bool_]]
"""(F,) whether a face of the mesh lies in a zone, by the zone's name."""

_Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

_FINGER_ENDS: tuple[_Box, ...] = (
    # Backs of thumb, index, middle, ring, little finger; the pads of the first four.
    (0.530, 0.937, 0.550, 0.955),
    (0.488, 0.981, 0.512, 0.995),
    (0.432, 0.980, 0.455, 0.995),
    (0.402, 0.952, 0.418, 0.966),
    (0.396, 0.905, 0.408, 0.925),
    (0.408, 0.795, 0.432, 0.808),
    (0.3625, 0.833, 0.369, 0.850),
    (0.356, 0.866, 0.3645, 0.886),
    (0.366, 0.898, 0.379, 0.915),
)
_HANDS_MIDDLE: Final = 1.121
"""Left and right hand mirror each other: their places add up to this."""

_BOXES: Mapping[str, tuple[_Box, ...]] = {
    "face": (
        (0.812, 0.398, 0.944, 0.656),
        # Chin, and the jaw's angles.
        (0.944, 0.440, 0.957, 0.614),
        (0.874, 0.375, 0.935, 0.398),
        (0.874, 0.656, 0.935, 0.679),
        # Ears.
        (0.828, 0.342, 0.874, 0.398),
        (0.828, 0.656, 0.874, 0.712),
    ),
    "nipple": ((0.316, 0.290, 0.336, 0.310), (0.426, 0.290, 0.446, 0.310)),
    "genital": (
        (0.345, 0.520, 0.416, 0.540),
        (0.352, 0.540, 0.409, 0.560),
        (0.360, 0.560, 0.401, 0.620),
        # Behind, where the skin is cut along the middle.
        (0.105, 0.530, 0.140, 0.548),
        (0.118, 0.514, 0.152, 0.532),
        (0.621, 0.530, 0.656, 0.548),
        (0.609, 0.514, 0.643, 0.532),
    ),
    "finger end": (
        *_FINGER_ENDS,
        *((_HANDS_MIDDLE - c, b, _HANDS_MIDDLE - a, d) for a, b, c, d in _FINGER_ENDS),
    ),
}

_INNER: tuple[_Box, ...] = (
    (0.0, 0.36, 0.16, 0.46),
    (0.75, 0.85, 1.0, 1.0),
    (0.25, 0.636, 0.44, 0.836),
)
"""Mouth, eye sockets and other skin that no camera sees."""

# Of a phantom, as shares of its height; measured on the skins above.
_MONS_UP, _MONS_OUT = (-0.012, 0.055), (0.0165, 0.035)
_CLEFT_UP, _CLEFT_OUT = (-0.012, 0.022), 0.0165

_NAIL_MM: Final = 20.0
"""From the end of a phantom's finger to behind the fold of its nail."""

_FINGERS: Final = (Part.THUMB, Part.INDEX, Part.MIDDLE, Part.RING, Part.LITTLE)
_DRAWN_HEIGHT_MM: Final = 1750.0


def skin_zones(scan: Scan) -> Zones:
    """Zones of a MakeHuman body."""
    seen = ~inner_faces(scan)
    return {zone: _in_boxes(scan, boxes) & seen for zone, boxes in _BOXES.items()}


def phantom_zones(scan: Scan) -> Zones:
    """Zones of a whole-body phantom: about its crotch, and the ends of its fingers."""
    middle = scan.vertices_mm[scan.faces].mean(axis=1)
    height_mm = float(np.ptp(scan.vertices_mm[:, 1]))
    return {
        "genital": _about_crotch(middle, height_mm),
        "finger end": _at_tips(middle, height_mm / _DRAWN_HEIGHT_MM),
    }


def _about_crotch(points: NDArray[np.float64], height_mm: float) -> NDArray[np.bool_]:
    between = (np.abs(points[:, 0]) < 5.0) & (np.abs(points[:, 1] - 0.45 * height_mm) < 200.0)
    crotch = points[between][points[between, 1].argmin()]
    across = np.abs(points[:, 0]) / height_mm
    up, ahead = ((points - crotch) / height_mm)[:, 1:].T
    mons = (up > _MONS_UP[0]) & (up < _MONS_UP[1]) & (across < np.interp(up, _MONS_UP, _MONS_OUT))
    cleft = (up > _CLEFT_UP[0]) & (up < _CLEFT_UP[1]) & (across < _CLEFT_OUT)
    return np.asarray(np.where(ahead > 0, mons, cleft))


def _at_tips(points: NDArray[np.float64], scale: float) -> NDArray[np.bool_]:
    tips = []
    for cone in human_cones():
        if cone.part % RIGHT in _FINGERS:
            a, b = np.array(cone.a), np.array(cone.b)
            tips.append(b + cone.radius_b * (b - a) / np.linalg.norm(b - a))
    distance, _ = cKDTree(scale * np.array(tips)).query(points)
    return np.asarray(distance < scale * _NAIL_MM)


def inner_faces(scan: Scan) -> NDArray[np.bool_]:
    """(F,) whether a face of a MakeHuman body is inside it."""
    return _in_boxes(scan, _INNER)


def is_near(
    scan: Scan, zones: Zones, position_mm: NDArray[np.float64], within_mm: float
) -> NDArray[np.bool_]:
    """(N,) whether a place lies in any zone or close to it."""
    corners = scan.vertices_mm[scan.faces[np.any(list(zones.values()), axis=0)]]
    # Faces are nearly as wide as a crop reaches: their middles alone would lie too deep inside.
    skin = np.concatenate((corners.mean(axis=1), *(corners[:, k] for k in range(3))))
    distance, _ = cKDTree(skin).query(position_mm)
    return np.asarray(distance < within_mm)


def _in_boxes(scan: Scan, boxes: tuple[_Box, ...]) -> NDArray[np.bool_]:
    x, down = scan.wedge_uv.mean(axis=1).T
    y = 1.0 - down
    return np.asarray(
        np.any([(x > a) & (x < c) & (y > b) & (y < d) for a, b, c, d in boxes], axis=0)
    )
