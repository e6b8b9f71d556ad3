"""The soft edge of a region: threshold, mask, shares and distances."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def fill(
    join: NDArray[np.int16],  # (R, C)
    level: int,
    stack: NDArray[np.int32],  # (R * C,) or more, scratch
    out_mask: NDArray[np.bool_],  # (R, C)
) -> None:
    """Region at a level with its holes: all that cannot be reached from the rim."""
    rows, cols = join.shape
    out_mask[:] = True
    count = 0
    for i in range(rows):
        for j in range(cols):
            rim = i == 0 or j == 0 or i == rows - 1 or j == cols - 1
            if rim and join[i, j] < level:
                out_mask[i, j] = False
                stack[count] = i * cols + j
                count += 1
    while count > 0:
        count -= 1
        row, col = stack[count] // cols, stack[count] % cols
        for i in range(max(row - 1, 0), min(row + 2, rows)):
            for j in range(max(col - 1, 0), min(col + 2, cols)):
                if out_mask[i, j] and join[i, j] < level:
                    out_mask[i, j] = False
                    stack[count] = i * cols + j
                    count += 1


@kernel
def chamfer(
    mask: NDArray[np.bool_],  # (R, C)
    out: NDArray[np.int16],  # (R, C) thirds of a pixel: inside above 0, outside below
) -> None:
    """Distance to the other side of the outline, counted 3 a side step and 4 a diagonal one."""
    rows, cols = mask.shape
    for turn in range(2):
        # Back to front in the second turn; `up` and `left` are what has been visited.
        for a in range(rows):
            i = a if turn == 0 else rows - 1 - a
            up = i - 1 if turn == 0 else i + 1
            for b in range(cols):
                j = b if turn == 0 else cols - 1 - b
                left = j - 1 if turn == 0 else j + 1
                right = j + 1 if turn == 0 else j - 1
                here = mask[i, j]
                best = 3 * (rows + cols) if turn == 0 else int(out[i, j])
                if a > 0:
                    best = min(best, (out[up, j] if mask[up, j] == here else 0) + 3)
                    if b > 0:
                        best = min(best, (out[up, left] if mask[up, left] == here else 0) + 4)
                    if b < cols - 1:
                        best = min(best, (out[up, right] if mask[up, right] == here else 0) + 4)
                if b > 0:
                    best = min(best, (out[i, left] if mask[i, left] == here else 0) + 3)
                out[i, j] = best
    for i in range(rows):
        for j in range(cols):
            if not mask[i, j]:
                out[i, j] = -out[i, j]


@kernel
def band_median(
    contrast: NDArray[np.float32],  # (R, C)
    away: NDArray[np.int16],  # (R, C)
    low: int,
    high: int,
    work: NDArray[np.float32],  # (R * C,) or more, scratch
) -> float:
    """Median contrast of the pixels with low <= away <= high; NaN if there are none."""
    rows, cols = contrast.shape
    count = 0
    for i in range(rows):
        for j in range(cols):
            if low <= away[i, j] <= high and contrast[i, j] > np.float32(-1.0):
                work[count] = contrast[i, j]
                count += 1
    if count == 0:
        return np.nan
    return float(np.median(work[:count]))


@kernel
def soften(
    contrast: NDArray[np.float32],  # (R, C)
    mask: NDArray[np.bool_],  # (R, C)
    away: NDArray[np.int16],  # (R, C)
    threshold: float,
    out_share: NDArray[np.float32],  # (R, C) share of the pixel inside the outline
) -> None:
    """Share of each pixel inside: by how far its contrast lies from the threshold, at the edge."""
    rows, cols = contrast.shape
    for i in range(rows):
        for j in range(cols):
            inside = mask[i, j]
            out_share[i, j] = 1.0 if inside else 0.0
            if away[i, j] < -4 or away[i, j] > 4 or contrast[i, j] <= np.float32(-1.0):
                continue
            # A filled hole is inside and a cut spur outside, whatever the contrast.
            if inside != (contrast[i, j] >= threshold):
                continue
            up, down = contrast[max(i - 1, 0), j], contrast[min(i + 1, rows - 1), j]
            left, right = contrast[i, max(j - 1, 0)], contrast[i, min(j + 1, cols - 1)]
            slope = 0.5 * np.sqrt((down - up) ** 2 + (right - left) ** 2)
            share = 0.5 + (contrast[i, j] - threshold) / max(slope, 1e-3)
            low, high = (0.5, 1.0) if inside else (0.0, 0.5)
            out_share[i, j] = min(max(share, low), high)


@kernel
def _keep_largest(
    mask: NDArray[np.bool_],  # (R, C), changed
    seen: NDArray[np.bool_],  # (R, C) scratch
    stack: NDArray[np.int32],  # (R * C,) or more, scratch
) -> None:
    """Leave the largest 4-connected part of a mask."""
    rows, cols = mask.shape
    most, best = 0, -1
    for turn in range(2):
        seen[:] = False
        for start in range(rows * cols):
            if turn == 1 and start != best:
                continue
            if not mask[start // cols, start % cols] or seen[start // cols, start % cols]:
                continue
            stack[0], count, done = start, 1, 0
            seen[start // cols, start % cols] = True
            while done < count:
                row, col = stack[done] // cols, stack[done] % cols
                done += 1
                for k in range(4):
                    i = row + (1 if k == 0 else 0) - (1 if k == 1 else 0)
                    j = col + (1 if k == 2 else 0) - (1 if k == 3 else 0)
                    inside = 0 <= i < rows and 0 <= j < cols
                    if inside and mask[i, j] and not seen[i, j]:
                        seen[i, j] = True
                        stack[count] = i * cols + j
                        count += 1
            if count > most:
                most, best = count, start
    mask[:] = seen


@kernel
def _cut_spurs(
    reach: int,  # thirds of a pixel
    mask: NDArray[np.bool_],  # (R, C), changed
    away: NDArray[np.int16],  # (R, C) scratch
    opened: NDArray[np.bool_],  # (R, C) scratch
    distance: NDArray[np.int16],  # (R, C) scratch
    stack: NDArray[np.int32],  # (R * C,) or more, scratch
) -> None:
    """Take off what is narrower than twice the reach, unless nothing would be left."""
    rows, cols = mask.shape
    left = 0
    chamfer(mask, away)
    for i in range(rows):
        for j in range(cols):
            opened[i, j] = away[i, j] > reach
            left += opened[i, j]
    if left == 0:
        return
    chamfer(opened, distance)
    for i in range(rows):
        for j in range(cols):
            mask[i, j] = mask[i, j] and distance[i, j] >= -reach - 4
    _keep_largest(mask, opened, stack)


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


# As `chamfer` outside of the mask, without its tests: what lies in the row above comes first, along
# memory, then what lies to the left; then the same from below and from the right.
@kernel
def _away_outside(
    mask: NDArray[np.bool_],  # (M, M)
    line: NDArray[np.int16],  # (M + 2,) scratch
    out: NDArray[np.int16],  # (M, M) thirds of a pixel, 0 inside and below 0 outside
) -> None:
    """Distance of pixels outside to the nearest pixel inside."""
    size = mask.shape[0]
    far = np.int16(6 * size)
    for turn in range(2):
        line[:] = far
        for a in range(size):
            i = a if turn == 0 else size - 1 - a
            row = out[i]
            for j in range(size):
                step = min(line[j] + 4, line[j + 1] + 3, line[j + 2] + 4)
                if turn == 0:
                    row[j] = 0 if mask[i, j] else min(step, far)
                else:
                    row[j] = min(row[j], step)
            if turn == 0:
                for j in range(1, size):
                    row[j] = min(row[j], row[j - 1] + 3)
            else:
                for j in range(size - 2, -1, -1):
                    row[j] = min(row[j], row[j + 1] + 3)
            for j in range(size):
                line[j + 1] = row[j]
    for i in range(size):
        for j in range(size):
            out[i, j] = -out[i, j]


# The threshold moves to midway between the medians inside and outside of the edge, two to five
# pixels away from it. Then the mask is opened: hairs and bridges to neighbours go.
@kernel
def _refine(
    contrast: NDArray[np.float32],  # (R, C)
    join: NDArray[np.int16],  # (R, C)
    level: int,
    steps: int,
    spur_px: int,
    stack: NDArray[np.int32],  # (R * C,) or more, scratch
    work: NDArray[np.float32],  # (R * C,) or more, scratch
    out_mask: NDArray[np.bool_],  # (R, C)
    out_share: NDArray[np.float32],  # (R, C)
    out_away: NDArray[np.int16],  # (R, C) as `chamfer`
) -> int:
    """Level, mask and soft mask of the region in its window."""
    opened = np.empty(join.shape, np.bool_)
    distance = np.empty(join.shape, np.int16)
    for _ in range(2):
        fill(join, level, stack, out_mask)
        chamfer(out_mask, out_away)
        inner = band_median(contrast, out_away, 6, 14, work)
        outer = band_median(contrast, out_away, -14, -6, work)
        half = 0.5 * (inner + outer) * steps
        if half == half:
            level = min(max(int(half + 0.5), int(0.7 * level), 1), int(1.4 * level) + 1)
    fill(join, level, stack, out_mask)
    _cut_spurs(3 * spur_px, out_mask, out_away, opened, distance, stack)
    chamfer(out_mask, out_away)
    soften(contrast, out_mask, out_away, level / steps, out_share)
    return level


# All but the distances looks at a window around the region only, as large as the level may still
# make it.
@kernel
def outline(
    contrast: NDArray[np.float32],  # (N, M, M)
    join: NDArray[np.int16],  # (N, M, M) of `region.grow`, as are the next four
    box: NDArray[np.int64],  # (N, 4)
    first_level: NDArray[np.int64],  # (N,)
    area: NDArray[np.float64],  # (N, K + 2)
    rim: NDArray[np.float64],  # (N, K + 2)
    steps: int,
    least_px: int,
    spur_px: int,
    out_mask: NDArray[np.bool_],  # (N, M, M)
    out_share: NDArray[np.float32],  # (N, M, M)
    out_away: NDArray[np.int16],  # (N, M, M) thirds of a pixel from the outline, inside above 0
    out_threshold: NDArray[np.float64],  # (N,) NaN where there is no region
    out_rim: NDArray[np.float64],  # (N,) pixels of the region's outline where the image ends
) -> None:
    """Delineate each region."""
    size = contrast.shape[1]
    stack, work = np.empty(size * size, np.int32), np.empty(size * size, np.float32)
    window, line = np.empty(4, np.int64), np.empty(size + 2, np.int16)
    for n in range(contrast.shape[0]):
        out_mask[n], out_share[n], out_away[n] = False, 0.0, -3 * size
        out_threshold[n], out_rim[n] = np.nan, 0.0
        level = first_level[n]
        if level < 1:
            continue
        _window(join[n], box[n], max(int(0.49 * level) - 1, 1), 6, window)
        top_row, last_row, left, last_col = window
        part = np.empty((last_row - top_row, last_col - left), np.bool_)
        soft, depth = np.empty(part.shape, np.float32), np.empty(part.shape, np.int16)
        level = _refine(
            contrast[n, top_row:last_row, left:last_col].copy(),
            join[n, top_row:last_row, left:last_col].copy(),
            level, steps, spur_px, stack, work, part, soft, depth,
        )  # fmt: skip
        if area[n, level] < least_px:
            continue
        out_mask[n, top_row:last_row, left:last_col] = part
        out_share[n, top_row:last_row, left:last_col] = soft
        _away_outside(out_mask[n], line, out_away[n])
        out_away[n, top_row:last_row, left:last_col] += np.maximum(depth, 0)
        out_threshold[n], out_rim[n] = level / steps, rim[n, level]
