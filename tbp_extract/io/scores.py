"""Solutions and submissions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.errors import SourceError
from tbp_extract.io.text_table import TableError, TextTable, numbers, parse_table

__all__ = ["Judged", "read_judged"]

SHOWN: Final = 3
"""Ids that a message names."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A submission beside its solution, in the order of the submission."""

    target: NDArray[np.bool_]
    prediction: NDArray[np.float64]
    patient: NDArray[np.int64]


def read_judged(solution: Path, submission: Path) -> Judged:
    """Read a solution and a submission.

    Parameters
    ----------
    solution : Path
        CSV with ``isic_id``, ``target`` (0 or 1), ``patient_id``.
    submission : Path
        CSV with ``isic_id``, ``target`` in [0, 1]; the same ids in any order.

    Raises
    ------
    SourceError
        One sentence on what is wrong with which of them.
    """
    truth = _read(solution, "the solution", ("isic_id", "target", "patient_id"))
    guess = _read(submission, "the submission", ("isic_id", "target"))
    place = _places(truth, "the solution")
    asked = _places(guess, "the submission")
    _check_same(set(place), set(asked))
    target, prediction = _numbers(truth, "the solution"), _numbers(guess, "the submission")
    if not np.isin(target, (0, 1)).all():
        raise SourceError("the solution: expected targets of 0 or 1, got others")
    outside = int(((prediction < 0) | (prediction > 1)).sum())
    if outside:
        raise SourceError(
            f"the submission: expected predictions from 0 to 1, got {outside} outside: "
            "scale them into that range"
        )
    order = np.array([place[name] for name in guess.columns["isic_id"]], np.int64)
    patient = np.unique(truth.columns["patient_id"], return_inverse=True)[1]
    return Judged(target[order] == 1, prediction, patient[order].astype(np.int64))


def _read(path: Path, what: str, columns: tuple[str, ...]) -> TextTable:
    try:
        table = parse_table(path.read_bytes())
    except OSError as error:
        raise SourceError(f"cannot read {what}: {error.strerror}") from None
    except TableError as error:
        raise SourceError(f"{what}: {error}") from None
    absent = [name for name in columns if name not in table.columns]
    if absent:
        raise SourceError(f"{what}: expected the columns {', '.join(absent)}, got none")
    return table


def _places(table: TextTable, what: str) -> dict[str, int]:
    places = {name: k for k, name in enumerate(table.columns["isic_id"])}
    if len(places) < len(table):
        raise SourceError(f"{what}: {len(table) - len(places)} ids come more than once")
    return places


def _check_same(known: set[str], asked: set[str]) -> None:
    lacking, others = (known - asked, "lacks"), (asked - known, "holds, beside the solution's,")
    for ids, what in (lacking, others):
        if ids:
            shown = ", ".join(sorted(ids)[:SHOWN])
            raise SourceError(f"the submission {what} {len(ids)} ids, such as {shown}")


def _numbers(table: TextTable, what: str) -> NDArray[np.float64]:
    try:
        values = numbers(table, "target")
    except TableError as error:
        raise SourceError(f"{what}: {error}") from None
    if np.isnan(values).any():
        row = table.row_number[int(np.flatnonzero(np.isnan(values))[0])]
        raise SourceError(f"{what}: row {row}, column target: expected a number, it is empty")
    return values
