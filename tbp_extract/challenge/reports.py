"""Private tables: what became of every crop, label and pair; audit; selection."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tbp_extract.challenge.audit import Audit
from tbp_extract.challenge.duplicates import DuplicatePairs
from tbp_extract.challenge.label_rows import Problem
from tbp_extract.challenge.labels import Labelling
from tbp_extract.challenge.pool import Pool
from tbp_extract.challenge.rows import Rows
from tbp_extract.challenge.selection import PatientFigures

__all__ = [
    "audit_table",
    "fate_table",
    "linkage_table",
    "pair_table",
    "problem_table",
    "public_pairs",
    "selection_table",
]

QUANTILES = (0, 25, 50, 75, 100)


def problem_table(problems: Sequence[Problem]) -> pa.Table:
    """Rows of the label tables that were not used as they stand."""
    return _text_table(
        ("table", "row", "centre", "mrn", "lesion_tag", "code", "message"),
        [
            (
                *(p.row.table, p.row.row, p.row.get("centre"), p.row.get("mrn")),
                *(p.row.get("lesion_tag") or p.row.get("lesion_id"), p.code, p.message),
            )
            for p in problems
        ],
    )


def fate_table(pool: Pool, fate: NDArray[np.object_], rows: Rows) -> pa.Table:
    """Say what became of each crop of each release."""
    released = dict(zip(rows.crop.tolist(), rows.ids, strict=True))
    return pa.table(
        {
            "centre": pa.array([pool.centres[c] for c in pool.centre]),
            "source_isic_id": pool.rows["isic_id"].combine_chunks(),
            "fate": pa.array([str(value) for value in fate]),
            "isic_id": pa.array([released.get(k) for k in range(len(pool))], pa.string()),
        }
    )


def linkage_table(pool: Pool, labels: Labelling, rows: Rows) -> pa.Table:
    """From the ids of the challenge back to the centres."""
    crop = rows.crop
    own = [labels.labels[k].row if k >= 0 else None for k in labels.label[crop]]
    return pa.table(
        {
            "isic_id": pa.array(rows.ids),
            "split": pa.array(np.where(rows.is_test, "test", "train")),
            "centre": pa.array([pool.centres[c] for c in pool.centre[crop]]),
            "source_isic_id": pool.rows["isic_id"].take(pa.array(crop)),
            "mrn": pa.array([pool.mrns[p] for p in pool.patient[crop]]),
            "tag": pa.array(pool.tag[crop], pa.string()),
            "lesion_id_as_given": pa.array(pool.lesion_id[crop], pa.string()),
            "capture_date": pa.array([None if np.isnat(d) else str(d) for d in pool.day[crop]]),
            "label": pa.array(["weak" if row is None else "strong" for row in own]),
            "label_row": pa.array([None if row is None else row.row for row in own], pa.int64()),
        }
    )


def pair_table(
    pool: Pool, labels: Labelling, pairs: DuplicatePairs, crops: NDArray[np.int64], rows: Rows
) -> pa.Table:
    """Pairs of duplicates, with where the two come from.

    Parameters
    ----------
    pool, labels
    pairs : DuplicatePairs
        Places in `crops`; a place behind its end is a crop of an earlier release.
    crops : (K,) int64
        Crops that were compared.
    rows : Rows
        Of those that are published.
    """
    ids = pool.rows["isic_id"].take(pa.array(crops)).to_pylist()
    released = dict(zip(rows.crop.tolist(), rows.ids, strict=True))
    lines: list[tuple[Any, ...]] = []
    for a, b, value in zip(
        pairs.first.tolist(), pairs.second.tolist(), pairs.similarity.tolist(), strict=True
    ):
        one = int(crops[a])
        if b >= len(crops):
            lines.append(
                (ids[a], "", "earlier release", round(value, 4), "", released.get(one), "")
            )
            continue
        other = int(crops[b])
        differ = labels.diagnosis(one) != labels.diagnosis(other)
        lines.append(
            (
                *(ids[a], ids[b], _relation(pool, one, other), round(value, 4), differ),
                *(released.get(one), released.get(other)),
            )
        )
    names = ("source_isic_id_1", "source_isic_id_2", "relation", "similarity", "diagnoses_differ")
    return _text_table((*names, "image_name_1", "image_name_2"), lines)


def public_pairs(pairs: DuplicatePairs, crops: NDArray[np.int64], rows: Rows) -> pa.Table:
    """Pairs of which both are published, as ISIC 2020 lists them."""
    released = dict(zip(rows.crop.tolist(), rows.ids, strict=True))
    inside = pairs.second < len(crops)
    both = [
        sorted((released[int(crops[a])], released[int(crops[b])]))
        for a, b in zip(pairs.first[inside].tolist(), pairs.second[inside].tolist(), strict=True)
        if int(crops[a]) in released and int(crops[b]) in released
    ]
    return _text_table(("image_name_1", "image_name_2"), sorted(both))


def audit_table(audit: Audit) -> pa.Table:
    """Every property with its AUC and verdict, and what is in train and in test."""
    lines: list[tuple[Any, ...]] = [
        (f.property, f.kind, f"{f.auc:.4f}", f"{f.p_value:.3g}", f.verdict, "")
        for f in audit.findings
    ]
    lines += [
        (f"{name} in train and test", "split", "", "", "leak" if count else "pass", count)
        for name, count in audit.crossings.items()
    ]
    return _text_table(("property", "kind", "auc", "p_value", "verdict", "count"), lines)


def selection_table(before: PatientFigures, after: PatientFigures) -> pa.Table:
    """Figures of patients with and without a malignant lesion, before and after selection."""
    lines = []
    for when, figures in (("before", before), ("after", after)):
        for word, chosen in (("with", figures.malignant), ("without", ~figures.malignant)):
            for name, values in (
                ("lesions", figures.lesions[chosen]),
                ("spread_days", figures.spread_days[chosen]),
            ):
                cells = [""] * len(QUANTILES)
                if len(values):
                    cells = [f"{value:g}" for value in np.percentile(values, QUANTILES)]
                lines.append((when, word, name, int(chosen.sum()), *cells))
    quantile_names = tuple(f"p{q}" for q in QUANTILES)
    return _text_table(("when", "malignant", "figure", "patients", *quantile_names), lines)


def _relation(pool: Pool, one: int, other: int) -> str:
    if pool.centre[one] != pool.centre[other]:
        return "across centres"
    if pool.patient[one] != pool.patient[other]:
        return "across patients"
    return "within capture" if pool.capture[one] == pool.capture[other] else "across visits"


def _text_table(names: Sequence[str], lines: Sequence[Sequence[Any]]) -> pa.Table:
    columns = list(zip(*lines, strict=True)) or [()] * len(names)
    return pa.table(
        {
            name: pa.array(["" if cell is None else str(cell) for cell in column], pa.string())
            for name, column in zip(names, columns, strict=True)
        }
    )
