"""A spot in the middle of a flat view of skin: its outline, and what tells it from others."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

RAYS, WIDTHS, STEPS = 24, 16, 6
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
    seed: int,
    level: float,
    stack: NDArray[np.int32],
    mask: NDArray[np.bool_],  # (S, S)
) -> tuple[int, float, int]:
    """Fill what is connected to the seed above a level: area, mean contrast, rim pixels met."""
    size = contrast.shape[0]
    mask[:] = False
    stack[0], top = seed, 1
    mask[seed // size, seed % size] = True
    area, total, rim = 0, 0.0, 0
    while top > 0:
        top -= 1
        r, c = stack[top] // size, stack[top] % size
        area += 1
        total += contrast[r, c]
        for k in range(4):
            y, x = r + (k == 0) - (k == 1), c + (k == 2) - (k == 3)
            if y < 0 or x < 0 or y >= size or x >= size or valid[y, x] == 0.0:
                rim += 1
                continue
            if not mask[y, x] and contrast[y, x] > level:
                mask[y, x] = True
                stack[top] = y * size + x
                top += 1
    return area, total / area, rim


@kernel
def _grow(
    contrast: NDArray[np.float32],  # (S, S)
    valid: NDArray[np.float32],
    seed: int,
    best: float,  # contrast of the seed
    share_of_mean: float,
    stack: NDArray[np.int32],
    mask: NDArray[np.bool_],  # (S, S)
) -> tuple[int, float, int, float]:
    """Grow from the seed down to a share of the mean contrast, but not over a bridge.

    Returns area, mean contrast, rim pixels met and the level that was reached.
    """
    level = 0.5 * best
    area, inside, rim = _flood(contrast, valid, seed, level, stack, mask)
    last = share_of_mean * inside
    for step in range(STEPS):
        lower = 0.5 * best + (last - 0.5 * best) * (step + 1) / STEPS
        more, mean, met = _flood(contrast, valid, seed, lower, stack, mask)
        if more > MOST_GROWTH * area + SLACK_PX:
            _flood(contrast, valid, seed, level, stack, mask)
            break
        area, inside, rim, level = more, mean, met, lower
    return area, inside, rim, level


@kernel
def _at(image: NDArray[np.float32], valid: NDArray[np.float32], row: float, col: float) -> float:
    """Bilinear value; NaN outside or where nothing shows."""
    size = image.shape[0]
    r, c = math.floor(row), math.floor(col)
    if r < 0 or c < 0 or r >= size - 1 or c >= size - 1:
        return math.nan
    if valid[r, c] * valid[r + 1, c] * valid[r, c + 1] * valid[r + 1, c + 1] == 0.0:
        return math.nan
    fr, fc = row - r, col - c
    upper: float = image[r, c] * (1.0 - fc) + image[r, c + 1] * fc
    lower: float = image[r + 1, c] * (1.0 - fc) + image[r + 1, c + 1] * fc
    return upper * (1.0 - fr) + lower * fr


@kernel
def _shape(
    mask: NDArray[np.bool_],
    contrast: NDArray[np.float32],
    level: float,
    out: NDArray[np.float64],  # (6,) row, column, area, long, short, perimeter: pixels
) -> None:
    """Centroid, area and widths; a rim pixel counts by how far it rises above the level."""
    size = mask.shape[0]
    area, sr, sc, edge = 0.0, 0.0, 0.0, 0.0
    for r in range(size):
        for c in range(size):
            if not mask[r, c]:
                continue
            area += 1.0
            sr += r
            sc += c
            for k in range(4):
                y, x = r + (k == 0) - (k == 1), c + (k == 2) - (k == 3)
                if y < 0 or x < 0 or y >= size or x >= size or not mask[y, x]:
                    edge += 1.0
    out[0], out[1], out[2] = sr / area, sc / area, area
    out[3], out[4], out[5] = 0.0, 1e9, edge
    low, high = np.full(WIDTHS, 1e9), np.full(WIDTHS, -1e9)
    for r in range(1, size - 1):
        for c in range(1, size - 1):
            if not mask[r, c]:
                continue
            # Where the contrast crosses the level on the way out of this pixel.
            for way in range(4):
                y, x = r + (way == 0) - (way == 1), c + (way == 2) - (way == 3)
                if mask[y, x]:
                    continue
                drop = contrast[r, c] - contrast[y, x]
                part = (contrast[r, c] - level) / drop if drop > 1e-6 else 0.5
                part = min(max(part, 0.0), 1.0)
                row, col = r + part * (y - r), c + part * (x - c)
                for k in range(WIDTHS):
                    at = row * COS[k] + col * SIN[k]
                    low[k], high[k] = min(low[k], at), max(high[k], at)
    for k in range(WIDTHS):
        out[3], out[4] = max(out[3], high[k] - low[k]), min(out[4], high[k] - low[k])


@kernel
def _walk_rays(
    contrast: NDArray[np.float32],
    valid: NDArray[np.float32],
    mask: NDArray[np.bool_],
    row: float,
    col: float,
    inside: float,
    radius: NDArray[np.float64],  # (RAYS,)
    step: NDArray[np.float64],  # (RAYS,) inside minus outside; NaN where nothing shows
    slope: NDArray[np.float64],  # (RAYS,) fall over two pixels at the rim
    outside: NDArray[np.float64],  # (RAYS,)
) -> None:
    """Look along rays from the centroid: where the rim lies and what lies beyond it."""
    size = mask.shape[0]
    for k in range(RAYS):
        dy, dx = math.sin(2.0 * math.pi * k / RAYS), math.cos(2.0 * math.pi * k / RAYS)
        rim, t = 0.0, 0.0
        while True:
            r, c = math.floor(row + t * dy + 0.5), math.floor(col + t * dx + 0.5)
            if r < 0 or c < 0 or r >= size or c >= size:
                break
            if mask[r, c]:
                rim = t
            t += 0.5
        radius[k] = rim
        near = _at(contrast, valid, row + (rim - 1.0) * dy, col + (rim - 1.0) * dx)
        far = _at(contrast, valid, row + (rim + 1.5) * dy, col + (rim + 1.5) * dx)
        slope[k] = near - far
        total, n = 0.0, 0
        for i in range(6):
            t = rim + 2.0 + 0.15 * i * max(rim, 8.0)
            value = _at(contrast, valid, row + t * dy, col + t * dx)
            if value == value:
                total += value
                n += 1
        outside[k] = total / n if n > 1 else math.nan
        step[k] = inside - outside[k]


@kernel
def _sorted_at(values: NDArray[np.float64], share: float) -> float:
    """Value at a share of the known ones in order; NaN if none is."""
    known = values[~np.isnan(values)]
    if known.shape[0] == 0:
        return math.nan
    known.sort()
    at: float = known[int(share * (known.shape[0] - 1) + 0.5)]
    return at


@kernel
def _colours(
    pixels: NDArray[np.uint8],  # (S, S, 3)
    valid: NDArray[np.float32],
    tables: NDArray[np.float32],
    mask: NDArray[np.bool_],
    row: float,
    col: float,
    inner: float,
    outer: float,
    out: NDArray[np.float64],  # (5,)
) -> float:
    """Density inside minus that of the ring by channel, hue of the ring; share blown out near."""
    size = mask.shape[0]
    inside, ring = np.zeros(3), np.zeros(3)
    n_in, n_out, blown = 0, 0, 0
    for r in range(size):
        for c in range(size):
            if valid[r, c] == 0.0:
                continue
            away2 = (r - row) ** 2 + (c - col) ** 2
            if away2 > outer * outer:
                continue
            least = min(min(pixels[r, c, 0], pixels[r, c, 1]), pixels[r, c, 2])
            blown += 1 if least > 235 else 0
            if mask[r, c]:
                n_in += 1
                for band in range(3):
                    inside[band] += tables[band, pixels[r, c, band]]
            elif away2 > inner * inner:
                n_out += 1
                for band in range(3):
                    ring[band] += tables[band, pixels[r, c, band]]
    for band in range(3):
        out[band] = inside[band] / max(n_in, 1) - ring[band] / max(n_out, 1)
    out[3] = (ring[1] - ring[0]) / max(n_out, 1)
    out[4] = (ring[2] - ring[1]) / max(n_out, 1)
    return blown / max(n_in + n_out, 1)


@kernel
def describe(
    pixels: NDArray[np.uint8],  # (N, S, S, 3)
    image: NDArray[np.float32],  # (N, S, S) density
    valid: NDArray[np.float32],  # (N, S, S)
    tables: NDArray[np.float32],  # (3, 256)
    guess_px: NDArray[np.float64],  # (N,) diameter that each view was made for
    share_of_mean: float,  # of the mean contrast at which the outline runs
    least: float,  # mean contrast below which there is nothing to describe
    out_shape: NDArray[np.float64],  # (N, 5) row, column, long, short, equivalent diameter: px
    out: NDArray[np.float32],  # (N, 18)
) -> None:
    """Outline the spot at the middle of each view and describe it; NaN where there is none.

    Plan: a plane through the skin around gives the contrast; the spot grows from its darkest point
    near the middle down to a share of its mean contrast; rays from its centroid compare it with
    what lies beyond its rim.
    """
    size = image.shape[1]
    middle = 0.5 * (size - 1)
    soft, contrast = np.empty((size, size), np.float32), np.empty((size, size), np.float32)
    mask, stack = np.empty((size, size), np.bool_), np.empty(4 * size * size, np.int32)
    plane, shape, bands = np.empty(3), np.empty(6), np.empty(5)
    radius, step, slope, outside = np.empty(RAYS), np.empty(RAYS), np.empty(RAYS), np.empty(RAYS)
    for n in range(image.shape[0]):
        out[n], out_shape[n] = np.nan, np.nan
        _smooth(image[n], valid[n], soft)
        row, col, wide = middle, middle, guess_px[n]
        level, inside, area, rim, sd, share = 0.0, 0.0, 0, 0, 1e9, 0.0
        for _ in range(2):
            inner, outer = 0.5 * wide + 3.0, min(1.2 * wide + 6.0, 0.5 * size + 4.0)
            sd, share = _fit_plane(soft, valid[n], inner, outer, row, col, plane)
            if sd > 1e8:
                break
            for r in range(size):
                for c in range(size):
                    flat = plane[0] + plane[1] * (r - middle) + plane[2] * (c - middle)
                    contrast[r, c] = soft[r, c] - flat if valid[n, r, c] > 0.0 else 0.0
            best, seed = 0.0, -1
            near = 0.35 * guess_px[n] + 1.0
            for r in range(size):
                for c in range(size):
                    away2 = (r - middle) ** 2 + (c - middle) ** 2
                    if away2 > near * near or valid[n, r, c] == 0.0:
                        continue
                    value = contrast[r, c] * (1.0 - 0.3 * away2 / (near * near))
                    if value > best:
                        best, seed = value, r * size + c
            if seed < 0:
                break
            area, inside, rim, level = _grow(
                contrast, valid[n], seed, best, share_of_mean, stack, mask
            )
            _shape(mask, contrast, level, shape)
            row, col, wide = shape[0], shape[1], shape[3]
            if wide > 0.6 * size or inside < 0.7 * least:
                break
        if sd > 1e8 or area == 0 or inside < least:
            continue
        out_shape[n, 0], out_shape[n, 1] = shape[0], shape[1]
        out_shape[n, 2], out_shape[n, 3] = shape[3], shape[4]
        out_shape[n, 4] = math.sqrt(4.0 * shape[2] / math.pi)
        _walk_rays(contrast, valid[n], mask, row, col, inside, radius, step, slope, outside)
        blown = _colours(
            pixels[n], valid[n], tables, mask, row, col, 0.5 * wide + 2.0, wide + 6.0, bands
        )
        scale = max(inside, 1e-4)
        out[n, 0] = inside
        out[n, 1] = inside / max(sd, 0.01)
        for k, part in enumerate((0.0, 0.15, 0.5)):
            out[n, 2 + k] = _sorted_at(step, part) / scale
        out[n, 5] = _sorted_at(slope, 0.15) / scale
        out[n, 6] = _sorted_at(slope, 0.5) / scale
        out[n, 7] = shape[4] / max(shape[3], 1e-3)
        out[n, 8] = shape[2] / max(0.785 * shape[3] * shape[4], 1.0)
        out[n, 9] = shape[5] / math.sqrt(max(shape[2], 1.0))
        out[n, 10] = share
        out[n, 11] = rim / max(shape[5], 1.0)
        out[n, 12] = math.sqrt(plane[1] ** 2 + plane[2] ** 2) * wide / scale
        out[n, 13] = bands[0] / max(bands[1], 0.02)
        out[n, 14] = bands[2] / max(bands[1], 0.02)
        out[n, 15] = blown
        out[n, 16], out[n, 17] = bands[3], bands[4]
