"""Size, shape and symmetry of one region an image."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

_ROW_STEP = (0, 1, 1, 1, 0, -1, -1, -1)
_COL_STEP = (1, 1, 0, -1, -1, -1, 0, 1)


@kernel
def _bounds(
    share: NDArray[np.float32],  # (M, M)
    margin: int,
    out: NDArray[np.int64],  # (4,) first row, row after the last, the same for columns
) -> None:
    """Rows and columns around all that is above 0; none where nothing is."""
    size, zero = share.shape[0], np.float32(0.0)
    out[0], out[1], out[2], out[3] = size, 0, size, 0
    for i in range(size):
        line, found = share[i], np.int32(0)
        # Without a way out of it, this loop runs in vector registers.
        for j in range(size):
            found |= np.int32(line[j] > zero)
        if found == 0:
            continue
        left, right = 0, size - 1
        while not line[left] > zero:
            left += 1
        while not line[right] > zero:
            right -= 1
        out[0], out[1] = min(out[0], i), max(out[1], i + 1)
        out[2], out[3] = min(out[2], left), max(out[3], right + 1)
    out[0], out[1] = max(out[0] - margin, 0), min(out[1] + margin, size)
    out[2], out[3] = max(out[2] - margin, 0), min(out[3] + margin, size)


# Moore's trace, clockwise from the first pixel in reading order: at each pixel the search starts
# just behind the way it was entered by. It ends when the first step would be taken again.
@kernel
def chain_length(
    mask: NDArray[np.bool_],  # (N, M, M) one connected region each
    out_px: NDArray[np.float64],  # (N,) 0 for a single pixel, NaN for none
) -> None:
    """Length of the closed 8-connected chain of outer border pixels: steps 1 and root 2."""
    size = mask.shape[1]
    for n in range(mask.shape[0]):
        out_px[n] = np.nan
        top = left = -1
        for i in range(size):
            for j in range(size if top < 0 else 0):
                if mask[n, i, j]:
                    top, left = i, j
                    break
        if top < 0:
            continue
        row, col, heading, length, first = top, left, 0, 0.0, -1
        for _ in range(4 * size * size):
            step = -1
            for turn in range(8):
                k = (heading + 6 + turn) % 8 if first >= 0 else turn
                i, j = row + _ROW_STEP[k], col + _COL_STEP[k]
                if 0 <= i < size and 0 <= j < size and mask[n, i, j]:
                    step = k
                    break
            if step < 0 or (row == top and col == left and step == first):
                break
            first = step if first < 0 else first
            # After a diagonal step one more neighbour has been ruled out.
            heading = step if step % 2 == 0 else (step + 7) % 8
            length += math.sqrt(2.0) if step % 2 else 1.0
            row, col = row + _ROW_STEP[step], col + _COL_STEP[step]
        out_px[n] = length


@kernel
def soften(
    contrast: NDArray[np.float32],  # (N, M, M); -1 where there is no skin
    mask: NDArray[np.bool_],  # (N, M, M)
    away_mm: NDArray[np.float32],  # (N, M, M)
    reach_mm: float,  # pixels farther from the outline are whole
    threshold: NDArray[np.float64],  # (N,)
    out_share: NDArray[np.float32],  # (N, M, M) share of the pixel inside the outline
) -> None:
    """Share of each pixel inside: by how far its contrast lies from the threshold, at the edge."""
    size, box = mask.shape[1], np.empty(4, np.int64)
    for n in range(mask.shape[0]):
        for i in range(size):
            for j in range(size):
                out_share[n, i, j] = mask[n, i, j]
        # The outline runs half a pixel outside of the mask.
        _bounds(out_share[n], 2, box)
        for i in range(box[0], box[1]):
            for j in range(box[2], box[3]):
                inside = mask[n, i, j]
                here = contrast[n, i, j]
                # A filled hole is inside and a cut spur outside, whatever the contrast.
                if abs(away_mm[n, i, j]) > reach_mm or here <= np.float32(-1.0):
                    continue
                if inside != (here >= threshold[n]):
                    continue
                up, down = contrast[n, max(i - 1, 0), j], contrast[n, min(i + 1, size - 1), j]
                left, right = contrast[n, i, max(j - 1, 0)], contrast[n, i, min(j + 1, size - 1)]
                slope = 0.5 * math.sqrt((down - up) ** 2 + (right - left) ** 2)
                share = 0.5 + (here - threshold[n]) / max(slope, 1e-3)
                low, high = (0.5, 1.0) if inside else (0.0, 0.5)
                out_share[n, i, j] = min(max(share, low), high)


@kernel
def moments(
    share: NDArray[np.float32],  # (N, M, M)
    out: NDArray[np.float64],  # (N, 6) area, middle row and column, variances of both, covariance
) -> None:
    """Area and moments up to the second of soft regions, in pixels; squares, not points."""
    box = np.empty(4, np.int64)
    for n in range(share.shape[0]):
        _bounds(share[n], 0, box)
        area = down = right = down2 = right2 = both = 0.0
        for i in range(box[0], box[1]):
            for j in range(box[2], box[3]):
                w = share[n, i, j]
                if w > 0.0:
                    area += w
                    down += w * i
                    right += w * j
                    down2 += w * i * i
                    right2 += w * j * j
                    both += w * i * j
        out[n] = np.nan
        out[n, 0] = area
        if area > 0.0:
            y, x = down / area, right / area
            out[n, 1], out[n, 2] = y, x
            out[n, 3] = down2 / area - y * y + 1.0 / 12.0
            out[n, 4] = right2 / area - x * x + 1.0 / 12.0
            out[n, 5] = both / area - x * y


@kernel
def _is_seen(clear: NDArray[np.bool_], row: int, col: int) -> bool:
    """Whether nothing hides the skin within a pixel."""
    size = clear.shape[0]
    for i in range(max(row - 1, 0), min(row + 2, size)):
        for j in range(max(col - 1, 0), min(col + 2, size)):
            if not clear[i, j]:
                return False
    return True


# Where two neighbours lie on different sides of the outline, it crosses between them at the place
# where the share interpolates to one half. Where hair or glare lies on the outline it is a guess,
# mostly too far out: with those places a region comes out too wide, without them too narrow, so
# the mean of both is taken, unless more than a quarter is hidden.
@kernel
def widths(
    mask: NDArray[np.bool_],  # (N, M, M)
    share: NDArray[np.float32],  # (N, M, M)
    clear: NDArray[np.bool_],  # (N, M, M) False where skin is hidden
    direction: NDArray[np.float64],  # (A, 2) unit steps down and right
    out_px: NDArray[np.float64],  # (N, A) NaN where there is no region
) -> None:
    """Distance between the parallel lines that hold a region, in each direction."""
    size, n_ways = mask.shape[1], direction.shape[0]
    place, seen = np.empty((4 * size * size, 2)), np.empty(4 * size * size, np.bool_)
    box = np.empty(4, np.int64)
    for n in range(mask.shape[0]):
        # Pixels of the mask are at least half inside.
        _bounds(share[n], 1, box)
        count, known = 0, 0
        for i in range(box[0], box[1]):
            for j in range(box[2], box[3]):
                for k in range(2):
                    r, s = i + k, j + 1 - k
                    if r == size or s == size or mask[n, i, j] == mask[n, r, s]:
                        continue
                    one, two = share[n, i, j], share[n, r, s]
                    part = (0.5 - one) / (two - one) if abs(two - one) > 1e-6 else 0.5
                    place[count, 0], place[count, 1] = i + k * part, j + (1 - k) * part
                    seen[count] = _is_seen(clear[n], i, j)
                    known += seen[count]
                    count += 1
        for a in range(n_ways):
            low, high, seen_low, seen_high = np.inf, -np.inf, np.inf, -np.inf
            for k in range(count):
                way = place[k, 0] * direction[a, 0] + place[k, 1] * direction[a, 1]
                low, high = min(low, way), max(high, way)
                if seen[k] or 4 * known < 3 * count:
                    seen_low, seen_high = min(seen_low, way), max(seen_high, way)
            width = 0.5 * (high - low + seen_high - seen_low)
            out_px[n, a] = width if count > 0 else np.nan


# A mirror keeps areas, so that the union is twice the area less the overlap: only pixels of the
# region need be visited. Large regions are sampled on a coarser lattice.
@kernel
def mirror_distance(
    share: NDArray[np.float32],  # (N, M, M)
    moment: NDArray[np.float64],  # (N, 6) of `moments`
    direction: NDArray[np.float64],  # (A, 2) unit vectors along the axes: down, right
    dense_px: float,  # regions up to this size are sampled at every pixel
    out: NDArray[np.float64],  # (N, A) NaN where there is no region
) -> None:
    """Jaccard distance of soft regions and their mirror images about axes through the centroid."""
    size, box = share.shape[1], np.empty(4, np.int64)
    place, weight = np.empty((size * size, 2)), np.empty(size * size)
    for n in range(share.shape[0]):
        out[n] = np.nan
        if not moment[n, 0] > 0.0:
            continue
        middle_row, middle_col = moment[n, 1], moment[n, 2]
        stride = max(math.ceil(math.sqrt(moment[n, 0] / dense_px)), 1)
        count, total = 0, 0.0
        _bounds(share[n], 0, box)
        for i in range(box[0] + -box[0] % stride, box[1], stride):
            for j in range(box[2] + -box[2] % stride, box[3], stride):
                if share[n, i, j] > 0.0:
                    place[count, 0], place[count, 1] = i - middle_row, j - middle_col
                    weight[count] = share[n, i, j]
                    total += weight[count]
                    count += 1
        flat, across = share[n].ravel(), np.uint64(size)
        for a in range(direction.shape[0]):
            down, right = direction[a, 0], direction[a, 1]
            both = 0.0
            for k in range(count):
                y, x = place[k, 0], place[k, 1]
                along = 2.0 * (y * down + x * right)
                row, col = along * down - y + middle_row, along * right - x + middle_col
                if row < 0.0 or col < 0.0 or row >= size - 1 or col >= size - 1:
                    continue
                r, s = int(row), int(col)
                v, w = row - r, col - s
                # Unsigned: an index that cannot be negative needs no test.
                here = np.uint64(r * size + s)
                below = here + across
                upper = flat[here] * (1.0 - w) + flat[here + np.uint64(1)] * w
                lower = flat[below] * (1.0 - w) + flat[below + np.uint64(1)] * w
                both += min(weight[k], upper * (1.0 - v) + lower * v)
            out[n, a] = 1.0 - both / (2.0 * total - both) if total > 0.0 else np.nan


@kernel
def region_mean(
    values: NDArray[np.float32],  # (N, S, S) 0: not known
    index: NDArray[np.int64],  # (M,) line of the values behind each line of the raster
    share: NDArray[np.float32],  # (N, M, M)
    out: NDArray[np.float64],  # (N,) NaN where nothing is known
) -> None:
    """Mean of known values over soft regions of another raster."""
    box = np.empty(4, np.int64)
    for n in range(values.shape[0]):
        _bounds(share[n], 0, box)
        weight = total = 0.0
        for i in range(box[0], box[1]):
            for j in range(box[2], box[3]):
                if share[n, i, j] > 0.0 and values[n, index[i], index[j]] > 0.0:
                    weight += share[n, i, j]
                    total += share[n, i, j] * values[n, index[i], index[j]]
        out[n] = total / weight if weight > 0.0 else np.nan
