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
        Height and width of the page, broadcast to `uv`.

    Returns
    -------
    (..., 2) float64
        Row and column; texel centres at integers, row 0 on top.
    """
    u, v = np.asarray(uv[..., 0], np.float64), np.asarray(uv[..., 1], np.float64)
    height, width = (_spread(size[..., k], u.shape) for k in range(2))
    return np.stack(((1.0 - v) * height - 0.5, u * width - 0.5), axis=-1)


def rowcol_to_uv(rowcol: NDArray[np.floating], size: NDArray[np.integer]) -> NDArray[np.float64]:
    """Turn texel positions into texture coordinates: the inverse of `uv_to_rowcol`."""
    row, col = np.asarray(rowcol[..., 0], np.float64), np.asarray(rowcol[..., 1], np.float64)
    height, width = (_spread(size[..., k], row.shape) for k in range(2))
    return np.stack(((col + 0.5) / width, 1.0 - (row + 0.5) / height), axis=-1)


def _spread(values: NDArray[np.integer], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Cast and broadcast before operations: within them NumPy crashes where memory runs out."""
    out = np.empty(shape)
    out[...] = values
    return out
