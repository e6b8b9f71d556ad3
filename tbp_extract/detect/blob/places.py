"""Places of the body where something dark is no lesion: a word for it, or a bar."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tbp_extract.measure.frame import Frame, fit_frame
from tbp_extract.measure.sections import cut_sections
from tbp_extract.types import DropReason, Surface

__all__ = ["Place", "places_of"]

HEAD: Final = {
    DropReason.EYE_OR_MOUTH: ((0.20, 0.36), (0.48, 0.61)),
    DropReason.BROW: ((0.61, 0.70),),
    DropReason.SCALP: ((0.80, 1.01),),
}
"""Bands of the front of the head, from the neck's base to the crown."""

EAR_BAND: Final = (0.36, 0.66)
BACK_OF_HEAD: Final = 0.40
"""Above this the back of the head is scalp."""

AREOLA: Final = ((0.52, 0.86), (0.09, 0.24))
"""Height above the crotch and distance from the middle, by the trunk's length."""

MIRROR_MM: Final = 14.0
"""How exactly nipples mirror each other."""

NAVEL: Final = ((0.26, 0.46), 14.0)
"""Height above the crotch by the trunk's length, distance from the middle in mm."""

GENITAL: Final = ((-0.16, 0.06), 0.07)
LEAST_MM: Final = 4.0
"""Nipples and navels are not smaller."""

HOLLOW: Final = -0.004
TIP_BULGE: Final = 0.03
"""Ends of fingers and toes bend this much, 1/mm."""


@dataclass(frozen=True, slots=True)
class Place:
    """What lies at a place."""

    reason: DropReason
    barred: bool
    """Whether it is dropped whatever its score; else the word only says what was dropped."""


def places_of(
    surface: Surface,
    xyz_mm: NDArray[np.float64],
    face: NDArray[np.int32],
    diameter_mm: NDArray[np.float64],
    bulge: NDArray[np.float64],
) -> tuple[Place | None, ...]:
    """Say what lies at each of N spots.

    Parameters
    ----------
    surface : Surface
    xyz_mm : (N, 3)
    face : (N,)
    diameter_mm : (N,)
    bulge : (N,)
        Mean curvature, 1/mm.

    Returns
    -------
    tuple of Place or None
        All ``None`` where the mesh is no standing body whose parts can be told.
    """
    out: list[Place | None] = [None] * len(xyz_mm)
    frame = fit_frame(cut_sections(surface)) if len(xyz_mm) else None
    if frame is None:
        return tuple(out)
    spots = _Spots(
        _turned(xyz_mm, frame.yaw_deg),
        _turned(surface.face_normals[face], frame.yaw_deg),
        diameter_mm,
        bulge,
    )
    top_mm = float(surface.vertices_mm[:, 1].max())
    for reason, barred, applies in (
        *_on_head(spots, frame, top_mm),
        *_on_trunk(spots, frame),
        (DropReason.NAIL, False, spots.bulge > TIP_BULGE),
    ):
        for row in np.flatnonzero(applies):
            out[row] = out[row] or Place(reason, barred)
    return tuple(out)


@dataclass(frozen=True, slots=True, eq=False)
class _Spots:
    """In the body's own frame: the patient's left along +x, the front along +z."""

    xyz: NDArray[np.float64]
    normal: NDArray[np.float64]
    diameter: NDArray[np.float64]
    bulge: NDArray[np.float64]


_Named = list[tuple[DropReason, bool, NDArray[np.bool_]]]


def _on_head(spots: _Spots, frame: Frame, top_mm: float) -> _Named:
    neck = frame.marks.neck
    if neck is None or top_mm - neck.base_mm < 100.0:
        return []
    height = (spots.xyz[:, 1] - neck.base_mm) / (top_mm - neck.base_mm)
    across = np.abs(spots.normal[:, 0])
    front = (spots.normal[:, 2] > -0.1) & (spots.xyz[:, 2] > neck.z_mm)
    named: _Named = [
        (reason, False, front & np.any([_within(height, band) for band in bands], axis=0))
        for reason, bands in HEAD.items()
    ]
    named.append((DropReason.EAR, False, ~front & (across > 0.3) & _within(height, EAR_BAND)))
    named.append((DropReason.SCALP, False, ~front & (height > BACK_OF_HEAD)))
    return named


def _on_trunk(spots: _Spots, frame: Frame) -> _Named:
    trunk = frame.trunk
    if trunk.crotch_mm is None or trunk.length_mm is None:
        return []
    height = (spots.xyz[:, 1] - trunk.crotch_mm) / trunk.length_mm
    aside = np.abs(spots.xyz[:, 0]) / trunk.length_mm
    front = spots.normal[:, 2] > 0.2
    large = spots.diameter > LEAST_MM
    areola = front & large & _within(height, AREOLA[0]) & _within(aside, AREOLA[1])
    navel = front & large & _within(height, NAVEL[0]) & (np.abs(spots.xyz[:, 0]) < NAVEL[1])
    genital = front & _within(height, GENITAL[0]) & (aside < GENITAL[1])
    return [
        (DropReason.NIPPLE, True, _mirrored(spots, areola)),
        (DropReason.NAVEL, True, navel & (spots.bulge < HOLLOW)),
        (DropReason.GENITAL, False, genital),
    ]


def _within(value: NDArray[np.float64], band: tuple[float, float]) -> NDArray[np.bool_]:
    return np.asarray((value >= band[0]) & (value <= band[1]))


def _mirrored(spots: _Spots, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Spots with a partner of like size on the other side of the chest."""
    out = np.zeros(len(spots.xyz), np.bool_)
    rows = np.flatnonzero(among)
    if len(rows) < 2:
        return out
    place = spots.xyz[rows]
    mirror = place * (-1.0, 1.0, 1.0)
    near = cKDTree(place).query_ball_point(mirror, MIRROR_MM)
    for row, partners in zip(rows, near, strict=True):
        size = spots.diameter[rows[partners]] / spots.diameter[row]
        out[row] = bool(((size > 0.5) & (size < 2.0)).any())
    return out


def _turned(points: NDArray[np.float64], yaw_deg: float) -> NDArray[np.float64]:
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    return np.asarray(points @ np.array(((c, 0.0, s), (0.0, 1.0, 0.0), (-s, 0.0, c))))
