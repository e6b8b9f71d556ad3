"""Vendor tile exports through a whole run: given values stand, the rest is measured."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tbp_extract import ShardReader, read_metadata
from tbp_extract.config import Config, parse_config
from tbp_extract.pipeline.preflight import check_source
from tbp_extract.pipeline.run import RunReport, run
from tbp_extract.verify import verify
from tests.sources import LESIONS, SCANS, read_rows, write_rows
from tests.tile_exports import MATCHES, captures, make_tile_export

NATIVE = parse_config({"crop": {"sampling": "native"}})
OPEN = {"text": "allow", "tattoo": "allow", "jewellery": "allow", "clothing": "allow"}
"""Drawn arms are no test of what may identify a person."""


def settings(**crop: object) -> Config:
    return parse_config({"crop": crop, "gate": OPEN})


@pytest.fixture(scope="session")
def export(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tile_export(source, tmp_path_factory.mktemp("tiles") / "export")


@pytest.fixture(scope="session")
def finished(export: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunReport]:
    out = tmp_path_factory.mktemp("released") / "out"
    return out, run(export, out, settings(sampling="native"), workers=0)


def vendor_rows(export: Path) -> pd.DataFrame:
    tables = [
        pd.read_csv(folder / "isic24_data_1.0.0.csv", dtype={"tag_num": str})
        for folder in captures(export)
    ]
    return pd.concat(tables)


def test_every_tile_is_released_at_its_own_size_and_verifies(
    finished: tuple[Path, RunReport], export: Path
) -> None:
    out, report = finished
    assert report.counts["lesions"]["exported"] == SCANS * LESIONS
    assert verify(out) == ()
    metadata = read_metadata(out / "release")
    assert sorted(metadata["tbp_ex_size_px"]) == sorted(vendor_rows(export)["isic_tile_px"])
    with ShardReader(out / "release") as reader:
        for name, side in zip(metadata["isic_id"], metadata["tbp_ex_size_px"], strict=True):
            assert reader[name].shape == (side, side, 3)
    assert set(metadata["tbp_tile_type"]) == {"3D: XP", "3D: white"}
    assert set(metadata["anatom_site_general"]) == {"upper extremity"}
    assert metadata["patient_id"].nunique() == 2


def test_linkage_keeps_record_number_tag_date_uuid_and_status(
    finished: tuple[Path, RunReport], export: Path
) -> None:
    out, report = finished
    links = pd.read_csv(out / "private" / "linkage.csv", dtype=str)
    assert set(links["patient_id"]) == {"00123", "AB-7x"}
    uuids = set(vendor_rows(export)["uuid"].dropna())
    assert set(links["lesion_id"]) == uuids | {"tag 4"}
    counts = links["tag_match"].value_counts().to_dict()
    assert counts == {"untagged": 9, "tagged": 3, "tagged_nl": 3, "unmatched": 3}
    assert len(MATCHES) == 3
    assert report.counts["lesions"]["tags"] == counts
    assert set(links["tag"].dropna()) == {"2", "3", "4"}
    assert links["capture_date"].str.fullmatch(r"\d{4}-\d\d-\d\d").all()


def test_what_the_vendor_gives_stands_and_what_it_leaves_out_is_measured(
    source: Path, export: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "export"
    shutil.copytree(export, copy)
    for folder in captures(copy):
        (folder / "isic24_data_1.0.0.json").unlink()
        tiles = read_rows(folder / "isic24_data_1.0.0.csv")
        for number, row in enumerate(tiles):
            row["tbp_lv_nevi_confidence"] = str(number)
            row["tbp_lv_stdL"] = "" if number % 2 else "3.25"
            del row["tbp_lv_eccentricity"]
        write_rows(folder / "isic24_data_1.0.0.csv", tiles)
    out = tmp_path / "out"
    run(copy, out, settings(sampling="native"), workers=0)
    rows = (
        read_metadata(out / "release")
        .merge(pd.read_csv(out / "private" / "linkage.csv")[["isic_id", "lesion_id"]], on="isic_id")
        .merge(vendor_rows(copy), left_on="lesion_id", right_on="uuid", suffixes=("", "_given"))
    )
    assert len(rows) == 15
    for name in ("tbp_lv_nevi_confidence", "tbp_lv_A", "tbp_lv_areaMM2", "tbp_lv_minorAxisMM"):
        given = rows[f"{name}_given"]
        # Released to six decimals.
        np.testing.assert_allclose(rows[name][given.notna()], given.dropna(), atol=5.1e-7)
    np.testing.assert_allclose(rows["clin_size_long_diam_mm"], rows["majorAxisMM"], atol=0.0051)
    measured = rows["tbp_lv_stdL_given"].isna()
    assert (rows.loc[~measured, "tbp_lv_stdL"] == 3.25).all()
    assert rows.loc[measured, "tbp_lv_stdL"].notna().any()
    assert rows["tbp_lv_eccentricity"].notna().any()
    assert rows["tbp_ex_obliqueness_deg"].isna().all()


def test_tiles_are_resampled_to_a_fixed_size(export: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(export, out, settings(sampling="fixed", size_px=64), workers=0)
    metadata = read_metadata(out / "release")
    assert set(metadata["tbp_ex_size_px"]) == {64}
    # Tiles of 41 px at 15 mm.
    np.testing.assert_allclose(metadata["tbp_ex_native_px_per_mm"], 41 / 15, atol=1e-4)
    assert metadata["tbp_ex_upsampled"].all()


def test_tiles_of_the_head_and_of_no_known_place_wait_for_a_reviewer(
    export: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "export"
    shutil.copytree(export, copy)
    (first, second, _) = captures(copy)
    for folder, part in ((first, "Head & Neck"), (second, "Unknown")):
        for table in folder.glob("isic24_data_*"):
            table.write_text(table.read_text().replace("Left Arm", part))
    report = run(copy, tmp_path / "out", settings(sampling="native"), workers=0)
    assert report.counts["lesions"]["dropped"] == {"held_face": 2 * LESIONS}


def test_tiles_of_another_extent_are_found_out_by_their_lesions(
    export: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "export"
    shutil.copytree(export, copy)
    # One capture of all: twenty sizes are needed to say anything.
    homes = captures(copy)
    rows = [row for home in homes for row in read_rows(home / "isic24_data_1.0.0.csv")]
    rows = [row for row in rows if row["uuid"]]
    target = homes[0]
    for home in homes[1:]:
        for place in ("tiles", "tiles_tagged", "tiles_tagged_NL"):
            for path in (home / place).iterdir():
                shutil.copy(path, target / place / path.name)
    (target / "isic24_data_1.0.0.json").unlink()
    extra = [
        {**row, "uuid": f"{row['uuid']}b", "isic_tile_file": f"b{row['isic_tile_file']}"}
        for row in rows
    ]
    for row, again in zip(rows, extra, strict=True):
        path = next(target.glob(f"tiles*/{row['isic_tile_file']}"))
        shutil.copy(path, path.with_name(str(again["isic_tile_file"])))
    wrong = [{**row, "majorAxisMM": str(float(row["majorAxisMM"]) / 2)} for row in [*rows, *extra]]
    write_rows(target / "isic24_data_1.0.0.csv", wrong)
    problems = [f.problem for f in check_source(copy, settings(sampling="native"))]
    assert problems[0] is None
    report = run(copy, tmp_path / "out", settings(sampling="native"), workers=0)
    assert [row.reason for row in report.quarantined] == ["tiles_not_15_mm"]
    assert "times those that the table states" in report.quarantined[0].message


def test_missing_folders_rows_and_files_are_named_and_the_rest_goes_on(
    export: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "export"
    shutil.copytree(export, copy)
    patients = read_rows(copy / "patients.csv")
    lost = patients[1]
    write_rows(copy / "patients.csv", [patients[0], {**lost, "MRN": "ZZ"}, patients[2]])
    first = captures(copy)[0]
    next((first / "tiles").iterdir()).unlink()
    shutil.copy(next((first / "tiles").iterdir()), first / "tiles" / "stray.jpg")
    report = run(copy, tmp_path / "out", settings(sampling="native"), workers=0)
    assert sorted(row.reason for row in report.quarantined) == [
        "patient_row_missing", "tiles_missing",
    ]  # fmt: skip
    assert report.counts["lesions"]["dropped"] == {"tile_missing": 1, "tile_unlisted": 1}
    with (tmp_path / "out" / "private" / "dropped.csv").open() as file:
        assert "tiles/stray.jpg" in {row["lesion_id"] for row in csv.DictReader(file)}
    assert verify(tmp_path / "out") == ()


def test_the_preflight_tells_what_tiles_there_are(export: Path) -> None:
    (first, *_) = check_source(export, NATIVE)
    assert first.problem is None
    assert (
        "6 tiles of 41 to 41 px (1 tagged, 1 tagged_nl, 1 unmatched, 3 untagged)" in first.summary
    )
