"""Square images onto a metric raster, and their colours into CIELAB, channel by channel."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


# One root each, then a polynomial or two steps of an iteration, without a division: both run in
# vector registers where tables do not. Beyond their ranges both curves go on as lines.
@kernel
def _linear(level: NDArray[np.float32]) -> None:
    """Linear light of sRGB levels in 0..255 (B,), in place; off by less than 1e-6 of itself."""
    one = np.float32
    knee, scale, shift = one(0.04045 * 255.0), one(1.0 / (1.055 * 255.0)), one(0.055 / 1.055)
    slope = one(1.0 / (12.92 * 255.0))
    for k in range(level.shape[0]):
        bright = max(level[k], knee)
        x = bright * scale + shift
        s = one(math.sqrt(x))
        power = one(-0.81731081) + s * one(0.15618663)
        power = one(2.0681658) + s * (one(-2.4357681) + s * (one(1.8606240) + s * power))
        power = one(0.027663371) + s * (one(1.4347847) + s * (one(-1.2943448) + s * power))
        level[k] = x * x * power + (level[k] - bright) * slope


@kernel
def _root(
    ratio: NDArray[np.float32],  # (B,) changed
    bits: NDArray[np.int32],  # (B,) scratch
) -> None:
    """CIELAB's f in place: the cube root above (6/29)^3, off by less than 1e-6; a line below."""
    one = np.float32
    knee, slope, third, ninths = one(0.008856), one(7.787), one(1.0 / 3.0), one(2.0 / 9.0)
    guess, given = bits.view(np.float32), ratio.view(np.int32)
    least, start = np.int32(0x3C1118C2), np.int32(0x54A20000)
    for k in range(ratio.shape[0]):
        # A float read as a whole number is a logarithm: a third of it gives the root's inverse.
        bits[k] = start - np.int32(one(max(given[k], least)) * third)
    for k in range(ratio.shape[0]):
        above, root = max(ratio[k], knee), guess[k]
        away = one(1.0) - above * root * root * root
        root += root * away * (third + ninths * away)
        away = one(1.0) - above * root * root * root
        root += root * away * (third + ninths * away)
        ratio[k] = above * root * root + (ratio[k] - above) * slope


@kernel
def _planes_to_lab(
    red: NDArray[np.float32],  # (B,) sRGB, 0..255; becomes L*
    green: NDArray[np.float32],  # (B,); becomes a*
    blue: NDArray[np.float32],  # (B,); becomes b*
    to_white: NDArray[np.float32],  # (3, 3) linear sRGB to XYZ relative to white
    bits: NDArray[np.int32],  # (B,) scratch
) -> None:
    """Turn planes of sRGB into planes of CIELAB."""
    _linear(red)
    _linear(green)
    _linear(blue)
    a, b, c = to_white[0, 0], to_white[0, 1], to_white[0, 2]
    d, e, f = to_white[1, 0], to_white[1, 1], to_white[1, 2]
    g, h, i = to_white[2, 0], to_white[2, 1], to_white[2, 2]
    for k in range(red.shape[0]):
        r, s, t = red[k], green[k], blue[k]
        red[k] = a * r + b * s + c * t
        green[k] = d * r + e * s + f * t
        blue[k] = g * r + h * s + i * t
    _root(red, bits)
    _root(green, bits)
    _root(blue, bits)
    for k in range(red.shape[0]):
        x, y, z = red[k], green[k], blue[k]
        red[k] = np.float32(116.0) * y - np.float32(16.0)
        green[k] = np.float32(500.0) * (x - y)
        blue[k] = np.float32(200.0) * (y - z)


@kernel
def to_lab(
    rgb: NDArray[np.float32],  # (K, 3) sRGB, 0..255
    to_white: NDArray[np.float32],  # (3, 3) linear sRGB to XYZ relative to white
    out_lab: NDArray[np.float32],  # (K, 3)
) -> None:
    """Turn sRGB colours into CIELAB, in blocks that stay in the cache."""
    block = 256
    red, green = np.zeros(block, np.float32), np.zeros(block, np.float32)
    blue, bits = np.zeros(block, np.float32), np.empty(block, np.int32)
    for start in range(0, rgb.shape[0], block):
        given, out = rgb[start : start + block], out_lab[start : start + block]
        for k in range(given.shape[0]):
            red[k], green[k], blue[k] = given[k, 0], given[k, 1], given[k, 2]
        _planes_to_lab(red, green, blue, to_white, bits)
        for k in range(given.shape[0]):
            out[k, 0], out[k, 1], out[k, 2] = red[k], green[k], blue[k]


