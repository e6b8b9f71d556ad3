"""How well a crop was taken: lightness, sharpness, clipping, glare.

Lightness is held as whole 64ths of L*, so that sums are exact and run fast.
"""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


# What can be counted runs in vector registers; three look-ups a pixel cannot, and stand alone.
@kernel
def lightness(
    pixels: NDArray[np.uint8],  # (S, S, 3), 0 where not covered
    covered: NDArray[np.bool_],  # (S, S)
    share: NDArray[np.float32],  # (3, 256) part of Y by channel and byte, scaled to len(steps) - 1
    steps: NDArray[np.int16],  # (K,) 64 L* by scaled Y
    dark: int,
    bright: int,
    light: NDArray[np.int16],  # (S, S) out: 64 L*; 0 where not covered
    lowest: NDArray[np.uint8],  # (S, S) out: lowest channel; 0 where not covered
) -> int:
    """Turn sRGB into lightness.

    Returns how many covered pixels are clipped: highest channel at most `dark` or at least
    `bright`.
    """
    flat, seen = pixels.reshape(-1), covered.reshape(-1)
    lights, low = light.reshape(-1), lowest.reshape(-1)
    reds, greens, blues, half = share[0], share[1], share[2], np.float32(0.5)
    least, most, one, two = np.uint8(bright), np.uint8(dark), np.uint64(1), np.uint64(2)
    for p in range(lights.shape[0]):
        # Unsigned: an index that cannot be negative needs no test.
        at = np.uint64(3 * p)
        y = reds[flat[at]] + greens[flat[at + one]] + blues[flat[at + two]]
        lights[p] = steps[np.uint64(np.int32(y + half))]
    clipped = np.int32(0)
    for p in range(lights.shape[0]):
        at = np.uint64(3 * p)
        red, green, blue = flat[at], flat[at + one], flat[at + two]
        high, known = max(red, green, blue), seen[p]
        low[p] = min(red, green, blue) * known
        clipped = np.int32(clipped + np.int32(known & ((high <= most) | (high >= least))))
        lights[p] = lights[p] * known
    return int(clipped)


# 64 squares fit into 32 bits without a sign: lightness is at most 6,400.
@kernel
def _square_sum(
    one: NDArray[np.int16],  # (P,) 64 L*
    two: NDArray[np.int16],  # (P,) or longer
) -> int:
    """Sum of squared differences."""
    total, block = np.int64(0), 64
    blocks = one.shape[0] // block
    for b in range(blocks):
        part, first = np.int32(0), np.uint64(64 * b)
        for k in range(np.uint64(64)):
            step = np.int16(two[first + k] - one[first + k])
            part = np.int32(part + np.int32(np.int32(step) * np.int32(step)))
        total += np.int64(part) & np.int64(0xFFFFFFFF)
    for k in range(block * blocks, one.shape[0]):
        total += (np.int64(two[k]) - one[k]) ** 2
    return int(total)


@kernel
def _square_sum_covered(
    one: NDArray[np.int16],  # (P,) 64 L*
    two: NDArray[np.int16],  # (P,) or longer
    one_covered: NDArray[np.bool_],  # (P,)
    two_covered: NDArray[np.bool_],  # (P,) or longer
    out: NDArray[np.int64],  # (2,) sum of squared differences and number of pairs, added to
) -> None:
    """Compare those pairs of pixels that are both covered."""
    block = 64
    blocks = one.shape[0] // block
    for b in range(blocks):
        part, pairs, first = np.int32(0), np.int32(0), np.uint64(64 * b)
        for k in range(np.uint64(64)):
            both = np.int16(one_covered[first + k] & two_covered[first + k])
            step = np.int16(np.int16(two[first + k] - one[first + k]) * both)
            part = np.int32(part + np.int32(np.int32(step) * np.int32(step)))
            pairs = np.int32(pairs + both)
        out[0] += np.int64(part) & np.int64(0xFFFFFFFF)
        out[1] += pairs
    for k in range(block * blocks, one.shape[0]):
        if one_covered[k] and two_covered[k]:
            out[0] += (np.int64(two[k]) - one[k]) ** 2
            out[1] += 1


# All pairs at a distance along the flat image; those that reach into the next row are taken off.
@kernel
def _compare(
    light: NDArray[np.int16],  # (S, S)
    covered: NDArray[np.bool_],  # (S, S)
    whole: bool,  # whether all is covered
    lag: int,
    out: NDArray[np.int64],  # (2,) sum of squared differences, number of pairs
) -> None:
    """Compare all covered pairs of pixels `lag` apart along rows and columns."""
    size, down = light.shape[0], lag * light.shape[0]
    flat, known = light.reshape(-1), covered.reshape(-1)
    count = size * size
    out[0], out[1] = 0, 2 * size * (size - lag)
    if whole:
        out[0] += _square_sum(flat[: count - lag], flat[lag:])
        out[0] += _square_sum(flat[: count - down], flat[down:])
    else:
        out[1] = 0
        _square_sum_covered(flat[: count - lag], flat[lag:], known, known[lag:], out)
        _square_sum_covered(flat[: count - down], flat[down:], known, known[down:], out)
    for row in range(1, size):
        for k in range(row * size - lag, row * size):
            if whole or (known[k] and known[k + lag]):
                out[0] -= (np.int64(flat[k + lag]) - flat[k]) ** 2
                out[1] -= 0 if whole else 1


