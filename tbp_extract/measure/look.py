"""Crops on a metric raster: colours, and which pixels show skin or lesion as they are."""

import functools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import lines, regrid
from tbp_extract.measure.lab import TO_WHITE
from tbp_extract.types import CropBatch

__all__ = ["RASTER_PX_PER_MM", "Image", "look", "raster_mm"]

RASTER_PX_PER_MM: Final = 7.3
"""The raster on which the vendor measures."""

LINE_DEPTH: Final = 3.0
"""A hair differs by so much L* from what lies beside it,"""

LINE_CONTRAST: Final = 1.7
"""by so many times the usual difference of the crop,"""

LINE_MOST: Final = 10.0
"""or by so much where hair itself is the usual thing,"""

LINE_MM: Final = 2.5
"""and is so long at least; shorter lines may be a lesion's own."""

GLARE_LEVEL: Final = 235.0
"""All channels above this: light that comes from the skin's surface, not from below."""

HOLE_MM: Final = 0.6
"""A pixel is filled from clear ones so near,"""

FILL_ROUNDS: Final = 3
"""in so many rounds: bundles of hair up to 3.6 mm wide are closed."""


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """N crops on a raster of M x M pixels, M odd, the crop's centre in the middle pixel."""

    lab: NDArray[np.float32]
    """(N, 3, M, M) CIELAB, channel by channel; hairs and glare filled in from beside."""

    covered: NDArray[np.bool_]
    """(N, M, M)."""

    hair: NDArray[np.bool_]
    """(N, M, M)."""

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
    least_px = round(LINE_MM * RASTER_PX_PER_MM)
    lines.find_lines(lab, LINE_DEPTH, LINE_CONTRAST, LINE_MOST, least_px, hair)
    clear = covered & ~hair & ~glare
    usable = _fill(lab, clear, covered)
    coarse_lab = np.empty((n, 3, size // 2, size // 2), np.float32)
    coarse_usable = np.empty((n, size // 2, size // 2), np.bool_)
    regrid.halve(lab, usable, coarse_lab, coarse_usable)
    return Image(
        lab=lab,
        covered=covered,
        hair=hair,
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


def _fill(
    lab: NDArray[np.float32], clear: NDArray[np.bool_], covered: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Fill what is hidden, changing the colours; all that is usable then."""
    usable = clear.copy()
    for _ in range(FILL_ROUNDS):
        wanted = covered & ~usable
        if not wanted.any():
            break
        filled = np.empty_like(clear)
        lines.fill_holes(usable, wanted, round(HOLE_MM * RASTER_PX_PER_MM), lab, filled)
        usable |= filled
    return usable


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
