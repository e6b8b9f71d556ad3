"""From skin to described spots: everything before the decision."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.detect.blob.describe import LOOKS, Looks, joined, look_at
from tbp_extract.detect.blob.judge import Forest, score_spots
from tbp_extract.detect.blob.spots import (
    TILE_MM_PER_PX,
    find_spots,
    merge_near,
)
from tbp_extract.detect.blob.surroundings import features_of
from tbp_extract.detect.tiles.lay import Coverage
from tbp_extract.detect.tiles.skin import read_skin
from tbp_extract.types import Scan, Surface

__all__ = ["Described", "describe_spots"]

LEAST_MM = 1.4

SECOND_LOOK = 0.004
"""Spots less likely than this at first sight are not looked at again."""


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """N spots, one a place, and what the second stage knows of them."""

    looks: Looks
    features: NDArray[np.float32]
    coverage: Coverage
    texture: float
    """Greatest difference of density that any tile shows; 0 on skin of one colour."""


def describe_spots(scan: Scan, surface: Surface, forest: Forest | None) -> Described:
    """Search the whole skin, look at each spot twice, and keep one spot a place.

    With a forest only what has a chance by it is looked at twice.
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
    return Described(looks.on_scan(skin.order), features_of(skin, looks), coverage, texture)


def _distinct(looks: Looks) -> Looks:
    """Spots of some contrast; of those that became the same one only one."""
    contrast = looks.values[:, LOOKS.index("contrast")].astype(np.float64)
    with np.errstate(invalid="ignore"):
        good = looks.spots.diameter_mm > LEAST_MM
    looks, contrast = looks.at(np.flatnonzero(good)), contrast[good]
    return looks.at(merge_near(looks.spots, contrast))
