"""A lesion's place within its body part, as shares of the part's extent."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.measure.location import LOCATIONS, BodyParts, simple_location
from tbp_extract.types import LesionTable, Surface

__all__ = ["add_places"]

_SIMPLE = np.array([simple_location(name) for name in LOCATIONS], object)


def add_places(
    table: LesionTable,
    surface: Surface,
    parts: BodyParts,
    *,
    face: NDArray[np.integer],
    position_mm: NDArray[np.float64],
) -> LesionTable:
    """Add ``tbp_ex_part_x``, ``_y``, ``_z``: place of each lesion in the box around its body part.

    Parameters
    ----------
    table : LesionTable
        N rows.
    surface : Surface
    parts : BodyParts
        Of that surface.
    face : (N,) int
        Face under each lesion.
    position_mm : (N, 3) float64

    Returns
    -------
    LesionTable
        Shares 0..1 towards the patient's left, the head and the front; NaN where the body part is
        Unknown or has no extent.
    """
    part_of_face = _SIMPLE[parts.face_location]
    shares = np.full((len(face), 3), np.nan)
    for part in np.unique(part_of_face[face].astype(str)) if len(face) else ():
        if part == LOCATIONS[0]:
            continue
        corners = surface.vertices_mm[np.unique(surface.faces[part_of_face == part])]
        low, high = corners.min(axis=0), corners.max(axis=0)
        rows = part_of_face[face] == part
        with np.errstate(divide="ignore", invalid="ignore"):
            shares[rows] = np.clip((position_mm[rows] - low) / (high - low), 0.0, 1.0)
    added = {f"tbp_ex_part_{axis}": shares[:, k] for k, axis in enumerate("xyz")}
    return LesionTable({**table.columns, **added})
