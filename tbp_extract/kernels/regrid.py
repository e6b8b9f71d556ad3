"""Square images onto a metric raster, and their colours into CIELAB."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


# Two passes, columns first: one output row is a weighted sum of source rows, which runs along
# memory; then that row is thinned out sideways, its colours and cover as one vector of four. The
# cover divides the colours, so that uncovered (black) pixels darken nothing; where all is covered
# it is 1.
@kernel
def regrid(
    pixels: NDArray[np.uint8],  # (N, S, S, 3), 0 where not covered
    covered: NDArray[np.bool_],  # (N, S, S)
    first: NDArray[np.int64],  # (M,) first source line of each output line
    weight: NDArray[np.float32],  # (M, T) of the lines from there; 0 beyond the image
    white: float,  # glare is where all channels lie above it
    out_rgb: NDArray[np.float32],  # (N, M, M, 3)
    out_covered: NDArray[np.bool_],  # (N, M, M) where most of the weight lies on covered pixels
    out_glare: NDArray[np.bool_],  # (N, M, M)
) -> None:
    """Resample images and their cover with one set of weights for both axes."""
    size, taps = pixels.shape[1], weight.shape[1]
    line, shade = np.empty(3 * size, np.float32), np.empty(size, np.float32)
    four, bright = np.empty(4 * size, np.float32), np.float32(white)
    for n in range(pixels.shape[0]):
        whole = covered[n].all()
        source = pixels[n].reshape(size, 3 * size)
        for i in range(first.shape[0]):
            line[:], shade[:] = 0.0, np.float32(1.0) if whole else np.float32(0.0)
            for k in range(taps):
                w, row = weight[i, k], first[i] + k
                if w == 0.0:
                    continue
                from_row, cover_row = source[row], covered[n, row]
                for s in range(3 * size):
                    line[s] += w * np.float32(from_row[s])
                for s in range(0 if whole else size):
                    shade[s] += w * np.float32(cover_row[s])
            for s in range(size):
                four[4 * s], four[4 * s + 1] = line[3 * s], line[3 * s + 1]
                four[4 * s + 2], four[4 * s + 3] = line[3 * s + 2], shade[s]
            rgb, seen, shine = out_rgb[n, i], out_covered[n, i], out_glare[n, i]
            for j in range(first.shape[0]):
                red = green = blue = cover = np.float32(0.0)
                # Unsigned: an index that cannot be negative needs no test.
                place = np.uint64(4 * first[j])
                for k in range(taps):
                    w = weight[j, k]
                    red += w * four[place]
                    green += w * four[place + np.uint64(1)]
                    blue += w * four[place + np.uint64(2)]
                    cover += w * four[place + np.uint64(3)]
                    place += np.uint64(4)
                if not whole:
                    scale = np.float32(1.0) / cover if cover > 1e-3 else np.float32(0.0)
                    red, green, blue = red * scale, green * scale, blue * scale
                rgb[j, 0], rgb[j, 1], rgb[j, 2] = red, green, blue
                seen[j] = whole or cover > 0.5
                shine[j] = min(red, green, blue) > bright


# Weights 1-2-1 both ways around every second pixel: what the coarse grid shows is smooth, and its
# middle is that of the fine one, whose size is odd.
@kernel
def halve(
    lab: NDArray[np.float32],  # (N, M, M, 3), M odd
    usable: NDArray[np.bool_],  # (N, M, M)
    out_lab: NDArray[np.float32],  # (N, M // 2, M // 2, 3) 0 where not usable
    out_usable: NDArray[np.bool_],  # (N, M // 2, M // 2) whether any usable pixel was in reach
) -> None:
    """Smooth images and keep every second pixel, counted from the second one."""
    for n in range(lab.shape[0]):
        for i in range(out_lab.shape[1]):
            for j in range(out_lab.shape[2]):
                total = one = two = three = np.float32(0.0)
                for r in range(2 * i, 2 * i + 3):
                    for s in range(2 * j, 2 * j + 3):
                        w = np.float32((2 - abs(r - 2 * i - 1)) * (2 - abs(s - 2 * j - 1)))
                        w = w if usable[n, r, s] else np.float32(0.0)
                        total += w
                        one += w * lab[n, r, s, 0]
                        two += w * lab[n, r, s, 1]
                        three += w * lab[n, r, s, 2]
                scale = np.float32(1.0) / total if total > 0.0 else np.float32(0.0)
                out_lab[n, i, j, 0] = one * scale
                out_lab[n, i, j, 1] = two * scale
                out_lab[n, i, j, 2] = three * scale
                out_usable[n, i, j] = total > 0.0


# Powers as polynomials in fourth roots, which run in vector registers where tables do not. Beyond
# their ranges both curves go on as lines.
@kernel
def _linear(level: np.float32) -> np.float32:
    """Linear light of an sRGB level in 0..255; off by less than 4e-7 of itself."""
    one = np.float32
    bright = max(level, one(0.04045 * 255.0))
    x = bright * one(1.0 / (1.055 * 255.0)) + one(0.055 / 1.055)
    s = one(math.sqrt(math.sqrt(x)))
    power = one(0.14903633) + s * one(-0.02740034)
    power = one(-0.014167067) + s * (
        one(0.25538863) + s * (one(1.0259713) + s * (one(-0.38882890) + s * power))
    )
    return one(x * x * power + (level - bright) * one(1.0 / (12.92 * 255.0)))


@kernel
def _root(ratio: np.float32) -> np.float32:
    """CIELAB's f: the cube root above (6/29)^3, off by less than 1e-6; a line below."""
    one = np.float32
    above = max(ratio, one(0.008856))
    s = one(math.sqrt(math.sqrt(above)))
    power = one(-0.92676312) + s * (one(0.38136180) + s * one(-0.069043616))
    power = one(1.1458104) + s * (one(-1.2868394) + s * (one(1.3222620) + s * power))
    power = one(-0.0089052248) + s * (one(0.44211709) + s * power)
    return one(power + (ratio - above) * one(7.787))


# In blocks that stay in the cache, channel by channel: a loop over one plane runs in vector
# registers, one over interleaved channels does not.
@kernel
def to_lab(
    rgb: NDArray[np.float32],  # (K, 3) sRGB, 0..255
    to_white: NDArray[np.float32],  # (3, 3) linear sRGB to XYZ relative to white
    out_lab: NDArray[np.float32],  # (K, 3)
) -> None:
    """Turn sRGB colours into CIELAB."""
    block = 256
    red, green, blue = (
        np.zeros(block, np.float32), np.zeros(block, np.float32), np.zeros(block, np.float32),
    )  # fmt: skip
    planes = np.empty((3, block), np.float32)
    for start in range(0, rgb.shape[0], block):
        given, out = rgb[start : start + block], out_lab[start : start + block]
        for k in range(given.shape[0]):
            red[k], green[k], blue[k] = given[k, 0], given[k, 1], given[k, 2]
        for k in range(block):
            red[k] = _linear(red[k])
        for k in range(block):
            green[k] = _linear(green[k])
        for k in range(block):
            blue[k] = _linear(blue[k])
        for c in range(3):
            plane, one, two, three = planes[c], to_white[c, 0], to_white[c, 1], to_white[c, 2]
            for k in range(block):
                plane[k] = _root(one * red[k] + two * green[k] + three * blue[k])
        for k in range(given.shape[0]):
            x, y, z = planes[0, k], planes[1, k], planes[2, k]
            out[k, 0] = np.float32(116.0) * y - np.float32(16.0)
            out[k, 1] = np.float32(500.0) * (x - y)
            out[k, 2] = np.float32(200.0) * (y - z)
