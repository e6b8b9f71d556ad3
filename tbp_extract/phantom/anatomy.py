"""The humanoid as round cones: where each limb is, how thick, and how softly it joins.

Lengths in mm at a height of 1750 mm; x towards the patient's left, y up, z to the front.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cone", "Part", "arm_cones", "human_cones"]

_Point = tuple[float, float, float]


class Part(IntEnum):
    """Body parts, as the atlas cuts them; `opposite` turns left into right."""

    HEAD = 0
    TRUNK = 1
    UPPER_ARM = 2
    FOREARM = 3
    PALM = 4
    THUMB = 5
    INDEX = 6
    MIDDLE = 7
    RING = 8
    LITTLE = 9
    THIGH = 10
    CALF = 11
    FOOT = 12


RIGHT = 16
"""Added to a part's number on the patient's right."""


@dataclass(frozen=True, slots=True)
class Cone:
    """The hull of two balls."""

    part: int
    a: _Point
    b: _Point
    radius_a: float
    radius_b: float
    depth: float = 1.0
    """Extent along z relative to that along x and y."""

    blend: float = 20.0
    """Width of the soft joint with what was there before."""

    def mirrored(self) -> "Cone":
        """Give the same limb on the other side."""
        (ax, ay, az), (bx, by, bz) = self.a, self.b
        return replace(self, part=self.part + RIGHT, a=(-ax, ay, az), b=(-bx, by, bz))

    def row(self) -> NDArray[np.float64]:
        """(10,) as the kernel wants it."""
        return np.array((*self.a, *self.b, self.radius_a, self.radius_b, self.depth, self.blend))


def human_cones() -> tuple[Cone, ...]:
    """Whole body: standing, arms away from the trunk, palms to the front."""
    left = (*_arm_cones(), *_leg_cones())
    return (*_core_cones(), *left, *(cone.mirrored() for cone in left))


def arm_cones() -> tuple[Cone, ...]:
    """Left forearm with hand, hanging straight down."""
    down, out = np.array((0.0, -1.0, 0.0)), np.array((1.0, 0.0, 0.0))
    elbow = np.array((0.0, 480.0, 0.0))
    return (*_forearm_cones(elbow, down), *_hand_cones(elbow + 255.0 * down, down, out))


def _core_cones() -> tuple[Cone, ...]:
    head, trunk = Part.HEAD, Part.TRUNK
    pairs = (
        Cone(trunk, (125, 1402, -14), (178, 1388, -12), 62, 56, 0.85, 45),
        Cone(trunk, (66, 1290, 52), (84, 1300, 46), 62, 56, 0.75, 50),
        Cone(trunk, (72, 935, -50), (78, 905, -48), 84, 78, 1.0, 50),
        Cone(head, (76, 1648, -4), (71, 1606, 0), 13, 8, 1.0, 8),
    )
    return (
        Cone(trunk, (0, 1350, -4), (0, 1240, 0), 158, 148, 0.68, 30),
        Cone(trunk, (0, 1240, 0), (0, 1060, 2), 146, 136, 0.72, 60),
        Cone(trunk, (0, 1010, 0), (0, 930, -8), 152, 150, 0.72, 60),
        Cone(trunk, (0, 1430, -18), (0, 1500, -14), 66, 58, 0.95, 60),
        Cone(head, (0, 1500, -14), (0, 1580, -4), 56, 54, 1.0, 25),
        Cone(head, (0, 1669, -8), (0, 1655, 0), 80, 78, 1.22, 30),
        Cone(head, (0, 1640, 20), (0, 1562, 38), 62, 44, 1.05, 30),
        Cone(head, (0, 1650, 94), (0, 1614, 101), 8, 12, 1.0, 14),
        *pairs,
        *(replace(c.mirrored(), part=c.part) for c in pairs),
    )


def _arm_cones() -> tuple[Cone, ...]:
    angle = np.radians(34.0)
    along = np.array((np.sin(angle), -np.cos(angle), 0.0))
    out = np.array((np.cos(angle), np.sin(angle), 0.0))
    shoulder = np.array((192.0, 1384.0, -12.0))
    elbow = shoulder + 300.0 * along
    biceps = shoulder + 140.0 * along
    upper = (
        Cone(Part.UPPER_ARM, _point(shoulder), _point(elbow), 53, 38, 0.95, 40),
        Cone(Part.UPPER_ARM, _point(biceps), _point(biceps + 60.0 * along), 47, 43, 1.0, 30),
    )
    return (
        *upper,
        *_forearm_cones(elbow, along),
        *_hand_cones(elbow + 255.0 * along, along, out),
    )


def _forearm_cones(elbow: NDArray[np.float64], along: NDArray[np.float64]) -> tuple[Cone, ...]:
    wrist, belly = elbow + 255.0 * along, elbow + 55.0 * along
    return (
        Cone(Part.FOREARM, _point(elbow), _point(wrist), 39, 26, 0.9, 25),
        Cone(Part.FOREARM, _point(belly), _point(belly + 55.0 * along), 43, 39, 0.9, 25),
    )


def _hand_cones(
    wrist: NDArray[np.float64], along: NDArray[np.float64], out: NDArray[np.float64]
) -> tuple[Cone, ...]:
    """Palm and five fingers; `out` points to the thumb's side."""
    heel, knuckles = wrist + 28.0 * along, wrist + 66.0 * along
    palm = Cone(Part.PALM, _point(heel), _point(knuckles), 34, 42, 0.38, 22)
    fingers = (
        (Part.LITTLE, -31.0, 90.0, -13.0, 60.0, 8.0, 6.8),
        (Part.RING, -10.5, 98.0, -4.0, 72.0, 8.8, 7.2),
        (Part.MIDDLE, 10.5, 100.0, 4.0, 78.0, 9.0, 7.4),
        (Part.INDEX, 31.0, 94.0, 13.0, 70.0, 8.8, 7.2),
        (Part.THUMB, 34.0, 40.0, 48.0, 62.0, 11.5, 9.0),
    )
    cones = [palm]
    for part, aside, down, splay_deg, length, radius, tip in fingers:
        root = wrist + aside * out + down * along
        splay = np.radians(splay_deg)
        end = root + length * (np.cos(splay) * along + np.sin(splay) * out)
        end = end + np.array((0.0, 0.0, 6.0))
        cones.append(Cone(part, _point(root), _point(end), radius, tip, 1.0, 5))
    return tuple(cones)


def _leg_cones() -> tuple[Cone, ...]:
    return (
        Cone(Part.THIGH, (92, 890, -6), (128, 500, 0), 90, 57, 1.0, 30),
        Cone(Part.CALF, (128, 500, 0), (156, 92, -22), 55, 36, 1.0, 30),
        Cone(Part.CALF, (134, 410, -22), (142, 300, -26), 54, 44, 1.0, 40),
        Cone(Part.FOOT, (156, 42, -48), (158, 60, -20), 34, 36, 1.0, 25),
        Cone(Part.FOOT, (158, 56, 0), (166, 28, 112), 36, 31, 1.0, 30),
        Cone(Part.FOOT, (158, 18, 118), (154, 15, 168), 21, 16, 1.0, 12),
        Cone(Part.FOOT, (176, 18, 110), (184, 14, 142), 21, 16, 1.0, 16),
    )


def _point(vector: NDArray[np.float64]) -> _Point:
    return (float(vector[0]), float(vector[1]), float(vector[2]))
