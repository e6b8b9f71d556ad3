"""Colours of delineated lesions and of the skin around them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import colour
from tbp_extract.measure.delineate import Outlines

__all__ = ["measure_colour"]

RING_MM: Final = (0.5, 2.5)
"""Surrounding skin lies between these distances from the outline: beyond its blur, but near."""

TRIM_SD: Final = 2.5
"""Of it, pixels whose L* is farther from the mean are left out: hairs, other lesions."""

DEPTH_MM: Final = 0.3
"""Width of the rings in which colours are compared, two pixels of the raster."""

LEAST_CELL_PX: Final = 3
LEAST_PX: Final = 12
"""Fewer pixels have no mean: in a cell of a ring; in the lesion or around it."""

STD_SCALE: Final = 3.403
RADIAL_SCALE: Final = 3.272
"""The vendor's, in ``norm_color``."""

NORM_SCALE: Final = 56.1
NORM_OFFSET: Final = 20.0
"""Fitted to the vendor's ``deltaLBnorm``."""


def measure_colour(outlines: Outlines) -> dict[str, NDArray[np.float64]]:
    """Columns on colour, by name.

    Parameters
    ----------
    outlines : Outlines
        N lesions.

    Returns
    -------
    dict
        (N,) each; NaN where there is no lesion to look at or no clear skin around it.

    Notes
    -----
    Inside are the clear pixels of the mask; around are clear pixels 0.5 to 2.5 mm from the outline
    whose L* lies within 2.5 standard deviations of all of them.

    - C, H: hypot(A, B), atan2(B, A) in degrees; delta: inside minus around.
    - ``stdL``: standard deviation of L* below the rim's own fall: pixels count from nothing 0.3 mm
      below the outline to whole at 0.6 mm; of all inside where less than 12 pixels lie there.
      ``stdLExt``: around.
    - ``deltaLB``: mean over pixels inside of hypot(L - Lext, B - Bext).
    - ``deltaLBnorm``: 56.1 deltaLB / (Lext + 20), ours; within 5 % of the vendor's.
    - ``color_std_mean``, ``radial_color_std_max``: spread of mean colour over eight sectors of
      rings of 0.3 mm, from 0.3 mm below the outline on, sectors weighed by their pixels: mean, so
      weighed too, and maximum over the rings. Ours; 0 for lesions too small or thin to have a ring.
    - ``norm_color``: 5 clip(color_std_mean/3.403, 0, 1)
      + 5 clip(radial_color_std_max/3.272, 0, 1).
    """
    n = len(outlines)
    means, spread, px = np.empty((n, 2, 4)), np.empty((n, 4)), np.empty((n, 2), np.int64)
    colour.compare(
        outlines.lab,
        outlines.mask,
        outlines.clear,
        outlines.away_mm,
        np.ascontiguousarray(outlines.moment[:, 1:3]),
        np.array(RING_MM, np.float32),
        TRIM_SD,
        DEPTH_MM,
        np.array((LEAST_PX, LEAST_CELL_PX)),
        means,
        spread,
        px,
    )
    own, skin = means[:, 0], means[:, 1]
    known, contrast = outlines.is_coloured & (px[:, 1] >= LEAST_PX), spread[:, 0]
    columns = {
        **_means(own, ""),
        **_means(skin, "ext"),
        "tbp_lv_deltaL": own[:, 0] - skin[:, 0],
        "tbp_lv_deltaA": own[:, 1] - skin[:, 1],
        "tbp_lv_deltaB": own[:, 2] - skin[:, 2],
        "tbp_lv_deltaLB": contrast,
        "tbp_lv_deltaLBnorm": NORM_SCALE * contrast / (skin[:, 0] + NORM_OFFSET),
        "tbp_lv_stdL": spread[:, 1],
        "tbp_lv_stdLExt": skin[:, 3],
        **_spread(spread[:, 2], spread[:, 3], outlines.is_sized),
    }
    return {name: np.where(known, values, np.nan) for name, values in columns.items()}


def norm_color(
    color_std_mean: NDArray[np.float64], radial_color_std_max: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Colour variation, 0..10, from the columns of those names; the vendor's formula."""
    one = np.clip(color_std_mean / STD_SCALE, 0.0, 1.0)
    return np.asarray(5.0 * one + 5.0 * np.clip(radial_color_std_max / RADIAL_SCALE, 0.0, 1.0))


def _means(values: NDArray[np.float64], suffix: str) -> dict[str, NDArray[np.float64]]:
    light, red, yellow = values[:, 0], values[:, 1], values[:, 2]
    return {
        f"tbp_lv_L{suffix}": light,
        f"tbp_lv_A{suffix}": red,
        f"tbp_lv_B{suffix}": yellow,
        f"tbp_lv_C{suffix}": np.hypot(red, yellow),
        f"tbp_lv_H{suffix}": np.degrees(np.arctan2(yellow, red)),
    }


def _spread(
    mean: NDArray[np.float64], most: NDArray[np.float64], known: NDArray[np.bool_]
) -> dict[str, NDArray[np.float64]]:
    columns = {
        "tbp_lv_color_std_mean": mean,
        "tbp_lv_radial_color_std_max": most,
        "tbp_lv_norm_color": norm_color(mean, most),
    }
    return {name: np.where(known, values, np.nan) for name, values in columns.items()}
