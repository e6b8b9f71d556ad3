"""Tone of the skin around a lesion."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels.skin_tone import skin_colours
from tbp_extract.measure.delineate import Outlines
from tbp_extract.measure.look import raster_mm

__all__ = ["skin_colour", "skin_tone", "tone_class"]

TONE_LIMITS_DEG: Final = (-30.0, 10.0, 28.0, 41.0, 55.0)
TONES: Final = ("dark", "brown", "tan", "intermediate", "light", "very_light")
"""Classes of Del Bino between those limits; a limit belongs to the darker class."""

MIN_SKIN_MM2: Final = 5.0
"""Less skin than this says nothing about its tone."""

TYPICAL_MADS: Final = 2.5 * 1.4826
"""Skin is what lies within this many median absolute deviations of the median L*."""

BORDER_SHARE: Final = 0.35
"""Where no lesion is outlined, skin lies farther than this share of the side from the centre."""

CLEAR_MM: Final = 0.5
"""Else it lies so far from the outline."""

EVERY: Final = 2
"""Every second row and column is looked at."""

# Colours as whole numbers, so that medians are counted: eighths, moved above 0.
_SCALE, _ZERO, _BINS = 8.0, 1024, 2048


def skin_tone(outlines: Outlines) -> dict[str, NDArray[Any]]:
    """Individual typology angle of the skin around the lesion, and its class.

    Parameters
    ----------
    outlines : Outlines
        N lesions. Skin is what is clear of hair and glare half a millimetre outside of the
        outline; where there is none, in the border of the crop.

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
    lightness, _, yellow = skin_colour(outlines).T
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


def skin_colour(outlines: Outlines) -> NDArray[np.float64]:
    """(N, 3) median CIELAB of skin, outliers left out; NaN where there is too little."""
    size = outlines.mask.shape[1]
    border_mm = BORDER_SHARE * size * outlines.step_mm - raster_mm(size, outlines.step_mm)
    out = np.full((len(outlines), 3), np.nan)
    fewest = int(np.ceil(MIN_SKIN_MM2 / (EVERY * outlines.step_mm) ** 2))
    skin_colours(
        outlines.lab, outlines.away_mm, (border_mm - CLEAR_MM).astype(np.float32),
        outlines.is_coloured, outlines.clear, CLEAR_MM, EVERY, _SCALE, _ZERO, _BINS, TYPICAL_MADS,
        fewest, out,
    )  # fmt: skip
    return out
