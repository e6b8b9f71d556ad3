"""Where texture coordinates and texels meet, in both directions."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["rowcol_to_uv", "uv_to_rowcol"]


def uv_to_rowcol(uv: NDArray[np.floating], size: NDArray[np.integer]) -> NDArray[np.float64]:
    """Turn texture coordinates into texel positions.

    Parameters
    ----------
    uv : (..., 2) float
        Texture coordinates, v up: (0, 0) is the lower left corner of the page.
    size : (..., 2) int
        Height and width of the page, broadcast against `uv`.

    Returns
    -------
    (..., 2) float64
        Row and column; texel centres at integers, row 0 on top.
    """
    u, v = np.asarray(uv[..., 0], np.float64), np.asarray(uv[..., 1], np.float64)
    return np.stack(((1.0 - v) * size[..., 0] - 0.5, u * size[..., 1] - 0.5), axis=-1)


def rowcol_to_uv(rowcol: NDArray[np.floating], size: NDArray[np.integer]) -> NDArray[np.float64]:
    """Turn texel positions into texture coordinates: the inverse of `uv_to_rowcol`."""
    row, col = np.asarray(rowcol[..., 0], np.float64), np.asarray(rowcol[..., 1], np.float64)
    return np.stack(((col + 0.5) / size[..., 1], 1.0 - (row + 0.5) / size[..., 0]), axis=-1)
