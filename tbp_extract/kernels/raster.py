"""From flat patches to pixels: which face shows where, its colour, and what it measures.

Images here are fine grids: each crop pixel is split into k x k samples, with `pad` further pixels
on every side, so that the filter that shrinks the grid sees past the crop's edge. Where the source
is no denser than the crop k is 1, pad is 0 and the fine grid is the crop.
"""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

THIN_PX2 = 1e-10
"""A face with less than half this area is rounding and shows nowhere."""

F0, HALF, TRACE = np.float32(0.0), np.float32(0.5), np.float32(1e-6)


LEVEL_PX = 1e-12
"""An edge that climbs less than this lies along the row and bounds it nowhere."""


@kernel
def _edge_slopes(
    corner: NDArray[np.float64],  # (3, 2) row, column
    out: NDArray[np.float64],  # (3, 3) row, column, columns per row; NaN for a level edge
) -> int:
    """Describe the edges of a face: the first of them, as many as returned, bound on the left."""
    left, right = 0, 3
    for k in range(3):
        following = (k + 1) % 3
        rise = corner[following, 0] - corner[k, 0]
        if abs(rise) < LEVEL_PX:
            continue
        if rise > 0.0:
            at = left
            left += 1
        else:
            right -= 1
            at = right
        out[at, 0], out[at, 1] = corner[k, 0], corner[k, 1]
        out[at, 2] = (corner[following, 1] - corner[k, 1]) / rise
    for at in range(left, right):
        out[at, 0] = math.nan
    return left


@kernel
def cover(
    start: NDArray[np.int64],  # (N + 1,)
    corner: NDArray[np.float64],  # (M, 3, 2) row, column in the fine grid
    height: NDArray[np.float64],  # (M, 3)
    textured: NDArray[np.bool_],  # (M,)
    edge_px: float,
    depth: NDArray[np.float32],  # (S, S) scratch
    out: NDArray[np.int32],  # (N, S, S) patch row that shows in each sample, -1 for none
) -> None:
    """Draw the patches by scan lines; the highest face wins, of equal ones the first.

    A face without texture hides what lies below it and shows nothing; one without area does
    neither.

    Plan: per row the columns between a face's edges, then one run of compare and store, which
    goes over many samples at once because a run's own index begins at 0.
    """
    size = out.shape[1]
    edges = np.empty((3, 3))
    for n in range(start.shape[0] - 1):
        depth[:] = -np.inf
        out[n] = -1
        for m in range(start[n], start[n + 1]):
            r0, c0 = corner[m, 0, 0], corner[m, 0, 1]
            ar, ac = corner[m, 1, 0] - r0, corner[m, 1, 1] - c0
            br, bc = corner[m, 2, 0] - r0, corner[m, 2, 1] - c0
            area = ar * bc - ac * br
            # Counter-clockwise on the skin is clockwise in an image whose rows run down.
            if not area > THIN_PX2:
                continue
            ha, hb = height[m, 1] - height[m, 0], height[m, 2] - height[m, 0]
            per_row, per_col = (ha * bc - hb * ac) / area, (hb * ar - ha * br) / area
            shown = np.int32(m) if textured[m] else np.int32(-1)
            n_left = _edge_slopes(corner[m], edges)
            first = max(math.ceil(min(r0, r0 + ar, r0 + br) - edge_px), 0)
            last = min(math.floor(max(r0, r0 + ar, r0 + br) + edge_px), size - 1)
            for row in range(first, last + 1):
                low, high = -1.0, float(size)
                for k in range(3):
                    column = edges[k, 1] + edges[k, 2] * (row - edges[k, 0])
                    if k < n_left:
                        low = max(low, column - edge_px)
                    elif edges[k, 0] == edges[k, 0]:
                        high = min(high, column + edge_px)
                left = max(math.ceil(min(low, float(size))), 0)
                stop = max(min(math.floor(high), size - 1) + 1, left)
                base = height[m, 0] + (row - r0) * per_row + (left - c0) * per_col
                depth_run, shown_run = depth[row, left:stop], out[n, row, left:stop]
                for i in range(depth_run.shape[0]):
                    value = np.float32(base + i * per_col)
                    if value > depth_run[i]:
                        depth_run[i] = value
                        shown_run[i] = shown


