"""Colour of skin among lesions, hair and glare: a median that leaves out what is unlike it."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def lab_codes(
    lab: NDArray[np.float32],  # (M, M, 3)
    used: NDArray[np.bool_],  # (M, M)
    every: int,  # rows and columns that are looked at: every so many
    scale: float,
    zero: int,
    out: NDArray[np.int32],  # (3, K) L*, a*, b* times `scale` plus `zero`
) -> int:
    """Gather the colours of the pixels in use; returns how many."""
    found = 0
    for row in range(0, lab.shape[0], every):
        for col in range(0, lab.shape[1], every):
            if used[row, col]:
                for channel in range(3):
                    out[channel, found] = math.floor(lab[row, col, channel] * scale + 0.5) + zero
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
    lab: NDArray[np.float32],  # (N, M, M, 3)
    used: NDArray[np.bool_],  # (N, M, M)
    every: int,
    scale: float,
    zero: int,
    bins: int,
    reach: float,
    fewest: int,
    out: NDArray[np.float64],  # (N, 3) L*, a*, b*; left as it is where too few pixels are in use
) -> None:
    """Find the median colour of the pixels in use whose L* is typical among them."""
    codes = np.empty((3, lab.shape[1] * lab.shape[2]), np.int32)
    counts, limits = np.empty(bins, np.int32), np.empty(2)
    for n in range(lab.shape[0]):
        found = lab_codes(lab[n], used[n], every, scale, zero, codes)
        if found < fewest:
            continue
        _typical_range(codes[0, :found], reach, scale, counts, limits)
        for channel in range(3):
            counts[:] = 0
            for k in range(found):
                if limits[0] <= codes[0, k] <= limits[1]:
                    counts[codes[channel, k]] += 1
            out[n, channel] = (histogram_median(counts) - zero) / scale
