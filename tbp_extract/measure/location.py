"""Body part of every face, from the mesh alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import location as kernels
from tbp_extract.measure.frame import Facing, Frame, fit_frame
from tbp_extract.measure.parts import Part, contour_parts, middle_z_mm, trunk_openness
from tbp_extract.measure.regions import LOCATIONS, Skin, divide, set_borders
from tbp_extract.measure.sections import cut_sections
from tbp_extract.types import LesionTable, Surface

__all__ = [
    "LOCATIONS",
    "BodyParts",
    "Facing",
    "add_locations",
    "label_body_parts",
    "locate_lesions",
    "simple_location",
]

_SITES = {
    "Head & Neck": "head/neck",
    "Torso Front": "anterior torso",
    "Torso Back": "posterior torso",
    "Left Arm": "upper extremity",
    "Right Arm": "upper extremity",
    "Left Leg": "lower extremity",
    "Right Leg": "lower extremity",
    "Unknown": None,
}

OPEN_SHARE = 0.2
"""A trunk of which more is missing is a shell: its front and back are told by where it looks."""

LEAST_LOOK = 0.2
"""Skin of a shell that looks less than this to front or back (cosine) may be either."""


@dataclass(frozen=True, slots=True, eq=False)
class BodyParts:
    """Body part of every face of a surface."""

    face_location: NDArray[np.uint8]
    """(F,) index into `LOCATIONS`."""

    confidence: NDArray[np.float32]
    """(F,) 1 where the landmarks behind the label were seen, 0.5 where one was placed by
    proportion, 0 where the label is Unknown."""

    facing: Facing

    frame: Frame | None = None
    """Landmarks of the body; ``None`` where the shape shows none."""


def label_body_parts(surface: Surface) -> BodyParts:
    """Find the body part of every face of a standing person.

    Parameters
    ----------
    surface : Surface
        In body space: y up, facing +z as far as the scan table knows.

    Returns
    -------
    BodyParts
        Unknown wherever the shape does not tell.

    Notes
    -----
    The body is cut at levels 10 mm apart. The largest contour, followed upward and downward, gives
    neck and crotch; what parts from it sideways gives armpits. Contours carry their parts to the
    faces that they cross and these to their neighbours; planes at neck, shoulders and groin set
    the borders, and lengths along arms and legs set elbows and knees. ``docs/location.md`` defines
    every border.
    """
    n = len(surface.faces)
    sections = cut_sections(surface)
    frame = fit_frame(sections)
    if frame is None:
        nothing = np.zeros(n, np.uint8)
        return BodyParts(nothing, np.zeros(n, np.float32), Facing(None, None))
    points = _turned(surface.vertices_mm, frame.yaw_deg)[surface.faces].mean(axis=1)
    of_contour = contour_parts(frame)
    part = _face_parts(surface, frame, of_contour)
    ahead = _ahead_mm(points, frame, of_contour)
    set_borders(part, points, ahead, frame)
    if trunk_openness(frame) > OPEN_SHARE:
        look = _turned(surface.face_normals, frame.yaw_deg)[:, 2]
        ahead = np.where(np.abs(look) < LEAST_LOOK, np.nan, look)
    skin = Skin(part, points, ahead, _border(surface, frame.yaw_deg))
    location, confidence = divide(skin, frame)
    return BodyParts(location, confidence, frame.facing, frame)


def locate_lesions(parts: BodyParts, face: NDArray[np.integer]) -> dict[str, NDArray[Any]]:
    """Columns about the body part of N lesions.

    Parameters
    ----------
    parts : BodyParts
    face : (N,) int
        Face under each lesion.

    Returns
    -------
    dict
        ``tbp_lv_location``, ``tbp_lv_location_simple`` and ``anatom_site_general``, (N,) each; a
        site is ``None`` where the body part is Unknown.
    """
    return _columns([LOCATIONS[code] for code in parts.face_location[face]])


def add_locations(table: LesionTable, parts: BodyParts, face: NDArray[np.integer]) -> LesionTable:
    """Fill the three columns of `locate_lesions` where a table does not hold them yet.

    Parameters
    ----------
    table : LesionTable
        N rows. What it holds stands: a body part given in the 8 values stays as it is in the 21
        where the mesh says otherwise, and the site follows.
    parts : BodyParts
    face : (N,) int
        Face under each lesion.

    Returns
    -------
    LesionTable
    """
    nothing = np.full(len(face), None, object)
    given, given_simple = (
        table.columns.get(name, nothing) for name in ("tbp_lv_location", "tbp_lv_location_simple")
    )
    names = []
    for code, name, simple in zip(parts.face_location[face], given, given_simple, strict=True):
        found = LOCATIONS[code]
        contradicted = simple and simple != simple_location(found)
        names.append(str(name or (simple if contradicted else found)))
    columns = _columns(names)
    known = np.array([bool(simple) for simple in given_simple], np.bool_)
    columns["tbp_lv_location_simple"][known] = given_simple[known]
    columns["anatom_site_general"] = _sites(columns["tbp_lv_location_simple"])
    return LesionTable({**table.columns, **columns})


def _columns(names: list[str]) -> dict[str, NDArray[Any]]:
    simple = np.array([simple_location(name) for name in names], object)
    return {
        "tbp_lv_location": np.array(names, object),
        "tbp_lv_location_simple": simple,
        "anatom_site_general": _sites(simple),
    }


def _sites(simple: NDArray[Any]) -> NDArray[Any]:
    return np.array([_SITES.get(str(name)) for name in simple], object)


def simple_location(location: str) -> str:
    """One of the 8 values of ``tbp_lv_location_simple`` for one of the 21."""
    return next((name for name in _SITES if location.startswith(name)), LOCATIONS[0])


def _turned(points: NDArray[np.float64], yaw_deg: float) -> NDArray[np.float64]:
    if yaw_deg == 0.0:
        return points
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    return np.asarray(points @ np.array(((c, 0.0, s), (0.0, 1.0, 0.0), (-s, 0.0, c))))


def _border(surface: Surface, yaw_deg: float) -> NDArray[np.float64]:
    """(B, 4) middles of the open edges, and their lengths."""
    face, corner = np.nonzero(surface.neighbours < 0)
    a = surface.vertices_mm[surface.faces[face, corner]]
    b = surface.vertices_mm[surface.faces[face, (corner + 1) % 3]]
    length = np.linalg.norm(b - a, axis=1)
    return np.column_stack((_turned(0.5 * (a + b), yaw_deg), length))


def _ahead_mm(
    points: NDArray[np.float64], frame: Frame, of_contour: NDArray[np.int32]
) -> NDArray[np.float64]:
    """How far each point lies before the plane where front meets back."""
    height, middle = middle_z_mm(frame, of_contour).T
    return np.asarray(points[:, 2] - np.interp(points[:, 1], height, middle))


def _face_parts(surface: Surface, frame: Frame, of_contour: NDArray[np.int32]) -> NDArray[np.int32]:
    sections = frame.sections
    first, last = sections.start[:-1], sections.start[1:] - 1
    cut = first <= last
    contour = np.full(len(first), -1, np.int64)
    contour[cut] = sections.contour[(first[cut] + last[cut]) // 2]
    part: NDArray[np.int32] = np.append(of_contour, np.int32(-1))[contour]
    kernels.spread_labels(surface.neighbours, np.empty(len(part), np.int32), part)
    part[part < 0] = Part.UNKNOWN
    return part
