"""The edge of a region: threshold, mask and distances."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

# Thirds of a pixel from the outline, between which its two sides are looked at: two to five
# pixels, 0.3 to 0.7 mm on the raster of 7.3 px/mm, beyond the reach of an edge's blur.
_BAND_NEAR, _BAND_FAR = 6, 14
# Below this share of the peak the outline must be clear of skin, its fringes and mottling.
_OF_PEAK = 0.55
# Narrower than this share of the greatest width is a spur, up to 3.3 px (0.9 mm across).
_SPUR_SHARE, _SPUR_MOST = 0.45, 10
# Farther outside than this, distances are not told.
_FAR_MM = 3.6
# Levels further below the first one are never chosen.
_LOWEST = 0.15


# What a row shows before its first pixel of the region and after its last is reached along the row;
# what lies between, holes and bays, is asked again, to and fro, until no more of it is reached.
@kernel
def fill(
    join: NDArray[np.int16],  # (R, C)
    level: int,
    stack: NDArray[np.int32],  # (R * C, 2) or more, scratch
    out_mask: NDArray[np.bool_],  # (R, C)
) -> None:
    """Region at a level with its holes: all that cannot be reached from the rim."""
    rows, cols = join.shape
    out_mask[:] = False
    count = 0
    for i in range(rows):
        line, shown = join[i], out_mask[i]
        left, right = 0, cols - 1
        while left < cols and line[left] < level:
            left += 1
        while right > left and line[right] < level:
            right -= 1
        at_rim = i == 0 or i == rows - 1
        for j in range(left, right + 1):
            shown[j] = not (at_rim and line[j] < level)
            if shown[j] and line[j] < level:
                stack[count, 0], stack[count, 1] = i, j
                count += 1
    reached, ahead = count > 0, True
    while reached:
        reached = False
        for a in range(count):
            row, col = stack[a if ahead else count - 1 - a]
            closed = out_mask[row, col]
            if not closed:
                continue
            for i in range(row - 1, row + 2):
                for j in range(col - 1, col + 2):
                    closed &= out_mask[i, j]
            if not closed:
                out_mask[row, col] = False
                reached = True
        ahead = not ahead


@kernel
def _copy_row(source: NDArray[np.int16], out: NDArray[np.int16]) -> None:
    """Copy a row; an assignment of slices would first ask whether they overlap."""
    for j in range(out.shape[0]):
        out[j] = source[j]


@kernel
def _step_row(line: NDArray[np.int16], row: NDArray[np.int16]) -> None:
    """Reach a row (C,) from the one before (C + 2,): 3 straight on, 4 across a corner."""
    for j in range(row.shape[0]):
        corner = np.int16(min(line[j], line[j + 2]) + 4)
        row[j] = min(row[j], min(corner, np.int16(line[j + 1] + 3)))
    _copy_row(row, line[1:-1])


# Steps of 1, 2, 4, 8 ... pixels to both sides: any number of pixels is a sum of these.
@kernel
def _spread_row(
    row: NDArray[np.int16],  # (C,) changed
    reach: int,  # pixels, less than C
    lines: NDArray[np.int16],  # (2, 3 C) scratch, far in its first and last thirds
) -> None:
    """Reach pixels along a row, 3 a step."""
    cols = row.shape[0]
    here, step = 0, 1
    _copy_row(row, lines[0, cols : 2 * cols])
    while step <= reach:
        one, other, cost = lines[here], lines[1 - here], np.int16(3 * step)
        middle, out = one[cols : 2 * cols], other[cols : 2 * cols]
        left, right = one[cols - step : 2 * cols - step], one[cols + step : 2 * cols + step]
        for j in range(cols):
            out[j] = min(middle[j], np.int16(min(left[j], right[j]) + cost))
        here, step = 1 - here, 2 * step
    _copy_row(lines[here, cols : 2 * cols], row)


# A shortest way runs across corners first, then straight on: down or up from row to row, or along
# the last row. So all loops run along rows, in vector registers; rows are filled up to whole 64s.
@kernel
def _distance(
    mask: NDArray[np.bool_],  # (R, C)
    side: bool,
    reach: int,  # pixels; distances farther than this may come out too great
    out: NDArray[np.int16],  # (R, C) thirds of a pixel
) -> None:
    """Distance to the nearest pixel where the mask equals `side`."""
    rows, cols = mask.shape
    far, room = np.int16(3 * (rows + cols)), 64 * ((cols + 63) // 64)
    work, reach = np.full((rows, room), far, np.int16), min(reach, cols - 1)
    line, lines = np.full(room + 2, far, np.int16), np.full((2, 3 * room), far, np.int16)
    off, scale = (far, np.int16(-far)) if side else (np.int16(0), far)
    for i in range(rows):
        row, here = work[i], mask[i]
        for j in range(cols):
            row[j] = np.int16(off + scale * np.int16(here[j]))
        _step_row(line, row)
    line[:] = far
    for i in range(rows - 1, -1, -1):
        _step_row(line, work[i])
        _spread_row(work[i], reach, lines)
        _copy_row(work[i], out[i])


@kernel
def band_medians(
    contrast: NDArray[np.float32],  # (R, C)
    inward: NDArray[np.int16],  # (R, C) distance to the other side, 0 there
    outward: NDArray[np.int16],  # (R, C) the same outside
    near: int,
    far: int,
    inside: NDArray[np.float32],  # (R * C,) or more, scratch
    outside: NDArray[np.float32],  # (R * C,) or more, scratch
) -> tuple[float, float]:
    """Median contrast so far inside, and so far outside; NaN if there is none."""
    inner = outer = 0
    for i in range(contrast.shape[0]):
        for j in range(contrast.shape[1]):
            one, two = inward[i, j], outward[i, j]
            if not near <= one + two <= far or contrast[i, j] <= np.float32(-1.0):
                continue
            if one > 0:
                inside[inner] = contrast[i, j]
                inner += 1
            else:
                outside[outer] = contrast[i, j]
                outer += 1
    middle = float(np.median(inside[:inner])) if inner > 0 else np.nan
    return middle, float(np.median(outside[:outer])) if outer > 0 else np.nan


@kernel
def _find_runs(
    mask: NDArray[np.bool_],  # (R, C)
    runs: NDArray[np.int32],  # (R * C, 5) out: row, first column, column after the last, parent
) -> int:
    """List runs of pixels along rows, each joined to those above that it touches; how many."""
    count, before = 0, 0
    for i in range(mask.shape[0]):
        line, first, j = mask[i], count, 0
        while j < line.shape[0]:
            if not line[j]:
                j += 1
                continue
            start = j
            while j < line.shape[0] and line[j]:
                j += 1
            runs[count, 0], runs[count, 1], runs[count, 2], runs[count, 3] = i, start, j, count
            for k in range(before, first):
                if runs[k, 0] == i - 1 and runs[k, 1] < j and runs[k, 2] > start:
                    one, two = k, count
                    while runs[one, 3] < one:
                        one = runs[one, 3]
                    while runs[two, 3] < two:
                        two = runs[two, 3]
                    runs[max(one, two), 3] = min(one, two)
            count += 1
        before = first
    return count


@kernel
def _keep_largest(mask: NDArray[np.bool_], runs: NDArray[np.int32]) -> None:
    """Leave the largest 4-connected part of a mask (R, C); runs (R * C, 5) are scratch."""
    count, best = _find_runs(mask, runs), 0
    for k in range(count):
        # A parent comes first, so that its own is the part's first run already.
        runs[k, 3], runs[k, 4] = runs[runs[k, 3], 3], 0
        runs[runs[k, 3], 4] += runs[k, 2] - runs[k, 1]
    for k in range(count):
        if runs[k, 4] > runs[best, 4]:
            best = k
    for k in range(count):
        if runs[k, 3] != best:
            mask[runs[k, 0], runs[k, 1] : runs[k, 2]] = False


@kernel
def _cut_spurs(
    mask: NDArray[np.bool_],  # (R, C), changed
    least: int,  # thirds of a pixel
    away: NDArray[np.int16],  # (R, C) scratch
    opened: NDArray[np.bool_],  # (R, C) scratch
    runs: NDArray[np.int32],  # (R * C, 5) or more, scratch
) -> None:
    """Take off what is narrow beside the region's greatest width."""
    _distance(mask, False, away.size, away)
    reach = max(least, min(int(_SPUR_SHARE * away.max()), _SPUR_MOST))
    if away.max() <= reach:
        return
    opened[:] = away > reach
    _distance(opened, True, reach // 3 + 2, away)
    mask[:] = mask & (away <= reach + 4)
    _keep_largest(mask, runs)


@kernel
def _window(
    join: NDArray[np.int16],  # (M, M)
    box: NDArray[np.int64],  # (4,) of `flood`
    level: int,
    margin: int,
    out: NDArray[np.int64],  # (4,) first row, row after the last, the same for columns
) -> None:
    """Rows and columns around {join >= level}."""
    size = join.shape[0]
    out[0], out[1], out[2], out[3] = size, 0, size, 0
    for i in range(box[0], box[1] + 1):
        for j in range(box[2], box[3] + 1):
            if join[i, j] >= level:
                out[0], out[1] = min(out[0], i), max(out[1], i)
                out[2], out[3] = min(out[2], j), max(out[3], j)
    out[0], out[1] = max(out[0] - margin, 0), min(out[1] + margin + 1, size)
    out[2], out[3] = max(out[2] - margin, 0), min(out[3] + margin + 1, size)


@kernel
def _lift(
    contrast: NDArray[np.float32],  # (R, C)
    join: NDArray[np.int16],  # (R, C)
    level: int,
    clear: float,
    steps: int,
) -> int:
    """Level, or a higher one: clear of skin, or a share of the greatest mean of 3 x 3 pixels."""
    rows, cols, ninth = join.shape[0], join.shape[1], np.float32(1.0 / 9.0)
    down, most = np.empty(cols, np.float32), np.zeros(cols, np.float32)
    for i in range(1, rows - 1):
        above, here, below, reached = contrast[i - 1], contrast[i], contrast[i + 1], join[i]
        for j in range(cols):
            down[j] = above[j] + here[j] + below[j]
        for j in range(1, cols - 1):
            mean = (down[j - 1] + down[j] + down[j + 1]) * ninth
            most[j] = mean if (reached[j] >= level) & (mean > most[j]) else most[j]
    return max(level, int(min(_OF_PEAK * most.max(), clear) * steps + 0.5))


# The threshold starts where it is clear of skin, and moves to midway between the medians inside and
# outside of the edge, two to five pixels away from it.
@kernel
def settle(
    contrast: NDArray[np.float32],  # (N, M, M)
    join: NDArray[np.int16],  # (N, M, M) of `region.grow`
    box: NDArray[np.int64],  # (N, 4) of `region.grow`
    clear: NDArray[np.float64],  # (N,) contrast that is clear of skin
    steps: int,
    level: NDArray[np.int64],  # (N,) of `region.grow`, changed: midway up the edge; 0: none
    out_lowest: NDArray[np.int64],  # (N,) lowest level at which an outline may lie
    out_outer: NDArray[np.float64],  # (N,) contrast outside of the edge
) -> None:
    """Move the level of each region to the middle of its edge."""
    size = contrast.shape[1]
    stack, work = np.empty((size * size, 2), np.int32), np.empty((2, size * size), np.float32)
    window = np.empty(4, np.int64)
    for n in range(contrast.shape[0]):
        out_lowest[n], out_outer[n] = max(int(_LOWEST * level[n]), 1), 0.0
        if level[n] < 1:
            continue
        # Two rounds do not lower it by more.
        _window(join[n], box[n], max(int(0.49 * level[n]) - 1, 1), 6, window)
        top, bottom, left, right = window
        field = contrast[n, top:bottom, left:right].copy()
        level_of = join[n, top:bottom, left:right].copy()
        mask, outer, reach = np.empty(field.shape, np.bool_), 0.0, _BAND_FAR // 3 + 1
        inward, outward = np.empty(field.shape, np.int16), np.empty(field.shape, np.int16)
        # The topmost level may lie below a core's contrast; above it there is no region.
        highest = int(level_of.max())
        level[n] = min(_lift(field, level_of, level[n], clear[n], steps), highest)
        for _ in range(2):
            fill(level_of, level[n], stack, mask)
            _distance(mask, False, reach, inward)
            _distance(mask, True, reach, outward)
            inner, outer = band_medians(
                field, inward, outward, _BAND_NEAR, _BAND_FAR, work[0], work[1]
            )
            half, before = 0.5 * (inner + outer) * steps, level[n]
            if half != half:
                break
            level[n] = max(int(half + 0.5), int(0.7 * before), 1)
            level[n] = min(level[n], int(1.4 * before) + 1, highest)
            if level[n] == before:
                break
        level[n] = min(_lift(field, level_of, level[n], clear[n], steps), highest)
        out_outer[n] = outer if outer == outer else 0.0


# The outline runs half a pixel before the first pixel of the other side.
@kernel
def _to_mm(beyond: NDArray[np.int16], step_mm: float, out: NDArray[np.float32]) -> None:
    """Lengths (M, M), inside above 0, from thirds of a pixel, outside above 0."""
    third, half = np.float32(step_mm / 3.0), np.float32(0.5 * step_mm)
    for i in range(beyond.shape[0]):
        for j in range(beyond.shape[1]):
            way = np.float32(-beyond[i, j]) * third
            out[i, j] = way - half if way > 0.0 else way + half


# Only a window around the region is looked at. The mask is opened last: hairs,
# streaks and bridges to neighbours go.
@kernel
def outline(
    join: NDArray[np.int16],  # (N, M, M) of `region.grow`, as are the next four
    box: NDArray[np.int64],  # (N, 4)
    area: NDArray[np.float64],  # (N, K + 2)
    rim: NDArray[np.float64],  # (N, K + 2)
    level: NDArray[np.int64],  # (N,)
    steps: int,
    least_px: int,
    spur_px: int,
    step_mm: float,
    out_mask: NDArray[np.bool_],  # (N, M, M)
    out_away: NDArray[np.float32],  # (N, M, M) mm from the outline, inside above 0; or far below 0
    out_threshold: NDArray[np.float64],  # (N,) NaN where there is no region
    out_rim: NDArray[np.float64],  # (N,) pixels of the region's outline where the image ends
) -> None:
    """Delineate each region."""
    size = join.shape[1]
    stack, runs = np.empty((size * size, 2), np.int32), np.empty((size * size, 5), np.int32)
    window, reach = np.empty(4, np.int64), math.ceil(_FAR_MM / step_mm)
    for n in range(join.shape[0]):
        out_mask[n], out_away[n] = False, -size * step_mm
        out_threshold[n], out_rim[n] = np.nan, 0.0
        if level[n] < 1 or area[n, level[n]] < least_px:
            continue
        _window(join[n], box[n], level[n], 6, window)
        top, bottom, left, right = window
        level_of = join[n, top:bottom, left:right].copy()
        part, opened = np.empty(level_of.shape, np.bool_), np.empty(level_of.shape, np.bool_)
        depth = np.empty(level_of.shape, np.int16)
        fill(level_of, level[n], stack, part)
        _cut_spurs(part, 3 * spur_px, depth, opened, runs)
        _distance(part, False, size, depth)
        out_mask[n, top:bottom, left:right] = part
        first = top - reach if top > reach else 0
        left_of = left - reach if left > reach else 0
        wide = out_mask[n, first : bottom + reach, left_of : right + reach].copy()
        beyond = np.empty((wide.shape[0], wide.shape[1]), np.int16)
        _distance(wide, True, size, beyond)
        down, across = top - first, left - left_of
        for i in range(bottom - top):
            for j in range(right - left):
                if part[i, j]:
                    beyond[down + i, across + j] = -depth[i, j]
        _to_mm(beyond, step_mm, out_away[n, first : bottom + reach, left_of : right + reach])
        out_threshold[n], out_rim[n] = level[n] / steps, rim[n, level[n]]


@kernel
def rough(
    join: NDArray[np.int16],  # (N, M, M) of `region.grow`
    box: NDArray[np.int64],  # (N, 4) of `region.grow`
    level: NDArray[np.int64],  # (N,) of `region.grow`
    step_mm: float,
    out_away: NDArray[np.float32],  # (N, M, M) mm as in `outline`
) -> None:
    """Distances from the outline of each region at its first level, holes filled."""
    size = join.shape[1]
    stack = np.empty((size * size, 2), np.int32)
    mask, beyond = np.empty((size, size), np.bool_), np.empty((size, size), np.int16)
    window = np.empty(4, np.int64)
    for n in range(join.shape[0]):
        out_away[n] = -size * step_mm
        if level[n] < 1:
            continue
        _window(join[n], box[n], level[n], 1, window)
        top, bottom, left, right = window
        mask[:] = False
        part = mask[top:bottom, left:right]
        fill(join[n, top:bottom, left:right], level[n], stack, part)
        _distance(mask, True, size, beyond)
        inward = np.empty(part.shape, np.int16)
        _distance(part, False, size, inward)
        beyond[top:bottom, left:right] -= inward
        _to_mm(beyond, step_mm, out_away[n])
