"""The clinical table follows its model, and what does not is named."""

from typing import Any

import pyarrow as pa
import pytest

from tbp_extract.challenge.info_model import check_model, model_faults
from tbp_extract.columns import CLINICAL_BLOCKS
from tbp_extract.errors import ReleaseError

MELANOMA = "Malignant::Malignant melanocytic proliferations (Melanoma)::Melanoma in situ"
GOOD: dict[str, list[Any]] = {
    "isic_id": ["A", "B"],
    "lesion_id": ["L", None],
    "patient_id": ["P", "P"],
    "age_approx": [45.0, None],
    "sex": ["male", None],
    "anatom_site_general": ["head/neck", None],
    "clin_size_long_diam_mm": [3.25, None],
    "image_type": ["TBP tile: close-up"] * 2,
    "tbp_tile_type": ["3D: XP", None],
    "attribution": ["Hospital", None],
    "iddx_full": [MELANOMA, "Benign"],
    "melanocytic": ["True", None],
    "mel_thick_mm": [0.4, None],
    "mel_mitotic_index": ["<1/mm^2", None],
    "diagnosis_confirm_type": ["histopathology", "single contributor clinical assessment"],
    "verification_stage": ["histopathology", "initial clinical annotation"],
}


def table(**changes: list[Any]) -> pa.Table:
    return pa.table({**GOOD, **changes})


def test_a_good_table_has_all_fields_in_order_and_no_fault() -> None:
    assert [n for block in CLINICAL_BLOCKS.values() for n in block] == list(GOOD)
    assert list(model_faults(table())) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"isic_id": ["A", "A"]}, "isic_id: some come more than once"),
        ({"lesion_id": ["L", "L"], "patient_id": ["P", "Q"]}, "1 lesions belong to several"),
        ({"patient_id": ["P", None]}, "patient_id: 1 rows without a value"),
        ({"age_approx": [45.0, 90.0]}, "age_approx: 1 values outside 0..85"),
        ({"sex": ["male", "man"]}, "sex: 1 words"),
        ({"tbp_tile_type": ["3D: XP", "2D"]}, "tbp_tile_type: 1 words"),
        ({"clin_size_long_diam_mm": [3.251, None]}, "more than two decimals"),
        ({"iddx_full": ["Benign", "Benign"]}, "mel_thick_mm: 1 rows whose diagnosis is no"),
        ({"melanocytic": ["False", None]}, "melanocytic: 1 rows that contradict"),
        ({"mel_mitotic_index": ["2", None]}, "mel_mitotic_index: 1 words"),
        ({"verification_stage": ["consensus of reviewers", "initial clinical annotation"]},
         "verification_stage: 1 rows that contradict"),
    ],
)  # fmt: skip
def test_each_fault_is_named(changes: dict[str, list[Any]], words: str) -> None:
    faults = list(model_faults(table(**changes)))
    assert any(words in fault for fault in faults), faults
    with pytest.raises(ReleaseError, match="breaks its information model"):
        check_model(table(**changes))


def test_a_missing_field_is_named() -> None:
    assert list(model_faults(table().drop_columns(["sex"]))) == ["it lacks sex"]
