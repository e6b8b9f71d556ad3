"""Pathology tables as they come."""

from pathlib import Path

import pytest

from tbp_extract.errors import SourceError
from tbp_extract.io.labels import read_labels

HEADER = "mrn,lesion_tag,biopsy_date,diagnosis,mel_class"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_keep_their_place_and_empty_words_are_nothing(tmp_path: Path) -> None:
    one = write(tmp_path / "a.csv", f"{HEADER}\n007,1,1/2/2024,nevus,NA\n\n8,2,1/2/2024,,n/a\n")
    two = write(tmp_path / "b.csv", f"{HEADER}\n9,3,1/2/2024,verruca,\n")
    rows = read_labels([one, two])
    assert [(row.table, row.row) for row in rows] == [(1, 2), (1, 4), (2, 2)]
    assert rows[0].cells == {
        "mrn": "007", "lesion_tag": "1", "biopsy_date": "1/2/2024", "diagnosis": "nevus"
    }  # fmt: skip
    assert rows[1].get("diagnosis") == rows[1].get("mel_class") == ""


def test_names_of_the_slice_3d_example_are_known(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        "mrn,vectra,biopsy_date,diagnosis,mel_mit,mel_thick\n1,2,1/2/2024,melanoma,<1/mm2,0.3 mm\n",
    )
    (row,) = read_labels([path])
    assert (row.get("lesion_tag"), row.get("mel_mitotic_index")) == ("2", "<1/mm2")
    assert row.get("mel_thick_mm") == "0.3 mm"


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "mrn,date\n1,2\n")
    with pytest.raises(SourceError, match=r"biopsy_date, diagnosis, lesion_tag \(or lesion_id\)"):
        read_labels([path])


def test_a_broken_table_says_where(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"{HEADER}\n1,2\n")
    with pytest.raises(SourceError, match="label table 1: row 2 has 2 cells"):
        read_labels([path])
