"""Pathology tables (``lesion.csv``): rows as text, with the place of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tbp_extract.errors import SourceError
from tbp_extract.io.text_table import TableError, parse_table

__all__ = ["LabelRow", "read_labels"]

REQUIRED: Final = ("mrn", "biopsy_date", "diagnosis")
NOTHING: Final = frozenset({"", "na", "n/a", "nan", "none", "null"})
"""Cells that say nothing, lower case."""

SYNONYMS: Final[Mapping[str, str]] = {
    "mel_mit": "mel_mitotic_index",
    "mel_thick": "mel_thick_mm",
    "vectra": "lesion_tag",
    "center": "centre",
}
"""Other names of columns, as the SLICE-3D example writes them."""


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row of a label table. Private."""

    table: int
    """Which of the tables, from 1."""

    row: int
    """As a spreadsheet counts: the header is row 1."""

    cells: Mapping[str, str]
    """By column, lower case; cells that say nothing are left out."""

    def get(self, name: str) -> str:
        """Cell of a column, empty where there is none."""
        return self.cells.get(name, "")


def read_labels(paths: Sequence[Path]) -> tuple[LabelRow, ...]:
    """Read label tables.

    Parameters
    ----------
    paths : sequence of Path
        CSV files with ``mrn``, ``lesion_tag`` or ``lesion_id``, ``biopsy_date``, ``diagnosis``;
        ``centre`` where they are of one centre only.

    Returns
    -------
    tuple of LabelRow

    Raises
    ------
    SourceError
        Naming the table, what is missing or which row is broken.
    """
    return tuple(row for k, path in enumerate(paths, 1) for row in _read_one(path, k))


def _read_one(path: Path, number: int) -> list[LabelRow]:
    try:
        table = parse_table(path.read_bytes())
    except OSError as error:
        raise SourceError(f"cannot read label table {number}: {error.strerror}") from None
    except TableError as error:
        raise SourceError(f"label table {number}: {error}") from None
    columns = {SYNONYMS.get(name, name): cells for name, cells in table.columns.items()}
    absent = [name for name in REQUIRED if name not in columns]
    if not {"lesion_tag", "lesion_id"} & columns.keys():
        absent.append("lesion_tag (or lesion_id)")
    if absent:
        raise SourceError(f"label table {number}: expected the columns {', '.join(absent)}")
    return [
        LabelRow(
            number,
            row,
            {
                name: cells[k]
                for name, cells in columns.items()
                if cells[k].strip().lower() not in NOTHING
            },
        )
        for k, row in enumerate(table.row_number)
    ]
