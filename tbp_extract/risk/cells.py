"""How many patients share what a row says of them, and what saying less would change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEAST_PATIENTS", "QUASI_IDENTIFIERS", "Cell", "Coarser", "coarser", "small_cells"]

LEAST_PATIENTS: Final = 11
"""A cell with fewer patients is small: the rule of US health statistics."""

QUASI_IDENTIFIERS: Final[Mapping[str, str]] = {
    "age": "age_approx",
    "sex": "sex",
    "site": "anatom_site_general",
    "centre": "attribution",
    "tone": "tbp_ex_skin_tone",
}
"""What somebody may know of a person, and the column that says it."""

DECADE: Final = 10
MISSING: Final = "(empty)"


@dataclass(frozen=True, slots=True)
class Cell:
    """Patients of whom rows say the same."""

    values: tuple[str, ...]
    """In the order of the identifiers."""

    patients: int


@dataclass(frozen=True, slots=True)
class Coarser:
    """A release that says less."""

    name: str
    cells: int
    small_cells: int

    patients_at_risk: float
    """Share of patients who are in at least one small cell."""


def small_cells(rows: "pd.DataFrame", names: Sequence[str]) -> list[Cell]:
    """Cells of fewer than `LEAST_PATIENTS`, the smallest first.

    Parameters
    ----------
    rows : DataFrame
        Metadata of a release.
    names : sequence of str
        Of `QUASI_IDENTIFIERS`.
    """
    counts = _patients_a_cell(_values(rows), names)
    small = counts[counts < LEAST_PATIENTS].sort_index().sort_values(kind="stable")
    return [
        Cell(tuple(map(str, values if isinstance(values, tuple) else (values,))), int(patients))
        for values, patients in small.items()
    ]


def coarser(rows: "pd.DataFrame") -> list[Coarser]:
    """Tell what the release says, and what ways to say less would do."""
    values = _values(rows)
    names = list(QUASI_IDENTIFIERS)
    choices: list[tuple[str, pd.DataFrame, list[str]]] = [
        ("as released", values, names),
        ("age in 10-year steps", _in_decades(values), names),
        *((f"without {gone}", values, [n for n in names if n != gone]) for gone in names),
        (
            "age in 10-year steps, without site and tone",
            _in_decades(values),
            [n for n in names if n not in ("site", "tone")],
        ),
        (
            "age in 10-year steps, without site, tone and centre",
            _in_decades(values),
            [n for n in names if n not in ("site", "tone", "centre")],
        ),
    ]
    return [_assess(name, table, kept) for name, table, kept in choices]


def _assess(name: str, values: "pd.DataFrame", names: Sequence[str]) -> Coarser:
    counts = _patients_a_cell(values, names)
    k = values.groupby(list(names))["patient"].transform("nunique")
    at_risk = values["patient"][k < LEAST_PATIENTS].nunique() / max(values["patient"].nunique(), 1)
    return Coarser(name, len(counts), int((counts < LEAST_PATIENTS).sum()), float(at_risk))


def _values(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Quasi-identifiers as text, one row a lesion."""
    import pandas as pd

    columns = {name: rows[column] for name, column in QUASI_IDENTIFIERS.items()}
    table = pd.DataFrame(columns).astype(object)
    table["tone"] = rows.groupby("patient_id")["tbp_ex_skin_tone"].transform(_commonest)
    table = table.where(table.notna(), MISSING).astype(str)
    table["patient"] = rows["patient_id"].astype(str)
    return table


def _commonest(tones: "pd.Series[str]") -> str:
    counts = tones.value_counts()
    return str(counts.sort_index().idxmax()) if len(counts) else MISSING


def _in_decades(values: "pd.DataFrame") -> "pd.DataFrame":
    def decade(age: str) -> str:
        return age if age == MISSING else str(int(np.floor(float(age) / DECADE)) * DECADE)

    return values.assign(age=values["age"].map(decade))


def _patients_a_cell(values: "pd.DataFrame", names: Sequence[str]) -> "pd.Series[int]":
    return values.groupby(list(names))["patient"].nunique()
