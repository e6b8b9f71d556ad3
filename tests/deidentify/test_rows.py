import hashlib
import math
from typing import Any

import numpy as np
import pytest

from tbp_extract.columns import BY_NAME, LINKAGE_COLUMNS, RELEASED_COLUMNS, VOCABULARY
from tbp_extract.config import Config, ReleaseConfig
from tbp_extract.deidentify import (
    lesion_pseudonym,
    link,
    merge_releases,
    release,
)
from tbp_extract.errors import ReleaseError
from tbp_extract.types import Release, ReleaseKey
from tests.releases import CONFIG, KEY, make_jpegs, make_ref, make_release, make_table

OTHER_KEY = ReleaseKey(b"\x01" * 32)


def released(count: int = 2, config: Config = CONFIG, **changes: Any) -> Release:
    """Release ``count`` crops; ``ref`` and ``table`` take changes by name."""
    ref, table = changes.pop("ref", {}), changes.pop("table", {})
    return release(
        make_table(count, **table),
        changes.pop("jpegs", make_jpegs(count)),
        lesion_ids=changes.pop("lesion_ids", [str(i) for i in range(count)]),
        ref=make_ref(**ref),
        key=KEY,
        config=config,
    )


def test_every_released_column_is_there_in_order_and_type() -> None:
    result = released()
    assert list(result.columns) == [column.name for column in RELEASED_COLUMNS]
    for column in RELEASED_COLUMNS:
        assert result.columns[column.name].dtype == np.dtype(column.numpy_dtype)
        assert result.columns[column.name].shape == (2,)


def test_unmeasured_columns_are_released_empty() -> None:
    result = released(table={"tbp_lv_A": None, "tbp_lv_location": None})
    assert np.isnan(result.columns["tbp_lv_A"]).all()
    assert result.columns["tbp_lv_location"].tolist() == [None, None]


def test_rows_and_crops_are_sorted_together() -> None:
    jpegs, ids = make_jpegs(20), [str(i) for i in range(20)]
    result = released(20, jpegs=jpegs, lesion_ids=ids)
    names = result.columns["isic_id"].tolist()
    assert names == sorted(names)
    jpeg_of = {
        lesion_pseudonym(KEY, make_ref().scan_id, i): jpeg
        for i, jpeg in zip(ids, jpegs, strict=True)
    }
    assert [jpeg_of[name] for name in names] == list(result.jpegs)


def test_measured_values_keep_their_rows() -> None:
    values = np.array([1.25, 2.5, 3.75])
    result = released(3, table={"tbp_lv_A": values})
    expected = {
        lesion_pseudonym(KEY, make_ref().scan_id, str(i)): value for i, value in enumerate(values)
    }
    ids, found = result.columns["isic_id"].tolist(), result.columns["tbp_lv_A"].tolist()
    assert dict(zip(ids, found, strict=True)) == expected


@pytest.mark.parametrize(
    ("age_years", "expected"),
    [
        *((0, 0.0), (2.4, 0.0), (2.6, 5.0), (43.2, 45.0), (42.4, 40.0)),
        *((85, 85.0), (88, 85.0), (119, 85.0), (120, 85.0)),
    ],
)
def test_age_is_rounded_to_five_years_and_capped(age_years: float, expected: float) -> None:
    assert released(ref={"age_years": age_years}).columns["age_approx"].tolist() == [expected] * 2


@pytest.mark.parametrize("age_years", [None, -1, 120.1, 999, math.nan, math.inf])
def test_an_impossible_age_is_released_empty(age_years: float | None) -> None:
    assert np.isnan(released(ref={"age_years": age_years}).columns["age_approx"]).all()


@pytest.mark.parametrize(
    ("given_sex", "expected"),
    [("male", "male"), ("F", "female"), (" Female ", "female"), ("Jane", None), (None, None)],
)
def test_sex_is_a_word_or_empty(given_sex: str | None, expected: str | None) -> None:
    assert released(ref={"sex": given_sex}).columns["sex"].tolist() == [expected] * 2


def test_coordinates_are_rounded_to_ten_mm_by_default() -> None:
    x = np.array([-3.2, 128.0])
    result = released(table={"tbp_lv_x": x}).columns["tbp_lv_x"]
    assert sorted(result.tolist()) == [0.0, 130.0]
    assert not np.signbit(result).any(), "-0 would tell the side of the body"


def test_coordinates_are_kept_or_withheld_as_configured() -> None:
    x = np.array([-3.25, 128.5])
    kept = Config(release=ReleaseConfig(coordinates="kept"))
    withheld = Config(release=ReleaseConfig(coordinates="withheld"))
    assert sorted(released(2, kept, table={"tbp_lv_x": x}).columns["tbp_lv_x"]) == [-3.25, 128.5]
    for name in ("tbp_lv_x", "tbp_lv_y", "tbp_lv_z"):
        assert np.isnan(released(2, withheld).columns[name]).all()


