"""From a field of contrast to the region around a seed, its best level and its soft edge."""

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
    top: int,  # highest level
    after: NDArray[np.int32],  # (M * M,) scratch
    out_join: NDArray[np.int16],  # (M, M) level at which a pixel joins; 0: never
) -> None:
    """Grow a region from a seed through all levels."""
    size = contrast.shape[0]
    head = np.full(top + 1, -1, np.int32)
    out_join[:] = 0
    level = min(int(contrast[seed // size, seed % size] * steps), top)
    if level < 1:
        return
    head[level] = seed
    after[seed] = -1
    out_join[seed // size, seed % size] = -1
    while level > 0:
        pixel = head[level]
        if pixel < 0:
            level -= 1
            continue
        head[level] = after[pixel]
        row, col = pixel // size, pixel % size
        out_join[row, col] = level
        for k in range(4):
            i = row + (1 if k == 0 else 0) - (1 if k == 1 else 0)
            j = col + (1 if k == 2 else 0) - (1 if k == 3 else 0)
            if i < 0 or j < 0 or i >= size or j >= size or out_join[i, j] != 0:
                continue
            own = min(int(contrast[i, j] * steps), level)
            if own >= 1:
                out_join[i, j] = -1
                after[i * size + j] = head[own]
                head[own] = i * size + j


# A pair of neighbours crosses the outline at every level between their two: difference arrays first,
# sums over the levels last.
@kernel
def edge_profile(
    contrast: NDArray[np.float32],  # (M, M)
    join: NDArray[np.int16],  # (M, M)
    out_area: NDArray[np.float64],  # (K + 2,) pixels of the region at each level
    out_pairs: NDArray[np.float64],  # (K + 2,) pairs of neighbours across its outline
    out_slope: NDArray[np.float64],  # (K + 2,) mean difference of contrast over those pairs
    out_rim: NDArray[np.float64],  # (K + 2,) pixels at the rim of the image or beside no skin
) -> None:
    """Size and edge of a region at every level."""
    size, top = contrast.shape[0], out_area.shape[0] - 2
    out_area[:], out_pairs[:], out_slope[:], out_rim[:] = 0.0, 0.0, 0.0, 0.0
    for i in range(size):
        for j in range(size):
            here = join[i, j]
            out_area[here] += 1.0
            if here > 0 and (i == 0 or j == 0 or i == size - 1 or j == size - 1):
                out_rim[here] += 1.0
            for k in range(2):
                r, s = i + k, j + 1 - k
                if r == size or s == size:
                    continue
                low, high = min(here, join[r, s]), max(here, join[r, s])
                if low == high:
                    continue
                step = abs(contrast[i, j] - contrast[r, s])
                if min(contrast[i, j], contrast[r, s]) <= np.float32(-1.0):
                    out_rim[high] += 1.0
                    continue
                out_pairs[low + 1] += 1.0
                out_pairs[high + 1] -= 1.0
                out_slope[low + 1] += step
                out_slope[high + 1] -= step
    for k in range(1, top + 2):
        out_pairs[k] += out_pairs[k - 1]
        out_slope[k] += out_slope[k - 1]
    for k in range(top, -1, -1):
        out_area[k] += out_area[k + 1]
        out_rim[k] += out_rim[k + 1]
    for k in range(top + 2):
        out_slope[k] = out_slope[k] / out_pairs[k] if out_pairs[k] > 0.5 else 0.0


@kernel
def fill(
    join: NDArray[np.int16],  # (M, M)
    level: int,
    stack: NDArray[np.int32],  # (M * M,) scratch
    out_mask: NDArray[np.bool_],  # (M, M)
) -> None:
    """Region at a level with its holes: all that cannot be reached from the image's rim."""
    size = join.shape[0]
    out_mask[:] = True
    count = 0
    for k in range(size):
        for i, j in ((0, k), (size - 1, k), (k, 0), (k, size - 1)):
            if join[i, j] < level and out_mask[i, j]:
                out_mask[i, j] = False
                stack[count] = i * size + j
                count += 1
    while count > 0:
        count -= 1
        row, col = stack[count] // size, stack[count] % size
        for i in range(max(row - 1, 0), min(row + 2, size)):
            for j in range(max(col - 1, 0), min(col + 2, size)):
                if out_mask[i, j] and join[i, j] < level:
                    out_mask[i, j] = False
                    stack[count] = i * size + j
                    count += 1


@kernel
def chamfer(
    mask: NDArray[np.bool_],  # (M, M)
    out: NDArray[np.int16],  # (M, M) thirds of a pixel: inside above 0, outside below
) -> None:
    """Distance to the other side of the outline, counted 3 a side step and 4 a diagonal one."""
    size = mask.shape[0]
    far = np.int16(3 * size)
    for i in range(size):
        for j in range(size):
            best, here = far, mask[i, j]
            if i > 0:
                best = min(best, (out[i - 1, j] if mask[i - 1, j] == here else 0) + 3)
                if j > 0:
                    best = min(best, (out[i - 1, j - 1] if mask[i - 1, j - 1] == here else 0) + 4)
                if j < size - 1:
                    best = min(best, (out[i - 1, j + 1] if mask[i - 1, j + 1] == here else 0) + 4)
            if j > 0:
                best = min(best, (out[i, j - 1] if mask[i, j - 1] == here else 0) + 3)
            out[i, j] = best
    for i in range(size - 1, -1, -1):
        for j in range(size - 1, -1, -1):
            best, here = out[i, j], mask[i, j]
            if i < size - 1:
                best = min(best, (out[i + 1, j] if mask[i + 1, j] == here else 0) + 3)
                if j > 0:
                    best = min(best, (out[i + 1, j - 1] if mask[i + 1, j - 1] == here else 0) + 4)
                if j < size - 1:
                    best = min(best, (out[i + 1, j + 1] if mask[i + 1, j + 1] == here else 0) + 4)
            if j < size - 1:
                best = min(best, (out[i, j + 1] if mask[i, j + 1] == here else 0) + 3)
            out[i, j] = best
    for i in range(size):
        for j in range(size):
            if not mask[i, j]:
                out[i, j] = -out[i, j]


@kernel
def band_median(
    contrast: NDArray[np.float32],  # (M, M)
    away: NDArray[np.int16],  # (M, M)
    low: int,
    high: int,
    work: NDArray[np.float32],  # (M * M,) scratch
) -> float:
    """Median contrast of the pixels with low <= away <= high; NaN if there are none."""
    size, count = contrast.shape[0], 0
    for i in range(size):
        for j in range(size):
            if low <= away[i, j] <= high and contrast[i, j] > np.float32(-1.0):
                work[count] = contrast[i, j]
                count += 1
    if count == 0:
        return np.nan
    return float(np.median(work[:count]))


@kernel
def soften(
    contrast: NDArray[np.float32],  # (M, M)
    mask: NDArray[np.bool_],  # (M, M)
    away: NDArray[np.int16],  # (M, M)
    threshold: float,
    out_share: NDArray[np.float32],  # (M, M) share of the pixel inside the outline
) -> None:
    """Share of each pixel inside: by how far its contrast lies from the threshold, at the edge."""
    size = contrast.shape[0]
    for i in range(size):
        for j in range(size):
            inside = mask[i, j]
            out_share[i, j] = 1.0 if inside else 0.0
            if away[i, j] < -4 or away[i, j] > 4 or contrast[i, j] <= np.float32(-1.0):
                continue
            # A filled hole is inside and a cut spur outside, whatever the contrast.
            if inside != (contrast[i, j] >= threshold):
                continue
            up, down = contrast[max(i - 1, 0), j], contrast[min(i + 1, size - 1), j]
            left, right = contrast[i, max(j - 1, 0)], contrast[i, min(j + 1, size - 1)]
            slope = 0.5 * np.sqrt((down - up) ** 2 + (right - left) ** 2)
            share = 0.5 + (contrast[i, j] - threshold) / max(slope, 1e-3)
            low, high = (0.5, 1.0) if inside else (0.0, 0.5)
            out_share[i, j] = min(max(share, low), high)


@kernel
def _keep_largest(
    mask: NDArray[np.bool_],  # (M, M), changed
    seen: NDArray[np.bool_],  # (M, M) scratch
    stack: NDArray[np.int32],  # (M * M,) scratch
) -> None:
    """Leave the largest 4-connected part of a mask."""
    size, most, best = mask.shape[0], 0, -1
    for turn in range(2):
        seen[:] = False
        for start in range(size * size):
            if turn == 1 and start != best:
                continue
            if not mask[start // size, start % size] or seen[start // size, start % size]:
                continue
            stack[0], count, done = start, 1, 0
            seen[start // size, start % size] = True
            while done < count:
                row, col = stack[done] // size, stack[done] % size
                done += 1
                for k in range(4):
                    i = row + (1 if k == 0 else 0) - (1 if k == 1 else 0)
                    j = col + (1 if k == 2 else 0) - (1 if k == 3 else 0)
                    inside = 0 <= i < size and 0 <= j < size
                    if inside and mask[i, j] and not seen[i, j]:
                        seen[i, j] = True
                        stack[count] = i * size + j
                        count += 1
            if count > most:
                most, best = count, start
    mask[:] = seen


@kernel
def _cut_spurs(
    reach: int,  # thirds of a pixel
    mask: NDArray[np.bool_],  # (M, M), changed
    away: NDArray[np.int16],  # (M, M) scratch
    opened: NDArray[np.bool_],  # (M, M) scratch
    distance: NDArray[np.int16],  # (M, M) scratch
    stack: NDArray[np.int32],  # (M * M,) scratch
) -> None:
    """Take off what is narrower than twice the reach, unless nothing would be left."""
    size, left = mask.shape[0], 0
    chamfer(mask, away)
    for i in range(size):
        for j in range(size):
            opened[i, j] = away[i, j] > reach
            left += opened[i, j]
    if left == 0:
        return
    chamfer(opened, distance)
    for i in range(size):
        for j in range(size):
            mask[i, j] = mask[i, j] and distance[i, j] >= -reach - 4
    _keep_largest(mask, opened, stack)


# The level of the steepest edge, or of a steep one outside of it, comes first. Then the threshold is put midway between what lies inside and outside of that edge.
@kernel
def outline(
    contrast: NDArray[np.float32],  # (N, M, M)
    seed: NDArray[np.int64],  # (N,) or -1
    noise: NDArray[np.float64],  # (N,)
    steps: int,
    steep: float,  # share of the steepest edge that is steep enough
    least_px: int,
    spur_px: int,
    out_mask: NDArray[np.bool_],  # (N, M, M)
    out_share: NDArray[np.float32],  # (N, M, M)
    out_away: NDArray[np.int16],  # (N, M, M) thirds of a pixel from the outline, inside above 0
    out_threshold: NDArray[np.float64],  # (N,) NaN where there is no region
    out_rim: NDArray[np.float64],  # (N,) pixels of the region's outline where the image ends
) -> None:
    """Delineate the region around each seed."""
    n_images, size = contrast.shape[0], contrast.shape[1]
    top = 2 * steps
    join = np.empty((size, size), np.int16)
    scratch = np.empty(size * size, np.int32)
    work = np.empty(size * size, np.float32)
    area, pairs = np.empty(top + 2), np.empty(top + 2)
    slope, rim = np.empty(top + 2), np.empty(top + 2)
    opened, distance = np.empty((size, size), np.bool_), join.copy()
    for n in range(n_images):
        out_mask[n], out_share[n], out_away[n] = False, 0.0, -3 * size
        out_threshold[n], out_rim[n] = np.nan, 0.0
        if seed[n] < 0:
            continue
        flood(contrast[n], seed[n], steps, top, scratch, join)
        edge_profile(contrast[n], join, area, pairs, slope, rim)
        level = _choose(area, pairs, rim, steps, noise[n], steep, least_px, slope)
        if level < 1:
            continue
        for _ in range(2):
            fill(join, level, scratch, out_mask[n])
            chamfer(out_mask[n], out_away[n])
            inner = band_median(contrast[n], out_away[n], 6, 14, work)
            outer = band_median(contrast[n], out_away[n], -14, -6, work)
            half = 0.5 * (inner + outer) * steps
            if half == half:
                level = min(max(int(half + 0.5), int(0.7 * level), 1), int(1.4 * level) + 1)
        if area[level] < least_px:
            continue
        fill(join, level, scratch, out_mask[n])
        _cut_spurs(3 * spur_px, out_mask[n], out_away[n], opened, distance, scratch)
        chamfer(out_mask[n], out_away[n])
        out_threshold[n], out_rim[n] = level / steps, rim[level]
        soften(contrast[n], out_mask[n], out_away[n], out_threshold[n], out_share[n])


# Pairs across the outline over pixels gained per level: the harmonic mean of the slope along the
# outline, to which size adds weight, as small dark spots within a lesion have steep edges. It falls where the region leaks, and between the edges of a lesion of two tones. From the
# steepest edge the search goes outward and moves on to another edge only across such a gap.
@kernel
def _choose(
    area: NDArray[np.float64],  # (K + 2,)
    pairs: NDArray[np.float64],  # (K + 2,)
    rim: NDArray[np.float64],  # (K + 2,)
    steps: int,
    noise: float,
    steep: float,
    least_px: int,
    slope: NDArray[np.float64],  # (K + 2,) scratch
) -> int:
    """Level of the outline; 0: none."""
    low = max(int(min(2.0 * noise, 0.45) * steps), int(0.12 * steps), 3)
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
