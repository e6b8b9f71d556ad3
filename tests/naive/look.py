"""Plain twins of ``tbp_extract.kernels.outline`` and ``look``."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

F8 = NDArray[np.float64]
B1 = NDArray[np.bool_]

RAYS, WIDTHS = 24, 16
CROSS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def smoothed(image: F8, valid: F8) -> F8:
    """Binomial 3 x 3 over what is valid."""
    kernel = np.outer((1, 2, 1), (1, 2, 1)).astype(np.float64)
    total = ndimage.convolve(image * valid, kernel, mode="constant")
    weight = ndimage.convolve(valid, kernel, mode="constant")
    return np.asarray(np.where(weight > 0, total / np.maximum(weight, 1e-9), 0.0))


def plane_around(
    image: F8, valid: F8, inner: float, outer: float, centre: F8
) -> tuple[F8, float, float]:
    """Plane (at the middle, per row, per column), scatter about it, share of the ring known."""
    grid = np.indices(image.shape).astype(np.float64)
    away = np.hypot(*(grid - centre[:, None, None]))
    ring = (away >= inner) & (away <= outer)
    known = ring & (valid > 0)
    at = (grid - 0.5 * (len(image) - 1))[:, known].T
    value, plane, sd, share = image[known], np.zeros(3), 1e9, 0.0
    for turn in range(4):
        rest = value - plane[0] - at @ plane[1:]
        used = np.ones(len(rest), bool) if turn == 0 else (rest <= 1.5 * sd) & (rest >= -2.5 * sd)
        if used.sum() < 12:
            return plane, 1e9, 0.0
        share = used.sum() / ring.sum() if turn == 0 else share
        at_mean, value_mean = at[used].mean(axis=0), value[used].mean()
        way, drop = at[used] - at_mean, value[used] - value_mean
        # A pixel squared is added to the spread of places: slopes are drawn towards none.
        pull = way.T @ drop / len(drop)
        slope = np.linalg.solve(way.T @ way / len(drop) + np.eye(2), pull)
        plane = np.array((value_mean - slope @ at_mean, *slope))
        sd = float(np.sqrt(max((drop**2).mean() - slope @ pull, 1e-8)))
    return plane, sd, float(share)


def connected(contrast: F8, valid: F8, seed: tuple[int, int], level: float) -> B1:
    """What hangs together with the seed above a level."""
    above = (contrast > level) & (valid > 0)
    above[seed] = True
    label, _ = ndimage.label(above)
    return np.asarray(label == label[seed])


def grown(
    contrast: F8, valid: F8, seed: tuple[int, int], best: float, rim_level: float
) -> tuple[B1, float]:
    """Mask and level: in six steps down to a share of the mean, unless one adds much at once."""
    first = 0.5 * best
    mask = connected(contrast, valid, seed, first)
    levels = np.linspace(first, rim_level * contrast[mask].mean(), 7)
    for last, level in pairwise(levels):
        larger = connected(contrast, valid, seed, float(level))
        if larger.sum() > 1.6 * mask.sum() + 6:
            return mask, float(last)
        mask = larger
    return mask, float(levels[-1])


def beside(mask: B1, way: tuple[int, int]) -> B1:
    """(S, S) value of the neighbour one step along; False beyond the edge."""
    padded = np.pad(mask, 1)
    size = len(mask)
    return padded[1 + way[0] : 1 + way[0] + size, 1 + way[1] : 1 + way[1] + size]


def rim(mask: B1, valid: F8) -> int:
    """Sides of the mask's pixels at which nothing shows."""
    return sum(int((mask & ~beside(valid > 0, way)).sum()) for way in CROSS)


def measured(mask: B1, contrast: F8, level: float) -> tuple[F8, float, float, float, int]:
    """Centroid, area, longest and shortest width, perimeter: pixels."""
    place = np.argwhere(mask).astype(np.float64)
    points, sides = [], 0
    for way in CROSS:
        border = np.argwhere(mask & ~beside(mask, way))
        sides += len(border)
        inner = border[((border > 0) & (border < len(mask) - 1)).all(axis=1)]
        here = contrast[tuple(inner.T)]
        drop = here - contrast[tuple((inner + way).T)]
        part = np.where(drop > 1e-6, (here - level) / np.maximum(drop, 1e-6), 0.5).clip(0, 1)
        points.append(inner + part[:, None] * way)
    angle = np.pi * np.arange(WIDTHS) / WIDTHS
    width = np.ptp(np.concatenate(points) @ np.stack((np.cos(angle), np.sin(angle))), axis=0)
    return place.mean(axis=0), float(len(place)), float(width.max()), float(width.min()), sides


def bilinear(image: F8, valid: F8, at: F8) -> float:
    """NaN outside or where nothing shows."""
    r, c = np.floor(at).astype(int)
    if min(r, c) < 0 or max(r, c) >= len(image) - 1 or not valid[r : r + 2, c : c + 2].all():
        return np.nan
    return float(ndimage.map_coordinates(image, at[:, None], order=1)[0])


