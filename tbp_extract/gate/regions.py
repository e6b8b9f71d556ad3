"""Where on a body crops identify a person: face, nipples, genitals, ends of fingers.

Zones are set by landmarks that the body's own shape gives, and by proportion between them; each is
as wide as half a crop's diagonal beyond what it is to hide. ``docs/privacy.md`` draws them.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tbp_extract.measure.frame import Frame
from tbp_extract.measure.location import LOCATIONS, BodyParts
from tbp_extract.types import GateReason, Surface

__all__ = ["region_reasons"]

# Heights in the head, as shares of the way from the thinnest place of the neck to the crown.
FACE_FROM, FACE_TO = 0.08, 0.67
EARS_FROM, EARS_TO = 0.22, 0.64
FACE_DEG: Final = 94.0
EARS_DEG: Final = 119.0
"""Azimuth from the front about the middle of the head."""

# In lengths of the trunk, shoulder line to crotch.
NIPPLE_UP, NIPPLE_OUT = 0.67, 0.155
NIPPLE_HALF_UP, NIPPLE_HALF_OUT = 0.035, 0.035
APEX_UP, APEX_OUT, APEX_HALF = (0.5, 0.78), (0.06, 0.28), 0.045

# From height to half the width: the mons with its hair in front, perineum and cleft behind.
MONS_UP, MONS_OUT = (-0.03, 0.04, 0.07, 0.155, 0.17), (0.04, 0.055, 0.085, 0.097, 0.075)
CLEFT_UP, CLEFT_OUT = (-0.025, 0.035, 0.055, 0.07, 0.09), (0.045, 0.053, 0.035, 0.025, -0.008)
HANGING_OUT: Final = 0.12
"""What belongs to the trunk, hangs below the crotch and is no farther from the middle."""

APEX_RISE: Final = 0.02
"""A breast stands out so far beyond the breastbone."""

LEVEL: Final = 0.03
"""Skin so little higher or lower is at the same height."""

HAND_BY_HEIGHT: Final = 0.108
TIP_BALL_MM: Final = 12.0
TIP_BY_HAND: Final = 0.105
"""A nail with its fold, by the hand's length."""

LIMB_MM: Final = 200.0
"""A scan of which two sides are shorter shows a limb, and neither face nor trunk."""


def region_reasons(
    surface: Surface,
    parts: BodyParts,
    *,
    face: NDArray[np.integer],
    position_mm: NDArray[np.float64],
    extent_mm: float,
) -> dict[GateReason, NDArray[np.bool_]]:
    """Tell which crops lie in zones that identify a person.

    Parameters
    ----------
    surface : Surface
    parts : BodyParts
        Of that surface.
    face : (N,) int
        Face under each crop's centre.
    position_mm : (N, 3) float64
        The centres, in body space.
    extent_mm : float
        Side of the crops.

    Returns
    -------
    dict
        (N,) bool by reason.
    """
    unknown = parts.face_location[face] == 0
    frame = parts.frame
    if frame is None:
        broad = np.sort(np.ptp(surface.vertices_mm, axis=0))[1] > LIMB_MM
        return {GateReason.UNPLACED: np.full(len(face), broad)}
    turned = _turned(position_mm, frame.yaw_deg)
    margin_mm = extent_mm / np.sqrt(2.0)
    names = np.array(LOCATIONS, object)[parts.face_location[face]].astype(str)
    return {
        GateReason.UNPLACED: unknown,
        GateReason.FACE: (names == "Head & Neck") & _in_face(turned, frame, margin_mm),
        GateReason.NIPPLE: np.char.startswith(names, "Torso Front")
        & _at_nipples(turned, frame, surface, parts, margin_mm),
        GateReason.GENITAL: _at_genitals(turned, names, frame, margin_mm),
        GateReason.NAIL: _at_finger_ends(position_mm, surface, parts, margin_mm),
    }


def _turned(points: NDArray[np.float64], yaw_deg: float) -> NDArray[np.float64]:
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    return np.asarray(points @ np.array(((c, 0.0, s), (0.0, 1.0, 0.0), (-s, 0.0, c))))


def _in_face(points: NDArray[np.float64], frame: Frame, margin_mm: float) -> NDArray[np.bool_]:
    neck, sections = frame.marks.neck, frame.sections
    if neck is None:
        # Whatever is called head without a neck may be a face.
        return np.ones(len(points), np.bool_)
    low = sections.height_mm(neck.narrow)
    length = neck.top_mm - low
    middle = _head_middle(frame, low, neck.top_mm)
    azimuth = np.degrees(np.arctan2(points[:, 0] - middle[0], points[:, 2] - middle[1]))
    wide = np.degrees(margin_mm / (0.35 * length))
    y = points[:, 1]

    def within(first: float, last: float) -> NDArray[np.bool_]:
        return np.asarray(
            (y > low + first * length - margin_mm) & (y < low + last * length + margin_mm)
        )

    face = within(FACE_FROM, FACE_TO) & (np.abs(azimuth) < FACE_DEG)
    ears = within(EARS_FROM, EARS_TO) & (np.abs(azimuth) < EARS_DEG + 0.5 * wide)
    return np.asarray(face | ears)


def _head_middle(frame: Frame, low_mm: float, top_mm: float) -> tuple[float, float]:
    sections = frame.sections
    heights = np.array([sections.height_mm(int(c)) for c in frame.marks.trunk])
    upper = frame.marks.trunk[(heights > low_mm + 0.3 * (top_mm - low_mm)) & (heights < top_mm)]
    box = np.median(sections.box_mm[upper], axis=0)
    return 0.5 * float(box[0] + box[1]), 0.5 * float(box[2] + box[3])


