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


@kernel
def _row_span(
    corner: NDArray[np.float64],  # (3, 2) row, column
    row: int,
    edge_px: float,
    out: NDArray[np.float64],  # (2,) first and last column, real-valued
) -> None:
    """Clip a pixel row against the three edges of a triangle."""
    low, high = -math.inf, math.inf
    for k in range(3):
        following = (k + 1) % 3
        r0, c0 = corner[k, 0], corner[k, 1]
        dr, dc = corner[following, 0] - r0, corner[following, 1] - c0
        # Inside: dr * (column - c0) - dc * (row - r0) >= 0.
        rest = dc * (row - r0)
        if dr > 0.0:
            low = max(low, c0 + rest / dr)
        elif dr < 0.0:
            high = min(high, c0 + rest / dr)
        elif rest > 0.0:
            high = -math.inf
    out[0], out[1] = low - edge_px, high + edge_px


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
    """
    size = out.shape[1]
    span = np.empty(2)
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
            first = max(math.ceil(min(r0, r0 + ar, r0 + br) - edge_px), 0)
            last = min(math.floor(max(r0, r0 + ar, r0 + br) + edge_px), size - 1)
            for row in range(first, last + 1):
                _row_span(corner[m], row, edge_px, span)
                if span[0] > size or span[1] < 0.0:
                    continue
                left = max(math.ceil(span[0]), 0)
                right = min(math.floor(span[1]), size - 1)
                base = height[m, 0] + (row - r0) * per_row - c0 * per_col
                for col in range(left, right + 1):
                    value = np.float32(base + col * per_col)
                    if value > depth[row, col]:
                        depth[row, col] = value
                        out[n, row, col] = shown


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
def shade(
    page: NDArray[np.uint8],  # (H, W, 3)
    page_index: int,
    face_page: NDArray[np.int16],  # (M,)
    maps: NDArray[np.float64],  # (M, 2, 3)
    winner: NDArray[np.int32],  # (N, S, S)
    place: NDArray[np.intp],  # (N,) row of `out` for each crop
    out: NDArray[np.uint8],  # (P, S, S, 3) samples of this page are overwritten
) -> None:
    """Bilinear samples of one page, along runs of samples that show the same face.

    Plan: texel positions in fixed point, stepped along the run; weights of 13 bits that add up to
    8192; the three bands share one 64-bit word, 21 bits each, so that a sample costs four
    multiplications. 255 * 8192 fits its 21 bits with room for the rounding half.
    """
    size = winner.shape[1]
    width = page.shape[1]
    flat, colours = page.reshape(-1), out.reshape(-1)
    bottom, right = page.shape[0] - 1, width - 1
    half = np.uint64(4096 | (4096 << 21) | (4096 << 42))
    byte = np.uint64(255)
    for n in range(winner.shape[0]):
        for row in range(size):
            col = 0
            while col < size:
                m = winner[n, row, col]
                if m < 0 or face_page[m] != page_index:
                    col += 1
                    continue
                r = _fixed(maps[m, 0, 0] * row + maps[m, 0, 1] * col + maps[m, 0, 2])
                c = _fixed(maps[m, 1, 0] * row + maps[m, 1, 1] * col + maps[m, 1, 2])
                r_step, c_step = _fixed(maps[m, 0, 1]), _fixed(maps[m, 1, 1])
                at = np.uint64(3 * ((place[n] * size + row) * size + col))
                while col < size and winner[n, row, col] == m:
                    r_in = min(max(r, 0), bottom << 32)
                    c_in = min(max(c, 0), right << 32)
                    r0, c0 = r_in >> 32, c_in >> 32
                    fr, fc = (r_in >> 19) & 8191, (c_in >> 19) & 8191
                    both = (fr * fc + 4096) >> 13
                    upper = np.uint64(3 * (r0 * width + c0))
                    lower = upper + np.uint64(3 * width if r0 < bottom else 0)
                    aside = np.uint64(3 if c0 < right else 0)
                    mix = (
                        half
                        + _texel(flat, upper) * np.uint64(8192 - fr - fc + both)
                        + _texel(flat, upper + aside) * np.uint64(fc - both)
                        + _texel(flat, lower) * np.uint64(fr - both)
                        + _texel(flat, lower + aside) * np.uint64(both)
                    )
                    colours[at] = np.uint8((mix >> np.uint64(13)) & byte)
                    colours[at + np.uint64(1)] = np.uint8((mix >> np.uint64(34)) & byte)
                    colours[at + np.uint64(2)] = np.uint8((mix >> np.uint64(55)) & byte)
                    at += np.uint64(3)
                    r += r_step
                    c += c_step
                    col += 1


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
    total = np.empty(4, np.float32)
    for n in range(winner.shape[0]):
        for row in range(n_fine):
            for col in range(size):
                total[:] = 0.0
                centre = k * (col + pad + 0.5) - 0.5
                for j in range(math.ceil(centre - k), math.floor(centre + k) + 1):
                    if winner[n, row, j] >= 0:
                        weight = np.float32(1.0 - abs(j - centre) / k)
                        total[3] += weight
                        for band in range(3):
                            total[band] += weight * np.float32(fine[n, row, j, band])
                across[row, col] = total
        for row in range(size):
            centre = k * (row + pad + 0.5) - 0.5
            for col in range(size):
                total[:] = 0.0
                for j in range(math.ceil(centre - k), math.floor(centre + k) + 1):
                    weight = np.float32(1.0 - abs(j - centre) / k)
                    for band in range(4):
                        total[band] += weight * across[j, col, band]
                for band in range(3):
                    mean = total[band] / max(total[3], np.float32(1e-6))
                    out[place[n], row, col, band] = np.uint8(mean + np.float32(0.5))


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
            col = 0
            while col < size:
                end = col + 1
                if k == 1:
                    m = winner[n, row, col]
                    while end < size and winner[n, row, end] == m:
                        end += 1
                    ratio = math.nan
                    if m >= 0:
                        ratio = area_ratio[m]
                        out_share[m] += end - col
                else:
                    ratio = _measure_block(
                        k, (row + pad) * k, (col + pad) * k, winner[n], area_ratio, out_share
                    )
                covered = not math.isnan(ratio)
                out_covered[p, row, col:end] = covered
                out_mm2[p, row, col:end] = px_mm2 * ratio if covered else 0.0
                if not covered:
                    out_pixels[p, row, col:end] = 0
                col = end
