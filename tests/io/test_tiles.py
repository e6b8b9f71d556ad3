"""Vendor tile exports: who was captured, which tile belongs to which row, what does not fit."""

import csv
import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tbp_extract.config import Config, JpegConfig, LimitConfig, parse_config
from tbp_extract.errors import ConfigError, ScanError, ScanReason, SourceError
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.source import read_source
from tbp_extract.io.tiles import VendorTiles, read_tiles
from tbp_extract.jpeg import encode_jpeg
from tbp_extract.types import DropReason, ScanRef

HEADER = "Patient ID,MRN,Capture ID,3D Modality,Age,Sex\n"
TABLE = "isic24_data_1.0.0"


def tile(side: int = 41, height: int | None = None, seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(90, 200, (height or side, side, 3), np.uint8)
    soft = np.asarray(cv2.blur(pixels, (5, 5)), np.uint8)
    return encode_jpeg(soft, JpegConfig(quality=75, subsampling="4:2:0"))


ROWS: tuple[dict[str, object], ...] = (
    {"uuid": "aa", "tag_num": "", "isic_tile_file": "aa.jpg"},
    {"uuid": "bb", "tag_num": "7", "isic_tile_file": "7_bb.jpg"},
    {"uuid": "cc", "tag_num": "8.0", "isic_tile_file": "8_cc.jpg"},
    {"uuid": "", "tag_num": "009", "isic_tile_file": "009.jpg"},
)
FILES = {
    "tiles/aa.jpg": tile(41),
    "tiles_tagged/7_bb.jpg": tile(133),
    "tiles_tagged_NL/8_cc.jpg": tile(61),
    "tiles_unmatched/009.jpg": tile(51),
}


def write_table(capture: Path, rows: list[dict[str, object]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with (capture / f"{TABLE}.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, names)
        table.writeheader()
        table.writerows(rows)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """One capture of four tiles, one of each kind."""
    capture = tmp_path / "export" / "12-00345" / "20210304_x"
    for place, data in FILES.items():
        (capture / place).parent.mkdir(parents=True, exist_ok=True)
        (capture / place).write_bytes(data)
    common = {"tag_status_name": "Biopsy", "majorAxisMM": "4.31", "location_simple": "Left Leg"}
    sizes = (41, 133, 61, 51)
    write_table(
        capture,
        [{**row, **common, "isic_tile_px": px} for row, px in zip(ROWS, sizes, strict=True)],
    )
    patients = tmp_path / "export" / "patients.csv"
    patients.write_text(HEADER + "12,00345,20210304_x,XP,45-50,F\n")
    return tmp_path / "export"


def only(export: Path) -> ScanRef:
    (ref,) = read_source(export)
    return ref


def read(export: Path, ref: ScanRef | None = None) -> VendorTiles:
    return read_tiles(ref or only(export), folder=ScanFolder(export, LimitConfig()))


def home(export: Path) -> Path:
    return export / "12-00345" / "20210304_x"


def rows_of(export: Path) -> list[dict[str, object]]:
    with (home(export) / f"{TABLE}.csv").open(newline="") as file:
        return [dict(row) for row in csv.DictReader(file)]


def dropped(tiles: VendorTiles) -> dict[str, str]:
    return dict(zip(tiles.drops.lesion_id, map(str, tiles.drops.reason), strict=True))


def test_a_capture_is_known_by_its_row(export: Path) -> None:
    ref = only(export)
    assert ref.patient_id == "00345"
    assert ref.scan_id == ref.tiles == "12-00345/20210304_x"
    assert ref.capture_date == "2021-03-04"
    assert (ref.age_years, ref.sex, ref.tile_type) == (47.0, "female", "3D: XP")


@pytest.mark.parametrize(
    ("cell", "age"),
    [
        ("45-50", 47),
        ("0-5", 2),
        ("85+", 85),
        (">=85", 85),
        ("63", 63),
        ("", None),
        ("Unknown", None),
    ],
)
def test_an_age_is_the_middle_of_its_bin(export: Path, cell: str, age: float | None) -> None:
    (export / "patients.csv").write_text(HEADER + f"12,00345,20210304_x,STD,{cell},\n")
    ref = only(export)
    assert ref.age_years == age
    assert (ref.sex, ref.tile_type) == (None, "3D: white")


@pytest.mark.parametrize("mrn", ["345", "345.0", "000345"])
def test_zeros_that_a_spreadsheet_took_are_in_the_folders_name(export: Path, mrn: str) -> None:
    (export / "patients.csv").write_text(HEADER + f"12,{mrn},20210304_x,XP,45-50,F\n")
    assert only(export).patient_id == "00345"
    assert len(read(export)) == 4


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("12,00345,20210304_x,IR,45-50,F", "row 2, column 3d modality: expected XP, STD"),
        ("12,00345,20210304_x,XP,50-45,F", "row 2, column age"),
        ("12,00345,20210304_x,XP,old,F", "row 2, column age"),
        ("12,00345,20210304_x,XP,45,woman", "row 2, column sex"),
        ("12,00345,visit 1,XP,45,F", "row 2, column capture id: .* YYYYMMDD"),
        ("12,00345,20211304_x,XP,45,F", "row 2, column capture id"),
        ("12,1.2E+10,20210304_x,XP,45,F", "row 2, column mrn: .* spreadsheet has shortened"),
        ("12,,20210304_x,XP,45,F", "row 2, column mrn: expected a value"),
        ("12,00345,20210304_x,XP,45,F\n12,00345,20210304_x,XP,45,F", "row 3.*that of row 2"),
    ],
)
def test_a_wrong_row_is_named(export: Path, row: str, message: str) -> None:
    (export / "patients.csv").write_text(HEADER + row + "\n")
    with pytest.raises(SourceError, match=message) as caught:
        read_source(export)
    assert "00345" not in str(caught.value)


def test_a_table_without_a_needed_column_is_refused(export: Path) -> None:
    (export / "patients.csv").write_text("Patient ID,Capture ID\n12,20210304_x\n")
    with pytest.raises(SourceError, match="lacks the column mrn"):
        read_source(export)


def test_tiles_show_15_mm_and_no_other_extent_is_made_of_them(export: Path) -> None:
    with pytest.raises(ConfigError, match="tiles of a vendor's export show 15 mm, got 20"):
        read_source(export, parse_config({"crop": {"extent_mm": 20.0}}))


def test_a_row_without_a_folder_and_a_folder_without_a_row_are_both_named(export: Path) -> None:
    shutil.copytree(export / "12-00345", export / "13-Z9")
    with (export / "patients.csv").open("a") as file:
        file.write("14,777,20200101_a,XP,45-50,F\n")
    refs = {ref.scan_id: ref for ref in read_source(export)}
    assert set(refs) == {"12-00345/20210304_x", "14-777/20200101_a", "13-Z9/20210304_x"}
    with pytest.raises(ScanError, match="no row for this capture") as caught:
        read(export, refs["13-Z9/20210304_x"])
    assert caught.value.reason is ScanReason.PATIENT_ROW_MISSING
    with pytest.raises(ScanError, match="its folder is missing") as caught:
        read(export, refs["14-777/20200101_a"])
    assert caught.value.reason is ScanReason.TILES_MISSING


def test_every_kind_of_tile_is_read_with_what_the_vendor_says_of_it(export: Path) -> None:
    tiles = read(export)
    assert tiles.lesion_id == ("aa", "bb", "cc", "tag 009")
    assert tiles.extra["tag"].tolist() == [None, "7", "8", "009"]
    assert tiles.extra["tag_match"].tolist() == ["untagged", "tagged", "tagged_nl", "unmatched"]
    assert tiles.extra["tag_status"].tolist() == ["Biopsy"] * 4
    assert tiles.extra["tbp_lv_location_simple"].tolist() == ["Left Leg"] * 4
    assert [len(pixels) for pixels in tiles.pixels] == [41, 133, 61, 51]
    np.testing.assert_allclose(tiles.diameter_mm, 4.31, rtol=1e-6)
    assert len(tiles.drops) == 0


def test_without_a_stated_file_the_usual_names_are_looked_for(export: Path) -> None:
    write_table(home(export), [{k: v for k, v in r.items() if k != "isic_tile_file"} for r in ROWS])
    # 8.0 is tag 8: a spreadsheet has been at the table.
    assert read(export).lesion_id == ("aa", "bb", "cc", "tag 009")


Spoil = Callable[[Path], None]


def spoil(place: str, data: bytes) -> Spoil:
    def change(capture: Path) -> None:
        (capture / place).write_bytes(data)

    return change


@pytest.mark.parametrize(
    ("change", "drops"),
    [
        (lambda c: (c / "tiles/aa.jpg").unlink(), {"aa": "tile_missing"}),
        (spoil("tiles/zz.jpg", tile()), {"tiles/zz.jpg": "tile_unlisted"}),
        (spoil("tiles_tagged/notes.txt", b"x"), {"tiles_tagged/notes.txt": "tile_unlisted"}),
        (lambda c: (c / "tiles/inner").mkdir(), {"tiles/inner": "tile_unlisted"}),
        (spoil("tiles/bb.jpg", tile()), {"tiles/bb.jpg": "tile_repeated"}),
        (spoil("tiles/7_bb.jpg", tile()), {"tiles/7_bb.jpg": "tile_repeated"}),
        (spoil("tiles/aa.jpg", tile()[:-40]), {"aa": "tile_unreadable"}),
        (spoil("tiles/aa.jpg", b"GIF89a"), {"aa": "tile_unreadable"}),
        (spoil("tiles/aa.jpg", tile(41, 47)), {"aa": "tile_not_square"}),
        (spoil("tiles/aa.jpg", tile(43)), {"aa": "tile_size"}),
        (spoil("tiles/Thumbs.db", b"x"), {}),
        (spoil("tiles/.DS_Store", b"x"), {}),
    ],
)
def test_a_tile_that_does_not_fit_is_dropped_by_name(
    export: Path, change: Spoil, drops: dict[str, str]
) -> None:
    change(home(export))
    tiles = read(export)
    assert dropped(tiles) == drops
    assert len(tiles) == 4 - sum(name in {"aa"} for name in drops)


def test_a_second_row_of_a_lesion_is_a_repeat(export: Path) -> None:
    write_table(home(export), [*rows_of(export), rows_of(export)[1]])
    tiles = read(export)
    assert dropped(tiles) == {"bb": "tile_repeated"}
    assert len(tiles) == 4


def test_a_tile_too_small_for_a_crop_is_dropped(export: Path) -> None:
    spoil("tiles/aa.jpg", tile(15))(home(export))
    write_table(home(export), [{**row, "isic_tile_px": ""} for row in rows_of(export)])
    assert dropped(read(export)) == {"aa": "tile_size"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"majorAxisMM": "-1"}, "row 2, column majoraxismm: expected more than 0"),
        ({"majorAxisMM": "large"}, "row 2, column majoraxismm: expected a number"),
        ({"location_simple": "Elbow"}, "row 2, column location_simple: expected one of Torso"),
        ({"tbp_lv_L": "-3"}, "row 2, column tbp_lv_l: expected 0"),
        ({"nevi_confidence": "140"}, "row 2, column nevi_confidence: expected 0..100"),
    ],
)
def test_a_value_that_cannot_be_is_named_by_row_and_column(
    export: Path, change: dict[str, object], message: str
) -> None:
    write_table(home(export), [{**row, **change} for row in rows_of(export)])
    with pytest.raises(ScanError, match=message) as caught:
        read(export)
    assert caught.value.reason is ScanReason.TILE_TABLE_UNUSABLE


