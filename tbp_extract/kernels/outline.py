"""A spot in the middle of a flat view of skin: its outline."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

WIDTHS, STEPS = 16, 6
MOST_GROWTH, SLACK_PX = 1.6, 6.0
"""A step that makes a spot larger than this many times, and some pixels, has crossed a bridge."""

F0, F2 = np.float32(0.0), np.float32(2.0)
COS = np.cos(np.pi * np.arange(WIDTHS) / WIDTHS)
SIN = np.sin(np.pi * np.arange(WIDTHS) / WIDTHS)


@kernel
def _smooth(
    image: NDArray[np.float32], valid: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Binomial 3 x 3 over what is valid."""
    size = image.shape[0]
    across, weights = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    for r in range(size):
        for c in range(size):
            two = F2 * valid[r, c]
            total, weight = two * image[r, c], two
            if c > 0:
                total += valid[r, c - 1] * image[r, c - 1]
                weight += valid[r, c - 1]
            if c < size - 1:
                total += valid[r, c + 1] * image[r, c + 1]
                weight += valid[r, c + 1]
            across[r, c], weights[r, c] = total, weight
    for r in range(size):
        up, down = max(r - 1, 0), min(r + 1, size - 1)
        first, last = np.float32(up < r), np.float32(down > r)
        for c in range(size):
            total = F2 * across[r, c] + first * across[up, c] + last * across[down, c]
            weight = F2 * weights[r, c] + first * weights[up, c] + last * weights[down, c]
            out[r, c] = total / weight if weight > F0 else F0


@kernel
def _fit_plane(
    image: NDArray[np.float32],
    valid: NDArray[np.float32],
    inner: float,
    outer: float,
    centre_row: float,
    centre_col: float,
    plane: NDArray[np.float64],  # (3,) at the middle, per row, per column
) -> tuple[float, float]:
    """Plane through the ring between two radii, dark and light outliers left out.

    Returns the scatter about it and the share of the ring that is valid.
    """
    size = image.shape[0]
    middle = 0.5 * (size - 1)
    plane[:] = 0.0
    sd, share, ring, known = 1e9, 0.0, 0.0, 0
    points = np.empty((size * size, 3), np.float32)
    for r in range(size):
        for c in range(size):
            away2 = (r - centre_row) ** 2 + (c - centre_col) ** 2
            if away2 < inner * inner or away2 > outer * outer:
                continue
            ring += 1.0
            if valid[r, c] > F0:
                points[known, 0], points[known, 1] = r - middle, c - middle
                points[known, 2] = image[r, c]
                known += 1
    for turn in range(4):
        n, sr, sc, srr, scc, src = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        sv, svr, svc, svv = 0.0, 0.0, 0.0, 0.0
        for i in range(known):
            y, x, v = float(points[i, 0]), float(points[i, 1]), float(points[i, 2])
            rest = v - plane[0] - plane[1] * y - plane[2] * x
            if turn > 0 and (rest > 1.5 * sd or rest < -2.5 * sd):
                continue
            n += 1.0
            sr += y
            sc += x
            srr += y * y
            scc += x * x
            src += y * x
            sv += v
            svr += v * y
            svc += v * x
            svv += v * v
        if n < 12.0:
            return 1e9, 0.0
        if turn == 0:
            share = n / ring
        mr, mc, mv = sr / n, sc / n, sv / n
        crr, ccc, crc = srr / n - mr * mr + 1.0, scc / n - mc * mc + 1.0, src / n - mr * mc
        cvr, cvc = svr / n - mv * mr, svc / n - mv * mc
        det = crr * ccc - crc * crc
        plane[1] = (cvr * ccc - cvc * crc) / det
        plane[2] = (cvc * crr - cvr * crc) / det
        plane[0] = mv - plane[1] * mr - plane[2] * mc
        rest2 = svv / n - mv * mv - plane[1] * cvr - plane[2] * cvc
        sd = math.sqrt(max(rest2, 1e-8))
    return sd, share


