"""Square images onto a metric raster, and their colours into CIELAB."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


# Two passes, columns first: one output row is a weighted sum of source rows, which runs along
# memory; then that row is thinned out sideways. The fourth channel carries the cover, by which the
# other three are divided, so that uncovered (black) pixels darken nothing.
@kernel
def regrid(
    pixels: NDArray[np.uint8],  # (N, S, S, 3), 0 where not covered
    covered: NDArray[np.bool_],  # (N, S, S)
    first: NDArray[np.int64],  # (M,) first source line of each output line
    weight: NDArray[np.float32],  # (M, T) of the lines from there; 0 beyond the image
    out_rgb: NDArray[np.float32],  # (N, M, M, 3)
    out_cover: NDArray[np.float32],  # (N, M, M) share of the weight that lies on covered pixels
) -> None:
    """Resample images and their cover with one set of weights for both axes."""
    size, taps = pixels.shape[1], weight.shape[1]
    line = np.empty((size, 4), np.float32)
    for n in range(pixels.shape[0]):
        for i in range(first.shape[0]):
            line[:] = 0.0
            for k in range(taps):
                w, row = weight[i, k], first[i] + k
                if w == 0.0:
                    continue
                for s in range(size):
                    line[s, 0] += w * np.float32(pixels[n, row, s, 0])
                    line[s, 1] += w * np.float32(pixels[n, row, s, 1])
                    line[s, 2] += w * np.float32(pixels[n, row, s, 2])
                    line[s, 3] += w if covered[n, row, s] else np.float32(0.0)
            for j in range(first.shape[0]):
                red = green = blue = cover = np.float32(0.0)
                for k in range(taps):
                    w, col = weight[j, k], first[j] + k
                    if w != 0.0:
                        red += w * line[col, 0]
                        green += w * line[col, 1]
                        blue += w * line[col, 2]
                        cover += w * line[col, 3]
                scale = np.float32(1.0) / cover if cover > 1e-3 else np.float32(0.0)
                out_rgb[n, i, j, 0] = red * scale
                out_rgb[n, i, j, 1] = green * scale
                out_rgb[n, i, j, 2] = blue * scale
                out_cover[n, i, j] = cover


@kernel
def _root(value: float, table: NDArray[np.float32]) -> float:
    place = value * np.float32(table.shape[0] - 2)
    k = np.int32(place)
    share = place - np.float32(k)
    found: float = table[k] + share * (table[k + 1] - table[k])
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
        red = linear[np.int32(rgb[k, 0] * scale + half)]
        green = linear[np.int32(rgb[k, 1] * scale + half)]
        blue = linear[np.int32(rgb[k, 2] * scale + half)]
        x = _root(to_white[0, 0] * red + to_white[0, 1] * green + to_white[0, 2] * blue, root)
        y = _root(to_white[1, 0] * red + to_white[1, 1] * green + to_white[1, 2] * blue, root)
        z = _root(to_white[2, 0] * red + to_white[2, 1] * green + to_white[2, 2] * blue, root)
        out_lab[k, 0] = np.float32(116.0) * y - np.float32(16.0)
        out_lab[k, 1] = np.float32(500.0) * (x - y)
        out_lab[k, 2] = np.float32(200.0) * (y - z)
