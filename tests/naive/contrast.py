"""Plain twins of ``tbp_extract.kernels.contrast``."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def places(size: int, step_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Millimetres down and right from the middle of an image."""
    axis = (np.arange(size) - (size - 1) / 2) * step_mm
    down, right = np.meshgrid(axis, axis, indexing="ij")
    return down, right


def fit_skin(
    lab: NDArray[np.float32], skin: NDArray[np.bool_], step_mm: float, stiff_mm2: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Plane (3, 3) and scatter (3,) of one image by sorted medians and least squares."""
    down, right = (place[skin] for place in places(len(lab), step_mm))
    values = lab[skin].astype(np.float64)
    middle = np.median(values, axis=0)
    spread = 1.4826 * np.median(np.abs(values - middle), axis=0)
    near = (np.abs(values - middle) <= 2.5 * spread + 0.5).all(axis=1)
    design = np.stack((np.ones(near.sum()), down[near], right[near]), axis=1)
    moment = design.T @ design + np.diag((0.0, 1.0, 1.0)) * stiff_mm2 * near.sum()
    plane = np.linalg.solve(moment, design.T @ (values[near] - middle)).T
    plane[:, 0] += middle
    away = values - (plane @ np.stack((np.ones(len(values)), down, right))).T
    return plane, 1.4826 * np.median(np.abs(away), axis=0)


def away_from_skin(
    lab: NDArray[np.float32], plane: NDArray[np.float64], step_mm: float
) -> NDArray[np.float64]:
    """Colours minus those of the skin's plane."""
    down, right = places(len(lab), step_mm)
    ones = np.ones_like(down)
    return np.asarray(lab - np.einsum("ck,kij->ijc", plane, np.stack((ones, down, right))))


def core(
    lab: NDArray[np.float32],
    usable: NDArray[np.bool_],
    plane: NDArray[np.float64],
    sd: NDArray[np.float64],
    step_mm: float,
    bell_mm: float,
) -> tuple[int, int]:
    """Row and column of the greatest bell-weighted difference of 3 x 3 means."""
    away = np.where(usable[..., None], away_from_skin(lab, plane, step_mm), 0.0)
    count = ndimage.uniform_filter(usable.astype(np.float64), 3, mode="constant")
    mean = np.stack(
        [ndimage.uniform_filter(away[..., c], 3, mode="constant") for c in range(3)], axis=-1
    )
    far = np.linalg.norm(mean / np.maximum(count, 1e-9)[..., None] / sd, axis=-1)
    down, right = places(len(lab), step_mm)
    reach = min(2.5 * bell_mm, (len(lab) - 1) / 2 * step_mm - step_mm) + 1e-9
    inside = usable & (np.abs(down) <= reach) & (np.abs(right) <= reach)
    score = np.where(inside, far * np.exp(-0.5 * (down**2 + right**2) / bell_mm**2), 0.0)
    row, col = np.unravel_index(score.argmax(), score.shape)
    return int(row), int(col)


def project(
    lab: NDArray[np.float32],
    usable: NDArray[np.bool_],
    plane: NDArray[np.float64],
    sd: NDArray[np.float64],
    core: NDArray[np.bool_],
    step_mm: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Contrast, core minus skin, and skin's scatter in units of the contrast."""
    away = away_from_skin(lab, plane, step_mm)
    core_lab = away[core].mean(axis=0)
    direction = core_lab / sd**2 / (core_lab**2 / sd**2).sum()
    contrast = np.where(usable, np.maximum(away @ direction, -0.99), -1.0)
    return contrast, core_lab, float(np.linalg.norm(direction * sd))


def smooth(usable: NDArray[np.bool_], contrast: NDArray[np.float64]) -> NDArray[np.float64]:
    """1-2-1 both ways over usable pixels."""
    weights = np.outer((1.0, 2.0, 1.0), (1.0, 2.0, 1.0))
    known = ndimage.convolve(usable.astype(np.float64), weights, mode="nearest")
    total = ndimage.convolve(np.where(usable, contrast, 0.0), weights, mode="nearest")
    return np.where(usable, total / np.maximum(known, 1e-9), contrast)


def grain(contrast: NDArray[np.float64], skin: NDArray[np.bool_]) -> float:
    """1.4826 times the median difference of skin from the mean of four pixels two away."""
    weights = np.zeros((5, 5))
    weights[[0, 4, 2, 2], [2, 2, 0, 4]] = 0.25
    away = np.abs(contrast - ndimage.convolve(contrast, weights, mode="nearest"))
    inner = skin[1:-1, 1:-1]
    return float(1.4826 * np.median(away[3:-2:2, 3:-2:2][: len(inner), : len(inner)][inner]))
