"""Every column of the metadata table, once: name, type, unit, definition, source.

The first 44 are the columns of the ISIC 2024 test file (SLICE-3D, Kurtansky et al. 2024,
doi:10.1038/s41597-024-03743-w) in its order; ours follow, prefixed ``tbp_ex_``.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from tbp_extract.column import Column, Origin
from tbp_extract.column import number as _number
from tbp_extract.column import text as _text
from tbp_extract.errors import ConfigError
from tbp_extract.label_columns import (
    CONFIRM_OF_STAGE,
    CONFIRM_TYPES,
    LABEL_COLUMNS,
    MITOTIC_INDICES,
    VERIFICATION_STAGES,
)
from tbp_extract.own_columns import (
    CONTEXT_COLUMNS,
    MAIN_MEASURES,
    POLICY_COLUMNS,
    TAKING_COLUMNS,
    context_name,
)

__all__ = [
    "BY_LABEL_NAME",
    "BY_NAME",
    "CLINICAL_BLOCKS",
    "CONFIRM_OF_STAGE",
    "DICTIONARY_FIELDS",
    "GIVEN_COLUMNS",
    "IMAGE_TYPE",
    "ISIC_TEST_COLUMNS",
    "ISIC_TRAIN_COLUMNS",
    "LABEL_COLUMNS",
    "LABEL_VOCABULARY",
    "LINKAGE_COLUMNS",
    "MAIN_MEASURES",
    "NOTED_COLUMNS",
    "RELEASED_COLUMNS",
    "TILE_TYPES",
    "VERIFICATION_STAGES",
    "VOCABULARY",
    "WHOLE_NUMBERS",
    "Column",
    "Origin",
    "check_names",
    "context_name",
]

IMAGE_TYPE = "TBP tile: close-up"
"""``image_type`` of every row."""

DICTIONARY_FIELDS = ("name", "dtype", "unit", "range", "definition", "origin")
"""What the data dictionary tells of each column."""

TILE_TYPES = ("3D: XP", "3D: white")
"""Values of ``tbp_tile_type``: cross-polarised and white light."""

_LIMB_PARTS = tuple(
    f"{side} {limb}{part}"
    for side in ("Left", "Right")
    for limb in ("Arm", "Leg")
    for part in ("", " - Upper", " - Lower")
)
_TORSO_PARTS = (
    "Torso Front",
    "Torso Front Top Half",
    "Torso Front Bottom Half",
    "Torso Back",
    "Torso Back Top Third",
    "Torso Back Middle Third",
    "Torso Back Bottom Third",
)

VOCABULARY: Mapping[str, tuple[str, ...]] = {
    "sex": ("male", "female"),
    "anatom_site_general": (
        "posterior torso",
        "anterior torso",
        "lower extremity",
        "upper extremity",
        "head/neck",
    ),
    "image_type": (IMAGE_TYPE,),
    "tbp_tile_type": TILE_TYPES,
    "tbp_ex_delineation": ("ok", "faint", "clipped", "no_lesion", "hair", "glare", "uncovered"),
    "tbp_lv_location": ("Unknown", "Head & Neck", *_TORSO_PARTS, *_LIMB_PARTS),
    "tbp_lv_location_simple": (
        *("Torso Back", "Torso Front", "Left Leg", "Right Leg", "Left Arm", "Right Arm"),
        *("Head & Neck", "Unknown"),
    ),
    "tbp_ex_skin_tone": ("very_light", "light", "intermediate", "tan", "brown", "dark"),
}
"""Every value that a column of fixed words may hold; such a cell may also be empty."""


_ISIC_TEST = (
    _text("isic_id", "Lesion crop: keyed pseudonym"),
    _text("patient_id", "Patient: keyed pseudonym"),
    _number(
        "age_approx",
        "year",
        "Age at capture to 5 (or 10) years, at most 85",
        Origin.GIVEN,
        decimals=0,
        range="0..85",
    ),
    _text("sex", "male, female or empty"),
    _text("anatom_site_general", "tbp_lv_location_simple in ISIC words", Origin.OWN),
    # The ISIC archive's validator takes two decimals at most.
    _number(
        "clin_size_long_diam_mm",
        "mm",
        "Longest diameter: as given, else greatest width of the outline",
        decimals=2,
        range="0..300",
    ),
    _text("image_type", f"Always '{IMAGE_TYPE}'"),
    _text("tbp_tile_type", "Lighting: '3D: XP' (cross-polarised) or '3D: white'"),
    _number(
        "tbp_lv_A", "CIELAB", "Mean a* of the clear pixels inside the outline", range="-128..128"
    ),
    _number(
        "tbp_lv_Aext",
        "CIELAB",
        "Mean a* of clear skin 0.5 to 2.5 mm outside the outline",
        range="-128..128",
    ),
    _number(
        "tbp_lv_B", "CIELAB", "Mean b* of the clear pixels inside the outline", range="-128..128"
    ),
    _number(
        "tbp_lv_Bext",
        "CIELAB",
        "Mean b* of clear skin 0.5 to 2.5 mm outside the outline",
        range="-128..128",
    ),
    _number("tbp_lv_C", "CIELAB", "Chroma inside: hypot(A, B)", Origin.EXACT, range="0..182"),
    _number(
        "tbp_lv_Cext", "CIELAB", "Chroma around: hypot(Aext, Bext)", Origin.EXACT, range="0..182"
    ),
    _number("tbp_lv_H", "deg", "Hue inside: atan2(B, A)", Origin.EXACT, range="-180..180"),
    _number("tbp_lv_Hext", "deg", "Hue around: atan2(Bext, Aext)", Origin.EXACT, range="-180..180"),
    _number("tbp_lv_L", "CIELAB", "Mean L* of the clear pixels inside the outline", range="0..100"),
    _number(
        "tbp_lv_Lext",
        "CIELAB",
        "Mean L* of clear skin 0.5 to 2.5 mm outside the outline",
        range="0..100",
    ),
    _number("tbp_lv_areaMM2", "mm2", "Area inside the outline on the skin", range="0..40000"),
    _number(
        "tbp_lv_area_perim_ratio",
        "",
        "perimeterMM squared by areaMM2",
        Origin.EXACT,
        range="0..10000",
    ),
    _number(
        "tbp_lv_color_std_mean",
        "CIELAB",
        "Spread of colour over eight sectors of a ring, mean over rings by pixels; 0 for tiny ones",
        range="0..200",
    ),
    _number("tbp_lv_deltaA", "CIELAB", "A - Aext", Origin.EXACT, range="-256..256"),
    _number("tbp_lv_deltaB", "CIELAB", "B - Bext", Origin.EXACT, range="-256..256"),
    _number("tbp_lv_deltaL", "CIELAB", "L - Lext", Origin.EXACT, range="-100..100"),
    _number(
        "tbp_lv_deltaLB",
        "CIELAB",
        "Mean over the lesion of hypot(L* - Lext, b* - Bext)",
        range="0..300",
    ),
    _number("tbp_lv_deltaLBnorm", "", "56.1 deltaLB / (Lext + 20)", range="0..1000"),
    _number("tbp_lv_eccentricity", "", "Eccentricity of the moment ellipse, 0..1", range="0..1"),
    _text("tbp_lv_location", "Body part, 21 values; from the mesh unless given", Origin.OWN),
    _text("tbp_lv_location_simple", "tbp_lv_location without its finer part", Origin.OWN),
    _number("tbp_lv_minorAxisMM", "mm", "Least width of the outline", range="0..300"),
    _number(
        "tbp_lv_nevi_confidence",
        "%",
        "Vendor network: nevus, 0..100",
        Origin.VENDOR,
        range="0..100",
    ),
    _number(
        "tbp_lv_norm_border",
        "",
        "5 clip((area_perim_ratio - 12.566)/27.434, 0, 1) + 5 clip(symm_2axis/0.675, 0, 1)",
        Origin.EXACT,
        range="0..10",
    ),
    _number(
        "tbp_lv_norm_color",
        "",
        "5 clip(color_std_mean/3.403, 0, 1) + 5 clip(radial_color_std_max/3.272, 0, 1)",
        Origin.EXACT,
        range="0..10",
    ),
    _number(
        "tbp_lv_perimeterMM",
        "mm",
        "Mean length of 8-connected chains of border pixels at 7.3 px/mm along the outline",
        range="0..20000",
    ),
    _number(
        "tbp_lv_radial_color_std_max",
        "CIELAB",
        "Spread of colour over eight sectors of a ring, maximum of rings; 0 for tiny or thin ones",
        range="0..200",
    ),
    _number(
        "tbp_lv_stdL",
        "CIELAB",
        "SD of L* inside the outline; pixels count from 0 at 0.3 mm below it to 1 at 0.6 mm",
        range="0..100",
    ),
    _number(
        "tbp_lv_stdLExt",
        "CIELAB",
        "SD of L* of clear skin 0.5 to 2.5 mm outside the outline",
        range="0..100",
    ),
    _number(
        "tbp_lv_symm_2axis",
        "",
        "Jaccard distance of the lesion and its image about the axis across its most symmetric one",
        range="0..1",
    ),
    _number(
        "tbp_lv_symm_2axis_angle",
        "deg",
        "Most symmetric axis, clockwise from image rows, in steps of 5",
        range="0..175",
    ),
    _number(
        "tbp_lv_x", "mm", "Position towards the patient's left", range="-3000..3000", decimals=3
    ),
    _number("tbp_lv_y", "mm", "Position upwards", range="-3000..3000", decimals=3),
    _number(
        "tbp_lv_z", "mm", "Position towards the patient's front", range="-3000..3000", decimals=3
    ),
    _text("attribution", "Who is to be named"),
    _text("copyright_license", "Licence of image and row"),
)

_OWN = (
    Column("tbp_ex_size_px", "int", "px", "Side of the crop image", Origin.OWN, range="1..4096"),
    _number("tbp_ex_extent_mm", "mm", "Side of the crop on the skin", decimals=4, range="0..200"),
    _number(
        "tbp_ex_native_px_per_mm",
        "px/mm",
        "Density of the source texture, mean over the crop",
        decimals=4,
        range="0..10000",
    ),
    Column(
        "tbp_ex_upsampled",
        "bool",
        "",
        "Whether the crop has more pixels per mm than its source",
        Origin.OWN,
    ),
    _number(
        "tbp_ex_covered_fraction",
        "",
        "Share of the crop that shows textured skin",
        decimals=4,
        range="0..1",
    ),
    _number(
        "tbp_ex_obliqueness_deg",
        "deg",
        "Mean angle between the skin shown and the image plane",
        decimals=4,
        range="0..180",
    ),
    _number(
        "tbp_ex_stretch",
        "",
        "Root of the ratio of skin area to image area over the covered crop; 1 is true to scale",
        decimals=4,
        range="0..",
    ),
    _text(
        "tbp_ex_delineation",
        "Trust in the outline: ok; faint: values given, not to be relied on; clipped: no sizes; "
        "no_lesion, hair, glare, uncovered: no values",
        Origin.OWN,
    ),
)

RELEASED_COLUMNS: tuple[Column, ...] = (
    _ISIC_TEST + _OWN + TAKING_COLUMNS + CONTEXT_COLUMNS + POLICY_COLUMNS
)
"""The metadata table, in order."""

WHOLE_NUMBERS = frozenset({"tbp_lv_symm_2axis_angle"})
"""Float columns that the genuine file writes without a decimal point."""

ISIC_TEST_COLUMNS: tuple[str, ...] = tuple(column.name for column in _ISIC_TEST)
"""The 44 columns of the genuine ``test-metadata.csv``, in order."""

ISIC_TRAIN_COLUMNS: tuple[str, ...] = (
    *("isic_id", "target", *ISIC_TEST_COLUMNS[1:], "lesion_id", "iddx_full"),
    *(f"iddx_{level}" for level in range(1, 6)),
    *("mel_mitotic_index", "mel_thick_mm", "tbp_lv_dnn_lesion_confidence"),
)
"""The 55 columns of the genuine ``train-metadata.csv``, in order."""

CLINICAL_BLOCKS: Mapping[str, tuple[str, ...]] = {
    "identity": ("isic_id", "lesion_id"),
    "patient": ("patient_id", "age_approx", "sex"),
    "lesion": ("anatom_site_general", "clin_size_long_diam_mm"),
    "acquisition": ("image_type", "tbp_tile_type", "attribution"),
    "diagnosis": ("iddx_full", "melanocytic", "mel_thick_mm", "mel_mitotic_index"),
    "verification": ("diagnosis_confirm_type", "verification_stage"),
}
"""The information model of a clinically verified set: 16 fields in six blocks, in order."""

LABEL_VOCABULARY: Mapping[str, tuple[str, ...]] = {
    "iddx_1": ("Benign", "Indeterminate", "Malignant"),
    "mel_mitotic_index": MITOTIC_INDICES,
    "diagnosis_confirm_type": CONFIRM_TYPES,
    "verification_stage": VERIFICATION_STAGES,
    "melanocytic": ("True", "False"),
}
"""Every word that a label column of fixed words may hold; such a cell may also be empty."""


def _private(name: str, dtype: Literal["str", "float"], unit: str, definition: str) -> Column:
    return Column(name, dtype, unit, definition, Origin.GIVEN, released=False)


LINKAGE_COLUMNS: tuple[Column, ...] = (
    _private("isic_id", "str", "", "Released id of the crop"),
    _private("shard", "str", "", "File that holds the crop"),
    _private("crop_sha256", "str", "", "SHA-256 of the crop's JPEG: which image belongs to the id"),
    _private("scan", "str", "", "Pseudonym of the scan in logs"),
    _private("scan_id", "str", "", "As given"),
    _private("patient_id", "str", "", "As given"),
    _private("lesion_id", "str", "", "As given, else the row of the list"),
    _private("tag", "str", "", "As given"),
    _private("tag_match", "str", "", "tagged, tagged_nl, unmatched or untagged: docs/detection.md"),
    _private("tag_status", "str", "", "What the centre noted at the tag, such as Biopsy; as given"),
    _private("capture_date", "str", "", "As given"),
    _private("x_mm", "float", "mm", "Exact position in body space, towards the patient's left"),
    _private("y_mm", "float", "mm", "Exact position in body space, upwards"),
    _private("z_mm", "float", "mm", "Exact position in body space, towards the front"),
)
"""The private table from released ids back to the source."""

NOTED_COLUMNS: Final = ("tag", "tag_match", "tag_status")
"""Columns of the linkage table that a list or a matching of tags gives for each lesion."""

BY_LABEL_NAME: dict[str, Column] = {column.name: column for column in LABEL_COLUMNS}
BY_NAME: dict[str, Column] = {column.name: column for column in RELEASED_COLUMNS}

GIVEN_COLUMNS: Final = (*NOTED_COLUMNS, *(name for name in BY_NAME if name.startswith("tbp_lv_")))
"""What a list, a matching of tags or a detector may say of a lesion beside place and size."""


def check_names(names: Iterable[str]) -> None:
    """Raise if a name is not a column of the released table.

    Raises
    ------
    ConfigError
        Naming the columns that do not exist.
    """
    unknown = sorted(set(names) - BY_NAME.keys())
    if unknown:
        raise ConfigError(f"expected columns of the metadata table, got {', '.join(unknown)}")
