"""The body's own frame: which way it faces, how long its trunk is, where front meets back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.measure.landmarks import Landmarks, find_landmarks, lateral_yaw_deg
from tbp_extract.measure.sections import STEP_MM, Sections, turned

__all__ = ["Facing", "Frame", "Trunk", "chain_down", "fit_frame"]

STRAIGHT_DEG = 2.0
"""A frame turned by less is left as the scan table gives it."""

LOST_DEG = 60.0
"""A lateral axis turned by more no longer tells left from right."""

TRUNK_BY_HEAD = 2.45
"""Shoulder line to crotch, by crown to shoulder line."""

TRUNK_BY_LEG = 0.78
"""Shoulder line to crotch, by crotch to sole."""

SHOULDER_BY_ARMPITS = 0.65
"""What ends higher above the armpits, by their distance, has a neck that was not found."""

STUMP_WIDTH = 0.48
"""What is narrower at the upper end of a scan, by the distance of the armpits, is a neck."""

LEAST_NOSE_MM = 8.0
"""A head farther in front of its neck than this tells where the front is."""


@dataclass(frozen=True, slots=True)
class Facing:
    """Which way the shape says that the patient faces."""

    yaw_deg: float | None
    """From the scan table's front towards the patient's left, -180..180; ``None``: the axis across
    the body was not found."""

    agrees: bool | None
    """Whether feet, or else the head, point where the scan table says; ``None``: they tell
    nothing."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """Where the trunk begins and ends; ``None`` where nothing tells."""

    shoulder_mm: float | None
    crotch_mm: float | None

    measured: bool
    """Whether both were seen; else one is taken by proportion."""

    @property
    def length_mm(self) -> float | None:
        """From the shoulder line to the crotch."""
        if self.shoulder_mm is None or self.crotch_mm is None:
            return None
        return self.shoulder_mm - self.crotch_mm


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Sections and landmarks, with the patient's left along +x and the front along +z."""

    sections: Sections
    marks: Landmarks
    yaw_deg: float
    """By which +z of this frame is turned from body space towards +x."""

    facing: Facing
    trunk: Trunk

    lost: bool
    """Whether the axis across the body contradicts the scan table."""


def fit_frame(sections: Sections) -> Frame | None:
    """Find landmarks, turn the frame square to the body, and find them again.

    Parameters
    ----------
    sections : Sections
        In body space.

    Returns
    -------
    Frame or None
        ``None`` where neither neck nor crotch nor two armpits show.
    """
    marks = find_landmarks(sections)
    if marks is None:
        return None
    yaw = lateral_yaw_deg(sections, marks)
    lost = yaw is None or abs(yaw) > LOST_DEG
    turn_deg = 0.0 if yaw is None or abs(yaw) < STRAIGHT_DEG else yaw
    if turn_deg:
        sections = turned(sections, turn_deg)
        marks = find_landmarks(sections)
    if marks is None or not _is_body(marks):
        return None
    sign = _front_sign(sections, marks)
    facing = Facing(
        yaw_deg=None if yaw is None else _wrapped(yaw + (180.0 if sign < 0 else 0.0)),
        agrees=None if sign == 0 else sign > 0 and not lost,
    )
    return Frame(sections, marks, turn_deg, facing, _find_trunk(sections, marks), lost)


def _is_body(marks: Landmarks) -> bool:
    arms = marks.left is not None and marks.right is not None
    return marks.neck is not None or marks.crotch is not None or arms


def _wrapped(angle_deg: float) -> float:
    return (angle_deg + 180.0) % 360.0 - 180.0


def _front_sign(sections: Sections, marks: Landmarks) -> float:
    """Tell whether feet, or else the head, lie to the front (1) or to the back (-1)."""
    if marks.crotch is not None:
        votes = [_toes_mm(sections, leg) for leg in (marks.crotch.left, marks.crotch.right)]
        if min(map(abs, votes)) > 0 and np.sign(votes[0]) == np.sign(votes[1]):
            return float(np.sign(votes[0]))
    if marks.neck is not None:
        upper = [c for c in marks.trunk if sections.level[c] > sections.level[marks.neck.narrow]]
        head = max(upper, key=lambda c: float(sections.area_mm2[c]))
        ahead = 0.5 * float(sections.box_mm[head, 2:].sum()) - marks.neck.z_mm
        if abs(ahead) > LEAST_NOSE_MM:
            return float(np.sign(ahead))
    return 0.0


def _toes_mm(sections: Sections, leg: int) -> float:
    """How far a foot's middle lies before its ankle; 0 where there is no foot."""
    chain = chain_down(sections, leg)
    rise = STEP_MM * (sections.level[chain] - sections.level[chain[-1]])
    foot, ankle = chain[rise <= 40.0], chain[(rise >= 80.0) & (rise <= 150.0)]
    if not len(ankle):
        return 0.0
    box = sections.box_mm
    depth, thick = np.max(box[foot, 3] - box[foot, 2]), np.median(box[ankle, 3] - box[ankle, 2])
    if depth < 1.5 * thick:
        return 0.0
    ahead = np.mean(box[foot, 2:]) - np.mean(box[ankle, 2:])
    return float(ahead) if abs(ahead) > 0.1 * depth else 0.0


def chain_down(sections: Sections, contour: int) -> NDArray[np.int64]:
    """Contours from one downward, the largest under each."""
    chain = [contour]
    while len(below := sections.under(chain[-1])):
        chain.append(int(below[0]))
    return np.array(chain, np.int64)


def _find_trunk(sections: Sections, marks: Landmarks) -> Trunk:
    neck, crotch = marks.neck, marks.crotch
    if neck is not None and crotch is not None:
        return Trunk(neck.base_mm, crotch.y_mm, measured=True)
    if neck is not None:
        reach_mm = TRUNK_BY_HEAD * (neck.top_mm - neck.base_mm)
        return Trunk(neck.base_mm, neck.base_mm - reach_mm, measured=False)
    shoulder = _shoulder_without_neck(sections, marks)
    if crotch is None:
        return Trunk(shoulder, None, measured=False)
    if shoulder is None and min(_toes_mm(sections, c) for c in (crotch.left, crotch.right)) != 0:
        sole_mm = sections.height_mm(int(chain_down(sections, crotch.left)[-1]))
        shoulder = crotch.y_mm + TRUNK_BY_LEG * (crotch.y_mm - sole_mm)
    return Trunk(shoulder, crotch.y_mm, measured=False)


def _shoulder_without_neck(sections: Sections, marks: Landmarks) -> float | None:
    if marks.left is None or marks.right is None:
        return None
    span = marks.left.x_mm - marks.right.x_mm
    pit = 0.5 * (marks.left.y_mm + marks.right.y_mm)
    top = _widening_mm(sections, marks, STUMP_WIDTH * span)
    return top if top - pit < SHOULDER_BY_ARMPITS * span else pit + 0.45 * span


def _widening_mm(sections: Sections, marks: Landmarks, width_mm: float) -> float:
    """Height at which the trunk, from its top down, is wider than a stump of neck."""
    for contour in marks.trunk.tolist():
        if sections.width_mm(contour) >= width_mm:
            return sections.height_mm(contour)
    return sections.height_mm(int(marks.trunk[0]))
