"""What tells a spot that was outlined from others."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

RAYS = 24


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
    valid: NDArray[np.float32],  # (N, S, S)
    tables: NDArray[np.float32],  # (3, 256)
    contrast: NDArray[np.float32],  # (N, S, S) of `outline`, and so are the next two
    mask: NDArray[np.bool_],  # (N, S, S)
    outlined: NDArray[np.float64],  # (N, 11)
    out: NDArray[np.float32],  # (N, 18)
) -> None:
    """Describe the spot in each view; NaN where there is none.

    Plan: rays from its centroid compare it with what lies beyond its rim.
    """
    bands = np.empty(5)
    radius, step, slope, outside = np.empty(RAYS), np.empty(RAYS), np.empty(RAYS), np.empty(RAYS)
    for n in range(pixels.shape[0]):
        out[n] = np.nan
        if np.isnan(outlined[n, 0]):
            continue
        row, col, area, wide, narrow, perimeter = outlined[n, :6]
        inside, rim, sd, share, tilt = outlined[n, 6:]
        _walk_rays(contrast[n], valid[n], mask[n], row, col, inside, radius, step, slope, outside)
        blown = _colours(
            pixels[n], valid[n], tables, mask[n], row, col, 0.5 * wide + 2.0, wide + 6.0, bands
        )
        scale = max(inside, 1e-4)
        out[n, 0] = inside
        out[n, 1] = inside / max(sd, 0.01)
        for k, part in enumerate((0.0, 0.15, 0.5)):
            out[n, 2 + k] = _sorted_at(step, part) / scale
        out[n, 5] = _sorted_at(slope, 0.15) / scale
        out[n, 6] = _sorted_at(slope, 0.5) / scale
        out[n, 7] = narrow / max(wide, 1e-3)
        out[n, 8] = area / max(0.785 * wide * narrow, 1.0)
        out[n, 9] = perimeter / math.sqrt(max(area, 1.0))
        out[n, 10] = share
        out[n, 11] = rim / max(perimeter, 1.0)
        out[n, 12] = tilt * wide / scale
        out[n, 13] = bands[0] / max(bands[1], 0.02)
        out[n, 14] = bands[2] / max(bands[1], 0.02)
        out[n, 15] = blown
        out[n, 16], out[n, 17] = bands[3], bands[4]
