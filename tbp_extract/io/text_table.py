"""Tables that people make: CSV of any usual encoding and separator."""

import codecs
import csv
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["TableError", "TextTable", "numbers", "parse_table"]

_SEPARATORS = (",", ";", "\t")


class TableError(ValueError):
    """A table cannot be used; the message names row and column, never a cell's content."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """Cells by column, as text without blanks around."""

    columns: dict[str, list[str]]
    """By header, lower case, without blanks around."""

    row_number: list[int]
    """(N,) as a spreadsheet counts: the header is row 1, empty rows count."""

    decimal_comma: bool
    """Whether 1,5 may stand for 1.5: the separator is not a comma."""

    def __len__(self) -> int:
        return len(self.row_number)


def parse_table(data: bytes) -> TextTable:
    """Read a CSV file.

    Parameters
    ----------
    data : bytes
        UTF-8, UTF-16 with byte order mark, or Latin-1; separated by comma, semicolon or tab.

    Returns
    -------
    TextTable
        Empty rows left out.

    Raises
    ------
    TableError
        No header, a column twice, a row of another length than the header, broken quotes.
    """
    text = _decode(data)
    separator = _find_separator(text)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise TableError(f"it is not a valid CSV file: {error}") from error
    if not rows:
        raise TableError("it is empty: expected a header")
    header = _check_header([name.strip().lower() for name in rows[0]])
    numbered = [(k, row) for k, row in enumerate(rows[1:], 2) if any(map(str.strip, row))]
    cells = [_check_row(row, number, len(header)) for number, row in numbered]
    columns = list(zip(*cells, strict=True)) or [()] * len(header)
    return TextTable(
        columns={
            name: [cell.strip() for cell in column]
            for name, column in zip(header, columns, strict=True)
            if name
        },
        row_number=[number for number, _ in numbered],
        decimal_comma=separator != ",",
    )


def numbers(table: TextTable, column: str) -> NDArray[np.float64]:
    """Read a column as numbers; an empty cell and ``nan`` are NaN.

    Raises
    ------
    TableError
        Naming the first row that holds something else.
    """
    cells = table.columns[column]
    if table.decimal_comma:
        cells = [cell.replace(",", ".") for cell in cells]
    try:
        # Python takes 1_000 for a number.
        values = np.array([cell.replace("_", "x") or "nan" for cell in cells], np.float64)
    except ValueError:
        row = next(r for r, cell in zip(table.row_number, cells, strict=True) if _is_text(cell))
        raise TableError(f"row {row}, column {column}: expected a number") from None
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise TableError(f"row {table.row_number[infinite[0]]}, column {column}: not finite")
    return values


def _decode(data: bytes) -> str:
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ["utf-16"] if wide else ["utf-8-sig", "latin-1"]:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise TableError("it is not text in UTF-8, UTF-16 or Latin-1")


def _find_separator(text: str) -> str:
    """Choose what splits the header most; a comma if nothing does."""
    header = text.lstrip("\r\n").partition("\n")[0]
    return max(_SEPARATORS, key=header.count)


def _check_header(header: list[str]) -> list[str]:
    for k, name in enumerate(header):
        if name and name in header[:k]:
            first = header.index(name) + 1
            raise TableError(f"columns {first} and {k + 1} have the same name in its header")
    return header


def _check_row(row: list[str], number: int, width: int) -> list[str]:
    if len(row) > width and not any(map(str.strip, row[width:])):
        row = row[:width]
    if len(row) != width:
        raise TableError(f"row {number} has {len(row)} cells, its header has {width}")
    return row


def _is_text(cell: str) -> bool:
    try:
        float(cell.replace("_", "x") or "nan")
    except ValueError:
        return True
    return False
