"""Colours inside and around one region an image."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def choose_sides(
    mask: NDArray[np.bool_],  # (N, M, M)
    clear: NDArray[np.bool_],  # (N, M, M)
    away_mm: NDArray[np.float32],  # (N, M, M)
    near_mm: float,
    far_mm: float,
    least_px: int,
    out_inside: NDArray[np.bool_],  # (N, M, M) clear pixels of the mask; all if they are too few
    out_around: NDArray[np.bool_],  # (N, M, M) clear pixels between two distances outside
    out_px: NDArray[np.int64],  # (N,) pixels around
) -> None:
    """Mark the pixels whose colours are compared."""
    size = mask.shape[1]
    near, far = np.float32(-near_mm), np.float32(-far_mm)
    for n in range(mask.shape[0]):
        inside = around = 0
        for i in range(size):
            for j in range(size):
                one = mask[n, i, j] & clear[n, i, j]
                two = clear[n, i, j] & (away_mm[n, i, j] < near) & (away_mm[n, i, j] > far)
                out_inside[n, i, j], out_around[n, i, j] = one, two
                inside += one
                around += two
        out_px[n] = around
        if inside < least_px:
            out_inside[n] = mask[n]


# Two rounds over each set of pixels: the second leaves out what lies beyond `trim` standard
# deviations of lightness in the first, where that is finite.
@kernel
def colour_means(
    lab: NDArray[np.float32],  # (N, M, M, 3)
    chosen: NDArray[np.bool_],  # (N, M, M)
    trim: float,
    out: NDArray[np.float64],  # (N, 4) means of L*, a*, b*, standard deviation of L*; NaN if none
) -> None:
    """Mean colour of chosen pixels, and the spread of their lightness."""
    size = lab.shape[1]
    for n in range(lab.shape[0]):
        out[n] = np.nan
        low, high = -np.inf, np.inf
        for _ in range(2):
            count = one = two = three = square = 0.0
            for i in range(size):
                for j in range(size):
                    if not chosen[n, i, j]:
                        continue
                    light = float(lab[n, i, j, 0])
                    if low <= light <= high:
                        count += 1.0
                        one += light
                        square += light * light
                        two += float(lab[n, i, j, 1])
                        three += float(lab[n, i, j, 2])
            if count == 0.0:
                break
            out[n, 0], out[n, 1], out[n, 2] = one / count, two / count, three / count
            out[n, 3] = math.sqrt(max(square / count - out[n, 0] ** 2, 0.0))
            low, high = out[n, 0] - trim * out[n, 3], out[n, 0] + trim * out[n, 3]
            if trim == np.inf:
                break


@kernel
def mean_distance(
    lab: NDArray[np.float32],  # (N, M, M, 3)
    chosen: NDArray[np.bool_],  # (N, M, M)
    light: NDArray[np.float64],  # (N,)
    yellow: NDArray[np.float64],  # (N,)
    out: NDArray[np.float64],  # (N,) NaN if none is chosen
) -> None:
    """Mean distance of chosen pixels from a colour in the plane of L* and b*."""
    size = lab.shape[1]
    for n in range(lab.shape[0]):
        count = total = 0.0
        for i in range(size):
            for j in range(size):
                if chosen[n, i, j]:
                    count += 1.0
                    down, along = lab[n, i, j, 0] - light[n], lab[n, i, j, 2] - yellow[n]
                    total += math.sqrt(down * down + along * along)
        out[n] = total / count if count > 0.0 else np.nan


# Cells are rings of equal depth below the outline, cut into eight sectors around the centroid. What
# differs between the cells of a ring is colour asymmetry, without the fall towards the edge.
@kernel
def ring_spread(
    lab: NDArray[np.float32],  # (N, M, M, 3)
    chosen: NDArray[np.bool_],  # (N, M, M)
    away_mm: NDArray[np.float32],  # (N, M, M)
    middle: NDArray[np.float64],  # (N, 2) row and column
    ring_mm: float,
    least_px: int,  # a cell counts from so many pixels on
    out_mean: NDArray[np.float64],  # (N,) mean over rings
    out_max: NDArray[np.float64],  # (N,) maximum over rings; both 0 where no ring counts
) -> None:
    """Root mean square over L*, a*, b* of the SD among the cells of a ring; mean and maximum."""
    size, n_rings = lab.shape[1], 64
    count, total = np.empty((n_rings, 8)), np.empty((n_rings, 8, 3))
    for n in range(lab.shape[0]):
        count[:], total[:] = 0.0, 0.0
        for i in range(size):
            for j in range(size):
                # The outermost ring is mixed with skin.
                if not chosen[n, i, j] or away_mm[n, i, j] < ring_mm:
                    continue
                ring = min(int(away_mm[n, i, j] / ring_mm), n_rings) - 1
                turn = math.atan2(i - middle[n, 0], j - middle[n, 1]) / (0.25 * math.pi)
                sector = min(int(turn + 4.0), 7)
                count[ring, sector] += 1.0
                for c in range(3):
                    total[ring, sector, c] += lab[n, i, j, c]
        rings = 0
        out_mean[n], out_max[n] = 0.0, 0.0
        for ring in range(n_rings):
            cells = variance = 0.0
            for c in range(3):
                cells = one = two = 0.0
                for sector in range(8):
                    if count[ring, sector] >= least_px:
                        value = total[ring, sector, c] / count[ring, sector]
                        cells += 1.0
                        one += value
                        two += value * value
                if cells >= 4.0:
                    variance += max(two / cells - (one / cells) ** 2, 0.0) / 3.0
            if cells >= 4.0:
                rings += 1
                out_mean[n] += math.sqrt(variance)
                out_max[n] = max(out_max[n], math.sqrt(variance))
        if rings > 0:
            out_mean[n] /= rings
