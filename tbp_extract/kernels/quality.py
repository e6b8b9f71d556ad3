"""How well a crop was taken: lightness, sharpness, clipping, glare, hair.

Lightness is held as whole 64ths of L*, so that sums are exact and run fast.
"""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def lightness(
    pixels: NDArray[np.uint8],  # (S, S, 3)
    covered: NDArray[np.bool_],  # (S, S)
    share: NDArray[np.float32],  # (256, 3) part of Y by byte and channel, scaled to len(steps) - 1
    steps: NDArray[np.int16],  # (K,) 64 L* by scaled Y
    inverse: NDArray[np.float32],  # (256,) 255 / byte; 0 for 0
    dark: int,
    bright: int,
    light: NDArray[np.int32],  # (S, S) out: 64 L*; 0 where not covered
    colour: NDArray[np.uint8],  # (S, S) out: HSV saturation * 255
    lowest: NDArray[np.uint8],  # (S, S) out: lowest channel; 0 where not covered
) -> int:
    """Turn sRGB into lightness and saturation.

    Returns how many covered pixels are clipped: highest channel at most `dark` or at least
    `bright`.
    """
    clipped = 0
    for row in range(pixels.shape[0]):
        for col in range(pixels.shape[1]):
            red, green, blue = pixels[row, col, 0], pixels[row, col, 1], pixels[row, col, 2]
            y = share[red, 0] + share[green, 1] + share[blue, 2]
            light[row, col] = steps[int(y + 0.5)] * covered[row, col]
            high, low = max(red, green, blue), min(red, green, blue)
            colour[row, col] = int((np.int32(high) - np.int32(low)) * inverse[high] + 0.5)
            lowest[row, col] = low * covered[row, col]
            clipped += covered[row, col] & ((high <= dark) | (high >= bright))
    return clipped


@kernel
def _add_squares(
    one: NDArray[np.int32],  # (M,) 64 L*
    two: NDArray[np.int32],  # (M,)
    one_covered: NDArray[np.bool_],  # (M,)
    two_covered: NDArray[np.bool_],  # (M,)
    out: NDArray[np.int64],  # (2,) sum of squared differences and number of pairs, added to
) -> None:
    total, pairs = np.int64(0), np.int64(0)
    for k in range(one.shape[0]):
        both = np.int32(one_covered[k] & two_covered[k])
        # At most 6,400 either way: the square fits.
        step = np.int32((two[k] - one[k]) * both)
        total += np.int64(np.int32(step * step))
        pairs += both
    out[0] += total
    out[1] += pairs


@kernel
def _square_sum(
    light: NDArray[np.int32],  # (S, S)
    covered: NDArray[np.bool_],  # (S, S)
    lag: int,
    out: NDArray[np.int64],  # (2,) sum of squared differences, number of pairs
) -> None:
    """Compare all covered pairs of pixels `lag` apart along rows and columns."""
    size = light.shape[0]
    out[:] = 0
    for row in range(size):
        line, known = light[row], covered[row]
        _add_squares(line[: size - lag], line[lag:], known[: size - lag], known[lag:], out)
        if row + lag < size:
            _add_squares(line, light[row + lag], known, covered[row + lag], out)


@kernel
def rms_step(
    light: NDArray[np.int32],  # (S, S)
    covered: NDArray[np.bool_],  # (S, S)
    lag_px: float,
    sums: NDArray[np.int64],  # (2,) scratch
) -> float:
    """Root mean square difference across a way in pixels; between whole lags it is linear."""
    below = math.floor(lag_px)
    rms = np.zeros(2)
    for side in range(2):
        if below + side == 0:
            continue
        _square_sum(light, covered, below + side, sums)
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
def count_glare(
    light: NDArray[np.int32],  # (S, S)
    colour: NDArray[np.uint8],  # (S, S)
    lowest: NDArray[np.uint8],  # (S, S) lowest channel; 0 where not covered
    covered: NDArray[np.bool_],  # (S, S)
    border: NDArray[np.bool_],  # (S, S) zone whose median is the skin
    rise: int,
    pale: float,
) -> int:
    """Count pixels lighter than the skin by `rise` and paler than `pale` times its saturation."""
    lights, colours = np.zeros(6401, np.int32), np.zeros(256, np.int32)
    for row in range(light.shape[0]):
        for col in range(light.shape[1]):
            if border[row, col] and covered[row, col]:
                lights[light[row, col]] += 1
                colours[colour[row, col]] += 1
    middle, found = _middle(lights), np.int32(0)
    # No skin to compare with: only white is glare.
    least = np.int32(middle + rise) if middle == middle else np.int32(1 << 20)
    most = np.uint8(_middle(colours) * pale) if middle == middle else np.uint8(0)
    for row in range(light.shape[0]):
        # Row by row and without branches it runs in vector registers.
        line, tint, low, known = light[row], colour[row], lowest[row], covered[row]
        for col in range(light.shape[1]):
            shine = (line[col] >= least) & (tint[col] <= most) & known[col]
            found += np.int32(shine | (low[col] >= 250))
    return int(found)


