"""What the detector asks of the mesh, once a scan: where skin faces, how it bends, its texels."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.geometry import corner_rowcol
from tbp_extract.kernels.bend import bend, spread_normals
from tbp_extract.kernels.tiles import order_faces
from tbp_extract.types import CropFrames, Scan, Surface

__all__ = ["Level", "Scratch", "Skin", "read_skin"]

REACH_MM = 5.0
"""Normals are averaged over about this distance, on coarse meshes over the next faces."""

CHUNK_FACES = 4096
"""Faces that lie together in memory: what a view touches fits into the cache."""

MOST_ROUNDS = 64
LEAST_PAGE_PX = 64


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """A scan with its pages as they are, or halved once or more."""

    scan: Scan
    rowcol: NDArray[np.float64]
    """(F, 3, 2) texel positions of the face corners."""


@dataclass(frozen=True, slots=True, eq=False)
class Scratch:
    """Room that drawing views needs, (F,) each, kept so that it is not made for each of them."""

    seen: NDArray[np.bool_]
    """False between calls."""

    queue: NDArray[np.int32]
    drawn: NDArray[np.int32]
    row_of: NDArray[np.int32]

    rowcol: NDArray[np.float64]
    """(F, 3, 2)."""


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """A surface with all that views of it need."""

    surface: Surface
    """With its faces in an order of its own, and so is all that follows."""

    order: NDArray[np.int32]
    """(F,) which face of the scan each one is."""

    place: NDArray[np.int32]
    """(F,) where each face of the scan stands."""

    levels: tuple[Level, ...]
    """Finest first."""

    middles_mm: NDArray[np.float64]
    """(F, 3)."""

    area_mm2: NDArray[np.float64]
    """(F,); 0 where a face has no texture."""

    look: NDArray[np.float64]
    """(F, 3) unit normals of the skin around each face."""

    bend: NDArray[np.float64]
    """(F, 2) mean curvature in 1/mm, bulges above 0, and how much normals differ around, 0..1."""

    scratch: Scratch

    def frames(
        self,
        face: NDArray[np.int32],
        origin_mm: NDArray[np.float64],
        *,
        size_px: int,
        mm_per_px: float,
        turn_deg: float = 0.0,
    ) -> CropFrames:
        """Frame views that look straight at the skin.

        Their tangent runs along the first edge of the face, or is turned from it, so that they stay
        the same on the skin however the body is turned.
        """
        normal = self.look[face]
        a, b, c = (self.surface.vertices_mm[self.surface.faces[face, k]] for k in range(3))
        tangent = _across(b - a, normal)
        length = np.linalg.norm(tangent, axis=1, keepdims=True)
        tangent = np.where(length > 1e-3, tangent, _across(c - a, normal))
        tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)
        across = np.cross(tangent, normal)
        cos, sin = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
        axes = np.stack(
            (cos * tangent + sin * across, cos * across - sin * tangent, normal), axis=1
        )
        index = np.arange(len(face), dtype=np.int32)
        return CropFrames(index, face, origin_mm, axes, size_px * mm_per_px, size_px)


def _across(way: NDArray[np.float64], normal: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(way - (way * normal).sum(axis=1, keepdims=True) * normal)


def read_skin(scan: Scan, surface: Surface, *, to_mm: float) -> Skin:
    """Prepare a scan; its pages are halved until texels are about `to_mm` wide."""
    order = np.empty(len(surface.faces), np.int32)
    order_faces(surface.neighbours, CHUNK_FACES, np.zeros(len(order), np.bool_), order)
    place = np.empty(len(order) + 1, np.int32)
    place[order], place[-1] = np.arange(len(order)), -1
    scan, surface = _ordered(scan, surface, order, place)
    corners = surface.vertices_mm[surface.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = 0.5 * np.linalg.norm(cross, axis=1)
    middles = corners.mean(axis=1)
    means = surface.face_normals.copy()
    spacing_mm = 0.877 * np.sqrt(max(float(area.mean()), 1e-12)) if len(area) else 1.0
    rounds = int(np.clip(round((REACH_MM / spacing_mm) ** 2), 1, MOST_ROUNDS))
    spread_normals(surface.neighbours, area, rounds, np.empty_like(means), means)
    bends = np.empty((len(area), 2))
    bend(middles, surface.neighbours, means, bends)
    length = np.linalg.norm(means, axis=1, keepdims=True)
    # Where thin skin folds back on itself the mean may vanish.
    look = np.where(length > 0.1, means / np.maximum(length, 1e-12), surface.face_normals)
    return Skin(
        surface=surface,
        order=order,
        place=place[:-1],
        levels=_levels(scan, surface, to_mm),
        middles_mm=middles,
        area_mm2=np.where(scan.face_page >= 0, area, 0.0),
        look=look,
        bend=bends,
        scratch=Scratch(
            np.zeros(len(area), np.bool_),
            np.empty(len(area), np.int32),
            np.empty(len(area), np.int32),
            np.empty(len(area), np.int32),
            np.empty((len(area), 3, 2)),
        ),
    )


def _ordered(
    scan: Scan, surface: Surface, order: NDArray[np.int32], place: NDArray[np.int32]
) -> tuple[Scan, Surface]:
    """Put faces in an order; the last place is that of no face."""
    return replace(
        scan,
        faces=scan.faces[order],
        wedge_uv=scan.wedge_uv[order],
        face_page=scan.face_page[order],
    ), replace(
        surface,
        faces=surface.faces[order],
        neighbours=place[surface.neighbours[order]],
        face_normals=surface.face_normals[order],
        vertex_face=place[surface.vertex_face],
    )


def _levels(scan: Scan, surface: Surface, to_mm: float) -> tuple[Level, ...]:
    known = surface.texel_mm[np.isfinite(surface.texel_mm)]
    finest = float(np.percentile(known, 10)) if len(known) else to_mm
    levels = [Level(scan, corner_rowcol(scan, np.arange(len(scan.faces))))]
    while finest * 2 ** (len(levels) - 0.5) < to_mm and _divisible(levels[-1].scan):
        pages = tuple(_halved(page) for page in levels[-1].scan.atlas)
        levels.append(_coarser(levels[-1], pages))
    return tuple(levels)


def _coarser(level: Level, pages: tuple[NDArray[np.uint8], ...]) -> Level:
    """Pages that are smaller: pixel centres are at integers, so that edges lie half a pixel off."""
    share = np.array(
        [
            (new.shape[0] / old.shape[0], new.shape[1] / old.shape[1])
            for new, old in zip(pages, level.scan.atlas, strict=True)
        ]
    )
    # Faces without texture lie nowhere on any page.
    of_face = share[np.maximum(level.scan.face_page, 0)][:, None]
    rowcol = level.rowcol + 0.5
    rowcol *= of_face
    rowcol -= 0.5
    return Level(replace(level.scan, atlas=pages), rowcol)


def _divisible(scan: Scan) -> bool:
    return all(min(page.shape[:2]) >= 2 * LEAST_PAGE_PX for page in scan.atlas)


def _halved(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = page.shape[:2]
    size = ((width + 1) // 2, (height + 1) // 2)
    return np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_AREA), np.uint8)
