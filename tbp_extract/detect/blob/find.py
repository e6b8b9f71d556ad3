"""From skin to described spots: everything before the decision."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.detect.blob.describe import LOOKS, Looks, look_at
from tbp_extract.detect.blob.spots import (
    TILE_MM_PER_PX,
    find_spots,
    merge_near,
)
from tbp_extract.detect.blob.surroundings import features_of
from tbp_extract.detect.blob.tiles import Coverage, face_area_mm2
from tbp_extract.detect.blob.views import shrunken
from tbp_extract.types import Scan, Surface

__all__ = ["Described", "describe_spots"]

LEAST_MM = 1.4


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """N spots, one a place, and what the second stage knows of them."""

    looks: Looks
    features: NDArray[np.float32]
    coverage: Coverage
    texture: float
    """Greatest difference of density that any tile shows; 0 on skin of one colour."""


def describe_spots(scan: Scan, surface: Surface) -> Described:
    """Search the whole skin, look at each spot twice, and keep one spot a place."""
    levels = shrunken(scan, to_mm=TILE_MM_PER_PX, surface=surface)
    area = np.where(scan.face_page >= 0, face_area_mm2(surface), 0.0)
    coverage = Coverage(area, np.zeros(len(area)))
    spots, texture = find_spots(levels, surface, coverage)
    looks = look_at(levels, surface, spots)
    # The second look is made for the size that the first one measured.
    looks = look_at(levels, surface, _distinct(looks).spots)
    looks = _distinct(looks)
    return Described(looks, features_of(surface, looks), coverage, texture)


def _distinct(looks: Looks) -> Looks:
    """Spots of some contrast; of those that became the same one only one."""
    contrast = looks.values[:, LOOKS.index("contrast")].astype(np.float64)
    with np.errstate(invalid="ignore"):
        good = looks.spots.diameter_mm > LEAST_MM
    looks, contrast = looks.at(np.flatnonzero(good)), contrast[good]
    return looks.at(merge_near(looks.spots, contrast))
