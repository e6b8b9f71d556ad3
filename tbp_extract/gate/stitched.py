"""How much of a body part the crops show together: a view could be stitched from them."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tbp_extract.measure.location import LOCATIONS, BodyParts, simple_location
from tbp_extract.types import CropFrames, Surface

__all__ = ["beyond_union", "view_share"]

POINT_MM2: Final = 6.0
"""Skin that one sampled point stands for."""

MOST_POINTS: Final = 300_000

_SIMPLE = np.array([simple_location(name) for name in LOCATIONS], object)


def view_share(
    surface: Surface, parts: BodyParts, frames: CropFrames, rows: Sequence[int]
) -> float:
    """Largest share of a body part that crops would show if none of them overlapped.

    Parameters
    ----------
    surface, parts, frames
        As in `beyond_union`, which holds nothing back where its ``max_share`` is not below this.
    rows : sequence of int
        The crops that count.
    """
    part_of_face, area_mm2 = _parts(surface, parts)
    part_of_crop = part_of_face[frames.face[list(rows)]]
    names, count = np.unique(part_of_crop, return_counts=True)
    shown_mm2 = count * frames.extent_mm**2
    of_mm2 = np.array([area_mm2[part_of_face == name].sum() for name in names])
    return float((shown_mm2 / of_mm2).max(initial=0.0))


def beyond_union(
    surface: Surface,
    parts: BodyParts,
    frames: CropFrames,
    order: Sequence[int],
    *,
    max_share: float,
) -> NDArray[np.bool_]:
    """Tell which crops would make the skin shown of a body part more than a share of it.

    Crops are taken in a given order, so that which of them stay behind is no choice of the
    person's; one that shows no new skin always stays.

    Parameters
    ----------
    surface : Surface
    parts : BodyParts
        Of that surface; the 8 simple parts are bounded, what is Unknown among them.
    frames : CropFrames
        N crops.
    order : sequence of int
        The rows to be looked at, first come first served.
    max_share : float
        Of the part's area.

    Returns
    -------
    (N,) bool
    """
    beyond = np.zeros(len(frames), np.bool_)
    part_of_face, area_mm2 = _parts(surface, parts)
    part_of_crop = part_of_face[frames.face]
    corners = surface.vertices_mm[surface.faces]
    for part in set(part_of_crop[list(order)].tolist()):
        rows = [row for row in order if part_of_crop[row] == part]
        inside = part_of_face == part
        room_mm2 = max_share * float(area_mm2[inside].sum())
        if len(rows) * frames.extent_mm**2 <= room_mm2:
            continue
        points = _sample(corners[inside], area_mm2[inside])
        beyond[rows] = _take(points, frames, rows, int(max_share * len(points)))
    return beyond


def _parts(surface: Surface, parts: BodyParts) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """(F,) simple part and area of each face."""
    corners = surface.vertices_mm[surface.faces]
    along, across = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area_mm2 = 0.5 * np.linalg.norm(np.cross(along, across), axis=1)
    return _SIMPLE[parts.face_location].astype(str), np.asarray(area_mm2)


def _sample(corners: NDArray[np.float64], area_mm2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points spread evenly over faces (F, 3, 3); the same for the same faces."""
    rng = np.random.default_rng(0)
    count = int(np.clip(area_mm2.sum() / POINT_MM2, 100, MOST_POINTS))
    face = rng.choice(len(area_mm2), count, p=area_mm2 / area_mm2.sum())
    weight = rng.dirichlet((1.0, 1.0, 1.0), count)
    return np.asarray((corners[face] * weight[:, :, None]).sum(axis=1))


def _take(
    points: NDArray[np.float64], frames: CropFrames, rows: Sequence[int], room: int
) -> NDArray[np.bool_]:
    """Let crops show points one after another until there is no room for more."""
    half = 0.5 * frames.extent_mm
    near = cKDTree(points).query_ball_point(frames.origin_mm[list(rows)], half * np.sqrt(3.0))
    shown = np.zeros(len(points), np.bool_)
    beyond = np.zeros(len(rows), np.bool_)
    for place, row in enumerate(rows):
        index = np.array(near[place], np.int64)
        local = (points[index] - frames.origin_mm[row]) @ frames.axes[row].T
        new = index[(np.abs(local) <= half).all(axis=1)]
        new = new[~shown[new]]
        if len(new) and shown.sum() + len(new) > room:
            beyond[place] = True
        else:
            shown[new] = True
    return beyond
