"""Sizes and shapes of delineated lesions."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import shape
from tbp_extract.measure.delineate import Outlines

__all__ = ["measure_shape"]

_WIDTH_STEP_DEG = 2.0
_AXIS_STEP_DEG = 5.0
_DENSE_PX = 400.0
_ROUND_RATIO, _ROUGH_RATIO = 12.566, 40.0
_MOST_ASYMMETRY = 0.675


def measure_shape(outlines: Outlines) -> dict[str, NDArray[np.float64]]:
    """Columns on size and shape, by name.

    Parameters
    ----------
    outlines : Outlines
        N lesions.

    Returns
    -------
    dict
        (N,) each; NaN where the outline may not be used for sizes.

    Notes
    -----
    Areas are sums of the pixels' shares inside the outline, in mm2 of image, times the mean of true
    skin area over image area inside. Lengths are multiplied by the root of that ratio: exact where
    skin is stretched alike in all directions, half of the error where it is in one.

    - ``perimeterMM``: 8-connected chain of the border pixels on the raster of 7.3 px/mm.
    - ``clin_size_long_diam_mm``, ``minorAxisMM``: greatest and least distance of parallel lines
      that hold the outline, in steps of 2 degrees; the mean of with and without the
      parts of the outline that hair or glare hides.
    - ``eccentricity``: of the ellipse with the outline's second moments.
    - ``symm_2axis``: least Jaccard distance of the region and its mirror image about an axis
      through the centroid, over axes in steps of 5 degrees; ``symm_2axis_angle``: that axis,
      clockwise from the image's rows.
    - ``norm_border``: 5 clip((P^2/A - 12.566) / (40 - 12.566), 0, 1)
      + 5 clip(symm_2axis/0.675, 0, 1).
    """
    n = len(outlines)
    moment, chain = np.empty((n, 6)), np.empty(n)
    shape.moments(outlines.share, moment)
    shape.chain_length(outlines.mask, chain)
    width = np.empty((n, round(180.0 / _WIDTH_STEP_DEG)))
    shape.widths(outlines.mask, outlines.share, outlines.clear, _directions(_WIDTH_STEP_DEG), width)
    mirrored = np.empty((n, round(180.0 / _AXIS_STEP_DEG)))
    shape.mirror_distance(outlines.share, moment, _directions(_AXIS_STEP_DEG), _DENSE_PX, mirrored)
    length = np.sqrt(outlines.stretch2) * outlines.step_mm
    area, perimeter = moment[:, 0] * length**2, chain * length
    best = np.where(np.isnan(mirrored), np.inf, mirrored).argmin(axis=1)
    symmetry = mirrored[np.arange(n), best]
    columns = {
        "clin_size_long_diam_mm": width.max(axis=1) * length,
        "tbp_lv_minorAxisMM": width.min(axis=1) * length,
        "tbp_lv_areaMM2": area,
        "tbp_lv_perimeterMM": perimeter,
        "tbp_lv_area_perim_ratio": _ratio(perimeter**2, area),
        "tbp_lv_eccentricity": _eccentricity(moment),
        "tbp_lv_symm_2axis": symmetry,
        "tbp_lv_symm_2axis_angle": best * _AXIS_STEP_DEG,
        "tbp_lv_norm_border": norm_border(_ratio(perimeter**2, area), symmetry),
    }
    known = outlines.is_sized
    return {name: np.where(known, values, np.nan) for name, values in columns.items()}


def norm_border(
    area_perim_ratio: NDArray[np.float64], symm_2axis: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Border irregularity, 0..10, from the columns of those names; the vendor's formula."""
    rough = (area_perim_ratio - _ROUND_RATIO) / (_ROUGH_RATIO - _ROUND_RATIO)
    skew = symm_2axis / _MOST_ASYMMETRY
    return np.asarray(5.0 * np.clip(rough, 0.0, 1.0) + 5.0 * np.clip(skew, 0.0, 1.0))


def _directions(step_deg: float) -> NDArray[np.float64]:
    """List unit vectors over half a turn, (A, 2) down and right; the first points right."""
    angle = np.radians(np.arange(0.0, 180.0, step_deg))
    return np.stack((np.sin(angle), np.cos(angle)), axis=1)


def _ratio(over: NDArray[np.float64], under: NDArray[np.float64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = np.full(len(over), np.nan)
    return np.divide(over, under, out=out, where=under > 0.0)


def _eccentricity(moment: NDArray[np.float64]) -> NDArray[np.float64]:
    half, other = 0.5 * (moment[:, 3] + moment[:, 4]), 0.5 * (moment[:, 3] - moment[:, 4])
    reach = np.hypot(other, moment[:, 5])
    # Of the variances along the axes, half + reach and half - reach.
    return np.sqrt(_ratio(2.0 * reach, half + reach))