def _trunk(frame: Frame) -> tuple[NDArray[np.float64], float] | None:
    """Middle of the crotch (x, y, z) and the trunk's length."""
    length, neck, crotch = frame.trunk.length_mm, frame.marks.neck, frame.marks.crotch
    if length is None or frame.trunk.crotch_mm is None:
        return None
    if crotch is not None:
        return np.array((crotch.x_mm, crotch.y_mm, crotch.z_mm)), length
    x, z = (neck.x_mm, neck.z_mm) if neck is not None else (0.0, 0.0)
    return np.array((x, frame.trunk.crotch_mm, z)), length


def _at_nipples(
    points: NDArray[np.float64],
    frame: Frame,
    surface: Surface,
    parts: BodyParts,
    margin_mm: float,
) -> NDArray[np.bool_]:
    trunk = _trunk(frame)
    if trunk is None:
        return np.ones(len(points), np.bool_)
    (x, y, _), length = trunk
    near = np.zeros(len(points), np.bool_)
    for side in (1.0, -1.0):
        apex = _breast_apex(surface, parts, frame, np.array((x, y)), side * length)
        if apex is not None:
            near |= np.linalg.norm(points - apex, axis=1) < APEX_HALF * length + margin_mm
            continue
        out = (side * (points[:, 0] - x) - NIPPLE_OUT * length) / (
            NIPPLE_HALF_OUT * length + margin_mm
        )
        high = (points[:, 1] - y - NIPPLE_UP * length) / (NIPPLE_HALF_UP * length + margin_mm)
        near |= np.hypot(out, high) < 1.0
    return near


def _breast_apex(
    surface: Surface,
    parts: BodyParts,
    frame: Frame,
    crotch_mm: NDArray[np.float64],
    signed_length_mm: float,
) -> NDArray[np.float64] | None:
    """Foremost point of a breast that stands out; on the side that the sign of a length tells."""
    length, side = abs(signed_length_mm), float(np.sign(signed_length_mm))
    torso = [k for k, name in enumerate(LOCATIONS) if name.startswith("Torso Front")]
    corners = np.unique(surface.faces[np.isin(parts.face_location, torso)])
    skin = _turned(surface.vertices_mm[corners], frame.yaw_deg)
    across, up = ((skin[:, :2] - crotch_mm) / length).T
    band = (up > APEX_UP[0]) & (up < APEX_UP[1])
    breast = skin[band & (side * across > APEX_OUT[0]) & (side * across < APEX_OUT[1])]
    middle = skin[band & (np.abs(across) < APEX_OUT[0])]
    if not len(breast) or not len(middle):
        return None
    apex: NDArray[np.float64] = breast[breast[:, 2].argmax()]
    level = np.abs(middle[:, 1] - apex[1]) < LEVEL * length
    if not level.any() or apex[2] - middle[level, 2].max() < APEX_RISE * length:
        return None
    return apex


def _at_genitals(
    points: NDArray[np.float64],
    names: NDArray[np.str_],
    frame: Frame,
    margin_mm: float,
) -> NDArray[np.bool_]:
    trunk = _trunk(frame)
    if trunk is None:
        return np.zeros(len(points), np.bool_)
    (x, y, z), length = trunk
    across, up = np.abs(points[:, 0] - x), points[:, 1] - y

    def within(heights: Sequence[float], halves: Sequence[float]) -> NDArray[np.bool_]:
        level = length * np.array(heights)
        half = np.interp(up, level, length * np.array(halves))
        high = (up > level[0] - margin_mm) & (up < level[-1] + margin_mm)
        return np.asarray(high & (across < half + margin_mm))

    ahead = points[:, 2] > z - margin_mm
    trunk_skin = np.char.startswith(names, "Torso")
    hanging = trunk_skin & (up < 0.0) & (across < HANGING_OUT * length + margin_mm)
    zone = np.where(ahead, within(MONS_UP, MONS_OUT), within(CLEFT_UP, CLEFT_OUT))
    return np.asarray((zone & ~np.char.endswith(names, "- Lower")) | hanging)


def _at_finger_ends(
    position_mm: NDArray[np.float64], surface: Surface, parts: BodyParts, margin_mm: float
) -> NDArray[np.bool_]:
    near = np.zeros(len(position_mm), np.bool_)
    hand_mm = HAND_BY_HEIGHT * float(np.ptp(surface.vertices_mm[:, 1]))
    for side in ("Left", "Right"):
        arm = LOCATIONS.index(f"{side} Arm - Lower")
        corners = np.unique(surface.faces[parts.face_location == arm])
        if len(corners) < 100:
            continue
        tips = _finger_tips(surface.vertices_mm[corners], hand_mm)
        distance, _ = cKDTree(tips).query(position_mm)
        near |= distance < TIP_BY_HAND * hand_mm + margin_mm
    return near


def _finger_tips(arm: NDArray[np.float64], hand_mm: float) -> NDArray[np.float64]:
    """Points of a hand that lie farther from the wrist than all skin around them."""
    elbow = arm[arm[:, 1].argmax()]
    reach = np.linalg.norm(arm - elbow, axis=1)
    wrist = arm[np.abs(reach.max() - reach - hand_mm) < 10.0]
    hand = arm[reach > reach.max() - hand_mm]
    away = np.linalg.norm(hand - (wrist.mean(axis=0) if len(wrist) else elbow), axis=1)
    around = cKDTree(hand).query_ball_point(hand, TIP_BALL_MM)
    farthest = np.array([away[k] >= away[near].max() for k, near in enumerate(around)])
    return np.asarray(hand[farthest & (away > 0.45 * hand_mm)])