@kernel
def _mark_valleys(
    light: NDArray[np.int32],  # (S, S)
    covered: NDArray[np.bool_],  # (S, S)
    reach_px: int,
    slant_px: int,
    depth: int,
    pad: int,
    out: NDArray[np.uint8],  # (S + 2 pad, S + 2 pad)
) -> None:
    """Mark pixels darker than both sides in one of four directions: lines and dots."""
    size = light.shape[0]
    out[:] = 0
    k, s = reach_px, slant_px
    for row in range(k, size - k):
        # Slices from the first column that has both sides: indices then start at 0.
        here, known = light[row, k : size - k], covered[row, k : size - k]
        left, right = light[row, : size - 2 * k], light[row, 2 * k :]
        above, below = light[row - k, k : size - k], light[row + k, k : size - k]
        above_left, above_right = light[row - s, k - s :], light[row - s, k + s :]
        below_left, below_right = light[row + s, k - s :], light[row + s, k + s :]
        marks = out[row + pad, k + pad :]
        for col in range(size - 2 * k):
            straight = max(min(left[col], right[col]), min(above[col], below[col]))
            slanted = max(
                min(above_left[col], below_right[col]), min(above_right[col], below_left[col])
            )
            deep = max(straight, slanted) - here[col] >= depth
            marks[col] = np.uint8(deep) & np.uint8(known[col])


@kernel
def _line_through(
    valley: NDArray[np.uint8],  # (P,) padded plane, row by row; 0 where no valley
    place: int,
    probes: NDArray[np.int64],  # (D, T) steps in the plane along each direction
    least: int,
) -> int:
    """First direction in which enough of a line through a valley is valley; -1 for none."""
    allowed = probes.shape[1] - least
    for direction in range(probes.shape[0]):
        misses = 0
        for step in range(probes.shape[1]):
            misses += valley[np.uint64(place + probes[direction, step])] == 0
            if misses > allowed:
                break
        if misses <= allowed:
            return direction
    return -1


@kernel
def mark_hair(
    light: NDArray[np.int32],  # (S, S)
    covered: NDArray[np.bool_],  # (S, S)
    reach_px: int,
    slant_px: int,
    depth: int,
    probes: NDArray[np.int64],  # (D, T) steps in the padded plane to look at
    lines: NDArray[np.int64],  # (D, L) all steps along the same directions
    least: int,
    valley: NDArray[np.uint8],  # (S + 2 pad, S + 2 pad) scratch; no step leaves it
    out: NDArray[np.uint8],  # (S, S) 1 on hair
) -> None:
    """Mark thin dark lines.

    Plan: one fast pass finds what is darker than both its sides; only there a slow one asks
    whether the valley goes on along a line. All valley on such a line is hair, so that only every
    second pixel is asked, and none that is hair already.
    """
    size, wide = light.shape[0], valley.shape[0]
    pad = (wide - size) // 2
    _mark_valleys(light, covered, reach_px, slant_px, depth, pad, valley)
    flat = valley.reshape(-1)
    for row in range(size):
        first = (row + pad) * wide + pad
        for col in range(row % 2, size, 2):
            if flat[np.uint64(first + col)] != 1:
                continue
            direction = _line_through(flat, first + col, probes, least)
            for step in range(lines.shape[1] if direction >= 0 else 0):
                place = np.uint64(first + col + lines[direction, step])
                flat[place] = min(2 * flat[place], 2)
    out[:] = valley[pad : pad + size, pad : pad + size] == 2


@kernel
def assess(
    pixels: NDArray[np.uint8],  # (N, S, S, 3)
    covered: NDArray[np.bool_],  # (N, S, S)
    border: NDArray[np.bool_],  # (S, S)
    share: NDArray[np.float32],  # (256, 3)
    steps: NDArray[np.int16],  # (K,)
    inverse: NDArray[np.float32],  # (256,)
    lag_px: NDArray[np.float64],  # (2,) fine and coarse
    clip: NDArray[np.int64],  # (2,) highest byte that is dark, lowest that is bright
    rise: int,
    pale: float,
    hair: NDArray[np.int64],  # (4,) reach, slant, depth, least
    pad: int,
    probes: NDArray[np.int64],  # (D, T) steps in a plane with that much room around
    lines: NDArray[np.int64],  # (D, L)
    out: NDArray[np.float64],  # (N, 5) rms steps (64 L*), shares clipped, glare, hair; NaN
) -> None:
    """Judge crop after crop in the same scratch; a crop without skin is left as it is."""
    size = pixels.shape[1]
    light, colour = np.empty((size, size), np.int32), np.empty((size, size), np.uint8)
    lowest = np.empty((size, size), np.uint8)
    wide = size + 2 * pad
    valley, strand = np.empty((wide, wide), np.uint8), np.empty((size, size), np.uint8)
    sums = np.empty(2, np.int64)
    for n in range(pixels.shape[0]):
        seen = covered[n].sum()
        if seen == 0:
            continue
        clipped = lightness(
            *(pixels[n], covered[n], share, steps, inverse, clip[0], clip[1]),
            *(light, colour, lowest),
        )
        for k in range(2):
            out[n, k] = rms_step(light, covered[n], lag_px[k], sums)
        out[n, 2] = clipped / seen
        glare = count_glare(light, colour, lowest, covered[n], border, rise, pale)
        out[n, 3] = glare / seen
        mark_hair(
            *(light, covered[n], hair[0], hair[1], hair[2], probes, lines, hair[3]),
            *(valley, strand),
        )
        out[n, 4] = strand.sum() / seen
