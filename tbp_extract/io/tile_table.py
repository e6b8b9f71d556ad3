"""The table of a capture's tiles in a vendor's export, as CSV or JSON, and what its columns say."""

import json
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import BY_NAME, VOCABULARY
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.text_table import TableError, TextTable, numbers, parse_table

__all__ = [
    "diameters",
    "from_csv",
    "from_json",
    "given",
    "header_of",
    "number_column",
    "plain_tag",
    "texts",
    "tile_ids",
]

_NOTHING: Final = frozenset({"", "nan", "none", "null", "na"})
_NO_TAG: Final = _NOTHING | {"0", "0.0", "-1", "-1.0"}


def from_csv(data: bytes, folder: ScanFolder) -> TextTable:
    """Read the CSV; raises `TableError` as `parse_table` does."""
    return parse_table(data, folder.limits, rows="lesions")


def from_json(data: bytes, folder: ScanFolder) -> TextTable:
    """Read a list of records, or the only list of records in an object."""
    try:
        content = json.loads(data)
    except ValueError:
        raise TableError("its JSON does not parse") from None
    if isinstance(content, dict):
        lists = [value for value in content.values() if isinstance(value, list)]
        content = lists[0] if len(lists) == 1 else None
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise TableError("expected a list of records in its JSON, got something else")
    if len(content) > folder.limits.lesions:
        raise TableError(
            f"it has {len(content)} rows, limits.lesions allows {folder.limits.lesions}"
        )
    keys = list(dict.fromkeys(key for row in content for key in row))
    columns = {key.strip().lower(): [_cell(row.get(key)) for row in content] for key in keys}
    return TextTable(columns, list(range(2, len(content) + 2)))


def _cell(value: Any) -> str:
    return "" if value is None else str(value).strip()


def tile_ids(table: TextTable) -> list[tuple[str, str]]:
    """(N,) uuid and tag of each row, as two tables of one export agree on them."""
    uuid, tag = (texts(table, name) for name in ("uuid", "tag_num"))
    return [(u.lower(), plain_tag(t)) for u, t in zip(uuid, tag, strict=True)]


def plain_tag(tag: str) -> str:
    """Take from a tag what a spreadsheet adds; empty for none."""
    return "" if tag.lower() in _NO_TAG else tag.removesuffix(".0")


def texts(table: TextTable, name: str) -> list[str]:
    """Cells of a column; empty for what other programs write for nothing."""
    cells = table.columns.get(name, [""] * len(table))
    return ["" if cell.lower() in _NOTHING else cell for cell in cells]


def number_column(table: TextTable, name: str) -> NDArray[np.float64]:
    """Read a column as numbers; NaN where it is not there."""
    if name not in table.columns:
        return np.full(len(table), np.nan)
    return numbers(table, name)


def diameters(table: TextTable) -> NDArray[np.float32]:
    """Longest diameters in mm; NaN where none is given."""
    values = number_column(table, "majoraxismm")
    _check(table, "majoraxismm", values <= 0, "more than 0, or nothing")
    return values.astype(np.float32)


def header_of(table: TextTable, name: str) -> str | None:
    """Header of a released column; vendors write it with and without our prefix."""
    choices = (name.lower(), name.removeprefix("tbp_lv_").lower())
    return next((choice for choice in choices if choice in table.columns), None)


def given(table: TextTable, name: str) -> NDArray[Any]:
    """Values of a released column.

    Raises
    ------
    TableError
        Naming the first row whose value is no number, out of range or none of the words.
    """
    column, header = BY_NAME[name], header_of(table, name) or ""
    if column.dtype == "float":
        values = numbers(table, header)
        low, high = column.limits
        _check(table, header, (values < low) | (values > high), column.range)
        return values
    words = VOCABULARY[name]
    cells = texts(table, header)
    odd = np.array([bool(cell) and cell not in words for cell in cells], np.bool_)
    _check(table, header, odd, f"one of {', '.join(words)}")
    return np.array([cell or None for cell in cells], object)


def _check(table: TextTable, header: str, wrong: NDArray[np.bool_], expected: str) -> None:
    rows = np.flatnonzero(wrong)
    if len(rows):
        number = table.row_number[rows[0]]
        raise TableError(f"row {number}, column {header}: expected {expected}")
