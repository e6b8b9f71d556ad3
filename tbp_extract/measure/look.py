"""Crops on a metric raster: colours, and which pixels show skin or lesion as they are."""

import functools
import math
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import lines, regrid
from tbp_extract.measure.lab import TO_WHITE
from tbp_extract.types import CropBatch

__all__ = ["RASTER_PX_PER_MM", "Image", "look", "raster_mm"]

RASTER_PX_PER_MM: Final = 7.3
"""The raster on which the vendor measures."""

HAIR_DEPTH: Final = 1.5 / 88.0
"""A hair is darker, or lighter, than both sides by this share of L* + 16, which goes with the cube
root of light: a hair that hides a given part of a pixel differs by the same share on any skin,"""

HAIR_CONTRAST: Final = 2.0
"""and by so many times the scatter of such differences,"""

HAIR_MOST: Final = 10.0 / 88.0
"""or by this share, where hair itself makes them scatter;"""

HAIR_HALF_PX: Final = 7
"""it runs straight for so long to both sides, 2 mm in all,"""

HAIR_SHARE: Final = 0.75
"""over this share of its length at least;"""

HAIR_DIRECTIONS: Final = 16
HAIR_PROBES: Final = 11
"""looked at in so many places, in so many directions."""

GLARE_LEVEL: Final = 235.0
"""All channels above this: light that comes from the skin's surface, not from below."""

HOLE_MM: Final = 0.3
"""A pixel is filled from clear ones so near,"""

FILL_ROUNDS: Final = 6
"""in so many rounds: bundles of hair up to 3.6 mm wide are closed."""


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """N crops on a raster of M x M pixels, M odd, the crop's centre in the middle pixel."""

    lab: NDArray[np.float32]
    """(N, 3, M, M) CIELAB, channel by channel; hairs and glare filled in from beside."""

    covered: NDArray[np.bool_]
    """(N, M, M)."""

    hair: NDArray[np.bool_]
    """(N, M, M) hairs, with their soft sides."""

    hair_px: NDArray[np.int64]
    """(N,) covered pixels in the middle of hairs."""

    scatter: NDArray[np.float64]
    """(N,) of lightness across two pixels, as a share of L* + 16."""

    glare: NDArray[np.bool_]
    """(N, M, M)."""

    clear: NDArray[np.bool_]
    """(N, M, M) covered, no hair, no glare."""

    usable: NDArray[np.bool_]
    """(N, M, M) clear or filled."""

    coarse_lab: NDArray[np.float32]
    """(N, 3, M // 2, M // 2) smoothed, around every second pixel from the second one on."""

    coarse_usable: NDArray[np.bool_]
    """(N, M // 2, M // 2)."""

    source_px: float
    """Side of a crop's pixel in pixels of the raster."""

    def __len__(self) -> int:
        return len(self.lab)

    def rows(self, chosen: NDArray[np.int64]) -> "Image":
        """Take some of the crops."""
        arrays = {name: getattr(self, name) for name in self.__slots__ if name != "source_px"}
        return Image(
            **{name: values[chosen] for name, values in arrays.items()}, source_px=self.source_px
        )


def look(batch: CropBatch) -> Image:
    """Bring crops of any sampling onto the raster and mark what hides skin."""
    n, source = len(batch), batch.frames.size_px
    first, weight = _taps(source, batch.frames.mm_per_px)
    size = len(first)
    lab = np.empty((n, 3, size, size), np.float32)
    covered, glare, hair = (np.empty((n, size, size), np.bool_) for _ in range(3))
    regrid.regrid(
        batch.pixels, batch.covered, first, weight, GLARE_LEVEL, TO_WHITE, lab, covered, glare
    )
    search, hair_px, scatter = _hair_search(size), np.empty(n, np.int64), np.empty(n)
    lines.find_lines(
        lab, HAIR_DEPTH, HAIR_CONTRAST, HAIR_MOST, covered, search.probes, search.lines,
        search.least, hair, hair_px, scatter,
    )  # fmt: skip
    clear = covered & ~(hair | glare)
    usable = clear.copy()
    lines.fill_holes(usable, covered, round(HOLE_MM * RASTER_PX_PER_MM), FILL_ROUNDS, lab)
    coarse_lab = np.empty((n, 3, size // 2, size // 2), np.float32)
    coarse_usable = np.empty((n, size // 2, size // 2), np.bool_)
    regrid.halve(lab, usable, coarse_lab, coarse_usable)
    return Image(
        lab=lab,
        covered=covered,
        hair=hair,
        hair_px=hair_px,
        scatter=scatter,
        glare=glare,
        clear=clear,
        usable=usable,
        coarse_lab=coarse_lab,
        coarse_usable=coarse_usable,
        source_px=RASTER_PX_PER_MM * batch.frames.mm_per_px,
    )


@functools.lru_cache(maxsize=16)
def raster_mm(size: int, step_mm: float) -> NDArray[np.float64]:
    """(size, size) distance of pixels from the middle of a raster."""
    axis = (np.arange(size) - 0.5 * (size - 1)) * step_mm
    out = np.asarray(np.hypot(axis[:, None], axis[None, :]))
    out.flags.writeable = False
    return out


class _HairSearch(NamedTuple):
    probes: NDArray[np.int64]
    """(D, T) steps in the kernel's plane to look at along each direction; the farthest first."""

    lines: NDArray[np.int64]
    """(D, L) all steps along the same directions."""

    least: int
    """So many of the places looked at are hair."""


@functools.cache
def _hair_search(size: int) -> _HairSearch:
    across = size + 16
    # What is no hair fails where it ends: the ends come first.
    far = np.linspace(HAIR_HALF_PX, 0, HAIR_PROBES // 2 + 1)[:, None] * (1, -1)
    return _HairSearch(
        probes=_steps(far.ravel()[:-1], across),
        lines=_steps(np.arange(-HAIR_HALF_PX, HAIR_HALF_PX + 1), across),
        least=math.ceil(HAIR_SHARE * HAIR_PROBES),
    )


def _steps(along_px: NDArray[Any], across: int) -> NDArray[np.int64]:
    """(D, T) steps in a plane of that width, along each direction."""
    angle = np.arange(HAIR_DIRECTIONS) * np.pi / HAIR_DIRECTIONS
    rows = np.round(np.sin(angle)[:, None] * along_px).astype(np.int64)
    cols = np.round(np.cos(angle)[:, None] * along_px).astype(np.int64)
    return np.asarray(rows * across + cols)


@functools.lru_cache(maxsize=16)
def _taps(source: int, mm_per_px: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Source lines and weights of each line of the raster: a triangle as wide as the coarser."""
    ratio = 1.0 / (RASTER_PX_PER_MM * mm_per_px)
    # An odd number of lines that lie within the crop.
    size = 2 * int(0.5 * (source / ratio - 1.0) + 1e-9) + 1
    place = (np.arange(size) - size // 2) * ratio + 0.5 * (source - 1)
    reach = max(ratio, 1.0)
    # As many lines as lie strictly within reach.
    count = int(np.ceil(2.0 * reach - 1e-9))
    first = np.clip(np.floor(place - reach).astype(np.int64) + 1, 0, max(source - count, 0))
    tap = first[:, None] + np.arange(min(count, source))
    weight = np.maximum(1.0 - np.abs(tap - place[:, None]) / reach, 0.0)
    return first, (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