def test_the_json_alone_will_do_and_beside_the_csv_it_has_to_agree(export: Path) -> None:
    rows = [{k: v or None for k, v in row.items()} for row in rows_of(export)]
    path = home(export) / f"{TABLE}.json"
    path.write_text(json.dumps({"version": "1.0.0", "tiles": rows}))
    both = read(export)
    (home(export) / f"{TABLE}.csv").unlink()
    alone = read(export)
    assert alone.lesion_id == both.lesion_id
    np.testing.assert_array_equal(alone.diameter_mm, both.diameter_mm)
    write_table(home(export), [dict(row) for row in rows[:3]])
    with pytest.raises(ScanError, match="name different tiles") as caught:
        read(export)
    assert caught.value.reason is ScanReason.TILE_TABLES_DIFFER


@pytest.mark.parametrize("text", ["{", "[3]", '{"a": [], "b": []}', '"x"'])
def test_a_json_of_another_kind_is_unusable(export: Path, text: str) -> None:
    (home(export) / f"{TABLE}.csv").unlink()
    (home(export) / f"{TABLE}.json").write_text(text)
    with pytest.raises(ScanError, match="JSON"):
        read(export)


def test_without_a_table_nothing_is_guessed(export: Path) -> None:
    (home(export) / f"{TABLE}.csv").unlink()
    with pytest.raises(ScanError) as caught:
        read(export)
    assert caught.value.reason is ScanReason.TILE_TABLE_MISSING


