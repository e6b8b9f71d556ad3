"""The information model of a clinically verified set, checked as a whole.

Sixteen fields in six blocks (``columns.CLINICAL_BLOCKS``) in the archive's notation. What the
archive would refuse is refused here before anything is written.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc

from tbp_extract.challenge.taxonomy import Diagnosis
from tbp_extract.columns import (
    CLINICAL_BLOCKS,
    CONFIRM_OF_STAGE,
    LABEL_VOCABULARY,
    VOCABULARY,
)
from tbp_extract.errors import ReleaseError

__all__ = ["check_model", "model_faults"]

REQUIRED: Final = (
    *("isic_id", "patient_id", "image_type", "iddx_full", "diagnosis_confirm_type"),
    "verification_stage",
)
RANGES: Final = {
    "age_approx": (0.0, 85.0),
    "clin_size_long_diam_mm": (0.0, 999.99),
    "mel_thick_mm": (0.0, 999.99),
}
MELANOMA_FIELDS: Final = ("mel_thick_mm", "mel_mitotic_index")


def check_model(table: Any) -> None:
    """Raise unless a table follows the information model.

    Parameters
    ----------
    table : pyarrow.Table
        At least the fields of the model.

    Raises
    ------
    ReleaseError
        Naming the first fault and how many there are.
    """
    faults = list(model_faults(table))
    if faults:
        more = f" (and {len(faults) - 1} more faults)" if len(faults) > 1 else ""
        raise ReleaseError(f"the clinical table breaks its information model: {faults[0]}{more}")


def model_faults(table: Any) -> Iterator[str]:
    """Say what keeps a table from following the information model.

    Yields
    ------
    str
        One sentence a field or rule, with the number of rows.
    """
    absent = [n for names in CLINICAL_BLOCKS.values() for n in names if n not in table.column_names]
    if absent:
        yield f"it lacks {', '.join(absent)}"
        return
    yield from _field_faults(table)
    yield from _diagnosis_faults(table)
    if pc.count_distinct(table["isic_id"]).as_py() < table.num_rows:
        yield "isic_id: some come more than once"
    owners = defaultdict(set)
    for lesion, patient in zip(
        *(table[n].to_pylist() for n in ("lesion_id", "patient_id")), strict=True
    ):
        owners[lesion].add(patient)
    shared = sum(len(people) > 1 for lesion, people in owners.items() if lesion is not None)
    if shared:
        yield f"lesion_id: {shared} lesions belong to several patients"


def _field_faults(table: Any) -> Iterator[str]:
    for name in REQUIRED:
        if table[name].null_count:
            yield f"{name}: {table[name].null_count} rows without a value"
    for name, words in {**VOCABULARY, **LABEL_VOCABULARY}.items():
        if name in table.column_names:
            others = set(table[name].to_pylist()) - {None, *words}
            if others and any(name in block for block in CLINICAL_BLOCKS.values()):
                yield f"{name}: {len(others)} words that its vocabulary does not hold"
    for name, (least, most) in RANGES.items():
        values = table[name].to_numpy()
        outside = int(((values < least) | (values > most)).sum())
        if outside:
            yield f"{name}: {outside} values outside {least:g}..{most:g}"
    sizes = table["clin_size_long_diam_mm"].to_numpy()
    fine = int((np.abs(sizes - np.round(sizes, 2)) > 1e-9).sum())
    if fine:
        yield f"clin_size_long_diam_mm: {fine} values with more than two decimals"


def _diagnosis_faults(table: Any) -> Iterator[str]:
    paths = [Diagnosis((full or "").replace("::", ":")) for full in table["iddx_full"].to_pylist()]
    melanoma = np.array([path.is_melanoma for path in paths], np.bool_)
    for name in MELANOMA_FIELDS:
        filled = pc.is_valid(table[name]).to_numpy()
        wrong = int((filled & ~melanoma).sum())
        if wrong:
            yield f"{name}: {wrong} rows whose diagnosis is no melanoma"
    unlike = sum(
        said != path.melanocytic
        for said, path in zip(table["melanocytic"].to_pylist(), paths, strict=True)
    )
    if unlike:
        yield f"melanocytic: {unlike} rows that contradict their diagnosis"
    stages, confirms = (
        table[n].to_pylist() for n in ("verification_stage", "diagnosis_confirm_type")
    )
    histology = CONFIRM_OF_STAGE["histopathology"]
    torn = sum(
        (stage == "histopathology") != (confirm == histology)
        for stage, confirm in zip(stages, confirms, strict=True)
    )
    if torn:
        yield f"verification_stage: {torn} rows that contradict diagnosis_confirm_type"
