"""Borders of body parts between landmarks, and the 21 values that they make."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import VOCABULARY
from tbp_extract.measure.frame import Frame
from tbp_extract.measure.limbs import SHOULDER_TILT, Joint, find_elbow, find_knee
from tbp_extract.measure.parts import ARMS, LEGS, Part, fold_mm

__all__ = ["LOCATIONS", "Skin", "divide", "set_borders"]

LOCATIONS = VOCABULARY["tbp_lv_location"]
"""Body parts by code; 0 is Unknown."""

_CODE = {name: code for code, name in enumerate(LOCATIONS)}
_UNKNOWN, _HEAD = _CODE["Unknown"], _CODE["Head & Neck"]

GROIN_RISE = 0.8
"""Slope of the groin from the crotch outward, in front; behind, the gluteal fold is level."""

NECK_FALL = 0.75
"""Slope of the neck's base from its sides down to the front."""

NECK_DROP = 0.085
"""How much lower the neck ends in front than at its sides, by trunk length."""

GROIN_START = 0.03
"""Distance from the middle at which the groin begins to rise, by trunk length."""

GROIN_LIFT = 0.015
"""How much higher than the crotch the groin begins in front, by trunk length."""

GROIN_BLEND_MM = 10.0
"""Half the depth over which groin and gluteal fold meet at the hip."""

USUAL_TRUNK_MM = 640.0
"""Length of a trunk whose ends the scan does not show."""

LATERAL_LIMIT = 0.24
"""Half width, by trunk length, beyond which skin may be an arm that was not told apart."""

TOLERANCE = 0.12
"""Share of the trunk's length by which a border placed by proportion may be off."""

SURE_DOWN_BY_LENGTH = 0.85
"""Share of a trunk placed by proportion below which legs may begin."""


def set_borders(
    part: NDArray[np.int32],
    points: NDArray[np.float64],
    ahead: NDArray[np.float64],
    frame: Frame,
) -> None:
    """Move the borders of head, arms and legs from where contours part to where they belong."""
    x, y, z = points.T
    marks = frame.marks
    core = (part == Part.TRUNK) | (part == Part.HEAD)
    if marks.neck is not None:
        fall = NECK_FALL * np.maximum(z - marks.neck.z_mm, 0.0)
        head = y > marks.neck.base_mm - np.minimum(fall, NECK_DROP * _length(frame))
        part[core] = np.where(head[core], Part.HEAD, Part.TRUNK)
    for pit, (code, side) in zip((marks.left, marks.right), ARMS, strict=True):
        if pit is not None:
            beyond = side * (x - pit.x_mm) > SHOULDER_TILT * (y - pit.y_mm)
            above = y >= pit.y_mm
            part[(part == Part.TRUNK) & beyond & above] = code
            part[(part == code) & ~beyond & above] = Part.TRUNK
    if marks.crotch is not None:
        leg = y < _groin_mm(points, ahead, frame)
        for code, side in LEGS:
            here = leg & (side * (x - marks.crotch.x_mm) > 0)
            part[(part == Part.TRUNK) & here] = code
            part[(part == code) & ~leg] = Part.TRUNK


def _length(frame: Frame) -> float:
    return frame.trunk.length_mm or USUAL_TRUNK_MM


def _groin_mm(
    points: NDArray[np.float64], ahead: NDArray[np.float64], frame: Frame
) -> NDArray[np.float64]:
    """Height below which skin belongs to a leg."""
    crotch, fold = frame.marks.crotch, fold_mm(frame)
    if crotch is None or fold is None:
        return np.full(len(points), -np.inf)
    front = np.clip(0.5 + 0.5 * ahead / GROIN_BLEND_MM, 0.0, 1.0)
    aside = np.abs(points[:, 0] - crotch.x_mm) - GROIN_START * _length(frame)
    groin = crotch.y_mm + GROIN_RISE * np.maximum(aside, 0.0) + GROIN_LIFT * _length(frame)
    return np.asarray(fold + front * (groin - fold))


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """Faces in the frame, before parts are divided."""

    part: NDArray[np.int32]
    """(F,)."""

    points: NDArray[np.float64]
    """(F, 3) centres in mm."""

    ahead: NDArray[np.float64]
    """(F,) above 0 in front, below 0 behind, NaN where neither is sure."""

    border: NDArray[np.float64]
    """(B, 4) middles of open edges, and their lengths, in mm."""