@kernel
def _flood(
    contrast: NDArray[np.float32],  # (S, S)
    valid: NDArray[np.float32],
    level: float,
    head: int,  # pixels of the spot whose neighbours were asked
    area: int,  # pixels that it has so far
    waits: int,  # pixels beside it that were not above the level so far
    spot: NDArray[np.int32],  # (S * S,) those pixels
    waiting: NDArray[np.int32],  # (S * S,)
    met: NDArray[np.bool_],  # (S, S) which pixels are in one of the two
) -> tuple[int, int, float, int]:
    """Let a spot grow to all that hangs together with it above a lower level.

    Returns its area, how many pixels wait, the contrast and the rim pixels met that are new.
    """
    size = contrast.shape[0]
    kept, total, rim = 0, 0.0, 0
    for i in range(waits):
        at = waiting[i]
        if contrast[at // size, at % size] > level:
            spot[area] = at
            area += 1
        else:
            waiting[kept] = at
            kept += 1
    while head < area:
        r, c = spot[head] // size, spot[head] % size
        head += 1
        total += contrast[r, c]
        for k in range(4):
            y, x = r + (k == 0) - (k == 1), c + (k == 2) - (k == 3)
            if y < 0 or x < 0 or y >= size or x >= size or valid[y, x] == 0.0:
                rim += 1
                continue
            if met[y, x]:
                continue
            met[y, x] = True
            if contrast[y, x] > level:
                spot[area] = y * size + x
                area += 1
            else:
                waiting[kept] = y * size + x
                kept += 1
    return area, kept, total, rim


@kernel
def _grow(
    contrast: NDArray[np.float32],  # (S, S)
    valid: NDArray[np.float32],
    seed: int,
    best: float,  # contrast of the seed
    share_of_mean: float,
    spot: NDArray[np.int32],  # (S * S,) scratch
    waiting: NDArray[np.int32],  # (S * S,) scratch
    mask: NDArray[np.bool_],  # (S, S)
) -> tuple[int, float, int, float]:
    """Grow from the seed down to a share of the mean contrast, but not over a bridge.

    Returns area, mean contrast, rim pixels met and the level that was reached.
    """
    first = level = last = 0.5 * best
    area, waits, total, rim = 0, 0, 0.0, 0
    for turn in range(2):
        mask[:] = False
        spot[0], mask[seed // mask.shape[0], seed % mask.shape[0]] = seed, True
        area, waits, total, rim = _flood(contrast, valid, level, 0, 1, 0, spot, waiting, mask)
        if turn == 0:
            last = share_of_mean * total / area
        if last <= first:
            break
        # Much darker away from its seed: what is left above the higher level.
        level = last
    for step in range(STEPS if last < first else 0):
        lower = first + (last - first) * (step + 1) / STEPS
        larger, waits, more, met = _flood(
            contrast, valid, lower, area, area, waits, spot, waiting, mask
        )
        if larger > MOST_GROWTH * area + SLACK_PX:
            break
        area, total, rim, level = larger, total + more, rim + met, lower
    mask[:] = False
    for at in spot[:area]:
        mask[at // mask.shape[0], at % mask.shape[0]] = True
    return area, total / area, rim, level


@kernel
def _shape(
    spot: NDArray[np.int32],  # (K,) its pixels
    mask: NDArray[np.bool_],
    contrast: NDArray[np.float32],
    level: float,
    out: NDArray[np.float64],  # (6,) row, column, area, long, short, perimeter: pixels
) -> None:
    """Centroid, area and widths; a rim pixel counts by how far it rises above the level."""
    size = mask.shape[0]
    sr, sc, edge = 0.0, 0.0, 0.0
    low, high = np.full(WIDTHS, 1e9), np.full(WIDTHS, -1e9)
    for at in spot:
        r, c = at // size, at % size
        sr += r
        sc += c
        inner = r > 0 and c > 0 and r < size - 1 and c < size - 1
        for way in range(4):
            y, x = r + (way == 0) - (way == 1), c + (way == 2) - (way == 3)
            if not (y < 0 or x < 0 or y >= size or x >= size) and mask[y, x]:
                continue
            edge += 1.0
            if not inner:
                continue
            # Where the contrast crosses the level on the way out of this pixel.
            drop = contrast[r, c] - contrast[y, x]
            part = (contrast[r, c] - level) / drop if drop > 1e-6 else 0.5
            part = min(max(part, 0.0), 1.0)
            row, col = r + part * (y - r), c + part * (x - c)
            for k in range(WIDTHS):
                along = row * COS[k] + col * SIN[k]
                low[k], high[k] = min(low[k], along), max(high[k], along)
    area = float(spot.shape[0])
    out[0], out[1], out[2] = sr / area, sc / area, area
    out[3], out[4], out[5] = 0.0, 1e9, edge
    for k in range(WIDTHS):
        out[3], out[4] = max(out[3], high[k] - low[k]), min(out[4], high[k] - low[k])


@kernel
def _seed(
    contrast: NDArray[np.float32],  # (S, S)
    valid: NDArray[np.float32],
    near: float,
) -> tuple[int, float]:
    """Darkest pixel near the middle, what lies farther away counting less; -1 if none is dark."""
    size = contrast.shape[0]
    middle = 0.5 * (size - 1)
    best, seed = 0.0, -1
    for r in range(size):
        for c in range(size):
            away2 = (r - middle) ** 2 + (c - middle) ** 2
            if away2 > near * near or valid[r, c] == 0.0:
                continue
            value = contrast[r, c] * (1.0 - 0.3 * away2 / (near * near))
            if value > best:
                best, seed = value, r * size + c
    return seed, best


@kernel
def outline(
    image: NDArray[np.float32],  # (N, S, S) density
    valid: NDArray[np.float32],  # (N, S, S)
    guess_px: NDArray[np.float64],  # (N,) diameter that each view was made for
    share_of_mean: float,  # of the mean contrast at which the outline runs
    least: float,  # mean contrast below which there is nothing to outline
    out_contrast: NDArray[np.float32],  # (N, S, S) density less that of the skin around
    out_mask: NDArray[np.bool_],  # (N, S, S)
    out: NDArray[np.float64],  # (N, 11)
) -> None:
    """Outline the spot at the middle of each view.

    Of each: row, column, area, longest and shortest width, perimeter (pixels), mean contrast, sides
    of its pixels at which nothing shows, scatter of the skin around, share of it that shows, how
    much darker it becomes over a pixel. NaN where there is no spot.

    Plan: a plane through the skin around gives the contrast; the spot grows from its darkest point
    near the middle down to a share of its mean contrast; both again around what was found.
    """
    size = image.shape[1]
    middle = 0.5 * (size - 1)
    soft = np.empty((size, size), np.float32)
    spot, waiting = np.empty(size * size, np.int32), np.empty(size * size, np.int32)
    plane, shape = np.empty(3), np.empty(6)
    for n in range(image.shape[0]):
        contrast, mask = out_contrast[n], out_mask[n]
        out[n] = np.nan
        _smooth(image[n], valid[n], soft)
        row, col, wide = middle, middle, guess_px[n]
        inside, area, rim, sd, share = 0.0, 0, 0, 1e9, 0.0
        for _ in range(2):
            inner, outer = 0.5 * wide + 3.0, min(1.2 * wide + 6.0, 0.5 * size + 4.0)
            sd, share = _fit_plane(soft, valid[n], inner, outer, row, col, plane)
            if sd > 1e8:
                break
            for r in range(size):
                for c in range(size):
                    flat = plane[0] + plane[1] * (r - middle) + plane[2] * (c - middle)
                    contrast[r, c] = soft[r, c] - flat if valid[n, r, c] > 0.0 else 0.0
            seed, best = _seed(contrast, valid[n], 0.35 * guess_px[n] + 1.0)
            if seed < 0:
                break
            area, inside, rim, level = _grow(
                contrast, valid[n], seed, best, share_of_mean, spot, waiting, mask
            )
            _shape(spot[:area], mask, contrast, level, shape)
            row, col, wide = shape[0], shape[1], shape[3]
            if wide > 0.6 * size or inside < 0.7 * least:
                break
        if sd > 1e8 or area == 0 or inside < least:
            continue
        out[n, :6] = shape
        out[n, 6], out[n, 7] = inside, rim
        out[n, 8], out[n, 9] = sd, share
        out[n, 10] = math.sqrt(plane[1] ** 2 + plane[2] ** 2)
