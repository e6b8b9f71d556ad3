"""Size, shape and symmetry of one region an image."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

_CORNER_DOWN = (0, 0, 1, 1, 0)
_CORNER_RIGHT = (0, 1, 1, 0, 0)
# Shares on rings are whole numbers, whose sums are exact and run in vector registers.
_SHARE_UNITS = 2048.0


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


# Marching squares: in every square of four pixels' middles the outline is a straight piece between
# the places where the share interpolates to one half. Pixels that touch by a corner are joined.
@kernel
def outline_length(
    mask: NDArray[np.bool_],  # (N, M, M)
    share: NDArray[np.float32],  # (N, M, M)
    out_px: NDArray[np.float64],  # (N,) NaN where there is no region
) -> None:
    """Length of the line around a region, in pixels; where the image ends there is none."""
    box, cross = np.empty(4, np.int64), np.empty((4, 2))
    for n in range(mask.shape[0]):
        # Pixels of the mask are at least half inside.
        _bounds(share[n], 1, box)
        out_px[n] = 0.0 if box[0] < box[1] else np.nan
        for i in range(box[0], box[1] - 1):
            for j in range(box[2], box[3] - 1):
                first = mask[n, i, j]
                inside = np.int32(first) + mask[n, i, j + 1] + mask[n, i + 1, j]
                inside += mask[n, i + 1, j + 1]
                if inside == 0 or inside == 4:
                    continue
                count = 0
                for k in range(4):
                    # Corners clockwise from the first one; each side runs from one to the next.
                    r, s = i + _CORNER_DOWN[k], j + _CORNER_RIGHT[k]
                    p, q = i + _CORNER_DOWN[k + 1], j + _CORNER_RIGHT[k + 1]
                    if mask[n, r, s] == mask[n, p, q]:
                        continue
                    one, two = share[n, r, s], share[n, p, q]
                    part = (0.5 - one) / (two - one) if abs(two - one) > 1e-6 else 0.5
                    cross[count, 0], cross[count, 1] = r + part * (p - r), s + part * (q - s)
                    count += 1
                # Two pieces cut off the corners that lie outside.
                start = 0 if first or count == 2 else 1
                for k in range(start, start + count, 2):
                    down = cross[(k + 1) % count, 0] - cross[k, 0]
                    right = cross[(k + 1) % count, 1] - cross[k, 1]
                    out_px[n] += math.sqrt(down * down + right * right)


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
            line, own = out_share[n, i], mask[n, i]
            for j in range(size):
                line[j] = own[j]
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


# Point by point over all directions, which lie along memory: so it runs in vector registers.
@kernel
def _span(
    place: NDArray[np.float64],  # (K, 2)
    taken: NDArray[np.bool_],  # (K,) points that count
    direction: NDArray[np.float64],  # (2, A) unit steps down, right
    low: NDArray[np.float64],  # (A,) scratch
    high: NDArray[np.float64],  # (A,) scratch
    out: NDArray[np.float64],  # (A,) added to: half of the distance between two parallel lines
) -> None:
    """Measure a set of points between parallel lines in each direction."""
    low[:], high[:] = np.inf, -np.inf
    down, right = direction[0], direction[1]
    for k in range(place.shape[0]):
        if taken[k]:
            row, col = place[k, 0], place[k, 1]
            for a in range(low.shape[0]):
                way = row * down[a] + col * right[a]
                low[a] = way if way < low[a] else low[a]
                high[a] = way if way > high[a] else high[a]
    for a in range(low.shape[0]):
        out[a] += 0.5 * (high[a] - low[a])


# Where two neighbours lie on different sides of the outline, it crosses between them at the place
# where the share interpolates to one half. Where hair or glare lies on the outline it is a guess,
# mostly too far out: with those places a region comes out too wide, without them too narrow, so
# the mean of both is taken, unless more than a quarter is hidden.
@kernel
def widths(
    mask: NDArray[np.bool_],  # (N, M, M)
    share: NDArray[np.float32],  # (N, M, M)
    clear: NDArray[np.bool_],  # (N, M, M) False where skin is hidden
    direction: NDArray[np.float64],  # (2, A) unit steps down, right
    out_px: NDArray[np.float64],  # (N, A) NaN where there is no region
) -> None:
    """Distance between the parallel lines that hold a region, in each direction."""
    size, n_ways = mask.shape[1], direction.shape[1]
    place, seen = np.empty((4 * size * size, 2)), np.empty(4 * size * size, np.bool_)
    box, low, high = np.empty(4, np.int64), np.empty(n_ways), np.empty(n_ways)
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
        if 4 * known < 3 * count:
            seen[:count], known = True, count
        out_px[n] = 0.0 if count > 0 else np.nan
        _span(place[:count], seen, direction, low, high, out_px[n])
        if known == count:
            out_px[n] *= 2.0
            continue
        seen[:count] = True
        _span(place[:count], seen, direction, low, high, out_px[n])


# Places lie on rings, as many on each: a mirror whose axis is a multiple of half their distance
# carries places onto places, and both halves of a region are sampled alike. Each place weighs as
# its ring's radius.
@kernel
def _lay_rings(
    share: NDArray[np.float32],  # (M, M)
    middle_row: float,
    middle_col: float,
    ray: NDArray[np.float64],  # (2 A, 2) unit vectors, down and right
    out: NDArray[np.int32],  # (R, 2 A)
) -> None:
    """Sample a region on rings around its centroid, out to its farthest pixel."""
    size, box, far2 = share.shape[0], np.empty(4, np.int64), 0.0
    _bounds(share, 0, box)
    for i in range(box[0], box[1]):
        for j in range(box[2], box[3]):
            if share[i, j] > 0.0:
                far2 = max(far2, (i - middle_row) ** 2 + (j - middle_col) ** 2)
    # Between pixels' middles a share fades within one pixel.
    step = (math.sqrt(far2) + 1.0) / out.shape[0]
    flat, across = share.ravel(), np.uint64(size)
    for k in range(out.shape[0]):
        radius, weight = (k + 0.5) * step, _SHARE_UNITS * (2 * k + 1)
        for j in range(ray.shape[0]):
            row, col = middle_row + radius * ray[j, 0], middle_col + radius * ray[j, 1]
            out[k, j] = 0
            if row < 0.0 or col < 0.0 or row >= size - 1 or col >= size - 1:
                continue
            r, s = int(row), int(col)
            v, w = row - r, col - s
            # Unsigned: an index that cannot be negative needs no test.
            here = np.uint64(r * size + s)
            below = here + across
            upper = flat[here] * (1.0 - w) + flat[here + np.uint64(1)] * w
            lower = flat[below] * (1.0 - w) + flat[below + np.uint64(1)] * w
            out[k, j] = np.int32(weight * (upper * (1.0 - v) + lower * v) + 0.5)


# The half turn behind an axis, from it onwards, against the half before it, backwards: laid out
# backwards once and a half, that is a slice. A mirror keeps areas, so that the union is twice the
# area less the overlap.
@kernel
def mirror_distance(
    share: NDArray[np.float32],  # (N, M, M)
    moment: NDArray[np.float64],  # (N, 6) of `moments`
    ray: NDArray[
        np.float64
    ],  # (2 A, 2) unit vectors over a turn, down and right; the first is half
    #   a step of 180 / A degrees clockwise from the rows
    rings: int,  # at most 64
    out: NDArray[np.float64],  # (N, A) NaN where there is no region
) -> None:
    """Jaccard distance of soft regions and their mirror images about axes through the centroid.

    Axes lie 180 / A degrees apart, the first one along the rows.
    """
    axes = out.shape[1]
    ring, back = np.empty((rings, 2 * axes), np.int32), np.empty((rings, 3 * axes), np.int32)
    for n in range(share.shape[0]):
        out[n] = np.nan
        if not moment[n, 0] > 0.0:
            continue
        _lay_rings(share[n], moment[n, 1], moment[n, 2], ray, ring)
        back[:, : 2 * axes] = ring[:, ::-1]
        back[:, 2 * axes :] = back[:, :axes]
        total = ring.sum()
        for a in range(axes if total > 0 else 0):
            both = np.int64(0)
            for k in range(rings):
                one, two = ring[k, a : a + axes], back[k, 2 * axes - a : 3 * axes - a]
                line = np.int32(0)
                for j in range(axes):
                    line = np.int32(line + min(one[j], two[j]))
                both += 2 * np.int64(line)
            out[n, a] = 1.0 - both / (2 * total - both)


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
