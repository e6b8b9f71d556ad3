"""Scale-space search for dark spots on surface tiles."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tbp_extract.detect.tiles.lay import ROUND_MM, Coverage, draw_tiles, lay_snug_tiles
from tbp_extract.detect.tiles.skin import Skin
from tbp_extract.detect.tiles.views import Views, on_skin
from tbp_extract.geometry import point_positions
from tbp_extract.kernels import spots as kernels
from tbp_extract.types import Surface

__all__ = [
    "Spots",
    "densities",
    "density_tables",
    "find_spots",
    "kept_of_pairs",
    "merge_near",
    "nested_pairs",
]

TILE_MM_PER_PX = 0.56
"""A lesion of 2.5 mm is 4.5 pixels wide: the least scale, a sigma of one pixel, just takes it."""

SCALES = 7
"""Two an octave: spots of 2.2 to 17 mm."""

DIAMETER_BY_SIGMA = 3.85
"""A disc this many sigma wide answers most to the difference of Gaussians sigma and 2 sigma."""

LEAST_RESPONSE = (0.09, 0.065)
"""For spots of 2.2 mm, and larger ones."""
NOISE_TIMES = 2.5
"""A spot answers this much more than its tile does on average."""

LEAST_APART = 4.0
"""A spot stands out from the skin around it by this many times that skin's scatter."""

LEAST_SCATTER = 0.01
LEAST_SUPPORT = 0.8
LEAST_COS = 0.45
FLOOR = 0.002
"""Added to linear light: the quantisation of near-black says nothing."""

MOST_STRETCH = 8.0
"""Ratio of curvatures above which a maximum is a ridge: a hair, a fold, a border."""

ALIKE = 1.8
"""Spots whose diameters differ by more are two, one in the other."""


@dataclass(frozen=True, slots=True, eq=False)
class Spots:
    """N places that may be lesions."""

    face: NDArray[np.int32]
    barycentric: NDArray[np.float64]
    xyz_mm: NDArray[np.float64]
    diameter_mm: NDArray[np.float64]
    response: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.face)

    def at(self, index: NDArray[np.intp]) -> "Spots":
        """Take some of them."""
        return Spots(
            self.face[index],
            self.barycentric[index],
            self.xyz_mm[index],
            self.diameter_mm[index],
            self.response[index],
        )


@functools.cache
def density_tables() -> NDArray[np.float32]:
    """(3, 256) optical density of each level: minus the logarithm of linear light."""
    level = np.arange(256) / 255.0
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return np.tile(-np.log(linear + FLOOR).astype(np.float32), (3, 1))


@functools.cache
def density_weights() -> NDArray[np.float32]:
    """Share of each channel in the search: lightness for the most part, as contrast is judged."""
    return np.array((0.30, 0.58, 0.12), np.float32)


def find_spots(skin: Skin, coverage: Coverage) -> tuple[Spots, float]:
    """Look at the whole skin, folds in smaller tiles, and merge what several tiles show.

    Also returns the greatest difference of density within a tile.
    """
    done = coverage.area_mm2 <= 0.0
    found, texture = [], 0.0
    for core_mm in ROUND_MM:
        for tiles in _round(skin, done, core_mm):
            coverage.add(tiles)
            image, valid = densities(tiles)
            texture = max(texture, kernels.spread(image, valid))
            found.append(_place(skin.surface, tiles, *_peaks(image, valid)))
        done = (coverage.area_mm2 <= 0.0) | (coverage.share >= 0.5)
        if done.all():
            break
    spots = _joined(found)
    return spots.at(merge_near(spots, spots.response)), texture


def _round(skin: Skin, done: NDArray[np.bool_], core_mm: float) -> Iterator[Views]:
    for tiles in lay_snug_tiles(skin, done, core_mm=core_mm, mm_per_px=TILE_MM_PER_PX):
        yield from draw_tiles(skin, tiles.frames, tiles.shape)


def _joined(parts: list[Spots]) -> Spots:
    if not parts:
        none = np.empty(0)
        return Spots(np.empty(0, np.int32), np.empty((0, 3)), np.empty((0, 3)), none, none)
    return Spots(
        np.concatenate([part.face for part in parts]),
        np.concatenate([part.barycentric for part in parts]),
        np.concatenate([part.xyz_mm for part in parts]),
        np.concatenate([part.diameter_mm for part in parts]),
        np.concatenate([part.response for part in parts]),
    )


