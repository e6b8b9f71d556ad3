"""Plain twins of ``tbp_extract.kernels.lines``."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_SHAPES = [np.ones((1, 5)), np.ones((5, 1)), np.eye(5), np.fliplr(np.eye(5))]


def jump(light: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far pixels lie below closings or above openings by five pixels in four directions."""
    padded = np.pad(light.astype(np.float64), 4, mode="edge")
    best = np.zeros_like(padded)
    for shape in _SHAPES:
        foot = shape > 0
        best = np.maximum(best, ndimage.grey_closing(padded, footprint=foot) - padded)
        best = np.maximum(best, padded - ndimage.grey_opening(padded, footprint=foot))
    return np.asarray(best[4:-4, 4:-4])


def find_lines(
    light: NDArray[np.float32], depth: float, contrast: float, most: float, least_px: int
) -> NDArray[np.bool_]:
    """Long, thin parts of where the jump is high, one image."""
    height = jump(light)
    usual = np.sort(height[::4], axis=None)[(height[::4].size - 1) // 2]
    label, count = ndimage.label(height > min(max(depth, contrast * usual), most), np.ones((3, 3)))
    out = np.zeros(light.shape, np.bool_)
    for k, box in enumerate(ndimage.find_objects(label), start=1):
        length = max(s.stop - s.start for s in box)
        room = np.prod([s.stop - s.start for s in box])
        count_px = (label == k).sum()
        sparse = count_px <= max(5 * length, 0.3 * room)
        if length >= least_px and (sparse or 3 * count_px > light.size):
            out |= label == k
    assert count == label.max()
    return out
