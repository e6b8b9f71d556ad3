"""sRGB to CIELAB (D65, 2 degrees)."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import regrid

__all__ = ["TO_WHITE", "Y_WEIGHTS", "cube_root", "linear_light", "rgb_to_lab"]

Y_WEIGHTS = (0.212671, 0.715160, 0.072169)
"""Shares of linear red, green and blue in luminance."""

_TO_XYZ = np.array(
    (
        (0.412453, 0.357580, 0.180423),
        Y_WEIGHTS,
        (0.019334, 0.119193, 0.950227),
    )
)
_WHITE = np.array((0.95047, 1.0, 1.08883))

TO_WHITE = (_TO_XYZ / _WHITE[:, None]).astype(np.float32)
"""(3, 3) linear sRGB to XYZ relative to white."""


def rgb_to_lab(rgb: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn sRGB colours into CIELAB.

    Parameters
    ----------
    rgb : (..., 3) uint8 or float32
        sRGB (IEC 61966-2-1), 0..255.

    Returns
    -------
    (..., 3) float32
        L* in 0..100, a*, b*; white point D65, 2 degree observer.

    Notes
    -----
    CIELAB's f(t) is t^(1/3), below (6/29)^3 the line 7.787 t + 16/116. Powers are polynomials; the
    error is below 0.001.

    References
    ----------
    CIE 015:2018, Colorimetry. doi:10.25039/TR.015.2018
    """
    flat = np.ascontiguousarray(rgb, np.float32).reshape(-1, 3)
    out = np.empty_like(flat)
    regrid.to_lab(flat, TO_WHITE, out)
    return out.reshape(rgb.shape)


def linear_light(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light of sRGB levels in 0..1."""
    return np.asarray(np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4))


def cube_root(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIELAB's f: the cube root, a line near 0."""
    return np.asarray(np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16.0 / 116.0))
