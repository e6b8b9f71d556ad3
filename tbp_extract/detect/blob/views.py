"""Flat views of the skin, drawn from a page as coarse as they are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.detect.blob.skin import Level
from tbp_extract.kernels import raster
from tbp_extract.types import CropFrames, Patches, Surface

__all__ = ["Views", "draw_views", "levels_of", "on_skin", "take"]

EDGE_PX = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """N views of S x S pixels."""

    pixels: NDArray[np.uint8]
    """(N, S, S, 3) sRGB; arbitrary where nothing shows."""

    shown: NDArray[np.int32]
    """(N, S, S) which of `rows` shows, -1 for none."""

    rows: NDArray[np.int64]
    """(M,) rows of the patches that were drawn."""

    def row_at(
        self, view: NDArray[np.integer] | int, rowcol: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """(K,) rows of the patches that show at K points (K, 2) of views; -1 for none."""
        at = np.clip(np.rint(rowcol).astype(np.int64), 0, self.shown.shape[1] - 1)
        shown = self.shown[view, at[:, 0], at[:, 1]]
        return np.asarray(np.append(self.rows, -1)[shown], np.int64)


def levels_of(
    surface: Surface, face: NDArray[np.int32], mm_per_px: float, n_levels: int
) -> NDArray[np.int64]:
    """(N,) which of the levels is about as coarse as a view of skin at these faces."""
    texel = surface.texel_mm[surface.faces[face]].astype(np.float64).mean(axis=1)
    ratio = mm_per_px / np.nan_to_num(texel, nan=mm_per_px)
    level = np.floor(np.log2(np.maximum(ratio, 1e-6)) + 0.5)
    return np.asarray(np.clip(level, 0, n_levels - 1), np.int64)


def draw_views(
    level: Level, frames: CropFrames, patches: Patches, chosen: NDArray[np.intp]
) -> Views:
    """Draw some of the frames; one sample a pixel."""
    start, rows = take(patches, chosen)
    corner_mm, height_mm, face = patches.corner_mm, patches.height_mm, patches.face
    if len(rows) < len(face):
        corner_mm, height_mm, face = corner_mm[rows], height_mm[rows], face[rows]
    corner_px = np.empty_like(corner_mm)
    for axis in range(2):
        np.divide(corner_mm[:, :, 1 - axis], frames.mm_per_px, out=corner_px[:, :, axis])
    corner_px += 0.5 * (frames.size_px - 1)
    page = level.scan.face_page[face]
    size = frames.size_px
    shown = np.empty((len(chosen), size, size), np.int32)
    depth = np.empty((size, size), np.float32)
    raster.cover(start, corner_px, height_mm, page >= 0, EDGE_PX, depth, shown)
    maps, density = np.empty((len(rows), 2, 3)), np.empty(len(rows))
    raster.texel_maps(corner_px, level.rowcol[face], maps, density)
    pixels = np.empty((len(chosen), size, size, 3), np.uint8)
    place = np.arange(len(chosen))
    for index in np.unique(page[page >= 0]):
        raster.shade(level.scan.atlas[index], int(index), page, maps, shown, place, pixels)
    return Views(pixels, shown, rows)


def on_skin(
    patches: Patches,
    frames: CropFrames,
    row: NDArray[np.integer],
    rowcol: NDArray[np.float64],
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Faces (N,) and barycentrics (N, 3) of points in views.

    Parameters
    ----------
    patches, frames
        That were drawn.
    row : (N,) int
        Row of the patches that shows at each point.
    rowcol : (N, 2) float64
        The points, in pixels of their own view.
    """
    point = (rowcol[:, ::-1] - 0.5 * (frames.size_px - 1)) * frames.mm_per_px
    corner = patches.corner_mm[row]
    edge, other = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    way = point - corner[:, 0]
    area = edge[:, 0] * other[:, 1] - edge[:, 1] * other[:, 0]
    area = np.where(np.abs(area) > 1e-12, area, 1.0)
    b = (way[:, 0] * other[:, 1] - way[:, 1] * other[:, 0]) / area
    c = (edge[:, 0] * way[:, 1] - edge[:, 1] * way[:, 0]) / area
    # A point between pixels may lie in the next face: pulled back to the edge.
    weight = np.clip(np.stack((1.0 - b - c, b, c), axis=1), 0.0, 1.0)
    return patches.face[row], np.asarray(weight / weight.sum(axis=1, keepdims=True))


def take(patches: Patches, chosen: NDArray[np.intp]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Compressed rows of a choice of patches."""
    count = np.diff(patches.start)[chosen]
    start = np.concatenate(([0], np.cumsum(count)))
    rows = np.repeat(patches.start[:-1][chosen] - start[:-1], count) + np.arange(start[-1])
    return start, rows
