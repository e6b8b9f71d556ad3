import csv
from pathlib import Path

import numpy as np
import pytest

from tbp_extract.columns import (
    BY_NAME,
    IMAGE_TYPE,
    ISIC_TEST_COLUMNS,
    LINKAGE_COLUMNS,
    RELEASED_COLUMNS,
    VOCABULARY,
    Column,
    check_names,
)
from tbp_extract.errors import ConfigError


def genuine_rows(data: Path) -> list[dict[str, str]]:
    with (data / "isic2024" / "test-metadata.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_first_columns_are_those_of_the_genuine_test_file_in_its_order(data: Path) -> None:
    assert len(ISIC_TEST_COLUMNS) == 44
    assert tuple(genuine_rows(data)[0]) == ISIC_TEST_COLUMNS
    assert tuple(column.name for column in RELEASED_COLUMNS[:44]) == ISIC_TEST_COLUMNS


def test_genuine_values_fit_types_and_vocabulary(data: Path) -> None:
    for row in genuine_rows(data):
        for name, value in row.items():
            if value and BY_NAME[name].dtype == "float":
                low, high = BY_NAME[name].limits
                assert low <= float(value) <= high, name
            if value and name in VOCABULARY:
                assert value in VOCABULARY[name], name


def test_names_are_distinct_and_ours_are_marked() -> None:
    names = [column.name for column in RELEASED_COLUMNS]
    assert len(set(names)) == len(names) == len(BY_NAME)
    assert all(name.startswith("tbp_ex_") for name in names[44:])
    assert all(column.released for column in RELEASED_COLUMNS)
    assert not any(column.released for column in LINKAGE_COLUMNS)


@pytest.mark.parametrize("column", RELEASED_COLUMNS + LINKAGE_COLUMNS, ids=lambda c: c.name)
def test_every_column_is_defined(column: Column) -> None:
    assert column.definition
    assert np.dtype(column.numpy_dtype) is not None
    assert column.dtype != "str" or column.unit == ""


def test_numbers_can_be_missing() -> None:
    for column in RELEASED_COLUMNS[:44]:
        assert column.dtype in ("str", "float")


def test_the_vocabulary_is_that_of_the_field() -> None:
    assert set(VOCABULARY) <= set(BY_NAME)
    assert len(VOCABULARY["tbp_lv_location"]) == 21
    assert len(VOCABULARY["tbp_lv_location_simple"]) == 8
    assert VOCABULARY["image_type"] == (IMAGE_TYPE,)
    for words in VOCABULARY.values():
        assert len(set(words)) == len(words)


def test_unknown_names_are_refused_by_name() -> None:
    check_names(["isic_id", "tbp_ex_size_px"])
    with pytest.raises(ConfigError, match="shoe_size, zebra"):
        check_names(["zebra", "isic_id", "shoe_size"])


def test_every_value_of_the_genuine_training_file_lies_in_its_range(data: Path) -> None:
    with (data / "isic2024" / "train_quantiles.csv").open(newline="", encoding="utf-8") as file:
        rows = {row[""]: row for row in csv.DictReader(file)}
    shared = rows.keys() & BY_NAME.keys()
    assert len(shared) > 30
    for name in shared:
        low, high = BY_NAME[name].limits
        assert low <= float(rows[name]["min"]), name
        assert float(rows[name]["max"]) <= high, name


def test_an_open_range_has_infinite_limits() -> None:
    assert BY_NAME["tbp_ex_nearest_mm"].limits == (0, np.inf)
    assert BY_NAME["tbp_ex_z_areaMM2"].limits == (-np.inf, np.inf)
    assert BY_NAME["tbp_ex_ita_deg"].limits == (-90, 90)
