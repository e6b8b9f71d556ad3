"""sRGB bytes and CIELAB (D65, 2 degrees) by the formulas, so that planted differences are exact."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["lab_to_rgb", "rgb_to_lab"]

_TO_XYZ = np.array(
    (
        (0.4124564, 0.3575761, 0.1804375),
        (0.2126729, 0.7151522, 0.0721750),
        (0.0193339, 0.1191920, 0.9503041),
    )
)
_WHITE = _TO_XYZ.sum(axis=1)
_KNEE = 6.0 / 29.0


def rgb_to_lab(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Turn (..., 3) sRGB bytes into (..., 3) CIELAB."""
    level = np.arange(256) / 255.0
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    ratio = linear[rgb] @ (_TO_XYZ / _WHITE[:, None]).T
    f = np.where(ratio > _KNEE**3, np.cbrt(ratio), ratio / (3.0 * _KNEE**2) + 4.0 / 29.0)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack((116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)), axis=-1)


def lab_to_rgb(lab: NDArray[np.floating]) -> NDArray[np.float64]:
    """Turn (..., 3) CIELAB into (..., 3) sRGB in 0..255, not rounded, clipped to the gamut."""
    y = (lab[..., 0] + 16.0) / 116.0
    f = np.stack((y + lab[..., 1] / 500.0, y, y - lab[..., 2] / 200.0), axis=-1)
    ratio = np.where(f > _KNEE, f**3, 3.0 * _KNEE**2 * (f - 4.0 / 29.0))
    linear = np.clip((ratio * _WHITE) @ np.linalg.inv(_TO_XYZ).T, 0.0, 1.0)
    level = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1.0 / 2.4) - 0.055)
    return np.asarray(255.0 * level)
