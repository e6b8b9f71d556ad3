"""From skin to described and scored spots: everything before the decision."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.detect.blob.describe import LOOKS, Angle, Looks, joined, look_at, middle_looks
from tbp_extract.detect.blob.judge import Forest, score_looks, score_spots
from tbp_extract.detect.blob.spots import (
    TILE_MM_PER_PX,
    find_spots,
    merge_near,
)
from tbp_extract.detect.blob.surroundings import FEATURES, features_of
from tbp_extract.detect.tiles.lay import Coverage
from tbp_extract.detect.tiles.skin import Skin, read_skin
from tbp_extract.types import Scan, Surface

__all__ = ["Described", "describe_spots"]

LEAST_MM = 1.4

SECOND_LOOK = 0.0003
"""Spots less likely than this at first sight are not looked at again. Hair over a lesion spoils the
first look, which is made for the size that the search guessed."""

OPEN = (0.01, 0.99)
"""Between these scores a spot is looked at from further angles."""

ANGLES = (
    Angle(45.0, 1.0),
    Angle(22.5, 2.0**-0.25),
    Angle(67.5, 2.0**0.25),
    Angle(11.0, 2.0**-0.125),
    Angle(56.0, 2.0**0.125),
    Angle(34.0, 2.0**-0.5),
)
"""Of further looks. Views come in steps of the square root of 2: these fall between."""

_CLUTTER = FEATURES.index("clutter")


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """N spots, one a place, and what the second stage knows of them."""

    looks: Looks
    """Of several looks at a spot the one whose diameter is the middle one."""

    features: NDArray[np.float32]
    """(N, K) of those looks."""

    every: NDArray[np.float32]
    """(L, N, K) of each look; NaN where none was taken, or where it showed nothing."""

    score: NDArray[np.float32]
    """(N,) from all looks together; NaN without a forest."""

    coverage: Coverage
    texture: float
    """Greatest difference of density that any tile shows; 0 on skin of one colour."""


def describe_spots(scan: Scan, surface: Surface, forest: Forest | None) -> Described:
    """Search the whole skin, look at each spot twice and more, and keep one spot a place.

    With a forest only what has a chance by it is looked at twice, and only what stays open after
    that from further angles.
    """
    skin = read_skin(scan, surface, to_mm=TILE_MM_PER_PX)
    coverage = Coverage(skin.area_mm2, np.zeros(len(skin.area_mm2)))
    spots, texture = find_spots(skin, coverage)
    looks = _distinct(look_at(skin, spots))
    # The second look is made for the size that the first one measured.
    chance = np.ones(len(looks), np.bool_)
    if forest is not None:
        chance = score_spots(features_of(skin, looks), forest) >= SECOND_LOOK
    again = look_at(skin, looks.at(np.flatnonzero(chance)).spots)
    looks = _distinct(joined(looks.at(np.flatnonzero(~chance)), again))
    features = features_of(skin, looks)
    is_open = np.ones(len(looks), np.bool_)
    if forest is not None:
        score = score_spots(features, forest)
        is_open = (score > OPEN[0]) & (score < OPEN[1])
    looks, features, every = _looked_around(skin, looks, features, np.flatnonzero(is_open))
    score = (
        np.full(len(looks), np.nan, np.float32) if forest is None else score_looks(every, forest)
    )
    return Described(looks.on_scan(skin.order), features, every, score, coverage, texture)


def _looked_around(
    skin: Skin, looks: Looks, features: NDArray[np.float32], rows: NDArray[np.intp]
) -> tuple[Looks, NDArray[np.float32], NDArray[np.float32]]:
    """Look at some spots from all angles: the middle look at each, its features, those of all."""
    every = np.full((1 + len(ANGLES), *features.shape), np.nan, np.float32)
    every[0] = features
    some = looks.at(rows)
    further = [look_at(skin, some.spots, angle) for angle in ANGLES]
    for number, again in enumerate(further, 1):
        every[number, rows] = features_of(skin, again)
    # Rivals lie around whichever way one looks, and only some of them were looked at again.
    every[1:, rows, _CLUTTER] = features[rows, _CLUTTER]
    chosen, turn = middle_looks([some, *further])
    features = features.copy()
    features[rows] = every[turn, rows]
    return looks.replaced(rows, chosen), features, every


def _distinct(looks: Looks) -> Looks:
    """Spots of some contrast; of those that became the same one only one."""
    contrast = looks.values[:, LOOKS.index("contrast")].astype(np.float64)
    with np.errstate(invalid="ignore"):
        good = looks.spots.diameter_mm > LEAST_MM
    looks, contrast = looks.at(np.flatnonzero(good)), contrast[good]
    return looks.at(merge_near(looks.spots, contrast))