def rays(contrast: F8, valid: F8, mask: B1, centre: F8, inside: float) -> tuple[F8, F8]:
    """Step from inside to beyond the rim and fall at the rim, along rays; (RAYS,) each."""
    step, slope = np.full(RAYS, np.nan), np.empty(RAYS)
    for k in range(RAYS):
        way = np.array((np.sin(2 * np.pi * k / RAYS), np.cos(2 * np.pi * k / RAYS)))
        far = np.arange(0.0, 2.0 * len(mask), 0.5)
        cell = np.floor(centre + far[:, None] * way + 0.5).astype(int)
        out = ~((cell >= 0) & (cell < len(mask))).all(axis=1)
        within = cell[: out.argmax()]
        hit = np.flatnonzero(mask[tuple(within.T)])
        rim_px = far[hit[-1]] if len(hit) else 0.0
        near, beyond = (bilinear(contrast, valid, centre + (rim_px + d) * way) for d in (-1, 1.5))
        slope[k] = near - beyond
        place = rim_px + 2.0 + 0.15 * np.arange(6) * max(rim_px, 8.0)
        outside = np.array([bilinear(contrast, valid, centre + t * way) for t in place])
        if np.isfinite(outside).sum() > 1:
            step[k] = inside - np.nanmean(outside)
    return step, slope


def sorted_at(values: F8, share: float) -> float:
    """Value at a share of the known ones in order."""
    known = np.sort(values[~np.isnan(values)])
    return float(known[int(share * (len(known) - 1) + 0.5)]) if len(known) else np.nan


def described(
    pixels: NDArray[np.uint8], image: F8, valid: F8, tables: F8, guess: float, rim_level: float,
    least: float,
) -> tuple[F8, F8] | None:  # fmt: skip
    """Shape (5,) and looks (18,) of the spot in the middle of a view; None where there is none."""
    size = len(image)
    grid = np.indices(image.shape).astype(np.float64)
    middle = 0.5 * (size - 1)
    soft = smoothed(image, valid)
    away = np.hypot(*(grid - middle))
    near = 0.35 * guess + 1.0
    centre, wide = np.full(2, middle), guess
    for _ in range(2):
        inner, outer = 0.5 * wide + 3.0, min(1.2 * wide + 6.0, 0.5 * size + 4.0)
        plane, sd, share = plane_around(soft, valid, inner, outer, centre)
        if sd > 1e8:
            return None
        flat = plane[0] + np.tensordot(plane[1:], grid - middle, 1)
        contrast = np.where(valid > 0, soft - flat, 0.0)
        pull = np.where((away <= near) & (valid > 0), contrast * (1 - 0.3 * (away / near) ** 2), 0)
        if pull.max() <= 0.0:
            return None
        seed = (int(pull.argmax() // size), int(pull.argmax() % size))
        mask, level = grown(contrast, valid, seed, float(pull.max()), rim_level)
        inside = float(contrast[mask].mean())
        centre, area, wide, narrow, sides = measured(mask, contrast, level)
        if wide > 0.6 * size or inside < 0.7 * least:
            break
    if inside < least:
        return None
    step, slope = rays(contrast, valid, mask, centre, inside)
    bands = colours(pixels, valid, tables, mask, centre, wide)
    shape = np.array((*centre, wide, narrow, np.sqrt(4.0 * area / np.pi)))
    tilt = float(np.hypot(*plane[1:]))
    looks = (
        inside, inside / max(sd, 0.01), *(sorted_at(step, s) / inside for s in (0.0, 0.15, 0.5)),
        *(sorted_at(slope, s) / inside for s in (0.15, 0.5)), narrow / wide,
        area / (0.785 * wide * narrow), sides / np.sqrt(area), share, rim(mask, valid) / sides,
        tilt * wide / inside, *bands,
    )  # fmt: skip
    return shape, np.array(looks)


def colours(
    pixels: NDArray[np.uint8], valid: F8, tables: F8, mask: B1, centre: F8, wide: float
) -> tuple[float, ...]:
    """Hue of the spot's contrast, share blown out, hue of the skin around."""
    grid = np.indices(mask.shape).astype(np.float64)
    away = np.hypot(*(grid - centre[:, None, None]))
    known = (valid > 0) & (away <= wide + 6.0)
    ring = known & ~mask & (away > 0.5 * wide + 2.0)
    density = np.stack([tables[band][pixels[..., band]] for band in range(3)], axis=-1)
    inside, around = density[known & mask].mean(axis=0), density[ring].mean(axis=0)
    drop = inside - around
    blown = (pixels.min(axis=-1) > 235) & known
    glare = blown.sum() / ((known & mask).sum() + ring.sum())
    scale = max(drop[1], 0.02)
    return (
        drop[0] / scale, drop[2] / scale, float(glare),
        around[1] - around[0], around[2] - around[1],
    )  # fmt: skip
