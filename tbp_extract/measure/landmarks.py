"""Where neck, armpits and crotch are, from the sections of a body."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tbp_extract.measure.sections import STEP_MM, Sections

__all__ = ["Armpit", "Crotch", "Landmarks", "Neck", "find_landmarks", "lateral_yaw_deg"]

LEAST_TRUNK_MM2 = 20_000.0
"""Below it a contour is no trunk: hands and feet are built like small bodies."""

LEAST_HEAD_MM2 = 12_000.0

NECK_GROWTH = 1.5
"""The neck ends where a section is wider than its narrowest by this factor."""

NECK_BY_SHOULDERS = 0.5
"""A neck is narrower than this share of the widest section below it; a waist is not."""

LEAST_LEVELS = 10
"""Levels that a limb has at least."""


@dataclass(frozen=True, slots=True)
class Neck:
    """Where the head ends."""

    narrow: int
    """Contour where the neck is thinnest."""

    base_mm: float
    """Height at which the neck widens into the shoulders."""

    x_mm: float
    z_mm: float
    """Middle of the neck there."""

    top_mm: float
    """Height of the crown."""


@dataclass(frozen=True, slots=True)
class Armpit:
    """Where an arm parts from the trunk."""

    contour: int
    """First contour of the arm."""

    x_mm: float
    """Middle of the gap."""

    y_mm: float
    z_mm: float


@dataclass(frozen=True, slots=True)
class Crotch:
    """Where the legs part."""

    left: int
    right: int
    """First contours of the legs."""

    x_mm: float
    y_mm: float
    z_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """What was found of a body; ``None`` where the scan does not show it."""

    trunk: NDArray[np.int64]
    """Contours of the trunk, from the top down; with those of neck and head."""

    neck: Neck | None
    left: Armpit | None
    right: Armpit | None
    crotch: Crotch | None


def find_landmarks(sections: Sections) -> Landmarks | None:
    """Follow the largest contour up to the crown and down to the crotch.

    Parameters
    ----------
    sections : Sections
        The patient faces +z, at least roughly.

    Returns
    -------
    Landmarks or None
        ``None`` where nothing is large enough to be a trunk.
    """
    if not len(sections):
        return None
    largest = int(sections.area_mm2.argmax())
    if sections.area_mm2[largest] < LEAST_TRUNK_MM2:
        return None
    upward = _climb(sections, largest)
    downward, crotch = _descend(sections, largest)
    trunk = np.array([*upward[::-1], largest, *downward], np.int64)
    neck = _find_neck(sections, np.array([largest, *upward], np.int64))
    left, right = (_find_armpit(sections, trunk, neck, side) for side in (1.0, -1.0))
    return Landmarks(trunk, neck, left, right, crotch)


def _climb(sections: Sections, contour: int) -> list[int]:
    path: list[int] = []
    while sections.above[contour] >= 0:
        contour = int(sections.above[contour])
        path.append(contour)
    return path


def _descend(sections: Sections, contour: int) -> tuple[list[int], Crotch | None]:
    path: list[int] = []
    while True:
        below = sections.under(contour)
        if not len(below):
            return path, None
        crotch = _crotch_at(sections, contour, below)
        if crotch is not None:
            return path, crotch
        contour = int(below[0])
        path.append(contour)


def _crotch_at(sections: Sections, trunk: int, below: NDArray[np.int64]) -> Crotch | None:
    """Two like contours side by side that go on for a while are legs."""
    if len(below) < 2:
        return None
    a, b = int(below[0]), int(below[1])
    area, box = sections.area_mm2, sections.box_mm
    alike = area[b] > 0.5 * area[a] and area[a] + area[b] > 0.5 * area[trunk]
    apart = abs(sections.centre_mm[a, 0] - sections.centre_mm[b, 0])
    beside = apart > 0.3 * sections.width_mm(trunk)
    enough = _legs_go_on(sections, a, b)
    if not (alike and beside and enough) or area[trunk] < LEAST_TRUNK_MM2:
        return None
    left, right = (a, b) if sections.centre_mm[a, 0] > sections.centre_mm[b, 0] else (b, a)
    return Crotch(
        left=left,
        right=right,
        x_mm=0.5 * float(box[left, 0] + box[right, 1]),
        y_mm=sections.height_mm(trunk) - 0.5 * STEP_MM,
        z_mm=0.25 * float(box[left, 2:].sum() + box[right, 2:].sum()),
    )


def _legs_go_on(sections: Sections, a: int, b: int) -> bool:
    """Whether both are long enough, or end where the scan ends."""
    least = min(LEAST_LEVELS, int(sections.level[a]))
    return bool(min(sections.reach[a], sections.reach[b]) >= max(least, 3))


def _find_neck(sections: Sections, upward: NDArray[np.int64]) -> Neck | None:
    """Find the thinnest place that has a head above and shoulders below."""
    area = sections.area_mm2[upward]
    if len(area) < 5:
        return None
    padded = np.pad(area, 1, mode="edge")
    smooth = np.median(np.stack((padded[:-2], area, padded[2:])), axis=0)
    head = np.maximum.accumulate(smooth[::-1])[::-1]
    shoulders = np.maximum.accumulate(smooth)
    width = sections.box_mm[upward, 1] - sections.box_mm[upward, 0]
    slim = width < NECK_BY_SHOULDERS * np.maximum.accumulate(width)
    fits = (head > 1.25 * smooth) & (shoulders > 2.0 * smooth) & (head > LEAST_HEAD_MM2) & slim
    # A foot under a calf is built alike, but it is not wide.
    wide = int(upward[int(smooth.argmax())])
    box = sections.box_mm[wide]
    if not fits.any() or box[1] - box[0] < 1.1 * (box[3] - box[2]):
        return None
    k = int(np.where(fits, smooth, np.inf).argmin())
    narrow = int(upward[k])
    wanted = NECK_GROWTH * float(width[k])
    while k > 0 and width[k] < wanted:
        k -= 1
    above = int(upward[min(k + 1, len(upward) - 1)])
    grown = float(width[k]) - sections.width_mm(above)
    share = (wanted - sections.width_mm(above)) / grown if grown > 0 else 0.0
    return Neck(
        narrow=narrow,
        base_mm=sections.height_mm(above) - STEP_MM * float(np.clip(share, 0, 1)),
        x_mm=float(sections.centre_mm[above, 0]),
        z_mm=float(sections.centre_mm[above, 1]),
        top_mm=sections.height_mm(int(upward[-1])) + 0.5 * STEP_MM,
    )


def _find_armpit(
    sections: Sections, trunk: NDArray[np.int64], neck: Neck | None, side: float
) -> Armpit | None:
    """Find the highest contour beside the trunk that goes on downward."""
    for upper, main in pairwise(trunk.tolist()):
        if neck is not None and sections.height_mm(upper) > neck.base_mm:
            continue
        for arm in sections.under(upper):
            if arm != main and _is_arm(sections, main, int(arm), side):
                inner = sections.box_mm[arm, 0 if side > 0 else 1]
                outer = sections.box_mm[main, 1 if side > 0 else 0]
                return Armpit(
                    contour=int(arm),
                    x_mm=0.5 * float(inner + outer),
                    y_mm=sections.height_mm(int(arm)) + 0.5 * STEP_MM,
                    z_mm=float(sections.centre_mm[arm, 1]),
                )
    return None


def _is_arm(sections: Sections, main: int, arm: int, side: float) -> bool:
    beside = side * (sections.centre_mm[arm, 0] - sections.centre_mm[main, 0])
    thin = sections.area_mm2[arm] < 0.45 * sections.area_mm2[main]
    least = max(3, min(LEAST_LEVELS, int(sections.level[arm])))
    long = sections.reach[arm] >= least
    return bool(beside > 0.4 * sections.width_mm(main) and thin and long)


def lateral_yaw_deg(sections: Sections, marks: Landmarks) -> float | None:
    """Find the angle by which the body's lateral axis is turned, from shape alone.

    Legs, arms and the trunk's own sections vote; the axis has no sign.

    Returns
    -------
    float or None
        In degrees, -90..90: positive where the front is turned from +z towards +x.
    """
    pairs = []
    if marks.crotch is not None:
        pairs.append((marks.crotch.left, marks.crotch.right))
    if marks.left is not None and marks.right is not None:
        pairs.append((marks.left.contour, marks.right.contour))
    vote = np.zeros(2)
    for a, b in pairs:
        across = sections.centre_mm[a] - sections.centre_mm[b]
        vote += _doubled(np.arctan2(-across[1], across[0])) * float(across @ across)
    low = -np.inf if marks.crotch is None else marks.crotch.y_mm
    high = np.inf if marks.neck is None else marks.neck.base_mm
    rows = np.isin(sections.contour, marks.trunk)
    middle = sections.ends_mm[rows].mean(axis=1)
    length = np.linalg.norm(np.diff(sections.ends_mm[rows], axis=1)[:, 0], axis=1)
    of = sections.contour[rows]
    height = sections.base_mm + STEP_MM * sections.level[of]
    away = middle - sections.centre_mm[of]
    weight = np.where((height > low) & (height < high), length, 0.0)
    if weight.sum() > 0:
        weight = weight / weight.sum()
        x, z = away.T
        vote += np.array((weight @ (x * x - z * z), weight @ (-2 * x * z)))
    if not np.hypot(*vote) > 0:
        return None
    return float(np.degrees(0.5 * np.arctan2(vote[1], vote[0])))


def _doubled(angle: float) -> NDArray[np.float64]:
    return np.array((np.cos(2 * angle), np.sin(2 * angle)))
