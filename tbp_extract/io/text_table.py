"""Tables that people make: CSV of any usual encoding and separator."""

import codecs
import csv
import io
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import LimitConfig
from tbp_extract.io.magic import is_archive
from tbp_extract.io.text import line_too_long

__all__ = ["RowLimit", "TableError", "TextTable", "numbers", "parse_table"]

RowLimit = Literal["rows", "lesions"]

_SEPARATORS = (",", ";", "\t")
_HEADER_CHARACTERS = 1 << 20
_QUOTED = re.compile(r'"[^"]*"?')
_LINE_END = re.compile(r"[\r\n]")
_NO_LATIN1 = re.compile(rb"[\x80-\x9f]")
_UTF8_LETTER = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?|nan")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


class TableError(ValueError):
    """A table cannot be used; the message names row and column, never a cell's content."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """Cells by column, as text without blanks around."""

    columns: dict[str, list[str]]
    """By header, lower case, without blanks around."""

    row_number: list[int]
    """(N,) as a spreadsheet counts: the header is row 1, empty rows count."""

    separator: str = ","

    def __len__(self) -> int:
        return len(self.row_number)


def parse_table(
    data: bytes, limits: LimitConfig | None = None, *, rows: RowLimit = "rows"
) -> TextTable:
    """Read a CSV file.

    Parameters
    ----------
    data : bytes
        UTF-8, UTF-16 with byte order mark, or Latin-1; separated by comma, semicolon or tab.
    limits : LimitConfig, optional
        ``line_bytes``, ``table_columns`` and one on rows.
    rows : {"rows", "lesions"}, optional
        The limit that bounds the rows.

    Returns
    -------
    TextTable
        Empty rows left out.

    Raises
    ------
    TableError
        No header, a column twice, a row of another length than the header, broken quotes; a table
        over a limit; an encoding or a separator that could be another.
    """
    limits = limits or LimitConfig()
    if is_archive(data):
        raise TableError("it is a workbook or an archive: expected text, save it as CSV in UTF-8")
    if line_too_long(data, limits.line_bytes) is not None:
        raise TableError(
            f"it has a line of more bytes than limits.line_bytes allows ({limits.line_bytes})"
        )
    text = _decode(data)
    separator = _find_separator(text)
    lines = _read_rows(text, separator, limits, rows)
    header = _check_header([name.strip().lower() for name in lines[0]])
    numbered = [(k, row) for k, row in enumerate(lines[1:], 2) if any(map(str.strip, row))]
    cells = [_check_row(row, number, len(header)) for number, row in numbered]
    columns = list(zip(*cells, strict=True)) or [()] * len(header)
    return TextTable(
        columns={
            name: [cell.strip() for cell in column]
            for name, column in zip(header, columns, strict=True)
            if name
        },
        row_number=[number for number, _ in numbered],
        separator=separator,
    )


def numbers(table: TextTable, column: str) -> NDArray[np.float64]:
    """Read a column as numbers; an empty cell and ``nan`` are NaN.

    Raises
    ------
    TableError
        Naming the first row that holds something else; or the commas of the table may divide
        thousands as well as decimals.
    """
    cells = table.columns[column]
    if table.separator != "," and any("," in cell for cell in cells):
        _check_decimal_comma(table)
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


def _check_decimal_comma(table: TextTable) -> None:
    """Refuse to guess whether 1,234 is a little more than one or more than a thousand."""
    columns = [[cell for cell in column if cell] for column in table.columns.values()]
    cells = [cell for column in columns if all(map(_NUMBER.fullmatch, column)) for cell in column]
    if any("." in cell for cell in cells):
        raise TableError(
            "some of its numbers have a comma, others a point: expected one decimal sign for all"
        )
    if all(_THOUSANDS.fullmatch(cell) for cell in cells if "," in cell):
        raise TableError(
            "the commas in its numbers may divide thousands as well as decimals: expected numbers "
            "with a decimal point"
        )


def _read_rows(
    text: str, separator: str, limits: LimitConfig, setting: RowLimit
) -> list[list[str]]:
    """Read header and rows; stop where there are too many of them or of their cells."""
    most: int = getattr(limits, setting)
    lines: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            lines.append(row)
            if len(lines) > most + 1:
                raise TableError(f"it has more rows than limits.{setting} allows ({most})")
            if len(row) > limits.table_columns:
                raise TableError(
                    f"row {len(lines)} has {len(row)} cells, limits.table_columns allows "
                    f"{limits.table_columns}"
                )
    except csv.Error as error:
        raise TableError(f"it is not a valid CSV file: {error}") from error
    if not lines:
        raise TableError("it is empty: expected a header")
    return lines


def _decode(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif data.startswith(codecs.BOM_UTF8):
        encodings = ["utf-8-sig"]
    else:
        encodings = ["utf-8", *(["latin-1"] if _may_be_latin1(data) else [])]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise TableError(
        "it is not text in UTF-8, UTF-16 with byte order mark or Latin-1: save it as CSV in UTF-8"
    )


def _may_be_latin1(data: bytes) -> bool:
    """Whether bytes beyond ASCII mean the same in all that is called Latin-1, and are not UTF-8.

    From 128 to 159, Latin-1 has no letters, and Windows and Macintosh have different ones. Where
    some letters are whole in UTF-8, one that is not has been damaged.
    """
    return _NO_LATIN1.search(data) is None and _UTF8_LETTER.search(data) is None


def _find_separator(text: str) -> str:
    """Find what splits the header; a comma if nothing does."""
    header = (
        _QUOTED.sub("", text[:_HEADER_CHARACTERS])
        .lstrip("\r\n")
        .replace("\r", "\n")
        .partition("\n")[0]
    )
    found = [separator for separator in _SEPARATORS if separator in header]
    if len(found) > 1:
        raise TableError(
            "its header holds several of comma, semicolon and tab: expected one of them between "
            "columns, and column names with another in quotes"
        )
    return found[0] if found else ","


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
