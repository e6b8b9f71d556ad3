"""Where a spot sits: how the skin bends there, what else lies near, which part of the body."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tbp_extract.detect.blob.describe import LOOKS, Looks
from tbp_extract.detect.tiles.skin import Skin

__all__ = ["FEATURES", "features_of"]

NEAR_MM = 25.0

FEATURES = (*LOOKS, "log_diameter", "bulge", "lean", "clutter")
"""What the second stage knows of a spot. Nothing of it depends on exposure, position or pose."""


def features_of(skin: Skin, looks: Looks) -> NDArray[np.float32]:
    """(N, 22) features in the order of `FEATURES`."""
    bulge, lean = skin.bend[looks.spots.face].T
    size = np.log(np.maximum(looks.spots.diameter_mm, 0.1))
    clutter = np.log1p(_rivals(looks))
    return np.column_stack((looks.values, size, bulge, lean, clutter)).astype(np.float32)


def _rivals(looks: Looks) -> NDArray[np.float64]:
    """(N,) how many spots nearby are about as dark and not much smaller."""
    spots = looks.spots
    if len(spots) == 0:
        return np.empty(0)
    contrast = looks.values[:, LOOKS.index("contrast")]
    pairs = cKDTree(spots.xyz_mm).query_pairs(NEAR_MM, output_type="ndarray")
    one = np.concatenate((pairs[:, 0], pairs[:, 1]))
    two = np.concatenate((pairs[:, 1], pairs[:, 0]))
    rival = (contrast[two] > 0.5 * contrast[one]) & (
        spots.diameter_mm[two] > 0.4 * spots.diameter_mm[one]
    )
    return np.bincount(one[rival], minlength=len(spots)).astype(np.float64)
