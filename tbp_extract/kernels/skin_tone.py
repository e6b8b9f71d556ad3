"""Colour of skin among lesions, hair and glare: a median that leaves out what is unlike it."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def lab_codes(
    lab: NDArray[np.float32],  # (3, M, M)
    away_mm: NDArray[np.float32],  # (M, M) distance from an outline, outside below 0
    clear: NDArray[np.bool_],  # (M, M)
    nearest_mm: float,  # skin lies farther outside than this
    every: int,  # rows and columns that are looked at: every so many
    scale: float,
    zero: int,
    out: NDArray[np.int32],  # (3, K) L*, a*, b* times `scale` plus `zero`
) -> int:
    """Gather the colours of clear skin; returns of how many pixels."""
    found, limit, shift = 0, np.float32(-nearest_mm), zero + 0.5
    for row in range(0, lab.shape[1], every):
        for col in range(0, lab.shape[2], every):
            if clear[row, col] and away_mm[row, col] < limit:
                for channel in range(3):
                    # Above 0, so that cutting off is rounding down.
                    out[channel, found] = int(lab[channel, row, col] * scale + shift)
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
    lab: NDArray[np.float32],  # (N, 3, M, M)
    away_mm: NDArray[np.float32],  # (N, M, M) distance from each outline
    border_mm: NDArray[np.float32],  # (M, M) stands in where there is no outline
    outlined: NDArray[np.bool_],  # (N,)
    clear: NDArray[np.bool_],  # (N, M, M)
    nearest_mm: float,
    every: int,
    scale: float,
    zero: int,
    bins: int,
    reach: float,
    fewest: int,
    out: NDArray[np.float64],  # (N, 3) L*, a*, b*; left as it is where too few pixels are in use
) -> None:
    """Find the median colour of the skin whose L* is typical."""
    codes = np.empty((3, lab.shape[2] * lab.shape[3]), np.int32)
    counts, limits = np.empty(bins, np.int32), np.empty(2)
    for n in range(lab.shape[0]):
        away = away_mm[n] if outlined[n] else border_mm
        found = lab_codes(lab[n], away, clear[n], nearest_mm, every, scale, zero, codes)
        if found < fewest:
            continue
        _typical_range(codes[0, :found], reach, scale, counts, limits)
        for channel in range(3):
            counts[:] = 0
            for k in range(found):
                if limits[0] <= codes[0, k] <= limits[1]:
                    counts[codes[channel, k]] += 1
            out[n, channel] = (histogram_median(counts) - zero) / scale
