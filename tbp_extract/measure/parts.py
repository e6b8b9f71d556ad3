"""Which part each contour belongs to, and where the trunk's front meets its back."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tbp_extract.measure.frame import Frame, chain_down
from tbp_extract.measure.sections import STEP_MM

__all__ = ["ARMS", "LEGS", "Part", "contour_parts", "fold_mm", "middle_z_mm", "trunk_openness"]

ORPHAN_LEVELS = 8
"""A contour that begins below nothing and goes on as long belongs to nothing known."""

SMOOTH_LEVELS = 7
"""Levels over which the middle of the trunk is averaged."""

FOLD_REACH = (0.08, 0.04)
"""How far below and above the crotch the gluteal fold may lie, by trunk length."""

LEAST_FOLD_SLOPE = 0.25
"""Flatter backs have no gluteal fold: there the leg begins at the crotch."""


class Part(IntEnum):
    """Parts before they are divided."""

    HEAD = 0
    TRUNK = 1
    LEFT_ARM = 2
    RIGHT_ARM = 3
    LEFT_LEG = 4
    RIGHT_LEG = 5
    UNKNOWN = 6


ARMS = ((Part.LEFT_ARM, 1.0), (Part.RIGHT_ARM, -1.0))
LEGS = ((Part.LEFT_LEG, 1.0), (Part.RIGHT_LEG, -1.0))
"""With the sign of x on each side."""


def contour_parts(frame: Frame) -> NDArray[np.int32]:
    """(C,) parts of the contours, handed from the top down; -1 where a contour has none."""
    sections, marks = frame.sections, frame.marks
    part = np.full(len(sections), -1, np.int32)
    own: dict[int, int] = {}
    for pit, (code, _) in zip((marks.left, marks.right), ARMS, strict=True):
        if pit is not None:
            own[pit.contour] = code
    if marks.crotch is not None:
        own[marks.crotch.left] = Part.LEFT_LEG
        own[marks.crotch.right] = Part.RIGHT_LEG
    neck_mm = np.inf if marks.neck is None else marks.neck.base_mm
    for contour in marks.trunk.tolist():
        own[contour] = Part.HEAD if sections.height_mm(contour) > neck_mm else Part.TRUNK
    for contour in range(len(sections) - 1, -1, -1):
        above = int(sections.above[contour])
        if contour in own:
            part[contour] = own[contour]
        elif above >= 0:
            part[contour] = part[above]
        elif sections.reach[contour] >= ORPHAN_LEVELS:
            part[contour] = Part.UNKNOWN
    return part


def middle_z_mm(frame: Frame, parts: NDArray[np.int32]) -> NDArray[np.float64]:
    """(K, 2) heights, ascending, and where front meets back there: the mean of the trunk's skin."""
    sections, marks = frame.sections, frame.marks
    rows = np.flatnonzero(np.append(parts == Part.TRUNK, False)[sections.contour])
    level = sections.level[sections.contour[rows]]
    middle = sections.ends_mm[rows].mean(axis=1)
    weight = np.linalg.norm(np.diff(sections.ends_mm[rows], axis=1)[:, 0], axis=1)
    # Shoulders and upper arms lie in the same sections; they are not the trunk.
    for pit, side in ((marks.left, 1.0), (marks.right, -1.0)):
        if pit is not None:
            weight[side * (middle[:, 0] - pit.x_mm) > 0] = 0.0
    total = np.bincount(level, weight)
    found = np.flatnonzero(total > 0)
    z = np.bincount(level, weight * middle[:, 1])[found] / total[found]
    padded = np.pad(z, SMOOTH_LEVELS // 2, mode="edge")
    smooth = np.convolve(padded, np.full(SMOOTH_LEVELS, 1 / SMOOTH_LEVELS), "valid")
    return np.stack((sections.base_mm + STEP_MM * found, smooth), axis=1)


def trunk_openness(frame: Frame) -> float:
    """Share of the trunk's outline that the scan lacks: 0 where it goes all around."""
    sections = frame.sections
    rows = np.flatnonzero(np.isin(sections.contour, frame.marks.trunk))
    way = np.diff(sections.ends_mm[rows], axis=1)[:, 0]
    contour = sections.contour[rows]
    # What is missing of a closed curve is the sum of its steps.
    missing = [np.bincount(contour, step, len(sections)) for step in way.T]
    gap = np.hypot(*missing)[frame.marks.trunk]
    return float(np.median(gap / (gap + sections.girth_mm[frame.marks.trunk])))


def fold_mm(frame: Frame) -> float | None:
    """Height of the gluteal fold: where the back's outline falls in most steeply near the crotch.

    ``None`` without a crotch.
    """
    sections, marks = frame.sections, frame.marks
    crotch = marks.crotch
    if crotch is None:
        return None
    length = frame.trunk.length_mm or 640.0
    legs = np.stack([_back(frame, leg, 30) for leg in (crotch.left, crotch.right)]).min(axis=0)
    upper = sections.box_mm[marks.trunk[::-1][:20], 2]
    back = np.concatenate((legs[::-1], upper))
    height = sections.height_mm(crotch.left) + STEP_MM * (np.arange(len(back)) - 29.0)
    slope = -(back[3:] - back[:-3]) / (3 * STEP_MM)
    at = 0.5 * (height[3:] + height[:-3])
    low, high = crotch.y_mm - FOLD_REACH[0] * length, crotch.y_mm + FOLD_REACH[1] * length
    slope = np.where((at > low) & (at < high), slope, -np.inf)
    best = int(slope.argmax())
    # The crease itself lies where the steep stretch begins.
    return float(at[best] - STEP_MM) if slope[best] > LEAST_FOLD_SLOPE else crotch.y_mm


def _back(frame: Frame, leg: int, levels: int) -> NDArray[np.float64]:
    """(levels,) rearmost z of a leg from its top down; its end goes on as it is."""
    back = frame.sections.box_mm[chain_down(frame.sections, leg)[:levels], 2]
    return np.pad(back, (0, levels - len(back)), mode="edge")
