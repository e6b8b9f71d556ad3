"""Plane, cylinder and sphere with marks whose sizes along the surface are known by formula.

Nothing here goes through the package's own kernels or its geometry: every texel is painted from
the closed form of the place that it stands for, so that the geometry can be measured against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tbp_extract.errors import ConfigError
from tbp_extract.phantom.marks import Mark, ink
from tbp_extract.types import Scan
from tbp_extract.uv import rowcol_to_uv

__all__ = ["Layout", "Target", "TargetShape", "log_map", "make_target", "target_point"]

_GUTTER_PX = 6
_CHUNK_TEXELS = 60_000
_TURN_DEG = 33.0

_CUBE = np.array(
    (
        # Right, up and outward of each side of the sphere, seen from outside.
        ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
        ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
        ((0, 0, 1), (0, 1, 0), (-1, 0, 0)),
        ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
        ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    ),
    np.float64,
)


class TargetShape(StrEnum):
    """Surfaces on which lengths are known."""

    PLANE = "plane"
    CYLINDER = "cylinder"
    SPHERE = "sphere"


class Layout(StrEnum):
    """How the charts lie in the page; the skin is the same."""

    PLAIN = "plain"
    ROTATED = "rotated"
    SPLIT = "split"
    """Each chart in two halves with a seam between them."""

    MIRRORED = "mirrored"


@dataclass(frozen=True, slots=True)
class Target:
    """A surface around the origin, y up, its front towards +z."""

    shape: TargetShape
    radius_mm: float = 0.0
    """Of cylinder (about the y axis) and sphere."""

    width_mm: float = 60.0
    """Of the plane."""

    height_mm: float = 60.0
    """Of plane and cylinder."""

    edge_mm: float = 1.0
    """Side of the mesh's lattice."""

    texel_mm: float = 0.1
    """Side of a texel; on a sphere in the middle of each of its six charts."""

    layout: Layout = Layout.PLAIN
    marks: tuple[Mark, ...] = ()
    """Later marks cover earlier ones."""

    skin_rgb: tuple[int, int, int] = (205, 165, 145)
    supersampling: int = 4
    """A texel is the mean of the square of this many samples."""

    def __post_init__(self) -> None:
        """Refuse what has no surface."""
        if self.shape is not TargetShape.PLANE and self.radius_mm <= 0.0:
            raise ConfigError(f"a {self.shape.value} needs a radius above 0, got {self.radius_mm}")
        if min(self.edge_mm, self.texel_mm, self.width_mm, self.height_mm) <= 0.0:
            raise ConfigError("edge, texel, width and height of a target must be above 0")
        if self.supersampling < 1:
            raise ConfigError(f"supersampling must be 1 or more, got {self.supersampling}")


def target_point(target: Target, right_mm: float, up_mm: float) -> NDArray[np.float64]:
    """Point of a target, (3,).

    Parameters
    ----------
    target : Target
    right_mm, up_mm : float
        Way along the surface from the front point: first around (along the equator of a sphere),
        then up (along its meridian).
    """
    if target.shape is TargetShape.PLANE:
        return np.array((right_mm, up_mm, 0.0))
    radius = target.radius_mm
    around = right_mm / radius
    if target.shape is TargetShape.CYLINDER:
        return np.array((radius * np.sin(around), up_mm, radius * np.cos(around)))
    lift = up_mm / radius
    flat = np.array((np.sin(around), 0.0, np.cos(around))) * np.cos(lift)
    return np.asarray(radius * (flat + np.array((0.0, np.sin(lift), 0.0))))