# Source rows into one row: along memory, all channels alike. The row is laid down as columns, so
# that the second pass runs along memory as well.
@kernel
def _mix_rows(
    source: NDArray[np.uint8],  # (S, 3 S)
    covered: NDArray[np.bool_],  # (S, S)
    whole: bool,  # whether all is covered
    first: NDArray[np.int64],  # (M,)
    weight: NDArray[np.float32],  # (M, T)
    line: NDArray[np.float32],  # (4 S,) scratch
    out_turned: NDArray[np.float32],  # (4, S, M) red, green, blue; cover, if not whole
) -> None:
    """Resample the rows of an image and of its cover."""
    size = covered.shape[0]
    colours, shade = line[: 3 * size], line[3 * size :]
    reds, greens, blues, covers = out_turned[0], out_turned[1], out_turned[2], out_turned[3]
    for i in range(first.shape[0]):
        line[:] = 0.0
        for k in range(weight.shape[1]):
            w, row = weight[i, k], first[i] + k
            if w == 0.0:
                continue
            from_row, cover_row = source[row], covered[row]
            for s in range(3 * size):
                colours[s] += w * np.float32(from_row[s])
            for s in range(0 if whole else size):
                shade[s] += w * np.float32(cover_row[s])
        for s in range(size):
            # Unsigned: an index that cannot be negative needs no test.
            at, one, two = np.uint64(3 * s), np.uint64(1), np.uint64(2)
            reds[s, i], greens[s, i], blues[s, i] = line[at], line[at + one], line[at + two]
        for s in range(0 if whole else size):
            covers[s, i] = shade[s]


@kernel
def _mix_columns(
    turned: NDArray[np.float32],  # (S, M) of `_mix_rows`
    first: NDArray[np.int64],  # (M,)
    weight: NDArray[np.float32],  # (M, T)
    out: NDArray[np.float32],  # (M, M) turned
) -> None:
    """Resample the columns of a plane."""
    for j in range(first.shape[0]):
        line, column, w = out[j], turned[first[j]], weight[j, 0]
        for i in range(line.shape[0]):
            line[i] = w * column[i]
        for k in range(1, weight.shape[1]):
            w = weight[j, k]
            if w != 0.0:
                column = turned[first[j] + k]
                for i in range(line.shape[0]):
                    line[i] += w * column[i]


# The cover divides the colours, so that uncovered (black) pixels darken nothing.
@kernel
def _part(
    planes: NDArray[np.float32],  # (4, P) red, green, blue, cover; colours are changed
    out_covered: NDArray[np.bool_],  # (P,)
) -> None:
    """Divide by the cover; what is covered."""
    red, green, blue, cover = planes[0], planes[1], planes[2], planes[3]
    for p in range(cover.shape[0]):
        known = cover[p] > np.float32(1e-3)
        scale = np.float32(1.0) / cover[p] if known else np.float32(0.0)
        red[p], green[p], blue[p] = red[p] * scale, green[p] * scale, blue[p] * scale
        out_covered[p] = cover[p] > np.float32(0.5)


@kernel
def _mark_glare(
    planes: NDArray[np.float32],  # (4, P)
    white: np.float32,
    out_glare: NDArray[np.bool_],  # (P,)
) -> bool:
    """Mark pixels of which all channels lie above a level; whether there are any."""
    red, green, blue, found = planes[0], planes[1], planes[2], np.int32(0)
    for p in range(red.shape[0]):
        shine = (red[p] > white) & (green[p] > white) & (blue[p] > white)
        out_glare[p] = shine
        found |= np.int32(shine)
    return bool(found > 0)


@kernel
def _is_whole(covered: NDArray[np.bool_]) -> bool:
    """Whether all pixels (S, S) are covered."""
    for row in range(covered.shape[0]):
        missing = np.int32(0)
        for col in range(covered.shape[1]):
            missing |= np.int32(not covered[row, col])
        if missing > 0:
            return False
    return True


