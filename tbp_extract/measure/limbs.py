"""Where arms and legs bend."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.measure.frame import Frame, chain_down
from tbp_extract.measure.landmarks import Armpit
from tbp_extract.measure.sections import STEP_MM, Sections

__all__ = ["SHOULDER_TILT", "Joint", "find_elbow", "find_knee"]

SHOULDER_TILT = 0.23
"""An arm begins at the plane from its armpit up to the tip of the shoulder, which leans outward
by this much for each unit of height (13 degrees)."""

ELBOW_SHARE = 0.405
"""Shoulder to elbow, by shoulder to fingertip along the arm."""

UPPER_ARM_BY_TRUNK = 0.46
"""Shoulder to elbow, by shoulder line to crotch: for an arm whose hand the scan lacks."""

KNEE_SHARE = 0.60
"""Sole to knee, by sole to crotch."""

THIGH_BY_TRUNK = 0.55
"""Crotch to knee, by shoulder line to crotch: for a leg whose foot the scan lacks."""

HALF_ROOT = 0.085
"""Height of the middle of an arm's root above the armpit, by trunk length."""

LOWEST_ROOT = 0.21
"""Depth of that middle below the shoulder line at most, by trunk length."""

END_MM = 40.0
"""Scan border this close to the end of a limb cuts it off."""

HALF_BEND_MM = 60.0
"""Length of arm to either side of the elbow that gives its direction."""


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """A plane across a limb."""

    point_mm: NDArray[np.float64]
    """(3,)."""

    onward: NDArray[np.float64]
    """(3,) unit vector towards hand or foot."""

    measured: bool
    """Whether the whole limb was seen; else the joint is placed by the trunk's length."""


def find_elbow(
    frame: Frame, armpit: Armpit, side: float, border: NDArray[np.float64]
) -> Joint | None:
    """Place the elbow along the arm.

    Parameters
    ----------
    frame : Frame
    armpit : Armpit
    side : float
        1 on the patient's left, -1 on the right.
    border : (B, 3) float64
        Middles of the scan's open edges, in the frame.

    Returns
    -------
    Joint or None
        ``None`` where the arm is cut off and the trunk's length is unknown.
    """
    sections = frame.sections
    chain = chain_down(sections, armpit.contour)
    line = _centreline(sections, chain, _shoulder(frame, armpit, side))
    along = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))))
    whole = not _is_cut(sections, chain, border)
    length = frame.trunk.length_mm
    if not whole and length is None:
        return None
    at = ELBOW_SHARE * along[-1] if whole else UPPER_ARM_BY_TRUNK * float(length or 0.0)
    if at >= along[-1]:
        return None
    before, point, after = (
        np.array([np.interp(at + d, along, line[:, k]) for k in range(3)])
        for d in (-HALF_BEND_MM, 0.0, HALF_BEND_MM)
    )
    onward = after - before
    return Joint(point, onward / np.linalg.norm(onward), whole)


def find_knee(frame: Frame, leg: int, border: NDArray[np.float64]) -> Joint | None:
    """Place the knee of the leg that begins at a contour; parameters as for `find_elbow`."""
    sections, crotch = frame.sections, frame.marks.crotch
    if crotch is None:
        return None
    chain = chain_down(sections, leg)
    whole = not _is_cut(sections, chain, border)
    sole = sections.height_mm(int(chain[-1])) - 0.5 * STEP_MM
    length = frame.trunk.length_mm
    if whole:
        height = sole + KNEE_SHARE * (crotch.y_mm - sole)
    elif length is not None:
        height = crotch.y_mm - THIGH_BY_TRUNK * length
    else:
        return None
    x, z = sections.centre_mm[chain[np.abs(_heights(sections, chain) - height).argmin()]]
    return Joint(np.array((x, height, z)), np.array((0.0, -1.0, 0.0)), whole)


def _shoulder(frame: Frame, armpit: Armpit, side: float) -> NDArray[np.float64]:
    """Middle of the arm's root."""
    length = frame.trunk.length_mm or 640.0
    y = armpit.y_mm + HALF_ROOT * length
    if frame.trunk.shoulder_mm is not None:
        # An arm that hangs close parts from the trunk lower than it begins.
        y = max(y, frame.trunk.shoulder_mm - LOWEST_ROOT * length)
    x = armpit.x_mm + side * SHOULDER_TILT * (y - armpit.y_mm)
    return np.array((x, y, armpit.z_mm))


def _heights(sections: Sections, chain: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(sections.base_mm + STEP_MM * sections.level[chain])


def _centreline(
    sections: Sections, chain: NDArray[np.int64], root: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(K, 3) from the root of an arm through the middles of its sections."""
    x, z = sections.centre_mm[chain].T
    line = np.stack((x, _heights(sections, chain), z), axis=1)
    # The first sections still hold parts of shoulder and trunk.
    skip = min(3, len(line) - 1)
    line = np.concatenate((root[None], line[skip:]))
    if len(line) >= 5:
        line[2:-2] = (line[:-4] + line[1:-3] + line[2:-2] + line[3:-1] + line[4:]) / 5
    return line


def _is_cut(sections: Sections, chain: NDArray[np.int64], border: NDArray[np.float64]) -> bool:
    """Tell whether the scan ends where the limb ends: an open rim as long as half a girth."""
    last = int(chain[-1])
    box, low = sections.box_mm[last], sections.height_mm(last) - END_MM
    inside = (
        (border[:, 0] > box[0] - END_MM)
        & (border[:, 0] < box[1] + END_MM)
        & (border[:, 2] > box[2] - END_MM)
        & (border[:, 2] < box[3] + END_MM)
        & (border[:, 1] > low)
        & (border[:, 1] < low + 2 * END_MM)
    )
    return bool(border[inside, 3].sum() > 0.5 * sections.girth_mm[last])
