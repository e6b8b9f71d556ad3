"""Search for spots in plain NumPy."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def density(
    pixels: NDArray[np.uint8], shown: NDArray[np.int32], tables: Array, weights: Array
) -> Array:
    """Weighted sum of table entries where something shows."""
    total = sum(weights[band] * tables[band][pixels[..., band]] for band in range(3))
    return np.asarray(np.where(shown >= 0, total, 0.0))


def fill_gaps(image: Array, valid: Array) -> Array:
    """Means over blocks of 2, 4, 8... pixels, the smallest that holds something valid."""
    out = image.copy()
    for r, c in np.argwhere(valid == 0):
        means, weights, y, x = image * (valid > 0), (valid > 0).astype(float), r, c
        while True:
            means, weights = _halved(means), _halved(weights)
            means = np.divide(means, weights, out=np.zeros_like(means), where=weights > 0)
            weights = (weights > 0).astype(float)
            means = means * weights
            y, x = y // 2, x // 2
            if weights[y, x] > 0:
                out[r, c] = means[y, x]
                break
    return out


def _halved(image: Array) -> Array:
    rows, cols = image.shape
    padded = np.pad(image, ((0, rows % 2), (0, cols % 2)))
    blocks = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2)
    return np.asarray(blocks.sum(axis=(1, 3)))


def peaks(response: Array, least: float, most_stretch: float) -> set[tuple[int, int]]:
    """Maxima of 3 x 3 pixels that bend both ways."""
    found = set()
    for r in range(1, response.shape[0] - 1):
        for c in range(1, response.shape[1] - 1):
            block = response[r - 1 : r + 2, c - 1 : c + 2]
            if block[1, 1] < least or block[1, 1] < block.max():
                continue
            rr = block[0, 1] + block[2, 1] - 2 * block[1, 1]
            cc = block[1, 0] + block[1, 2] - 2 * block[1, 1]
            rc = 0.25 * (block[2, 2] + block[0, 0] - block[2, 0] - block[0, 2])
            small, large = np.sort(np.abs(np.linalg.eigvalsh([[rr, rc], [rc, cc]])))
            if rr * cc > rc * rc and large <= most_stretch * small:
                found.add((r, c))
    return found


def apart(image: Array, at: tuple[int, int], diameter_px: float, least_scatter: float) -> float:
    """How far a pixel stands out from the ring around it, by the ring's own scatter."""
    away = np.hypot(*(np.indices(image.shape) - np.array(at)[:, None, None]))
    ring = image[(away >= 0.75 * diameter_px + 0.5) & (away <= 1.4 * diameter_px + 1.5)]
    mean, scatter = 0.0, np.inf
    for _ in range(3):
        near = ring[(ring - mean <= 1.5 * scatter) & (ring - mean >= -2.5 * scatter)]
        mean, scatter = near.mean(), max(near.std(), 1e-4)
    return float((image[at] - mean) / max(scatter, least_scatter))
