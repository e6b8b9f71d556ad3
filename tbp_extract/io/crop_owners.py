"""Whose each crop is: a table beside crops that exist already."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import VOCABULARY
from tbp_extract.errors import SourceError
from tbp_extract.io.text_table import TableError, TextTable, parse_table

__all__ = ["CropOwners", "read_crop_owners"]


@dataclass(frozen=True, slots=True, eq=False)
class CropOwners:
    """N crops, in the order asked for."""

    patient_id: NDArray[np.object_]
    """(N,) as given."""

    location_simple: NDArray[np.object_]
    """(N,) body part as given; ``None`` where it is not."""


def read_crop_owners(path: Path, ids: tuple[str, ...]) -> CropOwners:
    """Read who each crop is of.

    Parameters
    ----------
    path : Path
        A CSV with ``isic_id`` and ``patient_id``, such as the metadata of a release or of the
        challenge; ``tbp_lv_location_simple`` is used where it is there. Other rows may be in it.
    ids : tuple of str
        Crops.

    Raises
    ------
    SourceError
        If the file cannot be read, lacks a column or one of the crops, or names a crop twice.
    """
    try:
        table = parse_table(path.read_bytes())
    except OSError as error:
        raise SourceError(f"--patients: cannot read the table: {error.strerror}") from None
    except TableError as error:
        raise SourceError(f"--patients: {error}") from None
    rows = _rows(table, ids)
    places = table.columns.get("tbp_lv_location_simple", [""] * len(table))
    known = set(VOCABULARY["tbp_lv_location_simple"])
    return CropOwners(
        np.array([table.columns["patient_id"][row] for row in rows], object),
        np.array([places[row] if places[row] in known else None for row in rows], object),
    )


def _rows(table: TextTable, ids: tuple[str, ...]) -> list[int]:
    """Find the row of each crop."""
    for name in ("isic_id", "patient_id"):
        if name not in table.columns:
            raise SourceError(f"--patients: expected a column {name}, got none")
    names = table.columns["isic_id"]
    place = {name: row for row, name in enumerate(names)}
    if len(place) < len(names):
        raise SourceError("--patients: expected each isic_id once, got one twice")
    missing = [number for number, name in enumerate(ids, 1) if name not in place]
    if missing:
        raise SourceError(
            f"--patients: expected a row for each crop, got none for {len(missing)} of {len(ids)}, "
            f"first for crop {missing[0]} in order of name"
        )
    rows = [place[name] for name in ids]
    blank = [row for row in rows if not table.columns["patient_id"][row]]
    if blank:
        raise SourceError(
            f"--patients: expected a patient_id in row {table.row_number[blank[0]]}, got none"
        )
    return rows
