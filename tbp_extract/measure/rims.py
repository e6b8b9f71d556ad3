"""How low an outline may lie: as far down as skin is even enough to tell a pale rim from it."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import contrast

__all__ = ["RIM_MM", "Rims", "blur_px", "find_rims"]

GRAIN: Final = (0.010, 0.020)
"""Skin with less grain, as a share of the core's contrast, is even; with more it is not."""

CLEAR_GRAIN: Final = (0.015, 0.025)
CLEAR_SD: Final = (7.0, 3.0)
"""What lies so many standard deviations above skin is clear of it: with more grain than the second
limit, with less than the first."""

HIDDEN: Final = (0.01, 0.05)
"""Shares of the rim that hair hides: less does no harm, with more its foot is not followed far."""

RIM_MM: Final = (0.5, 1.0)
"""The rim reaches so far inside and outside of the first outline."""

OUTER_SHARE: Final = (0.3, 0.0)
"""What lies outside of an edge counts up to this share of its level: a neighbour must not make it
look low. Here and below: on uneven or hidden skin, on skin that is neither."""

FOOT_SHARE: Final = (0.15, 0.08)
FOOT_SD: Final = (2.0, 1.1)
"""The foot is followed down to this share of the edge's height and so many deviations of skin."""

EVEN_GROWTH: Final = 0.15
OPEN_GROWTH: Final = 0.7
"""Until the region has grown by so much: where skin is even; and where nothing hides it."""


BLUR_PX: Final = 0.86
"""An edge 0.3 mm wide, seen at 7.3 px/mm or finer and smoothed once, falls as a logistic of this
scale on the raster, or of a little less: what is followed too far costs small lesions more than
pale rims lose."""


class Rims(NamedTuple):
    """What the skin around N lesions allows their outlines."""

    clear: NDArray[np.float64]
    """(N,) contrast that is clear of skin."""

    foot: NDArray[np.float64]
    """(N, 4) how far the foot of an edge is followed."""


def find_rims(
    field: NDArray[np.float32],
    noise: NDArray[np.float64],
    skin: NDArray[np.bool_],
    hidden: NDArray[np.float64],
) -> Rims:
    """Judge the skin around lesions.

    Parameters
    ----------
    field : (N, M, M) float32
        Contrast, 0 for skin and 1 for the core.
    noise : (N,) float64
        Standard deviation of skin in it.
    skin : (N, M // 2, M // 2) bool
        Where skin lies, on the coarse grid.
    hidden : (N,) float64
        Share of the lesion's rim that hair or glare hides.

    Returns
    -------
    Rims

    Notes
    -----
    Experts draw a pale rim in, the vendor's outlines of grainy tiles stay at about half of the
    peak. Where grain is low, a level near skin still has a place; where it is high, that level's
    outline is one of the grain's, and the outline stays where the edge is steep.
    """
    grain = np.empty(len(field))
    contrast.grain(field, skin, grain)
    grain[np.isnan(grain)] = 1.0
    even = _share_left(grain, GRAIN)
    free = even * _share_left(hidden, HIDDEN)
    foot = np.stack(
        (
            _between(OUTER_SHARE, free),
            _between(FOOT_SHARE, free),
            _between(FOOT_SD, free) * noise,
            1.0 + EVEN_GROWTH * even + (OPEN_GROWTH - EVEN_GROWTH) * free,
        ),
        axis=1,
    )
    return Rims(_between(CLEAR_SD, _share_left(grain, CLEAR_GRAIN)) * noise, foot)


def blur_px(source_px: float) -> float:
    """Scale of the logistic as which a sharp edge falls, by the side of a crop's pixel.

    Pixels wider than the raster's spread an edge by their own width and by the triangle that
    brings them onto it: variances of a twelfth and a sixth of the width's square. A logistic's
    scale is 0.55 of its standard deviation.
    """
    spread = 0.25 * (max(source_px, 1.0) ** 2 - 1.0)
    return float(np.sqrt(BLUR_PX**2 + 0.55**2 * spread))


def _share_left(value: NDArray[np.float64], limits: tuple[float, float]) -> NDArray[np.float64]:
    """1 up to the first limit, 0 from the second one on."""
    left = (limits[1] - value) / (limits[1] - limits[0])
    return np.asarray(np.minimum(np.maximum(left, 0.0), 1.0))


def _between(ends: tuple[float, float], share: NDArray[np.float64]) -> NDArray[np.float64]:
    return ends[0] + (ends[1] - ends[0]) * share