def test_two_versions_of_the_table_are_not_chosen_from(export: Path) -> None:
    shutil.copy(home(export) / f"{TABLE}.csv", home(export) / "isic24_data_1.1.0.csv")
    with pytest.raises(ScanError, match="several versions"):
        read(export)


def test_links_out_of_the_export_are_not_followed(export: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    shutil.rmtree(home(export) / "tiles_unmatched")
    (home(export) / "tiles_unmatched").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ScanError) as caught:
        read(export)
    assert caught.value.reason is ScanReason.PATH_OUTSIDE_SCAN
    (export / "99-1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match="symbolic link"):
        read_source(export)


def test_what_was_looked_at_is_known_afterwards(export: Path) -> None:
    (home(export) / "tiles/aa.jpg").unlink()
    folder = ScanFolder(export, LimitConfig())
    tiles = read_tiles(only(export), folder=folder)
    assert Counter(tiles.drops.reason) == {DropReason.TILE_MISSING: 1}
    # A file that comes later changes its folder, and the folder was noted.
    assert "12-00345/20210304_x/tiles" in folder.inputs
    assert "12-00345/20210304_x/tiles_tagged/7_bb.jpg" in folder.sha256


def test_only_a_capture_of_an_export_has_tiles(export: Path) -> None:
    with pytest.raises(AssertionError):
        read(export, replace(only(export), tiles=None))
    assert Config().crop.extent_mm == 15.0