@kernel
def rms_step(
    light: NDArray[np.int16],  # (S, S)
    covered: NDArray[np.bool_],  # (S, S)
    whole: bool,  # whether all is covered
    lag_px: float,
    sums: NDArray[np.int64],  # (2,) scratch
) -> float:
    """Root mean square difference across a way in pixels; between whole lags it is linear."""
    below = math.floor(lag_px)
    rms = np.zeros(2)
    for side in range(2):
        if below + side == 0:
            continue
        _compare(light, covered, whole, below + side, sums)
        rms[side] = math.sqrt(sums[0] / sums[1]) if sums[1] > 0 else math.nan
    part = lag_px - below
    return float((1.0 - part) * rms[0] + part * rms[1])


@kernel
def _middle(counts: NDArray[np.int32]) -> float:
    """Lower median of a histogram; NaN of an empty one."""
    total = counts.sum()
    if total == 0:
        return math.nan
    seen = 0
    for value in range(len(counts)):
        seen += counts[value]
        if 2 * seen >= total:
            return float(value)
    return math.nan


@kernel
def _saturation(pixel: NDArray[np.uint8], inverse: NDArray[np.float32]) -> int:
    """HSV saturation in 0..255 of an sRGB pixel (3,)."""
    high, low = max(pixel[0], pixel[1], pixel[2]), min(pixel[0], pixel[1], pixel[2])
    return int((np.int32(high) - np.int32(low)) * inverse[high] + 0.5)


# Where more than half of the skin is within `rise` of the lightest pixel, none is so much lighter
# than skin's median: most crops need no more than this count, which runs in vector registers.
@kernel
def _may_shine(
    light: NDArray[np.int16],  # (S, S)
    covered: NDArray[np.bool_],  # (S, S)
    border: NDArray[np.bool_],  # (S, S)
    rise: int,
) -> bool:
    """Whether any pixel may be lighter than the skin by `rise`."""
    lights, known, zone = light.reshape(-1), covered.reshape(-1), border.reshape(-1)
    top, skin, high = np.int16(0), np.int32(0), np.int32(0)
    for p in range(lights.shape[0]):
        top = max(top, lights[p])
    limit = np.int16(top - rise)
    for p in range(lights.shape[0]):
        here = known[p] & zone[p]
        skin = np.int32(skin + np.int32(here))
        high = np.int32(high + np.int32(here & (lights[p] > limit)))
    return bool(2 * high <= skin and skin > 0)


@kernel
def count_glare(
    pixels: NDArray[np.uint8],  # (S, S, 3)
    light: NDArray[np.int16],  # (S, S)
    lowest: NDArray[np.uint8],  # (S, S) lowest channel; 0 where not covered
    covered: NDArray[np.bool_],  # (S, S)
    border: NDArray[np.bool_],  # (S, S) zone whose median is the skin
    inverse: NDArray[np.float32],  # (256,) 255 / byte; 0 for 0
    rise: int,
    pale: float,
) -> int:
    """Count pixels lighter than the skin by `rise` and paler than `pale` times its saturation.

    Without skin to compare with, only white is glare.
    """
    white, found, shines = lowest.reshape(-1), np.int32(0), 0
    for p in range(white.shape[0]):
        found = np.int32(found + np.int32(white[p] >= np.uint8(250)))
    if not _may_shine(light, covered, border, rise):
        return int(found)
    lights, colours = np.zeros(6401, np.int32), np.zeros(256, np.int32)
    for row in range(light.shape[0]):
        for col in range(light.shape[1]):
            if border[row, col] and covered[row, col]:
                lights[light[row, col]] += 1
                colours[_saturation(pixels[row, col], inverse)] += 1
    least, most = int(_middle(lights)) + rise, int(_middle(colours) * pale)
    for row in range(light.shape[0]):
        for col in range(light.shape[1]):
            if light[row, col] >= least and covered[row, col] and lowest[row, col] < 250:
                shines += _saturation(pixels[row, col], inverse) <= most
    return int(found) + shines


@kernel
def assess(
    pixels: NDArray[np.uint8],  # (N, S, S, 3)
    covered: NDArray[np.bool_],  # (N, S, S)
    border: NDArray[np.bool_],  # (S, S)
    share: NDArray[np.float32],  # (3, 256)
    steps: NDArray[np.int16],  # (K,)
    inverse: NDArray[np.float32],  # (256,)
    lag_px: NDArray[np.float64],  # (2,) fine and coarse
    clip: NDArray[np.int64],  # (2,) highest byte that is dark, lowest that is bright
    rise: int,
    pale: float,
    out: NDArray[np.float64],  # (N, 4) rms steps (64 L*), shares clipped, glare; NaN
) -> None:
    """Judge crop after crop in the same scratch; a crop without skin is left as it is."""
    size = pixels.shape[1]
    light, lowest = np.empty((size, size), np.int16), np.empty((size, size), np.uint8)
    sums = np.empty(2, np.int64)
    for n in range(pixels.shape[0]):
        seen = covered[n].sum()
        if seen == 0:
            continue
        clipped = lightness(
            *(pixels[n], covered[n], share, steps, clip[0], clip[1], light, lowest),
        )
        for k in range(2):
            out[n, k] = rms_step(light, covered[n], seen == size * size, lag_px[k], sums)
        out[n, 2] = clipped / seen
        glare = count_glare(
            *(pixels[n], light, lowest, covered[n], border, inverse, rise, pale),
        )
        out[n, 3] = glare / seen
