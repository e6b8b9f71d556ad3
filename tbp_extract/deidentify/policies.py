"""What of a scan's description is released, and how coarse: age, sex, day, words, texts."""

import math
from collections.abc import Collection, Mapping
from datetime import date
from typing import Final

from tbp_extract.columns import BY_NAME, IMAGE_TYPE, VOCABULARY, Column
from tbp_extract.config import Config, ReleaseConfig
from tbp_extract.deidentify.pseudonyms import day_shift, patient_pseudonym
from tbp_extract.errors import ReleaseError
from tbp_extract.types import ReleaseKey, ScanRef

__all__ = ["MADE_HERE", "released_word", "scan_values"]

MADE_HERE: Final = frozenset(
    {
        *("isic_id", "patient_id", "age_approx", "sex", "image_type", "tbp_tile_type"),
        *("attribution", "copyright_license", "tbp_ex_capture_day"),
    }
)
"""Released columns that only this module fills: a table that brings one is refused."""

MAX_AGE_YEARS: Final = 120
AGE_CAP_YEARS: Final = 85
MAX_TEXT_CHARACTERS: Final = 300

LICENCES: Final = frozenset({"CC-0", "CC-BY", "CC-BY-NC"})
"""Licences that a scan table may name: those of the ISIC archive."""

_SPREADSHEET_STARTS = ("=", "+", "-", "@", "\t", "\r")
_SEX_WORDS = {"male": "male", "m": "male", "female": "female", "f": "female"}


def scan_values(ref: ScanRef, key: ReleaseKey, config: Config) -> Mapping[str, str | float | None]:
    """Make what all rows of a scan share, by column; ``isic_id`` is left to be filled.

    Raises
    ------
    ReleaseError
        If a word is outside its vocabulary, or a text could be run by a spreadsheet.
    """
    policy = config.release
    return {
        "isic_id": None,
        "patient_id": patient_pseudonym(key, ref.patient_id),
        "age_approx": _age_approx(ref.age_years, policy),
        "sex": _sex(ref, policy),
        "image_type": IMAGE_TYPE,
        "tbp_tile_type": released_word(BY_NAME["tbp_tile_type"], ref.tile_type),
        "attribution": _attribution(ref, policy),
        "copyright_license": _public_text(
            "copyright_license",
            _listed(ref.copyright_license, LICENCES, policy.copyright_license),
        ),
        "tbp_ex_capture_day": _capture_day(ref, key, policy),
    }


def released_word(column: Column, value: object) -> str | None:
    """Pass on a word of the column's vocabulary; no other text leaves.

    Raises
    ------
    ReleaseError
        If the value is another one.
    """
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    words = VOCABULARY[column.name]
    if value not in words:
        raise ReleaseError(f"{column.name}: expected one of {', '.join(words)}, got another value")
    return str(value)


def _age_approx(age_years: float | None, policy: ReleaseConfig) -> float:
    if policy.age == "withheld" or age_years is None or not 0 <= age_years <= MAX_AGE_YEARS:
        return math.nan
    step = policy.age_step_years
    return float(min(step * round(age_years / step), AGE_CAP_YEARS))


def _sex(ref: ScanRef, policy: ReleaseConfig) -> str | None:
    word = _SEX_WORDS.get((ref.sex or "").strip().lower())
    return word if policy.sex == "released" else None


def _capture_day(ref: ScanRef, key: ReleaseKey, policy: ReleaseConfig) -> float:
    """Day of the capture on a calendar of the patient's own: only intervals mean anything."""
    if policy.capture_day == "withheld" or ref.capture_date is None:
        return math.nan
    day = date.fromisoformat(ref.capture_date).toordinal()
    return float(day + day_shift(key, ref.patient_id))


def _attribution(ref: ScanRef, policy: ReleaseConfig) -> str | None:
    if policy.centre == "withheld":
        return None
    named = _listed(ref.attribution, policy.attributions, policy.attribution)
    return _public_text("attribution", named)


def _listed(given: str | None, allowed: Collection[str], default: str | None) -> str | None:
    """Pass on what a table gives if the operator or the field knows it, else the default."""
    text = (given or "").strip(" ")
    return text if text in allowed else default


def _public_text(name: str, text: str | None) -> str | None:
    text = (text or "").strip(" ")
    if not text:
        return None
    if text.startswith(_SPREADSHEET_STARTS):
        raise ReleaseError(f"{name}: a spreadsheet would run a text that starts with {text[0]!r}")
    if len(text) > MAX_TEXT_CHARACTERS or not text.isprintable():
        raise ReleaseError(
            f"{name}: expected up to {MAX_TEXT_CHARACTERS} printable characters, got other text"
        )
    return text