def test_distances_between_lesions_are_withheld_with_the_coordinates() -> None:
    measured = {"tbp_ex_nearest_mm": np.array([12.4, 30.6])}
    assert sorted(released(2, table=measured).columns["tbp_ex_nearest_mm"]) == [12.0, 31.0]
    withheld = Config(release=ReleaseConfig(coordinates="withheld"))
    assert np.isnan(released(2, withheld, table=measured).columns["tbp_ex_nearest_mm"]).all()


def test_infinite_values_are_released_empty() -> None:
    result = released(table={"tbp_lv_A": np.array([np.inf, 1.0])}).columns["tbp_lv_A"]
    assert np.isnan(result).sum() == 1


def test_nothing_private_is_in_any_cell() -> None:
    ref = make_ref()
    result = released(ref={})
    cells = {str(cell) for values in result.columns.values() for cell in values}
    for private in (ref.scan_id, ref.patient_id, ref.capture_date, ref.mesh, str(ref.age_years)):
        assert not any(str(private) in cell for cell in cells)


@pytest.mark.parametrize("name", ["tbp_ex_secret", "scan_id", "lesion_id", "target", "age"])
def test_a_column_off_the_allow_list_is_refused_and_not_named(name: str) -> None:
    with pytest.raises(ReleaseError, match="got 1 others") as caught:
        released(table={name: np.zeros(2)})
    assert name not in str(caught.value)


@pytest.mark.parametrize("name", ["isic_id", "patient_id", "age_approx", "sex", "attribution"])
def test_a_column_that_release_makes_is_refused_from_a_table(name: str) -> None:
    with pytest.raises(ReleaseError, match=f"{name}: made on release"):
        released(table={name: np.array(["a", "b"], object)})


@pytest.mark.parametrize(
    "name", ["tbp_lv_location", "tbp_lv_location_simple", "anatom_site_general"]
)
def test_free_text_in_a_column_of_fixed_words_is_refused_and_not_shown(name: str) -> None:
    cells = np.array([VOCABULARY[name][0], "left arm of Jane"], object)
    with pytest.raises(ReleaseError, match=f"{name}: expected one of") as caught:
        released(table={name: cells})
    assert "Jane" not in str(caught.value)


def test_an_unknown_tile_type_is_refused() -> None:
    with pytest.raises(ReleaseError, match="tbp_tile_type: expected one of 3D: XP, 3D: white"):
        released(ref={"tile_type": "XP"})


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_a_text_that_a_spreadsheet_would_run_is_refused(start: str) -> None:
    config = Config(release=ReleaseConfig(attribution=f' {start}HYPERLINK("x")'))
    with pytest.raises(ReleaseError, match="a spreadsheet would run"):
        released(2, config)


@pytest.mark.parametrize("text", ["a\nb", "a\tb", "a\x00b", "a\u202eb", "x" * 301])
def test_a_text_with_control_characters_or_without_end_is_refused(text: str) -> None:
    config = Config(release=ReleaseConfig(copyright_license=text))
    with pytest.raises(ReleaseError, match="printable characters"):
        released(2, config, ref={"copyright_license": None})


def test_attribution_falls_back_to_the_configuration_then_to_empty() -> None:
    config = Config(release=ReleaseConfig(attribution="The centre"))
    result = released(2, config, ref={"attribution": None, "copyright_license": None})
    assert result.columns["attribution"].tolist() == ["The centre"] * 2
    assert result.columns["copyright_license"].tolist() == [None] * 2


@pytest.mark.parametrize(
    ("given_text", "allowed", "expected"),
    [
        ("Centre A", ("Centre A", "Centre B"), "Centre A"),
        (" Centre B ", ("Centre A", "Centre B"), "Centre B"),
        ("Ward 3, Jane Doe", ("Centre A",), "All centres"),
        ("Ward 3, Jane Doe", (), "All centres"),
    ],
)
def test_attribution_of_a_scan_table_is_one_that_the_operator_named(
    given_text: str, allowed: tuple[str, ...], expected: str
) -> None:
    config = Config(release=ReleaseConfig(attribution="All centres", attributions=allowed))
    result = released(2, config, ref={"attribution": given_text})
    assert result.columns["attribution"].tolist() == [expected] * 2


