"""Surface tiles: overlapping flat views that show the whole skin in true millimetres."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tbp_extract.detect.blob.skin import Skin
from tbp_extract.detect.blob.views import Views, draw_views, levels_of
from tbp_extract.geometry import orthographic_patches
from tbp_extract.kernels import tiles as kernels
from tbp_extract.types import CropFrames, Patches

__all__ = ["Coverage", "Tiles", "draw_tiles", "lay_snug_tiles", "lay_tiles"]

MARGIN_MM = 8.0
"""Rim of a tile that only gives context."""

GOOD_COS = 0.6
"""Skin that leans more (53 degrees) gets another tile."""

SEEN_COS = 0.5
"""Skin seen at 60 degrees or better counts as covered."""

ROUND_MM = (72.0, 24.0, 8.0)
"""Side of what a tile answers for; what folds hide in one round gets smaller tiles in the next."""

PARTS = 4
"""Tiles are cut down to a quarter, a half or three quarters of their core."""

CHUNK_PX = 400_000
"""Tiles are drawn together up to this many pixels: stays in the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Tiles:
    """Some tiles of one size, drawn."""

    frames: CropFrames
    patches: Patches
    views: Views
    cos: NDArray[np.float32]
    """(M,) cosine between each patch row's face and its tile's view."""

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(slots=True, eq=False)
class Coverage:
    """How much of each face tiles have shown at 60 degrees or better."""

    area_mm2: NDArray[np.float64]
    """(F,) skin area; 0 where a face has no texture."""

    share: NDArray[np.float64]
    """(F,) of its area, in the tile that shows most of it."""

    @property
    def fraction(self) -> float:
        """Share of the skin's area; 1 where there is no skin."""
        total = float(self.area_mm2.sum())
        return float((self.area_mm2 * self.share).sum() / total) if total > 0.0 else 1.0

    def add(self, tiles: Tiles) -> None:
        """Count the pixels that show each face."""
        views = tiles.views
        count = np.zeros(len(views.rows), np.int64)
        kernels.count_pixels(views.shown, count)
        good = (tiles.cos[views.rows] >= SEEN_COS) & (count > 0)
        rows, count = views.rows[good], count[good]
        face = tiles.patches.face[rows]
        px = self.area_mm2[face] * tiles.cos[rows] / tiles.frames.mm_per_px**2
        # A face below a pixel may fall between samples: one hit of it shows it all.
        share = np.minimum((count + 0.5) / np.maximum(px, 1e-9), 1.0)
        np.maximum.at(self.share, face, share)


def lay_tiles(
    skin: Skin, done: NDArray[np.bool_], *, core_mm: float, mm_per_px: float
) -> CropFrames:
    """Cover the faces that are not done with tiles.

    Parameters
    ----------
    skin : Skin
    done : (F,) bool
        Stays as it is.
    core_mm : float
        Side of the part of a tile that it answers for; a margin of 8 mm goes around it.
    mm_per_px : float

    Returns
    -------
    CropFrames
        In the order of the first face that each is laid for. They follow the mesh: moving or
        turning the body, or another texture layout, leaves them where they are on the skin.
    """
    face, axes, _ = _laid(skin, done, core_mm)
    return _framed(skin.middles_mm[face], face, axes, core_mm, mm_per_px)


def lay_snug_tiles(
    skin: Skin, done: NDArray[np.bool_], *, core_mm: float, mm_per_px: float
) -> Iterator[CropFrames]:
    """Lay the same tiles, each cut down to the part that no tile before it shows, size by size."""
    face, axes, box = _laid(skin, done, core_mm)
    middle = np.einsum("na,nax->nx", 0.5 * (box[:, 0] + box[:, 1]), axes[:, :2])
    part = np.ceil((box[:, 1] - box[:, 0]).max(axis=1) / core_mm * PARTS).clip(1, PARTS)
    for k in np.unique(part):
        some = np.flatnonzero(part == k)
        yield _framed(
            skin.middles_mm[face[some]] + middle[some],
            face[some],
            axes[some],
            core_mm * float(k) / PARTS,
            mm_per_px,
        )


def _laid(
    skin: Skin, done: NDArray[np.bool_], core_mm: float
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """Faces, axes and boxes of tiles, as the kernel gives them."""
    surface = skin.surface
    n_faces = len(surface.faces)
    room = min(n_faces, 65536)
    face, axes, box = np.empty(n_faces, np.int32), np.empty((room, 3, 3)), np.empty((room, 2, 2))
    n = kernels.lay_tiles(
        surface.vertices_mm,
        surface.faces,
        surface.neighbours,
        surface.face_normals,
        skin.middles_mm,
        skin.look,
        0.5 * core_mm,
        GOOD_COS,
        np.zeros(n_faces, np.int32),
        np.empty(n_faces, np.int32),
        done.copy(),
        face,
        axes,
        box,
    )
    return face[:n], axes[:n], box[:n]


def _framed(
    origin_mm: NDArray[np.float64],
    face: NDArray[np.int32],
    axes: NDArray[np.float64],
    core_mm: float,
    mm_per_px: float,
) -> CropFrames:
    size = int(np.ceil((core_mm + 2.0 * MARGIN_MM) / mm_per_px))
    return CropFrames(
        candidate=np.arange(len(face), dtype=np.int32),
        face=face,
        origin_mm=origin_mm,
        axes=axes,
        extent_mm=size * mm_per_px,
        size_px=size,
    )


def draw_tiles(skin: Skin, frames: CropFrames) -> Iterator[Tiles]:
    """Draw tiles chunk by chunk, so that only some are held at a time."""
    level = levels_of(skin.surface, frames.face, frames.mm_per_px, len(skin.levels))
    step = max(CHUNK_PX // frames.size_px**2, 1)
    for k in np.unique(level):
        chosen = np.flatnonzero(level == k)
        for first in range(0, len(chosen), step):
            some = _some(frames, chosen[first : first + step])
            patches = orthographic_patches(skin.surface, some, margin_mm=some.mm_per_px)
            tile = np.repeat(np.arange(len(some)), np.diff(patches.start))
            normal = skin.surface.face_normals[patches.face]
            cos = (normal * some.axes[tile, 2]).sum(axis=1)
            views = draw_views(skin.levels[k], some, patches, np.arange(len(some)))
            yield Tiles(some, patches, views, cos.astype(np.float32))


def _some(frames: CropFrames, index: NDArray[np.intp]) -> CropFrames:
    return replace(
        frames,
        candidate=frames.candidate[index],
        face=frames.face[index],
        origin_mm=frames.origin_mm[index],
        axes=frames.axes[index],
    )
