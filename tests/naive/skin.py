"""Plain twin of ``tbp_extract.kernels.skin``: whole arrays, one face after the other."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]


def random(lattice: NDArray[np.int64], seed: int) -> _Array:
    """Uniform in [0, 1) from lattice points (..., 3)."""
    word = lattice.astype(np.uint64) & np.uint64(0xFFFFFFFF)
    primes = np.array((0x8DA6B343, 0xD8163841, 0xCB1AB31F), np.uint64)
    scattered = word * primes
    h = scattered[..., 0] ^ scattered[..., 1] ^ scattered[..., 2]
    h = (h ^ np.uint64(seed * 0x9E3779B1 % 2**32)) & np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(16)
    h = h * np.uint64(0x7FEB352D) & np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(15)
    h = h * np.uint64(0x846CA68B) & np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(16)
    return np.asarray(h / 2.0**32)


def noise(points: _Array, wave_mm: float, seed: int) -> _Array:
    place = points / wave_mm
    cell = np.floor(place).astype(np.int64)
    part = place - cell
    part = part**2 * (3.0 - 2.0 * part)
    total = np.zeros(len(points))
    for corner in product((0, 1), repeat=3):
        weight = np.prod(np.where(corner, part, 1.0 - part), axis=1)
        total += weight * random(cell + np.array(corner), seed)
    return 2.0 * total - 1.0


def dots(
    points: _Array, cell_mm: float, least: float, most: float, edge: float, share: float, seed: int
) -> _Array:
    """Look at all 27 cells around each point."""
    place = points / cell_mm
    home = np.floor(place).astype(np.int64)
    depth = np.zeros(len(points))
    for shift in product((-1, 0, 1), repeat=3):
        cell = home + np.array(shift)
        pick = random(cell, seed)
        centre = cell + np.stack([random(cell, seed + k) for k in (1, 2, 3)], axis=-1)
        away = np.linalg.norm(centre - place, axis=1) * cell_mm
        size = least + (most - least) * pick / share
        here = np.clip((size - away) / edge + 0.5, 0.0, 1.0) * (0.4 + 0.6 * pick / share)
        depth = np.maximum(depth, np.where(pick < share, here, 0.0))
    return depth


def skin(points: _Array, amounts: _Array, seed: int) -> _Array:
    broad, patchy = noise(points, 90.0, seed), noise(points, 22.0, seed + 11)
    blotch, grain = noise(points, 6.0, seed + 22), noise(points, 1.6, seed + 33)
    fine, lines = noise(points, 0.55, seed + 44), 1.0 - np.abs(noise(points, 0.9, seed + 55))
    melanin = amounts[0] * (0.6 * broad + 0.5 * patchy)
    melanin += amounts[2] * (grain + 0.7 * fine + 1.1 * (lines**4 - 0.3))
    blood = amounts[1] * (0.5 * broad * patchy + 0.6 * blotch + 0.3 * patchy)
    for n in range(len(points)):
        share = float(amounts[3] * (0.35 + 0.65 * (0.5 + 0.5 * broad[n])))
        if share > 0.0:
            spot = dots(points[n : n + 1], 5.0, 0.3, 0.8, 0.4, share, seed + 66)
            melanin[n] += amounts[4] * spot[0]
    melanin += amounts[5] * dots(points, 1.3, 0.08, 0.16, 0.12, 0.6, seed + 77)
    return np.stack((melanin, blood), axis=1)


def inner_texels(rowcol: _Array, shape: tuple[int, int]) -> tuple[NDArray[np.int64], _Array]:
    """Texels strictly inside a triangle, and their barycentric coordinates."""
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 2)
    matrix = np.vstack((rowcol.T, np.ones(3)))
    weight = np.asarray(
        np.linalg.solve(matrix, np.column_stack((grid, np.ones(len(grid)))).T).T, np.float64
    )
    inside = (weight > 0.0).all(axis=1)
    return grid[inside].astype(np.int64), weight[inside]
