"""Dark spots on flat views of skin: optical density and its maxima."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def density(
    pixels: NDArray[np.uint8],  # (N, H, W, 3)
    shown: NDArray[np.int32],  # (N, H, W) below 0 where nothing shows
    tables: NDArray[np.float32],  # (3, 256) optical density of each level
    weights: NDArray[np.float32],  # (3,)
    out: NDArray[np.float32],  # (N, H, W), 0 where nothing shows
    out_valid: NDArray[np.float32],  # (N, H, W) 1 or 0
) -> None:
    """Weighted optical density: what lightens or dims a picture only shifts it."""
    table = np.empty((3, 256), np.float32)
    for band in range(3):
        table[band] = weights[band] * tables[band]
    for n in range(pixels.shape[0]):
        for r in range(pixels.shape[1]):
            for c in range(pixels.shape[2]):
                if shown[n, r, c] < 0:
                    out[n, r, c], out_valid[n, r, c] = 0.0, 0.0
                    continue
                out_valid[n, r, c] = 1.0
                out[n, r, c] = (
                    table[0, pixels[n, r, c, 0]]
                    + table[1, pixels[n, r, c, 1]]
                    + table[2, pixels[n, r, c, 2]]
                )


@kernel
def spread(
    image: NDArray[np.float32],  # (N, H, W)
    valid: NDArray[np.float32],  # (N, H, W)
) -> float:
    """Greatest difference of what is valid within all images together; 0 where nothing is."""
    flat, good = image.reshape(-1), valid.reshape(-1)
    least, most = np.inf, -np.inf
    for i in range(flat.shape[0]):
        if good[i] > 0.0:
            least, most = min(least, flat[i]), max(most, flat[i])
    return max(most - least, 0.0)


@kernel
def fill_gaps(
    image: NDArray[np.float32],  # (H, W), overwritten where not valid
    valid: NDArray[np.float32],  # (H, W)
) -> None:
    """Fill what is not valid with means over ever larger blocks around it.

    Plan: halve image and weight until one block is left, then hand means down from the top.
    """
    height, width = image.shape
    if height > 1 or width > 1:
        half_h, half_w = (height + 1) // 2, (width + 1) // 2
        small = np.zeros((half_h, half_w), np.float32)
        weight = np.zeros((half_h, half_w), np.float32)
        for r in range(height):
            for c in range(width):
                if valid[r, c] > 0.0:
                    small[r // 2, c // 2] += image[r, c]
                    weight[r // 2, c // 2] += np.float32(1.0)
        gaps = False
        for r in range(half_h):
            for c in range(half_w):
                if weight[r, c] > 0.0:
                    small[r, c] /= weight[r, c]
                else:
                    gaps = True
        if gaps:
            fill_gaps(small, weight)
        for r in range(height):
            for c in range(width):
                if valid[r, c] == 0.0:
                    image[r, c] = small[r // 2, c // 2]


@kernel
def _ring_noise(
    image: NDArray[np.float32],
    row: int,
    col: int,
    inner: float,
    outer: float,
    sums: NDArray[np.float64],  # (2,) scratch: mean and scatter so far
) -> None:
    """Mean and scatter of a ring; what lies far above or below at first sight is left out."""
    height, width = image.shape
    reach = int(outer) + 1
    for turn in range(3):
        n, total, squares = 0, 0.0, 0.0
        for r in range(max(row - reach, 0), min(row + reach + 1, height)):
            for c in range(max(col - reach, 0), min(col + reach + 1, width)):
                away2 = float((r - row) ** 2 + (c - col) ** 2)
                if away2 < inner * inner or away2 > outer * outer:
                    continue
                value = float(image[r, c])
                rest = value - sums[0]
                if turn > 0 and (rest > 1.5 * sums[1] or rest < -2.5 * sums[1]):
                    continue
                n += 1
                total += value
                squares += value * value
        if n < 8:
            return
        sums[0] = total / n
        sums[1] = math.sqrt(max(squares / n - sums[0] * sums[0], 1e-8))


@kernel
def stand_out(
    image: NDArray[np.float32],  # (H, W) density
    peaks: NDArray[np.float64],  # (N, 3) row, column, response
    diameter_px: float,
    least_scatter: float,
    out: NDArray[np.float64],  # (N,)
) -> None:
    """How far each peak stands out from the ring around it, by the ring's own scatter."""
    height, width = image.shape
    sums = np.empty(2)
    for n in range(peaks.shape[0]):
        row = min(max(int(peaks[n, 0] + 0.5), 0), height - 1)
        col = min(max(int(peaks[n, 1] + 0.5), 0), width - 1)
        sums[0], sums[1] = 0.0, 1e9
        _ring_noise(image, row, col, 0.75 * diameter_px + 0.5, 1.4 * diameter_px + 1.5, sums)
        out[n] = (image[row, col] - sums[0]) / max(sums[1], least_scatter)