@kernel
def texel_maps(
    corner: NDArray[np.float64],  # (M, 3, 2) row, column in the fine grid
    texel: NDArray[np.float64],  # (M, 3, 2) row, column on the page
    out: NDArray[np.float64],  # (M, 2, 3) texel row and column = per row, per column, constant
    out_density: NDArray[np.float64],  # (M,) most texels a sample step crosses; 0: not drawn
) -> None:
    """Affine map of each face from the fine grid to its page, and its larger singular value."""
    for m in range(corner.shape[0]):
        r0, c0 = corner[m, 0, 0], corner[m, 0, 1]
        ar, ac = corner[m, 1, 0] - r0, corner[m, 1, 1] - c0
        br, bc = corner[m, 2, 0] - r0, corner[m, 2, 1] - c0
        area = ar * bc - ac * br
        out_density[m] = 0.0
        out[m] = 0.0
        if not area > THIN_PX2:
            continue
        for axis in range(2):
            ta = texel[m, 1, axis] - texel[m, 0, axis]
            tb = texel[m, 2, axis] - texel[m, 0, axis]
            out[m, axis, 0] = (ta * bc - tb * ac) / area
            out[m, axis, 1] = (tb * ar - ta * br) / area
            out[m, axis, 2] = texel[m, 0, axis] - out[m, axis, 0] * r0 - out[m, axis, 1] * c0
        a, b, c, d = out[m, 0, 0], out[m, 0, 1], out[m, 1, 0], out[m, 1, 1]
        half_sum, det = 0.5 * (a * a + b * b + c * c + d * d), a * d - b * c
        root = math.sqrt(max(half_sum * half_sum - det * det, 0.0))
        out_density[m] = math.sqrt(half_sum + root)


@kernel
def _texel(flat: NDArray[np.uint8], at: np.uint64) -> np.uint64:
    """Three bands of a texel in one word, 21 bits apart."""
    red, green, blue = flat[at], flat[at + np.uint64(1)], flat[at + np.uint64(2)]
    return np.uint64(red) | (np.uint64(green) << np.uint64(21)) | (np.uint64(blue) << np.uint64(42))


@kernel
def _fixed(value: float) -> int:
    """Convert to fixed point with 32 binary places; slivers may have slopes beyond any page."""
    return int(min(max(value, -1e6), 1e6) * 4294967296.0)


@kernel
def _blend(
    flat: NDArray[np.uint8],
    upper: np.uint64,  # where the upper left of the four texels lies
    down: np.uint64,  # steps to the texels below and beside
    aside: np.uint64,
    r: int,  # fixed point
    c: int,
    out: NDArray[np.uint8],
    at: np.uint64,
) -> None:
    fr, fc = (r >> 19) & 8191, (c >> 19) & 8191
    both = (fr * fc + 4096) >> 13
    lower = upper + down
    mix = (
        np.uint64(4096 | (4096 << 21) | (4096 << 42))
        + _texel(flat, upper) * np.uint64(8192 - fr - fc + both)
        + _texel(flat, upper + aside) * np.uint64(fc - both)
        + _texel(flat, lower) * np.uint64(fr - both)
        + _texel(flat, lower + aside) * np.uint64(both)
    )
    out[at] = np.uint8((mix >> np.uint64(13)) & np.uint64(255))
    out[at + np.uint64(1)] = np.uint8((mix >> np.uint64(34)) & np.uint64(255))
    out[at + np.uint64(2)] = np.uint8((mix >> np.uint64(55)) & np.uint64(255))


