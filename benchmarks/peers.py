"""Crops as other tools make them: one ray a pixel, exact bilinear samples."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbp_extract.types import CropFrames, Scan
from tbp_extract.uv import uv_to_rowcol

__all__ = ["Caster", "Seen", "casters", "peer_crop"]

LIFT_MM = 20.0
"""Rays start this far above the skin."""


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Where rays met the mesh."""

    ray: NDArray[np.int64]
    face: NDArray[np.int64]
    barycentric: NDArray[np.float64]
    """(M, 3)."""


Caster = Callable[[NDArray[np.float64], NDArray[np.float64]], Hits]
"""Takes starts (N, 3) and one direction (3,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What rays saw."""

    ray: NDArray[np.int64]
    face: NDArray[np.int64]
    colour: NDArray[np.float64]
    """(M, 3)."""

    def pixels(self, size_px: int) -> NDArray[np.uint8]:
        """As a crop, black where nothing was met."""
        out = np.zeros((size_px * size_px, 3), np.uint8)
        out[self.ray] = self.colour + 0.5
        return out.reshape(size_px, size_px, 3)


def casters(scan: Scan) -> dict[str, Caster]:
    """Peers that are installed, ready to cast at a scan."""
    found: dict[str, Caster] = {}
    if find_spec("embreex"):
        found["trimesh_embreex"] = _embreex(scan)
    if find_spec("open3d"):
        found["open3d"] = _open3d(scan)
    return found


def peer_crop(scan: Scan, frames: CropFrames, n: int, caster: Caster) -> Seen:
    """Cast one crop of a scan that has one page."""
    step = (np.arange(frames.size_px) - 0.5 * (frames.size_px - 1)) * frames.mm_per_px
    down, right = (part.reshape(-1, 1) for part in np.meshgrid(step, step, indexing="ij"))
    tangent, bitangent, normal = frames.axes[n]
    start = frames.origin_mm[n] + right * tangent + down * bitangent + LIFT_MM * normal
    hits = caster(start, -normal)
    uv = (scan.wedge_uv[hits.face] * hits.barycentric[:, :, None]).sum(axis=1)
    page = scan.atlas[0]
    return Seen(hits.ray, hits.face, _sample(page, uv_to_rowcol(uv, np.array(page.shape[:2]))))


def _sample(page: NDArray[np.uint8], rowcol: NDArray[np.float64]) -> NDArray[np.float64]:
    last = np.array(page.shape[:2]) - 1
    place = np.clip(rowcol, 0, last)
    low = place.astype(np.int64)
    high = np.minimum(low + 1, last)
    down, right = (place - low).T[:, :, None]
    upper = page[low[:, 0], low[:, 1]] * (1 - right) + page[low[:, 0], high[:, 1]] * right
    lower = page[high[:, 0], low[:, 1]] * (1 - right) + page[high[:, 0], high[:, 1]] * right
    return np.asarray(upper * (1 - down) + lower * down)


def _embreex(scan: Scan) -> Caster:
    import trimesh
    from trimesh.ray.ray_pyembree import RayMeshIntersector

    intersector = RayMeshIntersector(trimesh.Trimesh(scan.vertices_mm, scan.faces, process=False))

    to_barycentric: Any = trimesh.triangles.points_to_barycentric

    def cast(start: NDArray[np.float64], ahead: NDArray[np.float64]) -> Hits:
        place, ray, face = intersector.intersects_location(
            start, np.tile(ahead, (len(start), 1)), multiple_hits=False
        )
        corners = scan.vertices_mm[scan.faces[face]]
        return Hits(ray, face, to_barycentric(corners, place))

    return cast


def _open3d(scan: Scan) -> Caster:
    import open3d

    tensor: Any = open3d.core.Tensor
    scene = open3d.t.geometry.RaycastingScene(nthreads=1)
    scene.add_triangles(
        tensor(scan.vertices_mm.astype(np.float32)),
        tensor(scan.faces.astype(np.uint32)),
    )

    def cast(start: NDArray[np.float64], ahead: NDArray[np.float64]) -> Hits:
        rays = np.concatenate((start, np.tile(ahead, (len(start), 1))), axis=1)
        answer = scene.cast_rays(tensor(rays.astype(np.float32)), nthreads=1)
        face = answer["primitive_ids"].numpy().astype(np.int64)
        ray = np.flatnonzero(np.isfinite(answer["t_hit"].numpy()))
        uv = answer["primitive_uvs"].numpy()[ray].astype(np.float64)
        first = 1.0 - uv.sum(axis=1, keepdims=True)
        return Hits(ray, face[ray], np.concatenate((first, uv), axis=1))

    return cast
