"""Plain twins of ``tbp_extract.kernels.gutter``."""

import numpy as np
from numpy.typing import NDArray

from tests.naive.raster import barycentric


def depth_in_faces(corner: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """(H, W) how deep each texel's centre lies in its deepest face; negative is outside."""
    row, col = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float64)
    deepest = np.full(shape, -np.inf)
    for face in corner:
        edges = face[1:] - face[0]
        if np.isfinite(face).all() and np.linalg.det(edges) != 0:
            deepest = np.maximum(deepest, barycentric(face, row, col).min(axis=-1))
    return deepest


def fill_gutter(mask: NDArray[np.uint8], page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Copy into each unmarked texel the nearest marked one at most two rows and columns away."""
    out = page.copy()
    marked = np.argwhere(mask == 1)
    for row, col in np.argwhere(mask == 0):
        away = np.abs(marked - (row, col))
        near = marked[(away <= 2).all(axis=1)]
        if len(near):
            squared = ((near - (row, col)) ** 2).sum(axis=1)
            out[row, col] = page[tuple(near[squared.argmin()])]
    return out
