"""Leak audit: whether anything but the picture tells the target, or the test set from training.

Each property that should say nothing gets an AUC against the target. A leak is one that is larger
than ``audit.max_auc`` in either direction and is not chance. The size of a JPEG and facts of the
patient or centre do depend on what is shown: a large AUC there asks for a look and is no leak by
itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from tbp_extract.challenge.auc import area_under_curve
from tbp_extract.challenge.fingerprints import FileFacts
from tbp_extract.challenge.rows import Rows
from tbp_extract.columns import ISIC_TEST_COLUMNS
from tbp_extract.config.challenge import AuditConfig

__all__ = ["Audit", "Finding", "Verdict", "audit"]

CONTEXT: Final = (
    *("age_approx", "sex", "anatom_site_general", "tbp_tile_type", "attribution"),
    *("copyright_license", "tbp_ex_skin_tone"),
)
FOLDS: Final = 2
PRIOR: Final = 10.0
"""Rows at the mean rate that a category's rate is pulled towards."""


class Verdict(StrEnum):
    """What an AUC amounts to."""

    PASS = "pass"  # noqa: S105 - no password
    LOOK = "look"
    LEAK = "leak"


@dataclass(frozen=True, slots=True)
class Finding:
    """One property."""

    property: str
    kind: str
    """``file``, ``order``, ``missing``; ``content`` and ``context`` depend on what is shown."""

    auc: float
    p_value: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Audit:
    """All that was looked at."""

    findings: tuple[Finding, ...]
    crossings: dict[str, int]
    """How many patients, lesions, duplicate groups and ids are in train and in test."""

    @property
    def passes(self) -> bool:
        """Whether nothing leaks."""
        leaks = any(finding.verdict == Verdict.LEAK for finding in self.findings)
        return not leaks and not any(self.crossings.values())


def audit(rows: Rows, files: FileFacts, group: NDArray[np.int64], config: AuditConfig) -> Audit:
    """Look for leaks.

    Parameters
    ----------
    rows : Rows
        K rows.
    files : FileFacts
        On their K crops.
    group : (K,) int64
        Group of duplicates of each.
    config : AuditConfig
    """
    target = rows.table["target"].to_numpy() == 1
    scores = [*_file_scores(rows, files), *_missing_scores(rows), *_context_scores(rows, target)]
    found = [
        (name, kind, auc)
        for name, kind, score in scores
        if (auc := area_under_curve(target, score)) is not None
    ]
    findings = tuple(
        Finding(name, kind, auc.value, auc.p_value, _verdict(kind, auc, len(found), config))
        for name, kind, auc in found
    )
    return Audit(findings, _crossings(rows, group))


def _verdict(kind: str, auc: Any, properties: int, config: AuditConfig) -> Verdict:
    if auc.strength <= config.max_auc or auc.p_value * properties > config.significance:
        return Verdict.PASS
    return Verdict.LOOK if kind in ("content", "context") else Verdict.LEAK


_Scores = Iterator[tuple[str, str, NDArray[Any]]]


def _file_scores(rows: Rows, files: FileFacts) -> _Scores:
    target = rows.table["target"].to_numpy() == 1
    yield "bytes", "content", files.bytes
    yield "bytes_per_px", "content", files.bytes / np.maximum(files.side_px, 1) ** 2
    yield "side_px", "file", files.side_px
    yield "jpeg_tables", "file", _rates(files.tables, target, rows)
    # Rows and HDF5 members stand in the order of their ids.
    yield "order_of_isic_id", "order", np.arange(len(rows))
    patients = rows.table["patient_id"].to_numpy()
    yield "order_of_patient_id", "order", np.unique(patients, return_inverse=True)[1]


def _missing_scores(rows: Rows) -> _Scores:
    for name in ISIC_TEST_COLUMNS:
        missing = pc.is_null(rows.table[name], nan_is_null=True).to_numpy()
        if missing.any() and not missing.all():
            yield f"missing {name}", "missing", missing.astype(np.int8)


def _context_scores(rows: Rows, target: NDArray[np.bool_]) -> _Scores:
    for name in CONTEXT:
        cells = np.array([str(cell) for cell in rows.table[name].to_pylist()])
        yield name, "context", _rates(cells, target, rows)


def _rates(category: NDArray[Any], target: NDArray[np.bool_], rows: Rows) -> NDArray[np.float64]:
    """Share of positives of each row's category, counted among other patients."""
    _, place = np.unique(category, return_inverse=True)
    patient = np.unique(rows.table["patient_id"].to_numpy(), return_inverse=True)[1]
    rates = np.zeros(len(target))
    for fold in range(FOLDS):
        own = patient % FOLDS == fold
        positives = np.bincount(place[~own], target[~own], minlength=place.max() + 1)
        counts = np.bincount(place[~own], minlength=place.max() + 1)
        mean = float(target[~own].mean()) if (~own).any() else 0.0
        # Less the fold's own mean: folds differ in it, and that says nothing of the category.
        rates[own] = ((positives + PRIOR * mean) / (counts + PRIOR) - mean)[place[own]]
    return rates


def _crossings(rows: Rows, group: NDArray[np.int64]) -> dict[str, int]:
    return {
        "patients": _in_both(rows.table["patient_id"].to_pylist(), rows.is_test),
        "lesions": _in_both(rows.table["lesion_id"].to_pylist(), rows.is_test),
        "duplicate_groups": _in_both(group.tolist(), rows.is_test),
        "ids": _in_both(list(rows.ids), rows.is_test),
    }


def _in_both(things: list[Any], is_test: NDArray[np.bool_]) -> int:
    sides: tuple[set[Any], set[Any]] = (set(), set())
    for thing, test in zip(things, is_test.tolist(), strict=True):
        sides[test].add(thing)
    return len((sides[0] & sides[1]) - {None})
