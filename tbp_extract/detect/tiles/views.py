"""Flat views of the skin, drawn from a page as coarse as they are."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tbp_extract.detect.tiles.skin import Skin
from tbp_extract.kernels import raster, view
from tbp_extract.types import CropFrames, Surface

__all__ = ["Views", "chosen_frames", "draw_views", "levels_of", "on_skin"]


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """N views of H x W pixels, with the origins of their frames in the middle."""

    frames: CropFrames

    pixels: NDArray[np.uint8]
    """(N, H, W, 3) sRGB; arbitrary where nothing shows."""

    shown: NDArray[np.int32]
    """(N, H, W) which row of `face` shows, -1 for none."""

    face: NDArray[np.int32]
    """(M,) faces that show; each view has rows of its own."""

    cos: NDArray[np.float32]
    """(M,) cosine between each face and its view."""

    def __len__(self) -> int:
        return len(self.frames)

    def row_at(
        self, view: NDArray[np.integer] | int, rowcol: NDArray[np.float64]
    ) -> NDArray[np.int32]:
        """(K,) rows that show at K points (K, 2) of views; -1 for none."""
        most = np.array(self.shown.shape[1:]) - 1
        at = np.rint(rowcol).astype(np.int64).clip(0, most)
        return np.asarray(self.shown[view, at[:, 0], at[:, 1]])


def levels_of(
    surface: Surface, face: NDArray[np.int32], mm_per_px: float, n_levels: int
) -> NDArray[np.int64]:
    """(N,) which of the levels is about as coarse as a view of skin at these faces."""
    texel = surface.texel_mm[surface.faces[face]].astype(np.float64).mean(axis=1)
    ratio = mm_per_px / np.nan_to_num(texel, nan=mm_per_px)
    level = np.floor(np.log2(np.maximum(ratio, 1e-6)) + 0.5)
    return np.asarray(np.clip(level, 0, n_levels - 1), np.int64)


def draw_views(
    skin: Skin, level: int, frames: CropFrames, shape: tuple[int, int] | None = None
) -> Views:
    """Draw frames from the pages of one level, one sample a pixel; `shape` cuts down the square.

    They show what `tbp_extract.geometry.orthographic_patches` lays flat, a pixel's width around.
    """
    surface, source, scratch = skin.surface, skin.levels[level], skin.scratch
    shape = shape or (frames.size_px, frames.size_px)
    shown = np.empty((len(frames), *shape), np.int32)
    face, cos = np.empty(shown.size, np.int32), np.empty(shown.size, np.float32)
    maps = np.empty((shown.size, 2, 3))
    n = view.draw_views(
        surface.vertices_mm,
        surface.faces,
        surface.neighbours,
        surface.face_normals,
        source.scan.face_page >= 0,
        source.rowcol,
        frames.face,
        frames.origin_mm,
        frames.axes,
        frames.mm_per_px,
        frames.size_px,
        scratch.seen,
        scratch.queue,
        scratch.drawn,
        scratch.row_of,
        scratch.rowcol,
        np.empty(shape, np.float32),
        shown,
        face,
        cos,
        maps,
    )
    page = source.scan.face_page[face[:n]]
    pixels = np.empty((*shown.shape, 3), np.uint8)
    place = np.arange(len(frames))
    for index, image in enumerate(source.scan.atlas):
        raster.shade(image, index, page, maps[:n], shown, place, pixels)
    return Views(frames, pixels, shown, face[:n], cos[:n])


def on_skin(
    surface: Surface,
    views: Views,
    view: NDArray[np.integer] | int,
    row: NDArray[np.integer],
    rowcol: NDArray[np.float64],
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Faces (K,) and barycentrics (K, 3) of points in views.

    Parameters
    ----------
    surface, views
        The views, and what they show.
    view : (K,) int, or int
        Where each point lies.
    row : (K,) int
        What shows there (`Views.row_at`).
    rowcol : (K, 2) float64
        The points, in pixels of their own view.
    """
    frames, face = views.frames, views.face[row]
    middle = 0.5 * (np.array(views.shown.shape[1:]) - 1)
    point = ((rowcol - middle) * frames.mm_per_px)[:, ::-1]
    axes = np.broadcast_to(frames.axes[view], (len(face), 3, 3))
    way = surface.vertices_mm[surface.faces[face]] - frames.origin_mm[view].reshape(-1, 1, 3)
    corner = np.einsum("kcx,kax->kca", way, axes[:, :2])
    edge, other = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    off = point - corner[:, 0]
    area = edge[:, 0] * other[:, 1] - edge[:, 1] * other[:, 0]
    area = np.where(np.abs(area) > 1e-12, area, 1.0)
    b = (off[:, 0] * other[:, 1] - off[:, 1] * other[:, 0]) / area
    c = (edge[:, 0] * off[:, 1] - edge[:, 1] * off[:, 0]) / area
    # A point between pixels may lie in the next face: pulled back to the edge.
    weight = np.clip(np.stack((1.0 - b - c, b, c), axis=1), 0.0, 1.0)
    return face, np.asarray(weight / weight.sum(axis=1, keepdims=True))


def chosen_frames(frames: CropFrames, index: NDArray[np.intp]) -> CropFrames:
    """Take some of the frames."""
    return replace(
        frames,
        candidate=frames.candidate[index],
        face=frames.face[index],
        origin_mm=frames.origin_mm[index],
        axes=frames.axes[index],
    )
