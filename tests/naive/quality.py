"""Lightness steps, glare and hair by whole-array formulas."""

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


def mark_hair(
    light: NDArray[np.int16],
    covered: NDArray[np.bool_],
    reach: int,
    slant: int,
    depth: int,
    lines: NDArray[np.int64],
    least: int,
) -> NDArray[np.bool_]:
    """Mark hair; ``lines`` (D, T, 2) are steps in row and column."""
    size = len(light)
    wide = np.pad(light, reach)

    def moved(row: int, col: int) -> NDArray[np.int16]:
        return wide[reach + row :, reach + col :][:size, :size]

    steps = ((0, reach), (reach, 0), (slant, slant), (slant, -slant))
    sides = np.max([np.minimum(moved(r, c), moved(-r, -c)) for r, c in steps], axis=0)
    valley = (sides - light >= depth) & covered
    valley[:reach] = valley[:, :reach] = valley[size - reach :] = valley[:, size - reach :] = False
    out = np.zeros_like(valley)
    for row, col in np.argwhere(valley):
        for line in lines if (row + col) % 2 == 0 and not out[row, col] else ():
            places = [(row + r, col + c) for r, c in line]
            places = [p for p in places if min(p) >= 0 and max(p) < size and valley[p]]
            if len(places) >= least:
                out[tuple(np.transpose(places))] = True
                break
    return np.asarray(out)
