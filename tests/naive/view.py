"""Plain twin of ``tbp_extract.kernels.view``: each pixel of a view against each face it reaches."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.types import CropFrames, Surface
from tests.naive.patch import local_corners, orthographic_faces
from tests.naive.raster import layers


def shown_faces(
    surface: Surface, frames: CropFrames, n: int, textured: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """(S, S) face that shows at each pixel, -1 for none, and how clearly it does.

    Clear is what lies inside a face, and above the next one, by more than rounding: the lesser of
    the barycentric coordinate and of the gap in height, in mm.
    """
    half = 0.5 * frames.extent_mm + frames.mm_per_px
    face = np.array(sorted(orthographic_faces(surface, frames, n, half)), np.int32)
    local = local_corners(surface, frames, n, face)
    rowcol = local[:, :, 1::-1] / frames.mm_per_px + 0.5 * (frames.size_px - 1)
    inside, level = layers(rowcol, local[:, :, 2], frames.size_px)
    level = np.where(inside >= 0.0, level, -np.inf)
    first = level.argmax(axis=0)
    best, second = np.sort(level, axis=0)[:-3:-1]
    gap = np.full(best.shape, np.inf)
    np.subtract(best, second, out=gap, where=np.isfinite(second))
    clear = np.minimum(np.abs(inside).min(axis=0), gap)
    hit = np.isfinite(best) & textured[face[first]]
    return np.where(hit, face[first], -1).astype(np.int32), clear
