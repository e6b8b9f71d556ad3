"""Tone of the skin around a lesion."""

import functools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels.skin_tone import skin_colours
from tbp_extract.measure.quality import border_zone
from tbp_extract.types import CropBatch

__all__ = ["skin_colour", "skin_tone", "tone_class"]

TONE_LIMITS_DEG: Final = (-30.0, 10.0, 28.0, 41.0, 55.0)
TONES: Final = ("dark", "brown", "tan", "intermediate", "light", "very_light")
"""Classes of Del Bino between those limits; a limit belongs to the darker class."""

MIN_SKIN_MM2: Final = 5.0
"""Less skin than this says nothing about its tone."""

TYPICAL_MADS: Final = 2.5 * 1.4826
"""Skin is what lies within this many median absolute deviations of the median L*."""

_STEPS = 1 << 14
_SCALE = 8.0
_ZERO = 1024
_BINS = 2048
_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)


def skin_tone(batch: CropBatch, skin: NDArray[np.bool_] | None = None) -> dict[str, NDArray[Any]]:
    """Individual typology angle of the skin around the lesion, and its class.

    Parameters
    ----------
    batch : CropBatch
        N crops.
    skin : (N, S, S) bool, optional
        Skin without lesion; by default all that is covered outside the middle disc.

    Returns
    -------
    dict
        ``tbp_ex_ita_deg`` (N,) float64, NaN where there is too little skin or its b* is not
        above 0; ``tbp_ex_skin_tone`` (N,) object, a class name or ``None``.

    Notes
    -----
    ITA = atan2(L* - 50, b*) in degrees, of the median CIELAB (D65, 2 degrees) of the skin. Pixels
    whose L* is farther than 3.7 median absolute deviations from the median (hair, glare,
    neighbouring lesions) are left out first. Classes: very_light > 55 >= light > 41 >=
    intermediate > 28 >= tan > 10 >= brown > -30 >= dark.

    References
    ----------
    Del Bino, Bernerd: Variations in skin colour and the biological consequences of ultraviolet
    radiation exposure. Br J Dermatol 169 (2013), doi:10.1111/bjd.12529.
    """
    lightness, _, yellow = skin_colour(batch, skin).T
    with np.errstate(invalid="ignore"):
        ita = np.degrees(np.arctan2(lightness - 50.0, yellow))
        ita[~(yellow > 0.0)] = np.nan
    return {"tbp_ex_ita_deg": ita, "tbp_ex_skin_tone": tone_class(ita)}


def tone_class(ita_deg: NDArray[np.float64]) -> NDArray[Any]:
    """(N,) class name by angle; ``None`` for NaN."""
    place = np.searchsorted(TONE_LIMITS_DEG, ita_deg, side="left")
    names = [
        TONES[k] if known else None for k, known in zip(place, np.isfinite(ita_deg), strict=True)
    ]
    return np.array(names, dtype=object)


def skin_colour(batch: CropBatch, skin: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """(N, 3) median CIELAB of skin, outliers left out; NaN where there is too little.

    Parameters are those of `skin_tone`.
    """
    used = batch.covered & (border_zone(batch.frames) if skin is None else skin)
    table = _lab_table()
    out = np.full((len(batch), 3), np.nan)
    fewest = int(np.ceil(MIN_SKIN_MM2 / batch.frames.mm_per_px**2))
    skin_colours(
        batch.pixels,
        used,
        table.share,
        table.root,
        _SCALE,
        _ZERO,
        _BINS,
        TYPICAL_MADS,
        fewest,
        out,
    )
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _LabTable:
    """sRGB bytes to CIELAB, by look-up."""

    share: NDArray[np.float32]
    """(3, 256, 3) part of X, Y and Z relative to white, by byte and channel, in steps."""

    root: NDArray[np.float32]
    """CIELAB's f by step."""


@functools.cache
def _lab_table() -> _LabTable:
    byte = np.arange(256) / 255.0
    linear = np.where(byte <= 0.04045, byte / 12.92, ((byte + 0.055) / 1.055) ** 2.4)
    weights = np.array(_TO_XYZ)
    weights /= weights.sum(axis=1, keepdims=True)
    level = np.arange(_STEPS) / (_STEPS - 1)
    root = np.where(level > (6 / 29) ** 3, np.cbrt(level), level * (29 / 6) ** 2 / 3 + 4 / 29)
    share = linear[None, :, None] * weights[:, None, :] * (_STEPS - 1)
    return _LabTable(share.astype(np.float32), root.astype(np.float32))
