"""Texels just outside the charts of an atlas: what interpolation at a seam would mix in."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def mark_texels(
    corner: NDArray[np.float64],  # (F, 3, 2) row, column
    out: NDArray[np.uint8],  # (H, W) zeros; 1 where a face holds the texel's centre
) -> None:
    """Draw all faces by scan lines."""
    height, width = out.shape
    for m in range(corner.shape[0]):
        low_row = min(corner[m, 0, 0], corner[m, 1, 0], corner[m, 2, 0])
        high_row = max(corner[m, 0, 0], corner[m, 1, 0], corner[m, 2, 0])
        if not (math.isfinite(low_row) and math.isfinite(high_row)):
            continue
        # Clamped before they become integers: beyond 2^63 that has no meaning.
        first, last = math.ceil(max(low_row, 0.0)), math.floor(min(high_row, height - 1.0))
        for row in range(first, last + 1):
            left, right = math.inf, -math.inf
            for k in range(3):
                r0, c0 = corner[m, k, 0], corner[m, k, 1]
                r1, c1 = corner[m, (k + 1) % 3, 0], corner[m, (k + 1) % 3, 1]
                if min(r0, r1) > row or max(r0, r1) < row:
                    continue
                if r0 == r1:
                    left, right = min(left, c0, c1), max(right, c0, c1)
                else:
                    crossing = c0 + (c1 - c0) * (row - r0) / (r1 - r0)
                    left, right = min(left, crossing), max(right, crossing)
            if not (left <= right):
                continue
            begin = max(math.ceil(max(left, -1.0) - 1e-7), 0)
            end = min(math.floor(min(right, float(width)) + 1e-7), width - 1)
            for col in range(begin, end + 1):
                out[row, col] = 1


@kernel
def _nearest_marked(mask: NDArray[np.uint8], row: int, col: int) -> int:
    """Flat index of the nearest marked texel at most two rows and columns away, -1 for none."""
    best, found = 9, -1
    for r in range(max(row - 2, 0), min(row + 3, mask.shape[0])):
        for c in range(max(col - 2, 0), min(col + 3, mask.shape[1])):
            distance = (r - row) * (r - row) + (c - col) * (c - col)
            if mask[r, c] == 1 and distance < best:
                best, found = distance, r * mask.shape[1] + c
    return found


@kernel
def fill_gutter(
    mask: NDArray[np.uint8],  # (H, W) 1 inside the charts
    near: NDArray[np.uint8],  # (W,) scratch
    out: NDArray[np.uint8],  # (H, W, 3) texels up to two beyond a chart are overwritten
) -> None:
    """Copy the nearest chart texel into the two texels around every chart.

    Plan: five rows of the mask folded into one tell in passing where a search is worth it.
    """
    height, width = mask.shape
    for row in range(height):
        near[:] = 0
        for r in range(max(row - 2, 0), min(row + 3, height)):
            for col in range(width):
                near[col] |= mask[r, col]
        for col in range(width):
            if mask[row, col] == 1:
                continue
            beside = near[col]
            for c in range(max(col - 2, 0), min(col + 3, width)):
                beside |= near[c]
            if beside == 0:
                continue
            source = _nearest_marked(mask, row, col)
            if source >= 0:
                out[row, col] = out[source // width, source % width]