@pytest.mark.parametrize(
    ("licence", "expected"), [("CC-BY-NC", "CC-BY-NC"), ("(c) Jane Doe", None), ("=1", None)]
)
def test_licence_of_a_scan_table_is_one_of_the_archive(licence: str, expected: str | None) -> None:
    result = released(ref={"copyright_license": licence})
    assert result.columns["copyright_license"].tolist() == [expected] * 2


def test_a_crop_with_more_than_pixels_is_refused() -> None:
    jpegs = make_jpegs(2)
    jpegs[1] += b"Jane Doe"
    with pytest.raises(ReleaseError, match="more bytes"):
        released(jpegs=jpegs)


def test_a_crop_of_another_size_than_its_row_says_is_refused() -> None:
    with pytest.raises(ReleaseError, match="expected a crop of 35 px, got 33 x 33 px"):
        released(table={"tbp_ex_size_px": np.array([35, 35])})


def test_lengths_must_agree() -> None:
    with pytest.raises(ReleaseError, match="as many crops as ids and rows"):
        released(2, jpegs=make_jpegs(1))
    with pytest.raises(ReleaseError, match="as many crops as ids and rows"):
        released(2, lesion_ids=["1"])


def test_equal_ids_are_refused() -> None:
    with pytest.raises(ReleaseError, match="same id"):
        released(lesion_ids=["1", "1"])
    with pytest.raises(ReleaseError, match="same id"):
        merge_releases([make_release(2), make_release(2)])


@pytest.mark.parametrize("name", ["tbp_ex_size_px", "tbp_ex_upsampled", "tbp_ex_lesion_count"])
def test_columns_that_cannot_be_empty_must_be_measured(name: str) -> None:
    with pytest.raises(ReleaseError, match=f"{name}: must be measured"):
        released(table={name: None})


def test_a_fraction_does_not_become_a_whole_number() -> None:
    with pytest.raises(ReleaseError, match="tbp_ex_upsampled: expected type bool"):
        released(table={"tbp_ex_upsampled": np.array([0.5, 1.0])})


def test_text_in_a_number_column_is_refused_and_not_shown() -> None:
    with pytest.raises(ReleaseError, match="tbp_lv_A: expected numbers") as caught:
        released(table={"tbp_lv_A": np.array(["1", "Jane"], object)})
    assert "Jane" not in str(caught.value)


def test_merged_releases_are_sorted_whatever_their_order() -> None:
    parts = [make_release(3, number) for number in range(3)]
    one, other = merge_releases(parts), merge_releases(parts[::-1])
    assert one.jpegs == other.jpegs
    assert one.columns["isic_id"].tolist() == sorted(one.columns["isic_id"].tolist())
    assert one.columns["isic_id"].tolist() == other.columns["isic_id"].tolist()


def test_no_crops_make_an_empty_release_of_all_columns() -> None:
    for empty in (merge_releases([]), released(0), merge_releases([released(0)])):
        assert len(empty) == 0
        assert {name: values.dtype for name, values in empty.columns.items()} == {
            column.name: np.dtype(column.numpy_dtype) for column in BY_NAME.values()
        }


def test_links_lead_back_to_the_source() -> None:
    ref = make_ref()
    rows = link(
        lesion_ids=["a", "b"],
        noted={"tag": ["T1", None]},
        jpegs=[b"first", b"second"],
        position_mm=np.arange(6.0).reshape(2, 3),
        ref=ref,
        key=KEY,
    )
    assert list(rows) == [c.name for c in LINKAGE_COLUMNS if c.name != "shard"]
    assert rows["isic_id"].tolist() == [lesion_pseudonym(KEY, ref.scan_id, i) for i in "ab"]
    assert rows["patient_id"].tolist() == [ref.patient_id] * 2
    assert rows["tag"].tolist() == ["T1", None]
    assert rows["tag_match"].tolist() == [None, None]
    assert rows["z_mm"].tolist() == [2.0, 5.0]
    assert rows["crop_sha256"][1] == hashlib.sha256(b"second").hexdigest()


@pytest.mark.parametrize(
    ("name", "value"),
    [("tbp_lv_areaMM2", 12345678.0), ("tbp_lv_L", -1.0), ("tbp_ex_lesion_count", -1)],
)
def test_a_number_outside_its_range_does_not_leave(name: str, value: float) -> None:
    with pytest.raises(ReleaseError, match=f"^{name}: expected .*, got 2 values outside$"):
        released(table={name: np.full(2, value)})


def test_numbers_leave_with_their_released_precision() -> None:
    values = {"tbp_ex_stretch": np.full(2, 1.0016013961), "tbp_lv_A": np.full(2, 1.2345678901)}
    columns = released(table=values).columns
    assert BY_NAME["tbp_ex_stretch"].decimals == 4
    assert columns["tbp_ex_stretch"].tolist() == [1.0016, 1.0016]
    assert columns["tbp_lv_A"].tolist() == [1.234568, 1.234568]


