"""One row of a label table, understood or refused with a reason."""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, Literal

import numpy as np

from tbp_extract.challenge.pool import plain_tag
from tbp_extract.challenge.taxonomy import Diagnosis, diagnose, nearest_names
from tbp_extract.columns import LABEL_VOCABULARY
from tbp_extract.io.labels import LabelRow

__all__ = ["Label", "LabelError", "Problem", "ProblemCode", "understand"]

MAX_THICKNESS_MM: Final = 100.0

_MELANOMA_FIELDS = ("mel_class", "mel_thick_mm", "mel_mitotic_index")
_THICKNESS = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:mm)?")
_SLASHED = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")


class ProblemCode(StrEnum):
    """Why a row of a label table was not used as it stands."""

    MRN_MISSING = "mrn_missing"
    CENTRE_UNKNOWN = "centre_unknown"
    PATIENT_UNKNOWN = "patient_unknown"
    PATIENT_AMBIGUOUS = "patient_ambiguous"
    TAG_MISSING = "tag_missing"
    LESION_UNKNOWN = "lesion_unknown"
    LESION_AMBIGUOUS = "lesion_ambiguous"
    DATE_MISSING = "date_missing"
    DATE_UNREADABLE = "date_unreadable"
    DIAGNOSIS_MISSING = "diagnosis_missing"
    DIAGNOSIS_UNKNOWN = "diagnosis_unknown"
    MELANOMA_FIELD_ON_OTHER = "melanoma_field_on_other"
    MELANOMA_FIELD_UNREADABLE = "melanoma_field_unreadable"
    CONFIRM_TYPE_UNKNOWN = "confirm_type_unknown"
    TWO_DIAGNOSES = "two_diagnoses"
    REPEATED = "repeated"
    BIOPSY_BEFORE_CAPTURE = "biopsy_before_capture"
    NO_CAPTURE_IN_WINDOW = "no_capture_in_window"
    CAPTURE_DATE_MISSING = "capture_date_missing"


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that was not used as it stands. Private."""

    code: ProblemCode
    row: LabelRow
    message: str
    """One sentence on what was expected and what the row says."""


class LabelError(ValueError):
    """A row does not say what it must; carries the code."""

    def __init__(self, code: ProblemCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Label:
    """What a row says about one biopsied lesion. Private."""

    row: LabelRow
    diagnosis: Diagnosis
    biopsy_day: np.datetime64
    mel_thick_mm: float | None
    mel_mitotic_index: str | None
    confirm_type: str

    @property
    def says(self) -> tuple[object, ...]:
        """All that it says about the lesion, to compare rows with."""
        return (
            self.diagnosis,
            str(self.biopsy_day),
            self.mel_thick_mm,
            self.mel_mitotic_index,
            self.confirm_type,
        )


def understand(row: LabelRow, date_order: Literal["mdy", "dmy"]) -> Label | None:
    """Read what a row says.

    Parameters
    ----------
    row : LabelRow
    date_order : str
        Order of day and month in dates with slashes.

    Returns
    -------
    Label or None
        ``None`` for a row that only says that a patient had no biopsy.

    Raises
    ------
    LabelError
        Saying what is wrong with the row by itself.
    """
    diagnosis_text = row.get("diagnosis")
    if plain_tag(row.get("lesion_tag")) is None and not row.get("lesion_id"):
        if diagnosis_text:
            raise LabelError(
                ProblemCode.TAG_MISSING, "expected a lesion tag beside a diagnosis, got none"
            )
        return None
    if not diagnosis_text:
        raise LabelError(ProblemCode.DIAGNOSIS_MISSING, "expected a diagnosis, got an empty cell")
    diagnosis = diagnose(diagnosis_text, row.cells)
    if diagnosis is None:
        raise LabelError(
            ProblemCode.DIAGNOSIS_UNKNOWN,
            f"unknown diagnosis {diagnosis_text!r}: the nearest that is known is "
            f"{nearest_names(diagnosis_text)!r}",
        )
    _check_melanoma_fields(row, diagnosis)
    return Label(
        row,
        diagnosis,
        _biopsy_day(row, date_order),
        _thickness(row.get("mel_thick_mm")),
        _mitotic_index(row.get("mel_mitotic_index")),
        _confirm_type(row.get("diagnosis_confirm_type")),
    )


def _check_melanoma_fields(row: LabelRow, diagnosis: Diagnosis) -> None:
    filled = [name for name in _MELANOMA_FIELDS if row.get(name)]
    if filled and not diagnosis.is_melanoma:
        raise LabelError(
            ProblemCode.MELANOMA_FIELD_ON_OTHER,
            f"{', '.join(filled)}: filled in beside the diagnosis {row.get('diagnosis')!r}, "
            "which is no melanoma",
        )


def _biopsy_day(row: LabelRow, order: Literal["mdy", "dmy"]) -> np.datetime64:
    text = row.get("biopsy_date")
    if not text:
        raise LabelError(ProblemCode.DATE_MISSING, "expected a biopsy date, got an empty cell")
    slashed = _SLASHED.fullmatch(text)
    try:
        if slashed is None:
            return np.datetime64(date.fromisoformat(text[:10]), "D")
        first, second, year = map(int, slashed.groups())
        month, day = (first, second) if order == "mdy" else (second, first)
        return np.datetime64(date(year, month, day), "D")
    except ValueError:
        shape = "month/day/year" if order == "mdy" else "day/month/year"
        raise LabelError(
            ProblemCode.DATE_UNREADABLE, f"expected a biopsy date as {shape} or ISO, got {text!r}"
        ) from None


def _thickness(text: str) -> float | None:
    if not text:
        return None
    match = _THICKNESS.fullmatch(text.lower())
    value = float(match.group(1).replace(",", ".")) if match else -1.0
    if not 0 < value <= MAX_THICKNESS_MM:
        raise LabelError(
            ProblemCode.MELANOMA_FIELD_UNREADABLE,
            f"mel_thick_mm: expected mm above 0 and up to {MAX_THICKNESS_MM:g}, got {text!r}",
        )
    return round(value, 2)


def _mitotic_index(text: str) -> str | None:
    if not text:
        return None
    words = LABEL_VOCABULARY["mel_mitotic_index"]
    bare = text.replace(" ", "").lower().replace("mm2", "mm^2").removesuffix("/mm^2")
    found = f"{bare}/mm^2"
    if found not in words:
        raise LabelError(
            ProblemCode.MELANOMA_FIELD_UNREADABLE,
            f"mel_mitotic_index: expected one of {', '.join(words)}, got {text!r}",
        )
    return found


def _confirm_type(text: str) -> str:
    words = LABEL_VOCABULARY["diagnosis_confirm_type"]
    if text and text.lower() not in words:
        raise LabelError(
            ProblemCode.CONFIRM_TYPE_UNKNOWN,
            f"diagnosis_confirm_type: expected one of {', '.join(words)}, got {text!r}",
        )
    return text.lower() or "histopathology"