def densities(views: Views) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Optical density (N, S, S) of views, and 1 where skin shows, 0 elsewhere."""
    image = np.empty(views.shown.shape, np.float32)
    valid = np.empty_like(image)
    kernels.density(views.pixels, views.shown, density_tables(), density_weights(), image, valid)
    return image, valid


def _peaks(
    image: NDArray[np.float32], valid: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Tile of each peak (K,), and its row, column, diameter in pixels and response (K, 4)."""
    # Skin is carried beyond its edge, so that the edge is no spot.
    for k in np.flatnonzero(~valid.all(axis=(1, 2))):
        kernels.fill_gaps(image[k], valid[k])
    blurred, support, step, parts = image, valid, 1, []
    for octave in range((SCALES + 1) // 2):
        first = _blur(blurred, 0.87) if octave == 0 else blurred
        second = _blur(first, 1.0)
        third = _blur(second, 1.414)
        parts.append(_scale_peaks(2 * octave, first, third, support, step))
        if 2 * octave + 1 < SCALES:
            parts.append(_scale_peaks(2 * octave + 1, second, _blur(third, 2.0), support, step))
        # Every second pixel is kept: pixel r of the coarse grid is pixel r * step.
        blurred, step = np.ascontiguousarray(third[:, ::2, ::2]), 2 * step
        support = np.ascontiguousarray(_supported(support)[:, ::2, ::2])
        if min(blurred.shape[1:]) < 8:
            break
    peaks = np.concatenate(parts)
    return peaks[:, 0].astype(np.intp), peaks[:, 1:]


def _scale_peaks(
    scale: int,
    fine: NDArray[np.float32],
    coarse: NDArray[np.float32],
    support: NDArray[np.float32],
    step: int,
) -> NDArray[np.float64]:
    """(K, 5) tile, row, column, diameter, response; pixels of the finest scale."""
    px = DIAMETER_BY_SIGMA * (1.0, 1.414)[scale % 2]
    out = np.empty((fine.size // 4 + len(fine), 4))
    n = kernels.search_scale(
        fine,
        coarse,
        support,
        LEAST_RESPONSE[min(scale, 1)],
        NOISE_TIMES,
        LEAST_SUPPORT,
        MOST_STRETCH,
        px,
        LEAST_SCATTER,
        LEAST_APART,
        out,
    )
    tile, row, column, response = out[:n].T
    return np.column_stack((tile, row * step, column * step, np.full(n, px * step), response))


def _blur(images: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    side = 2 * int(np.ceil(3.0 * sigma)) + 1
    out = np.empty_like(images)
    for k in range(len(images)):
        cv2.GaussianBlur(
            images[k], (side, side), sigma, dst=out[k], borderType=cv2.BORDER_REFLECT_101
        )
    return out


def _supported(support: NDArray[np.float32]) -> NDArray[np.float32]:
    """Share of skin below a filter."""
    out = np.empty_like(support)
    for k in range(len(support)):
        cv2.blur(support[k], (5, 5), dst=out[k])
    return out


def _place(
    surface: Surface, tiles: Views, tile: NDArray[np.intp], peaks: NDArray[np.float64]
) -> Spots:
    """Put peaks on the skin; those where nothing shows or skin leans away are left out."""
    row = tiles.row_at(tile, peaks[:, :2])
    keep = (row >= 0) & (tiles.cos[row] >= LEAST_COS)
    tile, peaks, row = tile[keep], peaks[keep], row[keep]
    face, barycentric = on_skin(surface, tiles, tile, row, peaks[:, :2])
    return Spots(
        face,
        barycentric,
        point_positions(surface, face, barycentric),
        peaks[:, 2] * tiles.frames.mm_per_px,
        peaks[:, 3],
    )


def merge_near(spots: Spots, rank: NDArray[np.float64]) -> NDArray[np.intp]:
    """Rows that stay: of spots of about one size at about one place the one ranked highest.

    A small spot in a large one stays, whichever ranks higher: the large one may be a shadow.
    """
    if len(spots) == 0:
        return np.empty(0, np.intp)
    size = spots.diameter_mm
    pairs = cKDTree(spots.xyz_mm).query_pairs(0.35 * float(size.max()), output_type="ndarray")
    away = np.linalg.norm(spots.xyz_mm[pairs[:, 0]] - spots.xyz_mm[pairs[:, 1]], axis=1)
    large, small = size[pairs].max(axis=1), size[pairs].min(axis=1)
    pairs = pairs[(away < 0.35 * large) & (large < ALIKE * small)]
    return kept_of_pairs(rank, pairs)


def nested_pairs(xyz_mm: NDArray[np.float64], diameter_mm: NDArray[np.float64]) -> NDArray[np.intp]:
    """(P, 2) pairs of rows of which one has its centre well inside the other."""
    if len(xyz_mm) == 0:
        return np.empty((0, 2), np.intp)
    radius = 0.5 * diameter_mm
    pairs = cKDTree(xyz_mm).query_pairs(float(radius.max()), output_type="ndarray")
    away = np.linalg.norm(xyz_mm[pairs[:, 0]] - xyz_mm[pairs[:, 1]], axis=1)
    return np.asarray(pairs[away < 0.9 * radius[pairs].max(axis=1)], np.intp)


def kept_of_pairs(rank: NDArray[np.float64], pairs: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows that stay, highest rank first, when of each pair only one may."""
    pairs = np.concatenate((pairs, pairs[:, ::-1]))
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    start = np.searchsorted(pairs[:, 0], np.arange(len(rank) + 1))
    gone = np.zeros(len(rank), np.bool_)
    kept = []
    for row in np.argsort(-rank, kind="stable"):
        if not gone[row]:
            kept.append(row)
            gone[pairs[start[row] : start[row + 1], 1]] = True
    return np.array(kept, np.intp)
