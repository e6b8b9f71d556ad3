"""What the cells say: words and numbers that may leave, as fine as they may."""

import re
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tbp_extract.columns import RELEASED_COLUMNS, VOCABULARY, Column
from tbp_extract.verify.evidence import Evidence

__all__ = [
    "check_ages",
    "check_policies",
    "check_precision",
    "check_ranges",
    "check_texts",
    "check_vocabulary",
]

COORDINATE_STEP_MM: Final = 10
STEP_OF_PART: Final = 0.05
ROUNDING: Final = 1e-6
"""Of a step: what writing a share as a decimal number costs."""

AGE_CAP_YEARS: Final = 85
MAX_TEXT_CHARACTERS: Final = 300
ABSURD: Final = 1e9
"""No measure without limits of its own comes near."""

_COORDINATES: Final = ("tbp_lv_x", "tbp_lv_y", "tbp_lv_z")
_IN_PART: Final = ("tbp_ex_part_x", "tbp_ex_part_y", "tbp_ex_part_z")
_SITE: Final = ("anatom_site_general", "tbp_lv_location", "tbp_lv_location_simple")
LICENCES: Final = frozenset({"CC-0", "CC-BY", "CC-BY-NC"})
_NUMBERS: Final = tuple(column for column in RELEASED_COLUMNS if column.dtype in ("float", "int"))
_RUN_BY_SHEETS: Final = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_DATE: Final = re.compile(
    r"\d{4}[-/. ]\d{1,2}[-/. ]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ]\d{4}|(?<!\d)(19|20)\d{6}(?!\d)"
    r"|\d{1,2}\.? ?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? ?\d{4}"
    r"|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d{1,2}(st|nd|rd|th)?,? \d{4}",
    re.IGNORECASE,
)


def check_vocabulary(evidence: Evidence) -> Iterator[str]:
    """Expect in columns of fixed words these words or nothing."""
    for name, words in VOCABULARY.items():
        if set(pc.unique(evidence.table[name].drop_null()).to_pylist()) - set(words):
            yield f"{name}: holds other values than its vocabulary"


def check_ranges(evidence: Evidence) -> Iterator[str]:
    """Expect no number outside what its column can hold."""
    for column in _NUMBERS:
        values = _numbers(evidence.table, column)
        low, high = (np.clip(limit, -ABSURD, ABSURD) for limit in column.limits)
        outside = np.count_nonzero(~((values >= low) & (values <= high)))
        if outside:
            yield f"{column.name}: {outside} values lie outside {column.range or 'all reason'}"


def check_precision(evidence: Evidence) -> Iterator[str]:
    """Expect no number finer than its column is released, and no zero with a sign."""
    for column in _NUMBERS:
        values = _numbers(evidence.table, column)
        if column.decimals is not None:
            finer = np.count_nonzero(values != np.round(values, column.decimals))
            if finer:
                yield f"{column.name}: {finer} values are finer than {column.decimals} decimals"
        if np.any((values == 0) & np.signbit(values)):
            yield f"{column.name}: holds zeros that bear a sign"


def check_ages(evidence: Evidence) -> Iterator[str]:
    """Expect coarse ages, and one for all of the very old."""
    step = evidence.settings["release"]["age_step_years"]
    ages = evidence.table["age_approx"].drop_null().to_numpy()
    if np.any(((ages % step != 0) & (ages != AGE_CAP_YEARS)) | (ages < 0) | (ages > AGE_CAP_YEARS)):
        yield f"age_approx: holds ages finer than {step} years or above {AGE_CAP_YEARS}"


def check_policies(evidence: Evidence) -> Iterator[str]:
    """Expect nothing of what the settings withhold, and places as coarse as they say."""
    policy = evidence.settings["release"]
    for name in sorted(_withheld(policy)):
        if evidence.table[name].null_count < evidence.table.num_rows:
            yield f"{name}: was to be withheld"
    steps = dict.fromkeys(_IN_PART, STEP_OF_PART)
    if policy["coordinates"] == "rounded":
        steps |= dict.fromkeys(_COORDINATES, COORDINATE_STEP_MM)
    for name, step in steps.items():
        shares = evidence.table[name].drop_null().to_numpy() / step
        if np.any(np.abs(shares - np.round(shares)) > ROUNDING):
            yield f"{name}: was to be rounded to steps of {step:g}"


def _withheld(policy: dict[str, Any]) -> set[str]:
    """Columns that the settings leave empty."""
    coordinates = policy["coordinates"]
    rules = {
        ("age_approx",): policy["age"] == "withheld",
        ("sex",): policy["sex"] == "withheld",
        _SITE: policy["site"] == "withheld",
        ("attribution",): policy["centre"] == "withheld",
        ("tbp_ex_capture_day",): policy["capture_day"] == "withheld",
        (*_COORDINATES, "tbp_ex_nearest_mm"): coordinates in ("normalised", "withheld"),
        _IN_PART: coordinates != "normalised",
    }
    return {name for names, holds in rules.items() if holds for name in names}


def check_texts(evidence: Evidence) -> Iterator[str]:
    """Expect in the two columns of free text what the settings name: no program, no date."""
    policy = evidence.settings["release"]
    known = {
        "attribution": {policy["attribution"], *policy["attributions"]},
        "copyright_license": {policy["copyright_license"], *LICENCES},
    }
    for name, allowed in known.items():
        texts = pc.unique(evidence.table[name].drop_null()).to_pylist()
        if set(texts) - {text.strip(" ") for text in allowed if text}:
            yield f"{name}: holds a text that the settings do not name"
        if any(text[:1] in _RUN_BY_SHEETS for text in texts):
            yield f"{name}: holds a text that a spreadsheet would run"
        if any(not text.isprintable() or text != text.strip() for text in texts):
            yield f"{name}: holds control characters or spaces around a text"
        if any(len(text) > MAX_TEXT_CHARACTERS for text in texts):
            yield f"{name}: holds a text of more than {MAX_TEXT_CHARACTERS} characters"
        if any(_DATE.search(text) for text in texts):
            yield f"{name}: holds a date"


def _numbers(table: pa.Table, column: Column) -> Any:
    return table[column.name].drop_null().to_numpy()