def log_map(
    target: Target, centre_mm: NDArray[np.float64], points_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Exact geodesic coordinates of points of a target.

    Parameters
    ----------
    target : Target
    centre_mm : (3,) float64
        Origin, on the surface.
    points_mm : (M, 3) float64
        On the surface.

    Returns
    -------
    (M, 2) float64
        Way to the right and up (towards +y) as seen from outside, in mm. Its length is the
        geodesic distance from the centre.
    """
    if target.shape is TargetShape.PLANE:
        return np.asarray((points_mm - centre_mm)[:, :2])
    if target.shape is TargetShape.CYLINDER:
        angle = np.arctan2(points_mm[:, 0], points_mm[:, 2])
        turn = angle - np.arctan2(centre_mm[0], centre_mm[2])
        turn = (turn + np.pi) % (2.0 * np.pi) - np.pi
        return np.stack((target.radius_mm * turn, points_mm[:, 1] - centre_mm[1]), axis=1)
    outward = centre_mm / np.linalg.norm(centre_mm)
    up = np.array((0.0, 1.0, 0.0)) - outward[1] * outward
    if np.linalg.norm(up) < 1e-9:
        up = np.array((0.0, 0.0, -np.sign(outward[1])))
    up /= np.linalg.norm(up)
    across = points_mm @ np.stack((np.cross(up, outward), up), axis=1)
    flat = np.linalg.norm(across, axis=1)
    away = target.radius_mm * np.arctan2(flat, points_mm @ outward)
    return np.asarray(across * (away / np.maximum(flat, 1e-12))[:, None])


def make_target(target: Target) -> Scan:
    """Mesh and paint a target.

    Parameters
    ----------
    target : Target

    Returns
    -------
    Scan
        Plane and cylinder are open, the sphere is closed. Vertices lie on the surface and are
        shared across chart borders. One page; its size follows from the texel size. Each chart is
        painted 6 texels beyond its borders.
    """
    pieces = _pieces(target)
    page_px, origins = _arrange(pieces)
    page = np.empty((*page_px, 3), np.uint8)
    page[:] = target.skin_rgb
    vertices, faces, uv = [], [], []
    for piece, origin in zip(pieces, origins, strict=True):
        _paint(target, piece, origin, page)
        places, tri = piece.lattice()
        rowcol = piece.to_page(places) + origin
        vertices.append(_surface(target, piece.side, places))
        faces.append(tri + sum(map(len, vertices[:-1])))
        uv.append(rowcol_to_uv(rowcol, np.array(page_px))[tri])
    points, index = _share(np.concatenate(vertices))
    all_faces = index[np.concatenate(faces)].astype(np.int32)
    return Scan(
        vertices_mm=points,
        faces=all_faces,
        wedge_uv=np.concatenate(uv).astype(np.float32),
        face_page=np.zeros(len(all_faces), np.int16),
        atlas=(page,),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """A rectangle of surface coordinates, and how it is turned into texels."""

    side: int
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    counts: tuple[int, int]
    to_px: NDArray[np.float64]
    """(2, 2) from (right, up) in mm to (row, column)."""

    def corners(self) -> NDArray[np.float64]:
        x, y = np.stack((self.low, self.high), axis=1)
        return np.array([(a, b) for a in x for b in y])

    def to_page(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Row and column, the piece's own box beginning at the gutter."""
        least = (self.corners() @ self.to_px.T).min(axis=0)
        return np.asarray(places @ self.to_px.T - least + _GUTTER_PX)

    def box_px(self) -> tuple[int, int]:
        rows, columns = np.ceil(self.to_page(self.corners()).max(axis=0)) + _GUTTER_PX + 1
        return int(rows), int(columns)

    def lattice(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Places (P, 2) and counter-clockwise triangles (T, 3)."""
        nx, ny = self.counts
        x = np.linspace(self.low[0], self.high[0], nx + 1)
        y = np.linspace(self.low[1], self.high[1], ny + 1)
        places = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
        i, j = (a.ravel() for a in np.meshgrid(np.arange(nx), np.arange(ny), indexing="ij"))
        a, b = i * (ny + 1) + j, (i + 1) * (ny + 1) + j
        tri = np.stack((np.stack((a, b, b + 1), axis=1), np.stack((a, b + 1, a + 1), axis=1)), 1)
        return places, tri.reshape(-1, 3)


def _pieces(target: Target) -> list[_Piece]:
    if target.shape is TargetShape.PLANE:
        half, sides = np.array((0.5 * target.width_mm, 0.5 * target.height_mm)), 1
    elif target.shape is TargetShape.CYLINDER:
        half, sides = np.array((np.pi * target.radius_mm, 0.5 * target.height_mm)), 1
    else:
        half, sides = np.full(2, 0.25 * np.pi * target.radius_mm), 6
    # Even counts, so that a split runs along the lattice.
    counts = 2 * np.maximum(np.ceil(half / target.edge_mm).astype(int), 1)
    cuts = (-half[0], 0.0, half[0]) if target.layout is Layout.SPLIT else (-half[0], half[0])
    parts = len(cuts) - 1
    return [
        _Piece(
            side=side,
            low=np.array((cuts[k], -half[1])),
            high=np.array((cuts[k + 1], half[1])),
            counts=(int(counts[0]) // parts, int(counts[1])),
            to_px=_orientation(target.layout) / target.texel_mm,
        )
        for side in range(sides)
        for k in range(parts)
    ]


def _orientation(layout: Layout) -> NDArray[np.float64]:
    """From (right, up) to (row, column)."""
    upright = np.array(((0.0, -1.0), (1.0, 0.0)))
    if layout is Layout.MIRRORED:
        return np.array(((0.0, -1.0), (-1.0, 0.0)))
    if layout is Layout.ROTATED:
        cos, sin = np.cos(np.radians(_TURN_DEG)), np.sin(np.radians(_TURN_DEG))
        return np.asarray(upright @ np.array(((cos, -sin), (sin, cos))))
    return upright


def _arrange(pieces: Sequence[_Piece]) -> tuple[tuple[int, int], NDArray[np.float64]]:
    """Page size, and the origin of each piece: equal cells, about as many rows as columns."""
    boxes = np.array([piece.box_px() for piece in pieces])
    cell = boxes.max(axis=0)
    columns = int(np.ceil(np.sqrt(len(pieces))))
    number = np.arange(len(pieces))
    origins = np.stack((number // columns, number % columns), axis=1) * cell
    rows = -(-len(pieces) // columns)
    return (int(rows * cell[0]), int(columns * cell[1])), origins.astype(np.float64)


def _surface(target: Target, side: int, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, 3) of places (M, 2) on one side; beyond its borders the surface goes on."""
    x, y = places[:, 0], places[:, 1]
    if target.shape is TargetShape.PLANE:
        return np.stack((x, y, np.zeros_like(x)), axis=1)
    radius = target.radius_mm
    if target.shape is TargetShape.CYLINDER:
        return np.stack((radius * np.sin(x / radius), y, radius * np.cos(x / radius)), axis=1)
    ahead = np.stack((np.tan(x / radius), np.tan(y / radius), np.ones_like(x)), axis=1)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    return np.asarray(radius * ahead @ _CUBE[side])


def _paint(
    target: Target, piece: _Piece, origin: NDArray[np.float64], page: NDArray[np.uint8]
) -> None:
    """Fill the texels of a piece and its gutter."""
    from_px = np.linalg.inv(piece.to_px)
    least = (piece.corners() @ piece.to_px.T).min(axis=0) - _GUTTER_PX
    rows, columns = piece.box_px()
    n = target.supersampling
    shift = (np.arange(n) + 0.5) / n - 0.5
    samples = np.stack(np.meshgrid(shift, shift, indexing="ij"), axis=-1).reshape(-1, 2)
    margin = (_GUTTER_PX - 0.5) * target.texel_mm
    top, left = origin.astype(int)
    texels = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1)
    texels = texels.reshape(-1, 2)
    places = (texels + least) @ from_px.T
    mine = ((places >= piece.low - margin) & (places <= piece.high + margin)).all(axis=1)
    texels = texels[mine][_near_marks(target, _surface(target, piece.side, places[mine]))]
    for first in range(0, len(texels), _CHUNK_TEXELS):
        part = texels[first : first + _CHUNK_TEXELS]
        fine = ((part[:, None] + samples + least) @ from_px.T).reshape(-1, 2)
        colour = _colour(target, _surface(target, piece.side, fine))
        mean = colour.reshape(len(part), n * n, 3).mean(axis=1)
        page[top + part[:, 0], left + part[:, 1]] = np.round(mean).astype(np.uint8)


def _near_marks(target: Target, points_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where any mark can lie; the rest is bare skin already."""
    near = np.zeros(len(points_mm), np.bool_)
    for mark in target.marks:
        centre, reach_mm = target_point(target, *mark.at_mm), mark.reach_mm + 2.0 * target.texel_mm
        # A chord is shorter than the way along the surface.
        close = np.flatnonzero(((points_mm - centre) ** 2).sum(axis=1) <= 2.0 * reach_mm**2)
        way = log_map(target, centre, points_mm[close])
        near[close] |= np.abs(way).max(axis=1) <= reach_mm
    return near


def _colour(target: Target, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    colour = np.broadcast_to(np.array(target.skin_rgb, np.float64), points_mm.shape).copy()
    for mark in target.marks:
        centre = target_point(target, *mark.at_mm)
        share = ink(mark, log_map(target, centre, points_mm))[:, None]
        colour += share * (np.array(mark.rgb) - colour)
    return colour


def _share(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Make one vertex of those that charts have in common."""
    _, first, index = np.unique(
        np.round(points * 1e6).astype(np.int64), axis=0, return_index=True, return_inverse=True
    )
    return points[first], index.reshape(-1)
