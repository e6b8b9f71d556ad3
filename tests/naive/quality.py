"""Lightness steps and glare by whole-array formulas."""

import numpy as np
from numpy.typing import NDArray


def rms_step(light: NDArray[np.int16], covered: NDArray[np.bool_], lag: int) -> float:
    level = np.where(covered, light, np.nan).astype(np.float64)
    along, across = level[:, lag:] - level[:, :-lag], level[lag:] - level[:-lag]
    return float(np.sqrt(np.nanmean(np.concatenate((along.ravel(), across.ravel())) ** 2)))


def count_glare(
    pixels: NDArray[np.uint8],
    light: NDArray[np.int16],
    colour: NDArray[np.uint8],
    skin: NDArray[np.bool_],
    rise: int,
    pale: float,
) -> int:
    shine = light >= np.median(light[skin]) + rise
    shine &= colour <= pale * np.median(colour[skin])
    return int((shine | (pixels.min(axis=2) >= 250)).sum())