@kernel
def find_peaks(
    response: NDArray[np.float32],  # (H, W)
    support: NDArray[np.float32],  # (H, W) share of skin below the filter
    least: float,
    least_support: float,
    most_stretch: float,  # of the longer by the shorter axis of a maximum, squared
    out: NDArray[np.float64],  # (M, 3) row, column, response
) -> int:
    """Local maxima to a fraction of a pixel; returns how many there are, at most M are kept.

    Ridges are left out by the ratio of principal curvatures, as in Lowe (2004,
    doi:10.1023/B:VISI.0000029664.99615.94).
    """
    found = 0
    height, width = response.shape
    for r in range(1, height - 1):
        for c in range(1, width - 1):
            here = response[r, c]
            if here < least or support[r, c] < least_support:
                continue
            top = True
            for dr in range(-1, 2):
                for dc in range(-1, 2):
                    other = response[r + dr, c + dc]
                    # Of equal neighbours the first in reading order wins.
                    first = dr < 0 or (dr == 0 and dc < 0)
                    if (dr != 0 or dc != 0) and (other > here or (other == here and first)):
                        top = False
            if not top:
                continue
            up, down = response[r - 1, c], response[r + 1, c]
            left, right = response[r, c - 1], response[r, c + 1]
            bend_r, bend_c = up + down - 2.0 * here, left + right - 2.0 * here
            twist = 0.25 * (
                response[r + 1, c + 1]
                + response[r - 1, c - 1]
                - response[r + 1, c - 1]
                - response[r - 1, c + 1]
            )
            # A ridge bends one way only.
            total, product = bend_r + bend_c, bend_r * bend_c - twist * twist
            if total * total * most_stretch > product * (most_stretch + 1.0) ** 2:
                continue
            if found < out.shape[0]:
                out[found, 0] = r + (0.5 * (up - down) / bend_r if bend_r < -1e-9 else 0.0)
                out[found, 1] = c + (0.5 * (left - right) / bend_c if bend_c < -1e-9 else 0.0)
                out[found, 2] = here
            found += 1
    return found


@kernel
def search_scale(
    fine: NDArray[np.float32],  # (N, H, W) density, smoothed
    coarse: NDArray[np.float32],  # (N, H, W) smoothed twice as wide
    support: NDArray[np.float32],  # (N, H, W) share of skin below the filter
    least: float,  # response that a peak has at least
    noise_times: float,  # and by its image's mean response
    least_support: float,
    most_stretch: float,
    diameter_px: float,  # of the spots that answer most
    least_scatter: float,
    least_apart: float,  # how far a peak stands out at least
    out: NDArray[np.float64],  # (M, 4) image, row, column, response: room for every fourth pixel
) -> int:
    """Peaks of the difference of each image and its coarser one; returns how many."""
    height, width = fine.shape[1:]
    response = np.empty((height, width), np.float32)
    peaks, apart = np.empty((height * width // 4 + 1, 3)), np.empty(height * width // 4 + 1)
    found = 0
    for n in range(fine.shape[0]):
        total = 0.0
        for r in range(height):
            for c in range(width):
                response[r, c] = fine[n, r, c] - coarse[n, r, c]
                total += abs(response[r, c])
        bar = max(least, noise_times * total / (height * width))
        k = find_peaks(response, support[n], bar, least_support, most_stretch, peaks)
        stand_out(fine[n], peaks[:k], diameter_px, least_scatter, apart)
        for i in range(k):
            if apart[i] >= least_apart:
                out[found, 0] = n
                out[found, 1:] = peaks[i]
                found += 1
    return found
