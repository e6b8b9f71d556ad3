import csv
import stat
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tbp_extract.columns import LINKAGE_COLUMNS, RELEASED_COLUMNS
from tbp_extract.config import Config, ReleaseConfig
from tbp_extract.deidentify import merge_releases, release
from tbp_extract.errors import OutputError, ReleaseError, SourceError
from tbp_extract.io.tables import (
    linkage_part,
    metadata_part,
    read_metadata,
    write_data_dictionary,
    write_linkage,
    write_metadata,
)
from tbp_extract.types import Release
from tests.releases import KEY, make_jpegs, make_links, make_ref, make_release, make_table


def parts_of(*releases: Release) -> list[bytes]:
    return [metadata_part(part) for part in releases]


def released(count: int = 1, **table: Any) -> Release:
    centre = 'Clinic "A", Basel'
    return release(
        make_table(count, **table),
        make_jpegs(count),
        lesion_ids=[str(i) for i in range(count)],
        ref=make_ref(attribution=centre, copyright_license="CC-0"),
        key=KEY,
        config=Config(release=ReleaseConfig(attributions=(centre,))),
    )


def exact(values: Any) -> Release:
    """A release whose A* has more digits than one may have: the writer is what is tested."""
    part = released(len(values), tbp_lv_symm_2axis_angle=np.full(len(values), 85.0))
    return replace(part, columns={**part.columns, "tbp_lv_A": np.array(values)})


def cell(folder: Path, name: str) -> str:
    """First cell of a column, as text."""
    with (folder / "metadata.csv").open(newline="") as file:
        return next(csv.DictReader(file))[name]


def test_rows_are_sorted_whatever_the_order_of_parts(tmp_path: Path) -> None:
    parts = parts_of(*(make_release(3, number) for number in range(3)))
    contents = []
    for order in (parts, parts[::-1]):
        assert write_metadata(order, tmp_path) == 9
        contents.append(
            (
                (tmp_path / "metadata.csv").read_bytes(),
                (tmp_path / "metadata.parquet").read_bytes(),
            )
        )
    assert contents[0] == contents[1]
    ids = pd.read_csv(tmp_path / "metadata.csv")["isic_id"].tolist()
    assert ids == sorted(merge_releases([make_release(3, n) for n in range(3)]).columns["isic_id"])


def test_csv_and_parquet_hold_the_same(tmp_path: Path) -> None:
    write_metadata(parts_of(make_release(9)), tmp_path)
    pd.testing.assert_frame_equal(
        pd.read_csv(
            tmp_path / "metadata.csv",
            dtype={"tbp_lv_symm_2axis_angle": float, "tbp_ex_delineation": str},
        ),
        read_metadata(tmp_path),
        check_exact=True,
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((45.0, "45.0"), (0.0, "0.0"), (8.05e-13, "8.05e-13"), (0.1, "0.1"), (np.nan, "")),
        *((-7.25, "-7.25"), (1 / 3, "0.3333333333333333"), (123.0, "123.0")),
    ],
)
def test_numbers_look_as_in_the_genuine_file(tmp_path: Path, value: float, text: str) -> None:
    write_metadata(parts_of(exact([value])), tmp_path)
    assert cell(tmp_path, "tbp_lv_A") == text
    assert cell(tmp_path, "tbp_lv_symm_2axis_angle") == "85"
    assert cell(tmp_path, "age_approx") == "45.0"


def test_random_numbers_survive_the_csv_exactly(tmp_path: Path) -> None:
    values = np.random.default_rng(3).uniform(-9, 9, 500) * 10.0 ** np.linspace(-250, 1, 500)
    write_metadata(parts_of(exact(values)), tmp_path)
    with (tmp_path / "metadata.csv").open(newline="") as file:
        found = {float(row["tbp_lv_A"]) for row in csv.DictReader(file)}
    assert found == set(values.tolist())


def test_only_texts_that_need_it_are_quoted(tmp_path: Path) -> None:
    write_metadata(parts_of(released()), tmp_path)
    header, row, end = (tmp_path / "metadata.csv").read_text().split("\n")
    assert header == ",".join(column.name for column in RELEASED_COLUMNS)
    assert ',"Clinic ""A"", Basel",CC-0,33,' in row
    assert row.count('"') == 6
    assert end == ""
    assert b"\r" not in (tmp_path / "metadata.csv").read_bytes()


