"""Plain twins of ``tbp_extract.kernels.lines``."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_NEAR = ((0, 2), (2, 0), (2, 2), (2, -2))
_FAR = ((0, 4), (4, 0), (3, 3), (3, -3))


def falls(light: NDArray[np.int64]) -> NDArray[np.int64]:
    """How far pixels lie below both sides, less what is more beyond; 64ths of L*."""
    size, wide = len(light), np.pad(light, 4, mode="edge")

    def lower(row: int, col: int) -> NDArray[np.int64]:
        one, two = (wide[4 + s * row :, 4 + s * col :][:size, :size] for s in (1, -1))
        return np.minimum(one, two) - light

    pairs = [
        np.minimum(lower(*n), 2 * lower(*n) - lower(*f)) for n, f in zip(_NEAR, _FAR, strict=True)
    ]
    return np.asarray(np.max(pairs, axis=0))


def _quantile(values: NDArray[np.int64], part: float) -> int:
    some = np.sort(values[::4], axis=None)
    return 4 * (int(some[int(np.ceil(part * some.size)) - 1]) // 4)


def _on_lines(marks: NDArray[np.bool_], lines: NDArray[np.int64], least: int) -> NDArray[np.bool_]:
    """Marks on a line on which enough is marked; ``lines`` (D, T, 2) steps in row and column."""
    out = np.zeros_like(marks)
    for row, col in np.argwhere(marks):
        asked = (row // 2 + col) % 2 == 0 and not out[row, col]
        for line in lines if asked else ():
            places = [(row + r, col + c) for r, c in line]
            places = [p for p in places if min(p) >= 0 and max(p) < len(marks) and marks[p]]
            if len(places) >= least:
                out[tuple(np.transpose(places))] = True
                break
    return out


def find_lines(
    light: NDArray[np.float32],
    limits: tuple[float, float, float],
    lines: NDArray[np.int64],
    least: int,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], float]:
    """Lines, lines with the pixels beside them, and scatter of one image.

    ``limits`` are depth, contrast and most.
    """
    shade = np.floor(light * 64.0 + 0.5).astype(np.int64)
    middle = _quantile(shade, 0.5)
    share, scatters = middle + 1024.0, []
    found = np.zeros(light.shape, np.bool_)
    for sign in (1, -1):
        fall = falls(sign * shade)
        scatters.append(max(-_quantile(fall, 0.25) / share, 0.0))
        enough = int(min(max(limits[0], limits[1] * scatters[-1]), limits[2]) * share) + 1
        marks = fall >= enough
        if found.any():
            # A gap between two dark lines.
            wide = np.pad(ndimage.binary_dilation(found, np.ones((3, 3), np.bool_)), 2, mode="edge")
            ring = [(r, c) for r in (0, 2, 4) for c in (0, 2, 4) if (r, c) != (2, 2)]
            size = len(found)
            marks &= ~np.any([wide[r : r + size, c : c + size] for r, c in ring], axis=0)
        found |= _on_lines(marks, lines, least)
    return found, ndimage.binary_dilation(found, np.ones((3, 3), np.bool_)), scatters[0]
