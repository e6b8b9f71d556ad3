"""From a mesh to places on skin: surface, tangent frames, flat patches, nearest points."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import locate, mesh, patch
from tbp_extract.types import CropFrames, Patches, Scan, Surface
from tbp_extract.uv import uv_to_rowcol

__all__ = [
    "SurfacePoints",
    "build_surface",
    "corner_rowcol",
    "frame_points",
    "geodesic_patches",
    "locate_uv",
    "orthographic_patches",
    "point_positions",
    "snap_points",
]

WELD_MM = 1e-3
"""Vertices that share a cell of this size are one: far below any scanner's resolution."""

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


def build_surface(scan: Scan) -> Surface:
    """Join what UV seams split, link faces, and find normals and texture density.

    Parameters
    ----------
    scan : Scan

    Returns
    -------
    Surface
        Faces in the order of ``scan.faces``. An edge that joins three faces or more, or two that
        wind against each other, is a border.
    """
    vertices, faces = _weld(scan.vertices_mm, scan.faces)
    neighbours = np.empty_like(faces)
    table = _table(3 * len(faces))
    mesh.link_faces(faces, table, np.zeros(len(table), np.bool_), neighbours)
    vertex_start = np.zeros(len(vertices) + 1, np.int32)
    vertex_face = np.empty(3 * len(faces), np.int32)
    mesh.list_vertex_faces(faces, vertex_start, vertex_face)
    face_normals, vertex_normals = np.empty((len(faces), 3)), np.zeros((len(vertices), 3))
    mesh.normals(vertices, faces, face_normals, vertex_normals)
    return Surface(
        vertices_mm=vertices,
        faces=faces,
        neighbours=neighbours,
        face_normals=face_normals,
        vertex_normals=vertex_normals,
        vertex_start=vertex_start,
        vertex_face=vertex_face,
        texel_mm=_vertex_texel_mm(scan, vertices, faces),
    )


def _table(entries: int) -> NDArray[np.int32]:
    size = 1 << (2 * max(entries, 1)).bit_length()
    return np.full(size, -1, np.int32)


def _weld(
    vertices: NDArray[np.float64], faces: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    # The odd shift keeps coordinates with few decimals away from the cells' borders.
    cell = np.floor(vertices / WELD_MM + 0.3819660113).astype(np.int64)
    first = np.empty(len(vertices), np.int32)
    mesh.weld_vertices(cell, _table(len(vertices)), first)
    kept, index = np.unique(first[faces].ravel(), return_inverse=True)
    return vertices[kept], index.reshape(faces.shape).astype(np.int32)


def corner_rowcol(scan: Scan, face: NDArray[np.integer]) -> NDArray[np.float64]:
    """Texel positions of the corners of textured faces.

    Parameters
    ----------
    scan : Scan
    face : (M,) int

    Returns
    -------
    (M, 3, 2) float64
        Row and column on each face's page; NaN for a face without texture.
    """
    sizes = np.array([page.shape[:2] for page in scan.atlas] + [(0, 0)], np.int64)
    return uv_to_rowcol(scan.wedge_uv[face], sizes[scan.face_page[face]][:, None, :])


def _vertex_texel_mm(
    scan: Scan, vertices: NDArray[np.float64], faces: NDArray[np.int32]
) -> NDArray[np.float32]:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    area_mm2 = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    rowcol = corner_rowcol(scan, np.arange(len(faces)))
    edge, other = rowcol[:, 1] - rowcol[:, 0], rowcol[:, 2] - rowcol[:, 0]
    area_px = 0.5 * np.abs(edge[:, 0] * other[:, 1] - edge[:, 1] * other[:, 0])
    usable = (scan.face_page >= 0) & np.isfinite(area_px)
    corners, n = faces[usable].ravel(), len(vertices)
    mm2 = np.bincount(corners, np.repeat(area_mm2[usable], 3), n)
    px = np.bincount(corners, np.repeat(area_px[usable], 3), n)
    texel = np.full(n, np.nan, np.float32)
    known = (mm2 > 0) & (px > 0)
    texel[known] = np.sqrt(mm2[known] / px[known])
    return texel


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
    up = np.where(np.abs(normal[:, 1:2]) > POLE_COS, (0.0, 0.0, 1.0), (0.0, 1.0, 0.0))
    tangent = np.cross(up, normal)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)
    axes = np.stack((tangent, np.cross(tangent, normal), normal), axis=1)
    return point_positions(surface, face, barycentric), axes