def test_every_float_has_a_released_precision() -> None:
    floats = [column for column in RELEASED_COLUMNS if column.dtype == "float"]
    assert all(column.decimals is not None for column in floats)


def test_exact_relations_survive_the_released_precision() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(5, 40, (2, 500))
    area, perimeter = rng.uniform(2, 200, 500), rng.uniform(5, 80, 500)
    measured = {
        "tbp_lv_A": a,
        "tbp_lv_B": b,
        "tbp_lv_C": np.hypot(a, b),
        "tbp_lv_H": np.degrees(np.arctan2(b, a)),
        "tbp_lv_areaMM2": area,
        "tbp_lv_perimeterMM": perimeter,
        "tbp_lv_area_perim_ratio": perimeter**2 / area,
    }
    row = released(500, table=measured).columns
    chroma = np.hypot(row["tbp_lv_A"], row["tbp_lv_B"])
    hue = np.degrees(np.arctan2(row["tbp_lv_B"], row["tbp_lv_A"]))
    ratio = row["tbp_lv_perimeterMM"] ** 2 / row["tbp_lv_areaMM2"]
    # The table of the field's facts gives 1e-5 for all three, relative where a ratio is large.
    assert np.abs(row["tbp_lv_C"] - chroma).max() < 1e-5
    assert np.abs(row["tbp_lv_H"] - hue).max() < 1e-5
    assert (np.abs(row["tbp_lv_area_perim_ratio"] - ratio) / np.maximum(ratio, 1)).max() < 1e-5


def test_normalised_coordinates_are_shares_of_the_part_in_steps() -> None:
    config = Config(release=ReleaseConfig(coordinates="normalised"))
    measured = {"tbp_ex_part_y": np.array([0.0, 0.512, 0.531, 1.0])}
    columns = released(4, config, table=measured).columns
    assert sorted(columns["tbp_ex_part_y"].tolist()) == [0.0, 0.5, 0.55, 1.0]
    for name in ("tbp_lv_x", "tbp_lv_y", "tbp_lv_z", "tbp_ex_nearest_mm"):
        assert np.isnan(columns[name]).all()


@pytest.mark.parametrize("coordinates", ["kept", "rounded", "withheld"])
def test_shares_of_the_part_leave_with_no_other_policy(coordinates: Any) -> None:
    config = Config(release=ReleaseConfig(coordinates=coordinates))
    for axis in "xyz":
        assert np.isnan(released(2, config).columns[f"tbp_ex_part_{axis}"]).all()


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ("age", ["age_approx"]),
        ("sex", ["sex"]),
        ("site", ["anatom_site_general", "tbp_lv_location", "tbp_lv_location_simple"]),
        ("centre", ["attribution"]),
    ],
)
def test_what_is_withheld_is_empty_and_else_filled(setting: str, names: list[str]) -> None:
    named = ReleaseConfig(attribution="The centre")
    kept = Config(release=named)
    withheld = Config(release=named.model_copy(update={setting: "withheld"}))
    for name in names:
        assert not any(missing(released(2, kept).columns[name]))
        assert all(missing(released(2, withheld).columns[name]))


def missing(cells: Any) -> list[bool]:
    return [cell is None or cell != cell for cell in cells.tolist()]


def test_ten_year_steps_are_coarser() -> None:
    config = Config(release=ReleaseConfig(age_step_years=10))
    ages = [released(2, config, ref={"age_years": age}).columns["age_approx"][0] for age in AGES]
    assert ages == [0, 10, 40, 50, 80, 85]


AGES = (4.9, 5.1, 44, 46, 84, 97)


def days(config: Config, *dates: str, **ref: Any) -> list[float]:
    return [
        float(
            released(2, config, ref={"capture_date": day, **ref}).columns["tbp_ex_capture_day"][0]
        )
        for day in dates
    ]


def test_shifted_days_keep_intervals_within_a_patient_and_no_date() -> None:
    config = Config(release=ReleaseConfig(capture_day="shifted"))
    one = days(config, "2023-02-27", "2024-03-01", patient_id="A")
    two = days(config, "2023-02-27", "2024-03-01", patient_id="B")
    assert one[1] - one[0] == two[1] - two[0] == 368
    assert one[0] != two[0]


def test_days_are_withheld_by_default_and_without_a_date() -> None:
    assert np.isnan(days(CONFIG, "2024-03-01")).all()
    config = Config(release=ReleaseConfig(capture_day="shifted"))
    assert np.isnan(
        released(2, config, ref={"capture_date": None}).columns["tbp_ex_capture_day"]
    ).all()
