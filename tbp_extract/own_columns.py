"""Columns of our own about how a crop was taken and about the lesion's place among others."""

from typing import Literal

from tbp_extract.column import Column, Origin, number, share, text

__all__ = [
    "CONTEXT_COLUMNS",
    "MAIN_MEASURES",
    "POLICY_COLUMNS",
    "TAKING_COLUMNS",
    "context_name",
]

TAKING_COLUMNS: tuple[Column, ...] = (
    number(
        "tbp_ex_sharpness",
        "",
        "RMS difference of L* across 0.25 mm by that across 1 mm: 0.25 even change, 0.5 ideal "
        "edges, 1 noise",
        decimals=4,
    ),
    share(
        "tbp_ex_clipped_fraction",
        "Share of the covered crop without exposure left: highest channel at most 8 or at least "
        "254 of 255",
    ),
    share(
        "tbp_ex_glare_fraction",
        "Share of the covered crop that is 12 L* lighter than the border zone's median and has at "
        "most 0.6 of its saturation, or is white",
    ),
    share(
        "tbp_ex_hair_fraction",
        "Share of the covered crop, at 7.3 px/mm, in the middle of thin straight lines, darker or "
        "lighter than both sides by 1.7 % of L* + 16; their soft sides left out",
    ),
    number(
        "tbp_ex_ita_deg",
        "deg",
        "Skin tone: individual typology angle atan2(L* - 50, b*) of the skin around the lesion",
        decimals=2,
        range="-90..90",
    ),
    text(
        "tbp_ex_skin_tone",
        "Class of that angle: very_light > 55 >= light > 41 >= intermediate > 28 >= tan > 10 >= "
        "brown > -30 >= dark",
        Origin.OWN,
    ),
    share(
        "tbp_ex_find_score",
        "How likely the find is a lesion, by its detector (docs/detection.md); empty where only a "
        "list or a tag named it",
    ),
)
"""Sharpness, light, hair, skin tone, how sure the detector was."""

MAIN_MEASURES: tuple[str, ...] = (
    "clin_size_long_diam_mm",
    "tbp_lv_areaMM2",
    "tbp_lv_deltaLBnorm",
    "tbp_lv_L",
    "tbp_lv_A",
    "tbp_lv_B",
    "tbp_lv_H",
    "tbp_lv_norm_border",
    "tbp_lv_norm_color",
    "tbp_lv_color_std_mean",
)
"""Measures of which a lesion's place among its patient's lesions is told."""


def context_name(kind: Literal["rank", "z", "z_part"], measure: str) -> str:
    """Column that tells of a main measure's place, such as ``tbp_ex_z_areaMM2``."""
    return f"tbp_ex_{kind}_{measure.removeprefix('tbp_lv_').removeprefix('clin_size_')}"


def _context_columns(measure: str) -> tuple[Column, ...]:
    z = f"Robust z of {measure}, (value - median) / (1.4826 MAD), among"
    return (
        share(
            context_name("rank", measure),
            f"Mid-rank of {measure} among the capture's lesions: (position - 0.5) / count",
        ),
        number(context_name("z", measure), "", f"{z} the capture's lesions", decimals=4),
        number(
            context_name("z_part", measure),
            "",
            f"{z} those of the same tbp_lv_location_simple",
            decimals=4,
        ),
    )


CONTEXT_COLUMNS: tuple[Column, ...] = (
    Column(
        "tbp_ex_lesion_count",
        "int",
        "",
        "Lesions of this capture that are in the table",
        Origin.OWN,
        range="1..",
    ),
    # Exact distances between lesions would tell a person as well as exact positions do.
    number(
        "tbp_ex_nearest_mm",
        "mm",
        "Straight distance to the capture's nearest other lesion",
        decimals=0,
        range="0..",
    ),
    *(column for measure in MAIN_MEASURES for column in _context_columns(measure)),
    number(
        "tbp_ex_ugly_duckling",
        "",
        "Robust Mahalanobis distance to the middle of the capture's lesions over the main "
        "measures, by the root of their number: about 1 for a usual lesion",
        decimals=4,
        range="0..",
    ),
)


def _in_part(axis: str, towards: str) -> Column:
    return number(
        f"tbp_ex_part_{axis}",
        "",
        f"Place in tbp_lv_location_simple, share of its extent towards {towards}; only with "
        "release.coordinates = normalised",
        decimals=2,
        range="0..1",
    )


POLICY_COLUMNS: tuple[Column, ...] = (
    _in_part("x", "the patient's left"),
    _in_part("y", "the head"),
    _in_part("z", "the patient's front"),
    number(
        "tbp_ex_capture_day",
        "day",
        "Day of the capture from a secret day of the patient's own: only differences within a "
        "patient mean anything; only with release.capture_day = shifted",
        decimals=0,
    ),
)
"""Empty unless the release's settings ask for them."""
