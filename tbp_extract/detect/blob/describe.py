"""A closer look at each spot: its outline, its size and what tells lesions from the rest."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tbp_extract.detect.blob.spots import Spots, densities, density_tables
from tbp_extract.detect.tiles.skin import Skin
from tbp_extract.detect.tiles.views import Views, chosen_frames, draw_views, levels_of, on_skin
from tbp_extract.geometry import point_positions
from tbp_extract.kernels.look import describe
from tbp_extract.kernels.outline import outline
from tbp_extract.types import CropFrames

__all__ = ["LOOKS", "OUTLINED", "Angle", "Looks", "joined", "look_at", "middle_looks"]

SIZE_PX = 65
GUESS_PX = 16.0
"""A view is so wide that the diameter looked for spans this many pixels."""

FINEST_MM = 0.11
"""Side of a pixel below which views are not made finer."""

RIM_LEVEL = 0.5
"""The outline runs at this share of the mean contrast inside. There a rim is steepest: noise and
blur move it by two thirds of what they do at a third of the contrast."""

SOFT_RIM_PX = 4.5
"""Experts count the soft rim beyond half the contrast as lesion. What the median slope of a rim
lacks to a step's (1) grows with the rim's width, and diameters by this many pixels times that. The
share is a compromise: photographs with experts' outlines ask for more, drawn lesions for less."""

LEAST_CONTRAST = 0.10
"""Natural logarithm of light: about deltaLBnorm 1.9; what is fainter is skin."""

CHUNK = 96

OUTLINED = (
    "row",
    "column",
    "area",
    "long",
    "short",
    "perimeter",
    "contrast",
    "bare_sides",
    "scatter",
    "ring_share",
    "tilt",
)
"""What `kernels.outline.outline` says of a spot, in its order; pixels."""

LOOKS = (
    "contrast",
    "contrast_to_noise",
    "step_least",
    "step_low",
    "step_median",
    "slope_low",
    "slope_median",
    "aspect",
    "fullness",
    "raggedness",
    "skin_share",
    "rim_share",
    "shading",
    "red_by_green",
    "blue_by_green",
    "glare",
    "skin_red",
    "skin_blue",
)
"""What `kernels.look.describe` says of a spot, in its order."""

_LONG, _SHORT = OUTLINED.index("long"), OUTLINED.index("short")


@dataclass(frozen=True, slots=True)
class Angle:
    """How one look at a spot differs from another."""

    turn_deg: float
    """About the line of sight."""

    wide: float
    """Diameter that the view is made for, by the one that is known."""