@kernel
def regrid(
    pixels: NDArray[np.uint8],  # (N, S, S, 3), 0 where not covered
    covered: NDArray[np.bool_],  # (N, S, S)
    first: NDArray[np.int64],  # (M,) first source line of each output line
    weight: NDArray[np.float32],  # (M, T) of the lines from there; 0 beyond the image
    white: float,  # glare is where all channels lie above it
    to_white: NDArray[np.float32],  # (3, 3) linear sRGB to XYZ relative to white
    out_lab: NDArray[np.float32],  # (N, 3, M, M)
    out_covered: NDArray[np.bool_],  # (N, M, M) where most of the weight lies on covered pixels
    out_glare: NDArray[np.bool_],  # (N, M, M)
) -> None:
    """Resample images and their cover, with one set of weights for both axes, into CIELAB."""
    size, count, block = pixels.shape[1], first.shape[0], 1024
    line, turned = np.empty(4 * size, np.float32), np.empty((4, size, count), np.float32)
    planes, bits = np.empty((4, count * count), np.float32), np.empty(block, np.int32)
    marks = np.empty(count * count, np.bool_)
    for n in range(pixels.shape[0]):
        whole = _is_whole(covered[n])
        source = pixels[n].reshape(size, 3 * size)
        _mix_rows(source, covered[n], whole, first, weight, line, turned)
        for c in range(3 if whole else 4):
            _mix_columns(turned[c], first, weight, planes[c].reshape(count, count))
        out_covered[n], out_glare[n] = True, False
        if not whole:
            _part(planes, marks)
            out_covered[n] = marks.reshape(count, count).T
        if _mark_glare(planes, np.float32(white), marks):
            out_glare[n] = marks.reshape(count, count).T
        for k in range(0, count * count, block):
            end = min(k + block, count * count)
            red, green, blue = planes[0, k:end], planes[1, k:end], planes[2, k:end]
            _planes_to_lab(red, green, blue, to_white, bits[: end - k])
        for c in range(3):
            out_lab[n, c] = planes[c].reshape(count, count).T


# Weights 1-2-1 both ways around every second pixel: what the coarse grid shows is smooth, and its
# middle is that of the fine one, whose size is odd. Down first, along memory.
@kernel
def _halve_plane(
    values: NDArray[np.float32],  # (M, M)
    weight: NDArray[np.float32],  # (M, M)
    line: NDArray[np.float32],  # (M,) scratch
    out: NDArray[np.float32],  # (M // 2, M // 2)
) -> None:
    """Sum of weighted values around every second pixel."""
    two = np.float32(2.0)
    for i in range(out.shape[0]):
        above, here, below = values[2 * i], values[2 * i + 1], values[2 * i + 2]
        one, mid, last = weight[2 * i], weight[2 * i + 1], weight[2 * i + 2]
        for j in range(line.shape[0]):
            line[j] = one[j] * above[j] + two * (mid[j] * here[j]) + last[j] * below[j]
        for j in range(out.shape[1]):
            out[i, j] = line[2 * j] + two * line[2 * j + 1] + line[2 * j + 2]


@kernel
def halve(
    lab: NDArray[np.float32],  # (N, 3, M, M), M odd
    usable: NDArray[np.bool_],  # (N, M, M)
    out_lab: NDArray[np.float32],  # (N, 3, M // 2, M // 2) 0 where not usable
    out_usable: NDArray[np.bool_],  # (N, M // 2, M // 2) whether any usable pixel was in reach
) -> None:
    """Smooth images and keep every second pixel, counted from the second one."""
    size, half = lab.shape[2], out_lab.shape[2]
    ones, weight = np.ones((size, size), np.float32), np.empty((size, size), np.float32)
    line, total = np.empty(size, np.float32), np.empty((half, half), np.float32)
    for n in range(lab.shape[0]):
        weight[:] = usable[n]
        _halve_plane(ones, weight, line, total)
        for c in range(3):
            _halve_plane(lab[n, c], weight, line, out_lab[n, c])
            for i in range(half):
                for j in range(half):
                    known = total[i, j]
                    scale = np.float32(1.0) / known if known > 0.0 else np.float32(0.0)
                    out_lab[n, c, i, j] *= scale
        for i in range(half):
            for j in range(half):
                out_usable[n, i, j] = total[i, j] > 0.0
