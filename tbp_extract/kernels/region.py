"""From a field of contrast to the region around a seed, and the level of its outline."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

# Beside the levels of pixels: where there is no skin, and beyond the image.
_NO_SKIN, _BEYOND = -1, -2


@kernel
def _levels(
    contrast: NDArray[np.float32],  # (M, M), -1 where there is no skin
    steps: int,  # levels per unit of contrast
    top: int,  # highest level
    out: NDArray[np.int16],  # ((M + 2) * (M + 2),) with a rim around
) -> None:
    """Levels of all pixels."""
    size, across = contrast.shape[0], contrast.shape[0] + 2
    scale, most, zero = np.float32(steps), np.float32(top), np.float32(0.0)
    out[:] = _BEYOND
    for i in range(size):
        line = contrast[i]
        row = out[(i + 1) * across + 1 : (i + 1) * across + 1 + size]
        for j in range(size):
            level = np.int16(min(max(line[j] * scale, zero), most))
            row[j] = level if line[j] > np.float32(-1.0) else np.int16(_NO_SKIN)


@kernel
def _copy_region(
    join: NDArray[np.int16],  # ((M + 2) * (M + 2),)
    first: int,  # a pixel of the first row, and one of the last
    last: int,
    out_join: NDArray[np.int16],  # (M, M)
    out_box: NDArray[np.int64],  # (4,)
) -> None:
    """Take the rim off; rows and columns that the region spans."""
    size, across = out_join.shape[0], out_join.shape[0] + 2
    for i in range(size):
        start = (i + 1) * across + 1
        out_join[i] = join[start : start + size]
    out_box[0], out_box[1] = first // across - 1, last // across - 1
    highest = out_join[out_box[0]].copy()
    for i in range(out_box[0] + 1, out_box[1] + 1):
        line = out_join[i]
        for j in range(size):
            highest[j] = max(highest[j], line[j])
    left, right = 0, size - 1
    while highest[left] <= 0:
        left += 1
    while highest[right] <= 0:
        right -= 1
    out_box[2], out_box[3] = left, right


# A flood in order of falling level (buckets as linked lists): a pixel joins at the lower of its own
# level and the level at which the flood reaches it. {join >= k} is then the 4-connected part of
# {contrast >= k / steps} that holds the seed, for every k at once. Size and outline are counted as
# it goes: a pixel that joins brings pairs across the outline with neighbours that are still
# outside, and takes away those with neighbours that are in.
@kernel
def flood(
    contrast: NDArray[np.float32],  # (M, M), -1 where there is no skin
    seed: int,  # flat index
    steps: int,  # levels per unit of contrast
    least: int,  # lowest level, above 0
    own: NDArray[np.int16],  # ((M + 2) * (M + 2),) scratch, as are the next two
    join: NDArray[np.int16],
    after: NDArray[np.int32],
    out_join: NDArray[np.int16],  # (M, M) level at which a pixel joins; 0: never
    out_box: NDArray[np.int64],  # (4,) first and last row, first and last column of the region
    out_area: NDArray[np.float64],  # (K + 2,) pixels of the region at each level up to K
    out_pairs: NDArray[np.float64],  # (K + 2,) pairs of neighbours across its outline
    out_rim: NDArray[np.float64],  # (K + 2,) pixels at the rim of the image or beside no skin
) -> None:
    """Grow a region from a seed through all levels."""
    size, across, top = contrast.shape[0], contrast.shape[0] + 2, out_area.shape[0] - 2
    _levels(contrast, steps, top, own)
    head = np.full(top + 1, -1, np.int32)
    join[:], out_join[:] = 0, 0
    out_box[0], out_box[1], out_box[2], out_box[3] = size, -1, size, -1
    out_area[:], out_pairs[:], out_rim[:] = 0.0, 0.0, 0.0
    start = (seed // size + 1) * across + seed % size + 1
    if own[start] < least:
        return
    head[own[start]] = start
    after[start], join[start] = -1, -1
    area = pairs = rim = 0
    first = last = start
    for level in range(own[start], least - 1, -1):
        while head[level] >= 0:
            pixel = head[level]
            head[level] = after[pixel]
            join[pixel] = level
            area += 1
            first, last, at_end = min(first, pixel), max(last, pixel), 0
            for k in range(4):
                way = 1 if k < 2 else across
                beside = np.uint64(pixel + way if k % 2 == 0 else pixel - way)
                state, own_level = join[beside], own[beside]
                if own_level < 0:
                    rim += own_level == _NO_SKIN
                    at_end |= own_level == _BEYOND
                    continue
                pairs += -1 if state > 0 else 1
                if state == 0 and own_level >= least:
                    join[beside] = -1
                    reached = min(own_level, level)
                    after[beside] = head[reached]
                    head[reached] = beside
            rim += at_end
        out_area[level], out_pairs[level], out_rim[level] = area, pairs, rim
    out_area[:least], out_pairs[1:least], out_rim[:least] = area, pairs, rim
    out_area[0] = size * size
    _copy_region(join, first, last, out_join, out_box)


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
    out_area: NDArray[np.float64],  # (N, K + 2) of `flood`
    out_rim: NDArray[np.float64],  # (N, K + 2) of `flood`
) -> None:
    """Grow the region around each seed and choose the level of its outline."""
    room, top = (contrast.shape[1] + 2) ** 2, out_area.shape[1] - 2
    own, join, after = np.empty(room, np.int16), np.empty(room, np.int16), np.empty(room, np.int32)
    pairs, slope = np.empty(top + 2), np.empty(top + 2)
    for n in range(contrast.shape[0]):
        out_level[n] = 0
        if seed[n] < 0:
            continue
        low = max(int(min(2.0 * noise[n], 0.45) * steps), int(0.12 * steps), 3)
        least = max(int(0.49 * low) - 2, 1)
        flood(
            contrast[n], seed[n], steps, least, own, join, after,
            out_join[n], out_box[n], out_area[n], pairs, out_rim[n],
        )  # fmt: skip
        out_level[n] = _choose(out_area[n], pairs, out_rim[n], steps, low, steep, least_px, slope)
