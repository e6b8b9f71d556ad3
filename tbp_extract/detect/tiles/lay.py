"""Surface tiles: overlapping flat views that show the whole skin in true millimetres."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.detect.tiles.skin import Skin
from tbp_extract.detect.tiles.views import Views, chosen_frames, draw_views, levels_of
from tbp_extract.kernels import tiles as kernels
from tbp_extract.types import CropFrames

__all__ = [
    "MARGIN_MM",
    "ROUND_MM",
    "Coverage",
    "SnugTiles",
    "draw_tiles",
    "lay_snug_tiles",
    "lay_tiles",
]

MARGIN_MM = 8.0
"""Rim of a tile that only gives context."""

GOOD_COS = 0.6
"""Skin that leans more (53 degrees) gets another tile."""

SEEN_COS = 0.5
"""Skin seen at 60 degrees or better counts as covered."""

ROUND_MM = (72.0, 24.0, 8.0)
"""Side of what a tile answers for; what folds hide in one round gets smaller tiles in the next."""

PARTS = 8
"""Tiles are cut down to eighths of their core, across and down."""

CHUNK_PX = 400_000
"""Tiles are drawn together up to this many pixels: stays in the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class SnugTiles:
    """Tiles of one shape."""

    frames: CropFrames

    shape: tuple[int, int]
    """Rows and columns; the frames' square holds both."""


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

    def add(self, tiles: Views) -> None:
        """Count the pixels that show each face."""
        kernels.add_shares(
            tiles.shown,
            tiles.face,
            tiles.cos,
            self.area_mm2,
            tiles.frames.mm_per_px,
            SEEN_COS,
            np.zeros(len(tiles.face), np.int64),
            self.share,
        )


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
        In the order in which they were laid. They follow the mesh: moving or turning the body, or
        another texture layout, leaves them where they are on the skin.
    """
    face, axes, _ = _laid(skin, done, core_mm)
    size = _size_px(core_mm, mm_per_px)
    return _framed(skin.middles_mm[face], face, axes, size, mm_per_px)


def lay_snug_tiles(
    skin: Skin, done: NDArray[np.bool_], *, core_mm: float, mm_per_px: float
) -> Iterator[SnugTiles]:
    """Lay the same tiles, each cut down to the part that no tile before it shows, by shape."""
    face, axes, box = _laid(skin, done, core_mm)
    middle = np.einsum("na,nax->nx", 0.5 * (box[:, 0] + box[:, 1]), axes[:, :2])
    part = np.ceil((box[:, 1] - box[:, 0]) / core_mm * PARTS).clip(1, PARTS)
    for across, down in np.unique(part, axis=0):
        some = np.flatnonzero((part[:, 0] == across) & (part[:, 1] == down))
        shape = tuple(_size_px(core_mm * float(k) / PARTS, mm_per_px) for k in (down, across))
        origin = skin.middles_mm[face[some]] + middle[some]
        frames = _framed(origin, face[some], axes[some], max(shape), mm_per_px)
        yield SnugTiles(frames, (shape[0], shape[1]))


def _size_px(core_mm: float, mm_per_px: float) -> int:
    return int(np.ceil((core_mm + 2.0 * MARGIN_MM) / mm_per_px))


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
        skin.area_mm2,
        skin.look,
        skin.place,
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
    size_px: int,
    mm_per_px: float,
) -> CropFrames:
    return CropFrames(
        candidate=np.arange(len(face), dtype=np.int32),
        face=face,
        origin_mm=origin_mm,
        axes=axes,
        extent_mm=size_px * mm_per_px,
        size_px=size_px,
    )


def draw_tiles(
    skin: Skin, frames: CropFrames, shape: tuple[int, int] | None = None
) -> Iterator[Views]:
    """Draw tiles chunk by chunk, so that only some are held at a time."""
    level = levels_of(skin.surface, frames.face, frames.mm_per_px, len(skin.levels))
    height, width = shape or (frames.size_px, frames.size_px)
    step = max(CHUNK_PX // (height * width), 1)
    for k in np.unique(level):
        chosen = np.flatnonzero(level == k)
        for first in range(0, len(chosen), step):
            some = chosen_frames(frames, chosen[first : first + step])
            yield draw_views(skin, int(k), some, (height, width))
