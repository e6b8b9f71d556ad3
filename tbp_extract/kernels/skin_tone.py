"""Colour of skin among lesions, hair and glare: a median that leaves out what is unlike it."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def lab_codes(
    pixels: NDArray[np.uint8],  # (S, S, 3)
    used: NDArray[np.bool_],  # (S, S)
    share: NDArray[np.float32],  # (3, 256, 3) part of X, Y, Z by byte and channel, in steps
    root: NDArray[np.float32],  # (K,) CIELAB's f by step
    scale: float,
    zero: int,
    out: NDArray[np.int32],  # (3, M) L*, a*, b* times `scale` plus `zero`
) -> int:
    """Gather the colours of the pixels in use; returns how many."""
    found = 0
    for row in range(pixels.shape[0]):
        for col in range(pixels.shape[1]):
            if not used[row, col]:
                continue
            red, green, blue = pixels[row, col, 0], pixels[row, col, 1], pixels[row, col, 2]
            x = root[int(share[0, red, 0] + share[0, green, 1] + share[0, blue, 2] + 0.5)]
            y = root[int(share[1, red, 0] + share[1, green, 1] + share[1, blue, 2] + 0.5)]
            z = root[int(share[2, red, 0] + share[2, green, 1] + share[2, blue, 2] + 0.5)]
            out[0, found] = math.floor((116.0 * y - 16.0) * scale + 0.5) + zero
            out[1, found] = math.floor(500.0 * (x - y) * scale + 0.5) + zero
            out[2, found] = math.floor(200.0 * (y - z) * scale + 0.5) + zero
            found += 1
    return found


@kernel
def histogram_median(counts: NDArray[np.int32]) -> float:
    """Median, linear within the bin that holds it; NaN of an empty histogram."""
    total = counts.sum()
    seen = 0
    for value in range(counts.shape[0]):
        if counts[value] > 0 and 2 * (seen + counts[value]) >= total:
            return float(value - 0.5 + (0.5 * total - seen) / counts[value])
        seen += counts[value]
    return math.nan


@kernel
def _typical_range(
    lights: NDArray[np.int32],  # (M,) coded L*
    reach: float,
    least: float,
    counts: NDArray[np.int32],  # (B,) scratch
    out: NDArray[np.float64],  # (2,) lowest and highest typical code
) -> None:
    """Median of L* plus and minus `reach` median absolute deviations, `least` codes at least."""
    counts[:] = 0
    for k in range(lights.shape[0]):
        counts[lights[k]] += 1
    middle = histogram_median(counts)
    counts[:] = 0
    for k in range(lights.shape[0]):
        counts[int(abs(lights[k] - middle) + 0.5)] += 1
    spread = max(reach * histogram_median(counts), least)
    out[0], out[1] = middle - spread, middle + spread


@kernel
def skin_colours(
    pixels: NDArray[np.uint8],  # (N, S, S, 3)
    used: NDArray[np.bool_],  # (N, S, S)
    share: NDArray[np.float32],  # (3, 256, 3)
    root: NDArray[np.float32],  # (K,)
    scale: float,
    zero: int,
    bins: int,
    reach: float,
    fewest: int,
    out: NDArray[np.float64],  # (N, 3) L*, a*, b*; left as it is where too few pixels are in use
) -> None:
    """Find the median colour of the pixels in use whose L* is typical among them."""
    codes = np.empty((3, pixels.shape[1] * pixels.shape[2]), np.int32)
    counts, limits = np.empty(bins, np.int32), np.empty(2)
    for n in range(pixels.shape[0]):
        found = lab_codes(pixels[n], used[n], share, root, scale, zero, codes)
        if found < fewest:
            continue
        _typical_range(codes[0, :found], reach, scale, counts, limits)
        for channel in range(3):
            counts[:] = 0
            for k in range(found):
                if limits[0] <= codes[0, k] <= limits[1]:
                    counts[codes[channel, k]] += 1
            out[n, channel] = (histogram_median(counts) - zero) / scale
