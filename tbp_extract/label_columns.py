"""Columns that labels add: to a training table, and to the model of a verified set."""

from collections.abc import Mapping

from tbp_extract.column import Column, Origin, number, text

__all__ = [
    "CONFIRM_OF_STAGE",
    "CONFIRM_TYPES",
    "LABEL_COLUMNS",
    "MITOTIC_INDICES",
    "VERIFICATION_STAGES",
]

VERIFICATION_STAGES: tuple[str, ...] = (
    "initial clinical annotation",
    "unchanged over follow-up",
    "consensus of reviewers",
    "histopathology",
)
"""How far a diagnosis is confirmed, from least to most."""

CONFIRM_TYPES: tuple[str, ...] = (
    "single contributor clinical assessment",
    "serial imaging showing no change",
    "single image expert consensus",
    "confocal microscopy with consensus dermoscopy",
    "histopathology",
)
"""Ways to confirm a diagnosis, as the archive words them."""

CONFIRM_OF_STAGE: Mapping[str, str] = {
    "initial clinical annotation": "single contributor clinical assessment",
    "unchanged over follow-up": "serial imaging showing no change",
    "consensus of reviewers": "single image expert consensus",
    "histopathology": "histopathology",
}
"""The archive's word for each stage of ``VERIFICATION_STAGES``."""

MITOTIC_INDICES: tuple[str, ...] = (
    *("0/mm^2", "<1/mm^2", "1/mm^2", "2/mm^2", "3/mm^2", "4/mm^2", ">4/mm^2"),
)

LABEL_COLUMNS: tuple[Column, ...] = (
    Column("target", "int", "", "1 where iddx_1 is Malignant, else 0", Origin.GIVEN, range="0..1"),
    text("lesion_id", "Lesion that may be seen in several captures: keyed pseudonym, else empty"),
    text("iddx_full", "Diagnosis in the archive's hierarchy, levels joined by ::"),
    text("iddx_1", "Diagnosis, level 1: Benign, Indeterminate, Malignant"),
    *(text(f"iddx_{level}", f"Diagnosis, level {level}") for level in range(2, 6)),
    text("mel_mitotic_index", "Mitotic index of a melanoma, as the archive words it"),
    number("mel_thick_mm", "mm", "Thickness of a melanoma", Origin.GIVEN, decimals=2),
    number("tbp_lv_dnn_lesion_confidence", "%", "Vendor network: lesion, 0..100", Origin.VENDOR),
    text("diagnosis_confirm_type", "How the diagnosis was confirmed, as the archive words it"),
    text("verification_stage", "How far the diagnosis is confirmed, as one of four stages"),
    text("melanocytic", "True or False where the diagnosis says so, else empty", Origin.OWN),
)
"""Columns that stand in no release before it is joined with labels."""