def divide(skin: Skin, frame: Frame) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Halves, thirds, front and back; Unknown where these do not show."""
    part, points = skin.part, skin.points
    location = np.full(len(part), _UNKNOWN, np.uint8)
    confidence = np.zeros(len(part), np.float32)
    here = part == Part.HEAD
    location[here], confidence[here] = _HEAD, 1.0
    if frame.lost:
        return location, confidence
    _divide_trunk(skin, frame, location, confidence)
    marks = frame.marks
    for pit, (code, side) in zip((marks.left, marks.right), ARMS, strict=True):
        if pit is not None:
            joint = find_elbow(frame, pit, side, skin.border)
            name = "Left Arm" if side > 0 else "Right Arm"
            _divide_limb(part == code, points, joint, name, location, confidence)
    if marks.crotch is not None:
        for leg, (code, side) in zip((marks.crotch.left, marks.crotch.right), LEGS, strict=True):
            joint = find_knee(frame, leg, skin.border)
            name = "Left Leg" if side > 0 else "Right Leg"
            _divide_limb(part == code, points, joint, name, location, confidence)
    return location, confidence


def _divide_limb(
    here: NDArray[np.bool_],
    points: NDArray[np.float64],
    joint: Joint | None,
    name: str,
    location: NDArray[np.uint8],
    confidence: NDArray[np.float32],
) -> None:
    if joint is None:
        location[here], confidence[here] = _CODE[name], 1.0
        return
    lower = (points[here] - joint.point_mm) @ joint.onward > 0
    location[here] = np.where(lower, _CODE[f"{name} - Lower"], _CODE[f"{name} - Upper"])
    confidence[here] = 1.0 if joint.measured else 0.5


def _divide_trunk(
    skin: Skin,
    frame: Frame,
    location: NDArray[np.uint8],
    confidence: NDArray[np.float32],
) -> None:
    here = np.flatnonzero((skin.part == Part.TRUNK) & np.isfinite(skin.ahead))
    here = here[_is_surely_trunk(skin.points[here], frame)]
    if not len(here):
        return
    y, front = skin.points[here, 1], skin.ahead[here] > 0
    location[here] = np.where(front, _CODE["Torso Front"], _CODE["Torso Back"])
    confidence[here] = 1.0
    trunk, length = frame.trunk, frame.trunk.length_mm
    if trunk.shoulder_mm is None or length is None:
        return
    depth = (trunk.shoulder_mm - y) / length
    for names, at in (
        (("Torso Front Top Half", "Torso Front Bottom Half"), front),
        (("Torso Back Top Third", "Torso Back Middle Third", "Torso Back Bottom Third"), ~front),
    ):
        borders = np.arange(1, len(names)) / len(names)
        codes = np.array([_CODE[name] for name in names], np.uint8)
        sure = at.copy()
        if not trunk.measured:
            # Off by a share of what was not seen, which grows away from the end that was.
            off = TOLERANCE * (borders if frame.marks.neck is not None else 1.0 - borders + 0.1)
            sure &= (np.abs(depth[:, None] - borders) > off).all(axis=1)
        location[here[sure]] = codes[np.searchsorted(borders, depth[sure])]
        confidence[here[sure]] = 1.0 if trunk.measured else 0.5


def _lowest_trunk_mm(frame: Frame) -> float:
    """Height down to which a trunk without crotch goes for sure."""
    trunk, pits = frame.trunk, (frame.marks.left, frame.marks.right)
    if trunk.shoulder_mm is not None and trunk.length_mm is not None:
        return trunk.shoulder_mm - SURE_DOWN_BY_LENGTH * trunk.length_mm
    if pits[0] is not None and pits[1] is not None:
        span = pits[0].x_mm - pits[1].x_mm
        return 0.5 * (pits[0].y_mm + pits[1].y_mm) - span
    return -np.inf


def _is_surely_trunk(points: NDArray[np.float64], frame: Frame) -> NDArray[np.bool_]:
    """Rule out what may be an arm that was not told apart, or a head on a hidden neck."""
    marks, trunk = frame.marks, frame.trunk
    x, y, _ = points.T
    sure = np.ones(len(points), np.bool_)
    if marks.neck is None and trunk.shoulder_mm is not None:
        sure &= y <= trunk.shoulder_mm + 10.0
    if marks.crotch is None:
        sure &= y > _lowest_trunk_mm(frame)
    centre = frame.sections.centre_mm[marks.trunk, 0]
    middle = float(np.median(centre))
    for pit, side in ((marks.left, 1.0), (marks.right, -1.0)):
        if pit is None:
            other = marks.right if side > 0 else marks.left
            limit = LATERAL_LIMIT * _length(frame)
            if other is not None:
                limit = max(limit, -side * (other.x_mm - middle))
            sure &= side * (x - middle) < limit
    return sure
