"""From a field of contrast to the region around a seed, and the level of its outline."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


# A flood in order of falling level (buckets as linked lists): a pixel joins at the lower of its own
# level and the level at which the flood reaches it. {join >= k} is then the 4-connected part of
# {contrast >= k / steps} that holds the seed, for every k at once.
@kernel
def flood(
    contrast: NDArray[np.float32],  # (M, M)
    seed: int,  # flat index
    steps: int,  # levels per unit of contrast
    least: int,  # lowest level
    top: int,  # highest level
    after: NDArray[np.int32],  # (M * M,) scratch
    out_join: NDArray[np.int16],  # (M, M) level at which a pixel joins; 0: never
    out_box: NDArray[np.int64],  # (4,) first and last row, first and last column of the region
) -> None:
    """Grow a region from a seed through all levels."""
    size = contrast.shape[0]
    # Whole numbers are slow to divide; with half a pixel added the product is never off by one.
    per_row = 1.0 / size
    head = np.full(top + 1, -1, np.int32)
    out_join[:] = 0
    out_box[0], out_box[1], out_box[2], out_box[3] = size, -1, size, -1
    level = min(int(contrast[seed // size, seed % size] * steps), top)
    if level < least:
        return
    head[level] = seed
    after[seed] = -1
    out_join[seed // size, seed % size] = -1
    while level >= least:
        pixel = head[level]
        if pixel < 0:
            level -= 1
            continue
        head[level] = after[pixel]
        row = int((pixel + 0.5) * per_row)
        col = pixel - row * size
        out_join[row, col] = level
        out_box[0], out_box[1] = min(out_box[0], row), max(out_box[1], row)
        out_box[2], out_box[3] = min(out_box[2], col), max(out_box[3], col)
        for k in range(4):
            i = row + (1 if k == 0 else 0) - (1 if k == 1 else 0)
            j = col + (1 if k == 2 else 0) - (1 if k == 3 else 0)
            if i < 0 or j < 0 or i >= size or j >= size or out_join[i, j] != 0:
                continue
            own = min(int(contrast[i, j] * steps), level)
            if own >= least:
                out_join[i, j] = -1
                after[i * size + j] = head[own]
                head[own] = i * size + j


# A pair of neighbours crosses the outline at every level between their two: differences of counts
# first, sums over the levels last.
@kernel
def edge_profile(
    join: NDArray[np.int16],  # (M, M)
    contrast: NDArray[np.float32],  # (M, M), -1 where there is no skin
    box: NDArray[np.int64],  # (4,) of `flood`
    out_area: NDArray[np.float64],  # (K + 2,) pixels of the region at each level
    out_pairs: NDArray[np.float64],  # (K + 2,) pairs of neighbours across its outline
    out_rim: NDArray[np.float64],  # (K + 2,) pixels at the rim of the image or beside no skin
) -> None:
    """Size and outline of a region at every level."""
    size, top = join.shape[0], out_area.shape[0] - 2
    out_area[:], out_pairs[:], out_rim[:] = 0.0, 0.0, 0.0
    for i in range(max(box[0] - 1, 0), min(box[1] + 2, size)):
        for j in range(max(box[2] - 1, 0), min(box[3] + 2, size)):
            here = join[i, j]
            out_area[here] += 1.0
            if here > 0 and (i == 0 or j == 0 or i == size - 1 or j == size - 1):
                out_rim[here] += 1.0
            for k in range(2):
                r, s = i + k, j + 1 - k
                if r == size or s == size or join[r, s] == here:
                    continue
                low, high = min(here, join[r, s]), max(here, join[r, s])
                if min(contrast[i, j], contrast[r, s]) <= np.float32(-1.0):
                    out_rim[high] += 1.0
                    continue
                out_pairs[low + 1] += 1.0
                out_pairs[high + 1] -= 1.0
    for k in range(1, top + 2):
        out_pairs[k] += out_pairs[k - 1]
    for k in range(top, -1, -1):
        out_area[k] += out_area[k + 1]
        out_rim[k] += out_rim[k + 1]


# Pairs across the outline over pixels gained per level: the harmonic mean of the slope along the
# outline, to which size adds weight, as small dark spots within a lesion have steep edges. It falls
# where the region leaks, and between the edges of a lesion of two tones. From the steepest edge the
# search goes outward and moves on to another edge only across such a gap.
@kernel
def _choose(
    area: NDArray[np.float64],  # (K + 2,)
    pairs: NDArray[np.float64],  # (K + 2,)
    rim: NDArray[np.float64],  # (K + 2,)
    steps: int,
    low: int,
    steep: float,
    least_px: int,
    slope: NDArray[np.float64],  # (K + 2,) scratch
) -> int:
    """Level of the outline; 0: none."""
    high = int(0.85 * steps)
    best = 0
    slope[:] = 0.0
    for k in range(low, high + 1):
        if area[k] < least_px:
            break
        crossed = gained = 0.0
        for m in range(k - 2, k + 3):
            crossed += pairs[m]
            gained += area[m] - area[m + 1]
        slope[k] = crossed / max(gained, 1.0) * area[k] ** 0.3 * (0.6 if rim[k] > 0.0 else 1.0)
        if slope[k] > slope[best]:
            best = k
    if best == 0:
        return 0
    outer, valley = best, slope[best]
    for k in range(best - 1, low - 1, -1):
        valley = min(valley, slope[k])
        if slope[k] < steep * slope[best] or area[k] > 6.0 * area[best]:
            continue
        if valley < 0.7 * slope[k] and slope[k] >= slope[k - 1] and rim[k] == 0.0:
            outer, valley = k, slope[k]
    return outer


@kernel
def grow(
    contrast: NDArray[np.float32],  # (N, M, M)
    seed: NDArray[np.int64],  # (N,) or -1
    noise: NDArray[np.float64],  # (N,)
    steps: int,
    steep: float,  # share of the steepest edge that is steep enough
    least_px: int,
    out_join: NDArray[np.int16],  # (N, M, M) of `flood`
    out_box: NDArray[np.int64],  # (N, 4) of `flood`
    out_level: NDArray[np.int64],  # (N,) level of the outline; 0: none
    out_area: NDArray[np.float64],  # (N, K + 2) of `edge_profile`
    out_rim: NDArray[np.float64],  # (N, K + 2) of `edge_profile`
) -> None:
    """Grow the region around each seed and choose the level of its outline."""
    size, top = contrast.shape[1], out_area.shape[1] - 2
    stack = np.empty(size * size, np.int32)
    pairs, slope = np.empty(top + 2), np.empty(top + 2)
    for n in range(contrast.shape[0]):
        out_level[n] = 0
        if seed[n] < 0:
            continue
        low = max(int(min(2.0 * noise[n], 0.45) * steps), int(0.12 * steps), 3)
        least = max(int(0.49 * low) - 2, 1)
        flood(contrast[n], seed[n], steps, least, top, stack, out_join[n], out_box[n])
        edge_profile(out_join[n], contrast[n], out_box[n], out_area[n], pairs, out_rim[n])
        out_level[n] = _choose(out_area[n], pairs, out_rim[n], steps, low, steep, least_px, slope)