STRAIGHT = Angle(0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """N spots with their outlines measured; NaN where nothing was found."""

    spots: Spots
    """Centres of the outlines; ``diameter_mm`` is the longest diameter."""

    short_mm: NDArray[np.float64]

    values: NDArray[np.float32]
    """(N, 18), in the order of `LOOKS`."""

    def __len__(self) -> int:
        return len(self.spots)

    def on_scan(self, order: NDArray[np.int32]) -> "Looks":
        """Name faces as the scan does, after they were put in an order."""
        spots = replace(self.spots, face=order[self.spots.face])
        return Looks(spots, self.short_mm, self.values)

    def at(self, index: NDArray[np.intp]) -> "Looks":
        """Take some of them."""
        return Looks(self.spots.at(index), self.short_mm[index], self.values[index])

    def replaced(self, rows: NDArray[np.intp], others: "Looks") -> "Looks":
        """Put others in the place of some of them."""
        place = np.arange(len(self))
        place[rows] = len(self) + np.arange(len(rows))
        return joined(self, others).at(place)


def joined(one: Looks, two: Looks) -> Looks:
    """Put looks at different spots together."""
    a, b = one.spots, two.spots
    spots = Spots(
        *(np.concatenate((getattr(a, name), getattr(b, name))) for name in Spots.__slots__)
    )
    return Looks(
        spots,
        np.concatenate((one.short_mm, two.short_mm)),
        np.concatenate((one.values, two.values)),
    )


def middle_looks(every: Sequence[Looks]) -> tuple[Looks, NDArray[np.intp]]:
    """Choose, of several looks at the same spots, for each the one of middle diameter.

    Looks that show nothing do not count; of an even number the smaller of the middle two is taken.

    Returns
    -------
    looks : Looks
    turn : (N,) intp
        Which of them each was.
    """
    size = np.stack([looks.spots.diameter_mm for looks in every])
    known = np.isfinite(size).sum(axis=0)
    order = np.argsort(np.where(np.isfinite(size), size, np.inf), axis=0, kind="stable")
    spot = np.arange(size.shape[1])
    turn = order[np.maximum(known - 1, 0) // 2, spot]
    together = functools.reduce(joined, every)
    return together.at(turn * len(spot) + spot), turn


def look_at(skin: Skin, spots: Spots, angle: Angle = STRAIGHT) -> Looks:
    """Look straight at each spot, in a view that is four of its diameters wide."""
    n = len(spots)
    guess_mm = spots.diameter_mm * angle.wide
    face, barycentric = spots.face.copy(), spots.barycentric.copy()
    long_mm, short_mm = np.full(n, np.nan), np.full(n, np.nan)
    values = np.full((n, len(LOOKS)), np.nan, np.float32)
    surface = skin.surface
    for rows, frames in _frames(skin, spots, guess_mm, angle.turn_deg):
        level = levels_of(surface, frames.face, frames.mm_per_px, len(skin.levels))
        for k in np.unique(level):
            chosen = np.flatnonzero(level == k)
            views = draw_views(skin, int(k), chosen_frames(frames, chosen))
            these = rows[chosen]
            outlined, values[these] = _describe(views, guess_mm[these] / frames.mm_per_px)
            rim_px = _soft_rim_px(values[these])
            long_px, short_px = outlined[:, _LONG], outlined[:, _SHORT]
            long_mm[these] = (long_px + rim_px) * frames.mm_per_px
            short_mm[these] = (short_px + rim_px) * frames.mm_per_px
            known = np.flatnonzero(np.isfinite(outlined[:, 0]))
            row = views.row_at(known, outlined[known, :2])
            known, row = known[row >= 0], row[row >= 0]
            face[these[known]], barycentric[these[known]] = on_skin(
                surface, views, known, row, outlined[known, :2]
            )
    xyz = point_positions(surface, face, barycentric)
    return Looks(Spots(face, barycentric, xyz, long_mm, spots.response), short_mm, values)


def _describe(
    views: Views, guess_px: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Outlines (N, 11) in the order of `OUTLINED`, and looks."""
    image, valid = densities(views)
    contrast, mask = np.empty_like(image), np.empty(image.shape, np.bool_)
    outlined = np.empty((len(image), len(OUTLINED)))
    values = np.empty((len(image), len(LOOKS)), np.float32)
    outline(image, valid, guess_px, RIM_LEVEL, LEAST_CONTRAST, contrast, mask, outlined)
    describe(views.pixels, valid, density_tables(), contrast, mask, outlined, values)
    return outlined, values


def _soft_rim_px(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N,) by how much diameters at half the contrast fall short of what experts outline."""
    slope = values[:, LOOKS.index("slope_median")].astype(np.float64)
    return SOFT_RIM_PX * (1.0 - np.nan_to_num(slope, nan=1.0))


def _frames(
    skin: Skin, spots: Spots, guess_mm: NDArray[np.float64], turn_deg: float
) -> Iterator[tuple[NDArray[np.intp], CropFrames]]:
    """Frame views of one scale at a time, in steps of the square root of 2."""
    step = np.round(2.0 * np.log2(np.maximum(guess_mm, 0.5)))
    for k in np.unique(step):
        member = np.flatnonzero(step == k)
        mm_per_px = max(2.0 ** (0.5 * k) / GUESS_PX, FINEST_MM)
        for first in range(0, len(member), CHUNK):
            rows = member[first : first + CHUNK]
            yield (
                rows,
                skin.frames(
                    spots.face[rows],
                    spots.xyz_mm[rows],
                    size_px=SIZE_PX,
                    mm_per_px=mm_per_px,
                    turn_deg=turn_deg,
                ),
            )
