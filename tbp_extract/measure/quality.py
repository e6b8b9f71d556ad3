"""How far a crop can be trusted: what it covers, how it was sampled, how well it was taken.

Hair is found where it is filled: ``look``.
"""

import functools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import quality as kernels
from tbp_extract.measure.lab import Y_WEIGHTS, cube_root, linear_light
from tbp_extract.types import CropBatch, CropFrames

__all__ = ["border_zone", "crop_quality"]

BORDER_SHARE: Final = 0.35
"""Skin is looked for farther than this share of the crop's side from its centre."""

FINE_MM: Final = 0.25
COARSE_MM: Final = 1.0
"""Ways across which L* is compared for the sharpness."""

MIN_COARSE_L: Final = 0.2
"""A crop flatter than this has no sharpness: what differs is rounding."""

DARK_BYTE: Final = 8
BRIGHT_BYTE: Final = 254

GLARE_RISE_L: Final = 12.0
GLARE_PALE: Final = 0.6
"""Glare is lighter than skin by that much and has at most this share of its saturation."""

_Y_STEPS = 1 << 14
_LIGHT_UNITS = 64


def crop_quality(batch: CropBatch) -> dict[str, NDArray[Any]]:
    """Columns about N crops themselves, by name; definitions in ``tbp_extract.columns``.

    Notes
    -----
    ``tbp_ex_sharpness`` is the root mean square difference of L* across 0.25 mm by that across
    1 mm, along rows and columns: 0.25 where lightness changes evenly, 0.5 for ideal edges, 1 for
    noise. Contrast cancels out and lengths are on the skin, so that crops of any sampling compare.
    """
    n, mm_per_px = len(batch), batch.frames.mm_per_px
    covered_px = np.array([np.count_nonzero(crop) for crop in batch.covered], np.int64)
    return {
        "tbp_ex_size_px": np.full(n, batch.frames.size_px, np.int64),
        "tbp_ex_extent_mm": np.full(n, batch.frames.extent_mm),
        "tbp_ex_native_px_per_mm": 1.0 / batch.texel_mm.astype(np.float64),
        "tbp_ex_upsampled": batch.texel_mm > mm_per_px,
        "tbp_ex_covered_fraction": covered_px / batch.frames.size_px**2,
        "tbp_ex_obliqueness_deg": batch.obliqueness_deg.astype(np.float64),
        "tbp_ex_stretch": _stretch(batch, covered_px),
        **_taking(batch),
    }


def border_zone(frames: CropFrames) -> NDArray[np.bool_]:
    """(S, S) whether a pixel lies outside the middle disc, where skin is looked for."""
    place = np.arange(frames.size_px) - 0.5 * (frames.size_px - 1)
    zone: NDArray[np.bool_] = np.hypot(place[:, None], place) > BORDER_SHARE * frames.size_px
    return zone


def _stretch(batch: CropBatch, covered_px: NDArray[np.int64]) -> NDArray[np.float64]:
    skin_mm2 = batch.mm2_per_px.sum(axis=(1, 2), dtype=np.float64)
    image_mm2 = covered_px * batch.frames.mm_per_px**2
    ratio: NDArray[np.float64] = np.full(len(batch), np.nan)
    np.divide(skin_mm2, image_mm2, out=ratio, where=covered_px > 0)
    return np.sqrt(ratio)


def _taking(batch: CropBatch) -> dict[str, NDArray[np.float64]]:
    """Columns about sharpness and light."""
    out = np.full((len(batch), 4), np.nan)
    table = _light_table()
    # A way longer than the crop can hold is not looked at.
    longest_px = batch.frames.size_px - 2
    kernels.assess(
        batch.pixels,
        batch.covered,
        border_zone(batch.frames),
        table.share,
        table.steps,
        table.inverse,
        np.minimum(np.array([FINE_MM, COARSE_MM]) / batch.frames.mm_per_px, longest_px),
        np.array([DARK_BYTE, BRIGHT_BYTE]),
        round(GLARE_RISE_L * _LIGHT_UNITS),
        GLARE_PALE,
        out,
    )
    fine, coarse, clipped, glare = out.T
    sharpness: NDArray[np.float64] = np.full(len(batch), np.nan)
    np.divide(fine, coarse, out=sharpness, where=coarse >= MIN_COARSE_L * _LIGHT_UNITS)
    return {
        "tbp_ex_sharpness": sharpness,
        "tbp_ex_clipped_fraction": clipped.copy(),
        "tbp_ex_glare_fraction": glare.copy(),
    }


@dataclass(frozen=True, slots=True, eq=False)
class _LightTable:
    """sRGB bytes to L* and saturation, by look-up."""

    share: NDArray[np.float32]
    """(3, 256) part of Y by channel and byte, in steps."""

    steps: NDArray[np.int16]
    """64 L* by step of Y."""

    inverse: NDArray[np.float32]
    """(256,) 255 by byte, 0 for 0."""


@functools.cache
def _light_table() -> _LightTable:
    linear = linear_light(np.arange(256) / 255.0)
    weights = np.array(Y_WEIGHTS)
    lightness = np.maximum(116.0 * cube_root(np.arange(_Y_STEPS) / (_Y_STEPS - 1)) - 16.0, 0.0)
    inverse = np.concatenate(([0.0], 255.0 / np.arange(1, 256)))
    return _LightTable(
        share=(weights[:, None] * linear * (_Y_STEPS - 1)).astype(np.float32),
        steps=np.round(lightness * _LIGHT_UNITS).astype(np.int16),
        inverse=inverse.astype(np.float32),
    )
