"""Sizes and shapes of delineated lesions."""

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import shape
from tbp_extract.measure.delineate import Outlines

__all__ = ["measure_shape"]

CHAIN: Final = 8.0 / np.pi * (np.sqrt(2.0) - 1.0)
"""Length of a chain of steps to the side (1) and across corners (root 2) over that of the line it
follows, mean over directions."""

CHAIN_INSET_PX: Final = 0.4
"""The chain runs so far inside of the outline, through the middles of the border pixels: measured
on discs and ellipses of 8 to 50 pixels, whose chains it then meets within 1 %."""

AXES: Final = 72
"""Axes over half a turn about which lesions are mirrored."""

RINGS: Final = 32
"""On so many rings out to the farthest pixel."""

TIE: Final = 0.02
"""Axes about which a lesion is less alike by this much count an e-th as much as the best one."""

_ANGLE_STEP_DEG = 5.0
_WIDTH_STEP_DEG = 2.0
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

    - ``perimeterMM``: what the vendor's 8-connected chain of border pixels on the raster of
      7.3 px/mm measures in the mean over all positions and directions of that raster:
      1.0548 (L - 2 pi 0.4 px) of the outline's length L between pixels.
    - ``clin_size_long_diam_mm``, ``minorAxisMM``: greatest and least distance of parallel lines
      that hold the outline, in steps of 2 degrees; the mean of with and without the
      parts of the outline that hair or glare hides.
    - ``eccentricity``: of the ellipse with the outline's second moments.
    - ``symm_2axis``: the vendor's words are asymmetry about the axis that is perpendicular to the
      most symmetric one. Here: Jaccard distance of the region and its mirror image about axes
      through the centroid in steps of 2.5 degrees; of the distances about the perpendicular axes
      the mean, each with the weight exp(-d / 0.02) of the distance d about its own axis, so that
      two axes about which a lesion is almost alike do not make it jump.
    - ``symm_2axis_angle``: the most symmetric axis, clockwise from the image's rows.
    - ``norm_border``: 5 clip((P^2/A - 12.566) / (40 - 12.566), 0, 1)
      + 5 clip(symm_2axis/0.675, 0, 1).
    """
    n = len(outlines)
    moment, outline_px = outlines.moment, np.empty(n)
    shape.outline_length(outlines.mask, outlines.share, outline_px)
    width = np.empty((n, round(180.0 / _WIDTH_STEP_DEG)))
    ways = np.ascontiguousarray(_directions(_WIDTH_STEP_DEG).T)
    shape.widths(outlines.mask, outlines.share, outlines.clear, ways, width)
    length = np.sqrt(outlines.stretch2) * outlines.step_mm
    area = moment[:, 0] * length**2
    perimeter = CHAIN * (outline_px - 2.0 * np.pi * CHAIN_INSET_PX) * length
    mirrored = _mirrored(outlines, moment)
    symmetry = _second_axis(mirrored)
    columns = {
        "clin_size_long_diam_mm": width.max(axis=1) * length,
        "tbp_lv_minorAxisMM": width.min(axis=1) * length,
        "tbp_lv_areaMM2": area,
        "tbp_lv_perimeterMM": perimeter,
        "tbp_lv_area_perim_ratio": _ratio(perimeter**2, area),
        "tbp_lv_eccentricity": _eccentricity(moment),
        "tbp_lv_symm_2axis": symmetry,
        "tbp_lv_symm_2axis_angle": _best_axis_deg(mirrored),
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


def _mirrored(outlines: Outlines, moment: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, AXES) distances from mirror images; the first axis runs along the rows."""
    out, step_deg = np.empty((len(outlines), AXES)), 180.0 / AXES
    shape.mirror_distance(
        outlines.share, moment, _directions(step_deg, 360.0, 0.5 * step_deg), RINGS, out
    )
    return out


def _second_axis(mirrored: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) distance about the axis that is perpendicular to the best one."""
    weight = np.exp((mirrored.min(axis=1, keepdims=True) - mirrored) / TIE)
    perpendicular = np.roll(mirrored, AXES // 2, axis=1)
    return np.asarray((weight * perpendicular).sum(axis=1) / weight.sum(axis=1))


def _best_axis_deg(mirrored: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) the most symmetric axis, in the vendor's steps."""
    some = mirrored[:, :: round(_ANGLE_STEP_DEG * AXES / 180.0)]
    best = np.where(np.isnan(some), np.inf, some).argmin(axis=1)
    return np.asarray(best * _ANGLE_STEP_DEG)


@functools.cache
def _directions(
    step_deg: float, end_deg: float = 180.0, start_deg: float = 0.0
) -> NDArray[np.float64]:
    """List unit vectors in even steps, (A, 2) down and right; at 0 degrees they point right."""
    angle = np.radians(np.arange(start_deg, end_deg, step_deg))
    out = np.stack((np.sin(angle), np.cos(angle)), axis=1)
    out.flags.writeable = False
    return out


def _ratio(over: NDArray[np.float64], under: NDArray[np.float64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = np.full(len(over), np.nan)
    return np.divide(over, under, out=out, where=under > 0.0)


def _eccentricity(moment: NDArray[np.float64]) -> NDArray[np.float64]:
    half, other = 0.5 * (moment[:, 3] + moment[:, 4]), 0.5 * (moment[:, 3] - moment[:, 4])
    reach = np.hypot(other, moment[:, 5])
    # Of the variances along the axes, half + reach and half - reach.
    return np.sqrt(_ratio(2.0 * reach, half + reach))