@kernel
def _blend_run(
    flat: NDArray[np.uint8],
    width: int,
    r: int,  # fixed point, and so are the steps
    c: int,
    r_step: int,
    c_step: int,
    count: int,
    out: NDArray[np.uint8],
    at: np.uint64,
) -> None:
    """Blend a run that stays inside its page: by itself it compiles to faster code."""
    below = np.uint64(3 * width)
    for _ in range(count):
        upper = np.uint64(3 * ((r >> 32) * width + (c >> 32)))
        _blend(flat, upper, below, np.uint64(3), r, c, out, at)
        at += np.uint64(3)
        r += r_step
        c += c_step


@kernel
def shade(
    page: NDArray[np.uint8],  # (A, B, 3)
    page_index: int,
    face_page: NDArray[np.int16],  # (M,)
    maps: NDArray[np.float64],  # (M, 2, 3)
    winner: NDArray[np.int32],  # (N, H, W)
    place: NDArray[np.intp],  # (N,) row of `out` for each crop
    out: NDArray[np.uint8],  # (P, H, W, 3) samples of this page are overwritten
) -> None:
    """Bilinear samples of one page, along runs of samples that show the same face.

    Plan: texel positions in fixed point, stepped along the run; weights of 13 bits that add up to
    8192; the three bands share one 64-bit word, 21 bits each, so that a sample costs four
    multiplications. 255 * 8192 fits its 21 bits with room for the rounding half.
    """
    rows, cols = winner.shape[1:]
    width = page.shape[1]
    flat, colours = page.reshape(-1), out.reshape(-1)
    bottom, right = page.shape[0] - 1, width - 1
    below = np.uint64(3 * width)
    for n in range(winner.shape[0]):
        for row in range(rows):
            col, line = 0, winner[n, row]
            while col < cols:
                m = line[col]
                if m < 0 or face_page[m] != page_index:
                    col += 1
                    continue
                r = _fixed(maps[m, 0, 0] * row + maps[m, 0, 1] * col + maps[m, 0, 2])
                c = _fixed(maps[m, 1, 0] * row + maps[m, 1, 1] * col + maps[m, 1, 2])
                r_step, c_step = _fixed(maps[m, 0, 1]), _fixed(maps[m, 1, 1])
                at = np.uint64(3 * ((place[n] * rows + row) * cols + col))
                first = col
                while col < cols and line[col] == m:
                    col += 1
                r_end, c_end = r + (col - first - 1) * r_step, c + (col - first - 1) * c_step
                if (
                    min(r, r_end) >= 0
                    and max(r, r_end) < bottom << 32
                    and min(c, c_end) >= 0
                    and max(c, c_end) < right << 32
                ):
                    _blend_run(flat, width, r, c, r_step, c_step, col - first, colours, at)
                    continue
                for _ in range(first, col):
                    r_in = min(max(r, 0), bottom << 32)
                    c_in = min(max(c, 0), right << 32)
                    r0, c0 = r_in >> 32, c_in >> 32
                    upper = np.uint64(3 * (r0 * width + c0))
                    down = below if r0 < bottom else np.uint64(0)
                    aside = np.uint64(3 if c0 < right else 0)
                    _blend(flat, upper, down, aside, r_in, c_in, colours, at)
                    at += np.uint64(3)
                    r += r_step
                    c += c_step


