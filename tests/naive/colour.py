"""Plain twins of ``tbp_extract.kernels.colour``."""

import numpy as np
from numpy.typing import NDArray


def choose_sides(
    mask: NDArray[np.bool_],
    clear: NDArray[np.bool_],
    away_mm: NDArray[np.float32],
    near_mm: float,
    far_mm: float,
    least_px: int,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels inside and around, one image."""
    inside = mask & clear
    around = clear & (away_mm < -near_mm) & (away_mm > -far_mm)
    return (inside if inside.sum() >= least_px else mask), around


def colour_means(
    lab: NDArray[np.float32], chosen: NDArray[np.bool_], trim: float
) -> NDArray[np.float64]:
    """Means of L*, a*, b* and the spread of L*, once trimmed, one image."""
    pixels = lab[chosen].astype(np.float64)
    if len(pixels) and np.isfinite(trim):
        light = pixels[:, 0]
        pixels = pixels[np.abs(light - light.mean()) <= trim * light.std()]
    if not len(pixels):
        return np.full(4, np.nan)
    return np.array((*pixels.mean(axis=0), pixels[:, 0].std()))


def mean_distance(
    lab: NDArray[np.float32], chosen: NDArray[np.bool_], light: float, yellow: float
) -> float:
    """Mean distance in L* and b*, one image."""
    pixels = lab[chosen].astype(np.float64)
    return float(np.hypot(pixels[:, 0] - light, pixels[:, 2] - yellow).mean())


def ring_spread(
    lab: NDArray[np.float32],
    chosen: NDArray[np.bool_],
    away_mm: NDArray[np.float32],
    middle: NDArray[np.float64],
    ring_mm: float,
    least_px: int,
) -> tuple[float, float]:
    """Mean and maximum over rings of the spread among eight sectors, one image."""
    ring = np.floor(away_mm / ring_mm).astype(int) - 1
    row, col = np.indices(chosen.shape)
    turn = np.arctan2(row - middle[0], col - middle[1])
    sector = np.minimum(((turn + np.pi) / (np.pi / 4)).astype(int), 7)
    found, weight = [], []
    for k in range(max(ring.max() + 1, 0)):
        cells = [chosen & (ring == k) & (sector == s) for s in range(8)]
        cells = [cell for cell in cells if cell.sum() >= least_px]
        if len(cells) >= 4:
            count = [cell.sum() for cell in cells]
            means = np.array([lab[cell].astype(np.float64).mean(axis=0) for cell in cells])
            middle = np.average(means, axis=0, weights=count)
            found.append(np.sqrt(np.average((means - middle) ** 2, axis=0, weights=count).mean()))
            weight.append(sum(count))
    return (float(np.average(found, weights=weight)), float(np.max(found))) if found else (0.0, 0.0)


def deep_spread(
    lab: NDArray[np.float32],
    chosen: NDArray[np.bool_],
    away_mm: NDArray[np.float32],
    depth_mm: float,
    least_px: int,
) -> float:
    """Spread of L* below the rim, one image."""
    light = lab[chosen][:, 0].astype(np.float64)
    weight = np.clip(away_mm[chosen].astype(np.float64) / depth_mm - 1.0, 0.0, 1.0)
    if (weight > 0.0).sum() < least_px:
        weight[:] = 1.0
    middle = np.average(light, weights=weight)
    return float(np.sqrt(np.average((light - middle) ** 2, weights=weight)))
