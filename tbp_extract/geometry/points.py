"""Points on the skin: where they are, how to look at them, how to find them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import locate
from tbp_extract.types import Scan, Surface

__all__ = [
    "SurfacePoints",
    "frame_points",
    "locate_uv",
    "point_positions",
    "snap_points",
    "upright_axes",
]

POLE_COS = 0.97
"""Above this |cosine| between normal and the up axis (14 degrees), up gives no direction."""

GRID_CELLS = 4_000_000
"""Bound on the cells of a search grid."""

UV_CELL = 1.0 / 128.0
"""Cell of the search grid over texture coordinates; pages lie one cell apart."""


@dataclass(frozen=True, slots=True, eq=False)
class SurfacePoints:
    """N points put on the surface."""

    face: NDArray[np.int32]
    """(N,), -1 for a point that found no place."""

    barycentric: NDArray[np.float64]
    """(N, 3)."""

    distance_mm: NDArray[np.float64]
    """(N,) from the given point to its place; infinite where there is none."""


def point_positions(
    surface: Surface, face: NDArray[np.integer], barycentric: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Positions of points given by face (N,) and barycentric (N, 3), as (N, 3) in mm."""
    corners = surface.vertices_mm[surface.faces[face]]
    positions: NDArray[np.float64] = (corners * barycentric[:, :, None]).sum(axis=1)
    return positions


def frame_points(
    surface: Surface, face: NDArray[np.integer], barycentric: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where to look at skin points from: straight on, head up.

    Parameters
    ----------
    surface : Surface
    face : (N,) int
    barycentric : (N, 3) float64

    Returns
    -------
    origin_mm : (N, 3) float64
    axes : (N, 3, 3) float64
        Orthonormal rows: tangent (to the right in the image), bitangent (down), normal (outward).
        Down points to the feet; where skin faces up or down, to the back.
    """
    normal = surface.vertex_normals[surface.faces[face]]
    normal = (normal * barycentric[:, :, None]).sum(axis=1)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    # Opposed normals at a paper-thin fold may cancel: the face's own is then the best there is.
    normal = np.where(length > 1e-3, normal / np.maximum(length, 1e-12), surface.face_normals[face])
    return point_positions(surface, face, barycentric), upright_axes(normal)


def upright_axes(normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tangent frames (N, 3, 3) for unit normals (N, 3): rows tangent, bitangent, normal.

    The image's top points to the head; where skin faces up or down, to the front.
    """
    up = np.where(np.abs(normal[:, 1:2]) > POLE_COS, (0.0, 0.0, 1.0), (0.0, 1.0, 0.0))
    tangent = np.cross(up, normal)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)
    return np.stack((tangent, np.cross(tangent, normal), normal), axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Faces by the cells that their boxes touch."""

    origin: NDArray[np.float64]
    cell: float
    shape: NDArray[np.int64]
    start: NDArray[np.int64]
    face: NDArray[np.int32]


def _build_grid(low: NDArray[np.float64], high: NDArray[np.float64], cell: float) -> _Grid:
    origin = low.min(axis=0)
    extent = high.max(axis=0) - origin
    while np.prod(np.floor(extent / cell) + 1) > GRID_CELLS:
        cell *= 1.25
    shape = (np.floor(extent / cell) + 1).astype(np.int64)
    start = np.zeros(int(np.prod(shape)) + 1, np.int64)
    locate.count_cells(low, high, origin, cell, shape, start)
    face = np.empty(start[-1], np.int32)
    locate.fill_cells(low, high, origin, cell, shape, start[:-1].copy(), face)
    return _Grid(origin, cell, shape, start, face)


def snap_points(
    surface: Surface, points_mm: NDArray[np.float64], *, max_mm: float
) -> SurfacePoints:
    """Nearest surface point of each given point.

    Parameters
    ----------
    surface : Surface
    points_mm : (N, 3) float64
    max_mm : float
        A point farther from the surface than this gets face -1. Faces without area do not count.

    Returns
    -------
    SurfacePoints
    """
    out = _empty_points(len(points_mm))
    # A face without area covers no skin of its own, and nothing grows from it.
    solid = np.flatnonzero((surface.face_normals != 0.0).any(axis=1))
    if len(solid) == 0 or len(points_mm) == 0:
        return out
    faces = surface.faces[solid]
    corners = surface.vertices_mm[faces]
    grid = _build_grid(corners.min(axis=1), corners.max(axis=1), max(2.0 * max_mm, 1.0))
    locate.nearest_faces(
        np.ascontiguousarray(points_mm, np.float64),
        surface.vertices_mm,
        faces,
        grid.origin,
        grid.cell,
        grid.shape,
        grid.start,
        grid.face,
        max_mm,
        out.face,
        out.barycentric,
        out.distance_mm,
    )
    found = out.face >= 0
    out.face[found] = solid[out.face[found]]
    return out


def locate_uv(scan: Scan, uv: NDArray[np.float64], page: NDArray[np.int16]) -> SurfacePoints:
    """Surface points of texture coordinates.

    Parameters
    ----------
    scan : Scan
    uv : (N, 2) float64
        v up.
    page : (N,) int16

    Returns
    -------
    SurfacePoints
        Face -1 where no face holds the coordinate; ``distance_mm`` is 0 elsewhere.
    """
    out = _empty_points(len(uv))
    textured = np.flatnonzero((scan.face_page >= 0) & np.isfinite(scan.wedge_uv).all(axis=(1, 2)))
    if len(textured) == 0 or len(uv) == 0:
        return out
    corners = scan.wedge_uv[textured].astype(np.float64)
    pages = scan.face_page[textured]
    low = np.column_stack((corners.min(axis=1), pages * UV_CELL))
    high = np.column_stack((corners.max(axis=1), pages * UV_CELL))
    grid = _build_grid(low, high, UV_CELL)
    locate.holding_faces(
        np.column_stack((uv, page * UV_CELL)),
        page,
        corners,
        pages,
        grid.origin,
        grid.cell,
        grid.shape,
        grid.start,
        grid.face,
        1e-6,
        out.face,
        out.barycentric,
    )
    held = out.face >= 0
    out.face[held] = textured[out.face[held]]
    out.distance_mm[held] = 0.0
    return out


def _empty_points(n: int) -> SurfacePoints:
    return SurfacePoints(np.full(n, -1, np.int32), np.zeros((n, 3)), np.full(n, np.inf))