@kernel
def shrink(
    k: int,
    pad: int,
    winner: NDArray[np.int32],  # (N, F, F), F = (S + 2 pad) k
    fine: NDArray[np.uint8],  # (N, F, F, 3)
    across: NDArray[np.float32],  # (F, S, 4) scratch
    place: NDArray[np.intp],  # (N,) row of `out` for each crop
    out: NDArray[np.uint8],  # (P, S, S, 3)
) -> None:
    """Tent filter two crop pixels wide, first across, then down; only skin counts."""
    size, n_fine = out.shape[1], winner.shape[1]
    # Sample i of the 2k under the tent of pixel c lies at k (c + pad) + i - k // 2, as seen from
    # its centre (i - k // 2 + 0.5) / k - 0.5 pixels away.
    weights = np.empty(2 * k, np.float32)
    for i in range(2 * k):
        weights[i] = max(1.0 - abs((i - k // 2 + 0.5) / k - 0.5), 0.0)
    line = np.empty((size, 4), np.float32)
    for n in range(winner.shape[0]):
        for row in range(n_fine):
            for col in range(size):
                red, green, blue, skin = F0, F0, F0, F0
                for i in range(2 * k):
                    at = k * (col + pad) + i - k // 2
                    if winner[n, row, at] >= 0:
                        weight = weights[i]
                        red += weight * np.float32(fine[n, row, at, 0])
                        green += weight * np.float32(fine[n, row, at, 1])
                        blue += weight * np.float32(fine[n, row, at, 2])
                        skin += weight
                across[row, col, 0], across[row, col, 1] = red, green
                across[row, col, 2], across[row, col, 3] = blue, skin
        for row in range(size):
            line[:] = 0.0
            for i in range(2 * k):
                at, weight = k * (row + pad) + i - k // 2, weights[i]
                for col in range(size):
                    for band in range(4):
                        line[col, band] += weight * across[at, col, band]
            for col in range(size):
                skin = max(line[col, 3], TRACE)
                for band in range(3):
                    out[place[n], row, col, band] = np.uint8(line[col, band] / skin + HALF)


@kernel
def _measure_block(
    k: int,
    top: int,
    left: int,
    winner: NDArray[np.int32],  # (F, F)
    area_ratio: NDArray[np.float64],
    share: NDArray[np.int32],
) -> float:
    """Mean area ratio of a block of k x k samples, NaN where fewer than half show skin."""
    hits, ratio = 0, 0.0
    for i in range(top, top + k):
        for j in range(left, left + k):
            m = winner[i, j]
            if m >= 0:
                hits += 1
                share[m] += 1
                ratio += area_ratio[m]
    return ratio / hits if 2 * hits >= k * k else math.nan


@kernel
def measure_cover(
    k: int,
    pad: int,
    px_mm2: float,
    winner: NDArray[np.int32],  # (N, F, F), F = (S + 2 pad) k
    area_ratio: NDArray[np.float64],  # (M,) skin area by image area
    place: NDArray[np.intp],  # (N,) row of the P crops for each crop
    out_share: NDArray[np.int32],  # (M,) samples that show each face; comes as zeros
    out_covered: NDArray[np.bool_],  # (P, S, S)
    out_mm2: NDArray[np.float32],  # (P, S, S) zero where not covered
    out_pixels: NDArray[np.uint8],  # (P, S, S, 3) black where not covered
) -> None:
    """Pixel by pixel: covered when at least half its samples show skin, and that skin's area.

    Plan: pixels of one sample go by runs that show the same face, others block by block.
    """
    size = out_covered.shape[1]
    for n in range(winner.shape[0]):
        p = place[n]
        for row in range(size):
            if k > 1:
                for col in range(size):
                    ratio = _measure_block(
                        k, (row + pad) * k, (col + pad) * k, winner[n], area_ratio, out_share
                    )
                    shown = not math.isnan(ratio)
                    out_covered[p, row, col] = shown
                    out_mm2[p, row, col] = px_mm2 * ratio if shown else 0.0
                    if not shown:
                        for band in range(3):
                            out_pixels[p, row, col, band] = 0
                continue
            line, covered, mm2 = winner[n, row], out_covered[p, row], out_mm2[p, row]
            end = 0
            while end < size:
                m, first = line[end], end
                shown = m >= 0
                here = np.float32(px_mm2 * area_ratio[m] if shown else 0.0)
                while end < size and line[end] == m:
                    covered[end] = shown
                    mm2[end] = here
                    end += 1
                if shown:
                    out_share[m] += end - first
                else:
                    out_pixels[p, row, first:end] = 0