def orthographic_patches(
    surface: Surface, frames: CropFrames, *, margin_mm: float = 0.0
) -> Patches:
    """Skin as seen from straight above, as far as it is connected inside the window.

    Parameters
    ----------
    surface : Surface
    frames : CropFrames
        N windows.
    margin_mm : float
        How far beyond the window's edge faces still count.

    Returns
    -------
    Patches
        ``height_mm`` is along the normal. Faces that look away, and what lies behind them, are
        left out; so is what lies more than the window's side above or below the centre.
    """
    seen, queue = _face_scratch(surface)

    def fill(first: int, out: _Room) -> int:
        return patch.orthographic_patches(
            surface.vertices_mm,
            surface.faces,
            surface.neighbours,
            surface.face_normals,
            frames.face,
            frames.origin_mm,
            frames.axes,
            0.5 * frames.extent_mm + margin_mm,
            frames.extent_mm,
            first,
            seen,
            queue,
            *out,
        )

    return _collect(len(frames), seen, fill)


def geodesic_patches(surface: Surface, frames: CropFrames, *, margin_mm: float = 0.0) -> Patches:
    """Skin unrolled around each centre: true lengths and directions along the skin.

    The discrete exponential map of Schmidt, Grimm and Wyvill (2006, doi:10.1145/1141911.1141930)
    with every vertex placed by a mean over its settled neighbours in which those that lie towards
    the centre weigh most.

    Parameters
    ----------
    surface : Surface
    frames : CropFrames
        N windows.
    margin_mm : float
        How far beyond the window's edge faces still count.

    Returns
    -------
    Patches
        ``height_mm`` is minus the way from the centre: where the map folds over itself, as around
        a finger, the nearer skin hides the farther.
    """
    seen, queue = _face_scratch(surface)
    n_vertices, n_faces = len(surface.vertices_mm), len(surface.faces)
    state = np.zeros(n_vertices, np.int32)
    flat, tangents = np.empty((n_vertices, 2)), np.empty((n_vertices, 3))
    keys, items = np.empty(6 * n_faces), np.empty(6 * n_faces, np.int32)

    def fill(first: int, out: _Room) -> int:
        return patch.geodesic_patches(
            surface.vertices_mm,
            surface.faces,
            surface.neighbours,
            surface.vertex_start,
            surface.vertex_face,
            surface.vertex_normals,
            frames.face,
            frames.origin_mm,
            frames.axes,
            0.5 * frames.extent_mm + margin_mm,
            first,
            seen,
            queue,
            state,
            flat,
            tangents,
            keys,
            items,
            *out,
        )

    def fill_afresh(first: int, out: _Room) -> int:
        state[:] = 0
        return fill(first, out)

    return _collect(len(frames), seen, fill_afresh)


_Room = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]


def _face_scratch(surface: Surface) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    n_faces = len(surface.faces)
    return np.zeros(n_faces, np.int32), np.empty(n_faces, np.int32)


def _collect(n: int, seen: NDArray[np.int32], fill: Callable[[int, _Room], int]) -> Patches:
    """Call a patch kernel until it is through, doubling the room when it runs out."""
    room = max(64 * n, 1024)
    start = np.zeros(n + 1, np.int64)
    face, corner, height = np.empty(room, np.int32), np.empty((room, 3, 2)), np.empty((room, 3))
    done = fill(0, (start, face, corner, height))
    while done < n:
        face, corner, height = _double(face), _double(corner), _double(height)
        seen[:] = 0
        done = fill(done, (start, face, corner, height))
    end = start[-1]
    return Patches(start=start, face=face[:end], corner_mm=corner[:end], height_mm=height[:end])


_Array = TypeVar("_Array", NDArray[np.int32], NDArray[np.float64])


def _double(part: _Array) -> _Array:
    return np.concatenate((part, np.empty_like(part)))


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
