"""Square images onto a metric raster, and their colours into CIELAB."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


# Two passes, columns first: one output row is a weighted sum of source rows, which runs along
# memory; then that row is thinned out sideways. The cover is carried along, and divides the
# colours, so that uncovered (black) pixels darken nothing; where all is covered it is 1.
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
    for n in range(pixels.shape[0]):
        whole = covered[n].all()
        source = pixels[n].reshape(size, 3 * size)
        for i in range(first.shape[0]):
            line[:], shade[:] = 0.0, 0.0
            for k in range(taps):
                w, row = weight[i, k], first[i] + k
                if w == 0.0:
                    continue
                from_row = source[row]
                for s in range(3 * size):
                    line[s] += w * np.float32(from_row[s])
                for s in range(0 if whole else size):
                    shade[s] += w if covered[n, row, s] else np.float32(0.0)
            for j in range(first.shape[0]):
                red = green = blue = cover = np.float32(0.0)
                for k in range(taps):
                    w, col = weight[j, k], first[j] + k
                    red += w * line[3 * col]
                    green += w * line[3 * col + 1]
                    blue += w * line[3 * col + 2]
                    cover += w * shade[col]
                scale = np.float32(1.0)
                if whole:
                    cover = np.float32(1.0)
                else:
                    scale = np.float32(1.0) / cover if cover > 1e-3 else np.float32(0.0)
                red, green, blue = red * scale, green * scale, blue * scale
                out_rgb[n, i, j, 0], out_rgb[n, i, j, 1], out_rgb[n, i, j, 2] = red, green, blue
                out_covered[n, i, j] = cover > 0.5
                out_glare[n, i, j] = min(red, green, blue) > white


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


@kernel
def _root(value: float, table: NDArray[np.float32]) -> float:
    place = value * np.float32(table.shape[0] - 2)
    # Unsigned: an index that cannot be negative needs no test.
    k = np.uint32(place)
    share = place - np.float32(k)
    low = table[np.uint64(k)]
    found: float = low + share * (table[np.uint64(k + np.uint32(1))] - low)
    return found


@kernel
def to_lab(
    rgb: NDArray[np.float32],  # (K, 3) sRGB, 0..255
    steps: int,  # entries of `linear` per level
    linear: NDArray[np.float32],  # (255 * steps + 1,) linear light of each level
    to_white: NDArray[np.float32],  # (3, 3) linear sRGB to XYZ relative to white
    root: NDArray[np.float32],  # (R + 2,) CIELAB's f from 0 in steps of 1 / R
    out_lab: NDArray[np.float32],  # (K, 3)
) -> None:
    """Look colours up: linear light by level, CIELAB's cube root by interpolation."""
    scale, half = np.float32(steps), np.float32(0.5)
    for k in range(rgb.shape[0]):
        red = linear[np.uint64(np.uint32(rgb[k, 0] * scale + half))]
        green = linear[np.uint64(np.uint32(rgb[k, 1] * scale + half))]
        blue = linear[np.uint64(np.uint32(rgb[k, 2] * scale + half))]
        x = _root(to_white[0, 0] * red + to_white[0, 1] * green + to_white[0, 2] * blue, root)
        y = _root(to_white[1, 0] * red + to_white[1, 1] * green + to_white[1, 2] * blue, root)
        z = _root(to_white[2, 0] * red + to_white[2, 1] * green + to_white[2, 2] * blue, root)
        out_lab[k, 0] = np.float32(116.0) * y - np.float32(16.0)
        out_lab[k, 1] = np.float32(500.0) * (x - y)
        out_lab[k, 2] = np.float32(200.0) * (y - z)