def test_truth_values_and_missing_texts(tmp_path: Path) -> None:
    table: dict[str, Any] = {"tbp_ex_upsampled": np.array([True]), "tbp_lv_location": None}
    write_metadata(parts_of(released(**table)), tmp_path)
    assert cell(tmp_path, "tbp_ex_upsampled") == "True"
    assert cell(tmp_path, "tbp_lv_location") == ""
    assert pd.read_csv(tmp_path / "metadata.csv")["tbp_ex_upsampled"].dtype == bool


def test_parquet_holds_no_metadata_and_no_levels(tmp_path: Path) -> None:
    write_metadata(parts_of(make_release(3)), tmp_path)
    assert pq.read_metadata(tmp_path / "metadata.parquet").metadata is None
    schema = pq.read_schema(tmp_path / "metadata.parquet")
    assert schema.metadata is None
    assert not any(pa.types.is_dictionary(field.type) for field in schema)
    content = (tmp_path / "metadata.parquet").read_bytes()
    assert b"pandas" not in content
    assert b"ARROW:schema" not in content


def test_no_rows_give_tables_with_headers(tmp_path: Path) -> None:
    assert write_metadata(parts_of(merge_releases([])), tmp_path) == 0
    assert write_metadata([], tmp_path) == 0
    assert len(pd.read_csv(tmp_path / "metadata.csv").columns) == len(RELEASED_COLUMNS)
    assert len(read_metadata(tmp_path)) == 0


def test_equal_ids_in_two_parts_are_refused(tmp_path: Path) -> None:
    parts = parts_of(make_release(2), make_release(3))
    with pytest.raises(ReleaseError, match="same id"):
        write_metadata(parts, tmp_path)
    assert not (tmp_path / "metadata.csv").exists()


def test_an_empty_cut_or_foreign_part_is_refused(tmp_path: Path) -> None:
    (part,) = parts_of(make_release(2))
    for bad in (b"", part[: len(part) // 2]):
        with pytest.raises(OutputError, match="does not read"):
            write_metadata([part, bad], tmp_path)
    with pytest.raises(OutputError, match="other columns"):
        write_metadata([part, linkage_part(make_links(2, 0, KEY))], tmp_path)


def test_linkage_is_private_and_keeps_ids_as_text(tmp_path: Path) -> None:
    links = [make_links(3, number, KEY) for number in range(2)]
    links[0] = {**links[0], "tag": np.array(["007", 'a "b"\nc', None], object)}
    parts = [linkage_part(rows) for rows in links]
    assert write_linkage(parts, tmp_path / "linkage.csv", lambda isic_id: isic_id[-1]) == 6
    assert stat.S_IMODE((tmp_path / "linkage.csv").stat().st_mode) == 0o600
    rows = list(csv.DictReader(StringIO((tmp_path / "linkage.csv").read_text(), newline="")))
    assert list(rows[0]) == [column.name for column in LINKAGE_COLUMNS]
    assert [row["isic_id"] for row in rows] == sorted(row["isic_id"] for row in rows)
    assert all(row["shard"] == row["isic_id"][-1] for row in rows)
    assert {row["tag"] for row in rows} == {"007", 'a "b"\nc', ""}


def test_the_data_dictionary_describes_every_column(tmp_path: Path) -> None:
    write_data_dictionary(tmp_path)
    with (tmp_path / "data_dictionary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [column.name for column in RELEASED_COLUMNS]
    assert all(row["definition"] and row["origin"] and row["dtype"] for row in rows)
    assert rows[6]["definition"] == "Always 'TBP tile: close-up'"


def test_metadata_that_is_not_there_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"metadata\.parquet") as caught:
        read_metadata(tmp_path)
    assert str(tmp_path) not in str(caught.value)


def test_many_rows_cross_the_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tbp_extract.io.tables.BATCH_ROWS", 4)
    write_metadata(parts_of(make_release(11)), tmp_path)
    assert len(pd.read_csv(tmp_path / "metadata.csv")) == 11


def test_a_release_without_its_values_cannot_be_written() -> None:
    whole = make_release(1)
    with pytest.raises(KeyError):
        metadata_part(replace(whole, columns={"isic_id": whole.columns["isic_id"]}))
