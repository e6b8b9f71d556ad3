"""Small scans whose truth is known by formula, for the tests of geometry and crops."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tbp_extract.geometry import frame_points, snap_points
from tbp_extract.types import Candidates, CandidateSource, CropFrames, Scan, Surface
from tbp_extract.uv import rowcol_to_uv

Shape = Literal["plane", "cylinder", "sphere"]
FLAT_PAGE = np.full((8, 8, 3), 150, np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Bent:
    """A mesh around (0, 0, R) with the true exponential map of that point."""

    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]
    way: NDArray[np.float64]
    """(V, 2) true way to the right and up from the middle."""


def embed(shape: Shape, radius: float, way: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of a surface by the way to the right and up from its front point."""
    x, y = way[..., 0], way[..., 1]
    if shape == "plane":
        return np.stack((x, y, np.zeros_like(x)), axis=-1)
    if shape == "cylinder":
        return np.stack((radius * np.sin(x / radius), y, radius * np.cos(x / radius)), axis=-1)
    away = np.hypot(x, y)
    flat = radius * np.sinc(away / (np.pi * radius)) / radius
    return np.stack((flat * x, flat * y, radius * np.cos(away / radius)), axis=-1)


def lattice(side: int) -> NDArray[np.int32]:
    """Counter-clockwise faces of a lattice of side x side points, first axis right, second up."""
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    lower = np.column_stack((corner, corner + side, corner + 1))
    upper = np.column_stack((corner + 1, corner + side, corner + side + 1))
    return np.concatenate((lower, upper)).astype(np.int32)


def bent(
    shape: Shape, radius: float, edge_mm: float, *, half_mm: float = 14.0, seed: int = 0
) -> Bent:
    """Mesh a patch irregularly: a lattice turned at random, every point moved a little."""
    rng = np.random.default_rng(seed)
    side = 2 * int(np.ceil(half_mm / edge_mm)) + 1
    step = (np.arange(side) - side // 2) * edge_mm
    way = np.stack(np.meshgrid(step, step, indexing="ij"), axis=-1).reshape(-1, 2)
    way += rng.uniform(-0.25, 0.25, way.shape) * edge_mm
    turn = rng.uniform(0, 2 * np.pi)
    way = way @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return Bent(embed(shape, radius, way), lattice(side), way)


def random_rotation(seed: int) -> NDArray[np.float64]:
    """A proper rotation, (3, 3)."""
    basis, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    rotation: NDArray[np.float64] = basis * np.linalg.det(basis)
    return rotation


def bare_scan(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> Scan:
    """A scan of one flat colour."""
    uv = np.tile(np.array([[0.2, 0.2], [0.8, 0.2], [0.2, 0.8]], np.float32), (len(faces), 1, 1))
    return Scan(vertices, faces, uv, np.zeros(len(faces), np.int16), (FLAT_PAGE,))


def plane_scan(page: NDArray[np.uint8], texel_mm: float, *, steps: int = 12) -> Scan:
    """A page as a plane around the origin that faces +z, its row 0 towards +y."""
    size = np.array(page.shape[:2])
    step = np.linspace(-0.5, 0.5, steps + 1)
    x, y = np.meshgrid(step * size[1] * texel_mm, step * size[0] * texel_mm, indexing="ij")
    vertices = np.stack((x, y, np.zeros_like(x)), axis=-1).reshape(-1, 3)
    faces = lattice(steps + 1)
    rowcol = np.stack((-vertices[:, 1], vertices[:, 0]), axis=-1) / texel_mm + 0.5 * (size - 1)
    uv = rowcol_to_uv(rowcol, size)[faces].astype(np.float32)
    return Scan(vertices, faces, uv, np.zeros(len(faces), np.int16), (page,))


def moved(scan: Scan, rotation: NDArray[np.float64], shift: NDArray[np.float64]) -> Scan:
    """The same scan elsewhere."""
    return replace(scan, vertices_mm=scan.vertices_mm @ rotation.T + shift)


def joined(one: Scan, two: Scan) -> Scan:
    """Two scans as one; their pages stay apart."""
    page = np.where(two.face_page >= 0, two.face_page + len(one.atlas), -1).astype(np.int16)
    return Scan(
        np.concatenate((one.vertices_mm, two.vertices_mm)),
        np.concatenate((one.faces, two.faces + len(one.vertices_mm))).astype(np.int32),
        np.concatenate((one.wedge_uv, two.wedge_uv)),
        np.concatenate((one.face_page, page)),
        one.atlas + two.atlas,
    )


def candidates_at(surface: Surface, points_mm: NDArray[np.float64]) -> Candidates:
    """Candidates at the skin nearest to points (N, 3)."""
    found = snap_points(surface, np.atleast_2d(points_mm), max_mm=5.0)
    n = len(found.face)
    return Candidates(
        face=found.face,
        barycentric=found.barycentric,
        diameter_mm=np.full(n, np.nan, np.float32),
        score=np.ones(n, np.float32),
        source=(CandidateSource.LIST,) * n,
        lesion_id=tuple(map(str, range(n))),
        extra={},
    )


def frames_at(
    surface: Surface,
    points_mm: NDArray[np.float64],
    *,
    size_px: int = 133,
    extent_mm: float = 15.0,
) -> CropFrames:
    """Frames at the skin nearest to points (N, 3)."""
    found = candidates_at(surface, points_mm)
    origin, axes = frame_points(surface, found.face, found.barycentric)
    index = np.arange(len(found.face), dtype=np.int32)
    return CropFrames(index, found.face, origin, axes, extent_mm, size_px)
