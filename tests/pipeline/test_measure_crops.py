import csv
from pathlib import Path

import numpy as np
import pytest

from tbp_extract.columns import RELEASED_COLUMNS
from tbp_extract.errors import ConfigError, OutputError, SourceError
from tbp_extract.measure.existing import UNKNOWN_WITHOUT_MESH
from tbp_extract.pipeline.measure_crops import measure_crops
from tests.io.test_crops import write_single_files


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_genuine_crops_get_a_row_each(data: Path, tmp_path: Path) -> None:
    shard, out = data / "isic2024" / "test-image.hdf5", tmp_path / "table.csv"
    assert measure_crops(shard, out, extent_mm=15.0) == 3
    rows = rows_of(out)
    assert tuple(rows[0]) == tuple(column.name for column in RELEASED_COLUMNS)
    assert [row["isic_id"] for row in rows] == ["ISIC_0015657", "ISIC_0015729", "ISIC_0015740"]
    assert [row["tbp_ex_size_px"] for row in rows] == ["141", "125", "119"]
    # The first and the last show hair to the eye, the second shows none.
    hair = [float(row["tbp_ex_hair_fraction"]) for row in rows]
    assert hair[1] < 0.002 < 0.012 < min(hair[0], hair[2])
    # The same order of lightness as the genuine rows, whose colours are of other photographs.
    tones = [row["tbp_ex_skin_tone"] for row in rows]
    assert tones == ["brown", "light", "tan"]


def test_what_a_crop_alone_does_not_tell_is_empty(tmp_path: Path) -> None:
    write_single_files(tmp_path, {"a.jpg": 133, "b.jpg": 99})
    measure_crops(tmp_path, tmp_path / "table.csv", extent_mm=15.0)
    for row in rows_of(tmp_path / "table.csv"):
        for name in UNKNOWN_WITHOUT_MESH:
            assert row[name] == ""
        for name in ("patient_id", "tbp_ex_lesion_count", "tbp_ex_nearest_mm", "tbp_ex_z_areaMM2"):
            assert row[name] == ""


def test_rows_follow_the_names_whatever_the_sizes(tmp_path: Path) -> None:
    sizes = {f"{k:02d}.jpg": int(s) for k, s in enumerate(np.tile([133, 41, 99], 4))}
    write_single_files(tmp_path, sizes)
    assert measure_crops(tmp_path, tmp_path / "table.csv", extent_mm=10.0) == 12
    rows = rows_of(tmp_path / "table.csv")
    assert [row["isic_id"] for row in rows] == [f"{k:02d}" for k in range(12)]
    assert [int(row["tbp_ex_size_px"]) for row in rows] == list(sizes.values())
    assert {row["tbp_ex_extent_mm"] for row in rows} == {"10.0"}


@pytest.mark.parametrize("extent_mm", [0.0, -15.0, float("nan"), float("inf")])
def test_an_extent_must_be_a_length(tmp_path: Path, extent_mm: float) -> None:
    write_single_files(tmp_path, {"a.jpg": 33})
    with pytest.raises(ConfigError, match="--extent-mm: expected a length above 0"):
        measure_crops(tmp_path, tmp_path / "table.csv", extent_mm=extent_mm)


def test_a_place_that_cannot_be_written_is_refused_before_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="--out: expected a file"):
        measure_crops(tmp_path, tmp_path / "no" / "table.csv", extent_mm=15.0)


def test_a_table_of_patients_fills_the_context_patient_by_patient(tmp_path: Path) -> None:
    names = [f"{k:02d}" for k in range(9)]
    write_single_files(tmp_path, {f"{name}.jpg": 33 + 2 * k for k, name in enumerate(names)})
    owners = tmp_path / "owners.csv"
    lines = [f"{name},{'b' if k % 3 else 'a'},Left Arm" for k, name in enumerate(names)]
    owners.write_text(
        "\n".join(["isic_id,patient_id,tbp_lv_location_simple", "zz,c,", *reversed(lines)])
    )
    measure_crops(tmp_path, tmp_path / "table.csv", extent_mm=15.0, patients=owners)
    rows = rows_of(tmp_path / "table.csv")
    assert [row["isic_id"] for row in rows] == names
    assert [row["patient_id"] for row in rows] == list("abbabbabb")
    assert [row["tbp_ex_lesion_count"] for row in rows] == list("366366366")
    assert {row["tbp_lv_location_simple"] for row in rows} == {"Left Arm"}
    # Nobody says where on the body they lie.
    assert {row["tbp_ex_nearest_mm"] for row in rows} == {""}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("isic_id,owner\na,1\n", "expected a column patient_id"),
        ("isic_id,patient_id\na,1\na,1\n", "each isic_id once"),
        ("isic_id,patient_id\nb,1\n", "none for 1 of 1"),
        ("isic_id,patient_id\na,\n", "a patient_id in row 2"),
        ("", "--patients: "),
    ],
)
def test_a_table_of_patients_that_cannot_be_used_is_refused(
    tmp_path: Path, text: str, sentence: str
) -> None:
    write_single_files(tmp_path, {"a.jpg": 33})
    (tmp_path / "owners.csv").write_text(text)
    with pytest.raises(SourceError, match=sentence):
        measure_crops(
            tmp_path, tmp_path / "t.csv", extent_mm=15.0, patients=tmp_path / "owners.csv"
        )
