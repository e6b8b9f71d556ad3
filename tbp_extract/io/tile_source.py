"""A vendor's tile export as SOURCE: which captures there are, and what is known about each."""

import datetime
import logging
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from tbp_extract.config import Config
from tbp_extract.errors import ConfigError, ScanError, ScanReason, SourceError
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.text_table import TableError, TextTable, parse_table
from tbp_extract.types import ScanRef

__all__ = ["PATIENT_COLUMNS", "PATIENT_TABLE", "TILE_EXTENT_MM", "TILE_FOLDERS", "read_tile_source"]

_LOG = logging.getLogger(__name__)

PATIENT_TABLE: Final = "patients.csv"
TILE_EXTENT_MM: Final = 15.0
"""Side of every tile on the skin, fixed by the vendor."""

TILE_FOLDERS: Final = ("tiles_tagged", "tiles_tagged_NL", "tiles_unmatched", "tiles")

_REQUIRED = ("patient id", "mrn", "capture id")
PATIENT_COLUMNS: Final = (*_REQUIRED, "3d modality", "age", "sex")
"""Columns of ``patients.csv``, in lower case."""

_TILE_TYPES = {"xp": "3D: XP", "std": "3D: white"}
_SEXES = {"male": "male", "m": "male", "female": "female", "f": "female"}
_NO_SEX = frozenset({"", "unknown", "other", "u", "o", "undisclosed", "not specified"})
_NO_AGE = frozenset({"", "unknown", "na", "n/a"})
_OLDEST_YEARS: Final = 130

_BIN = re.compile(r"(\d{1,3})\s*[-\u2013]\s*(\d{1,3})", re.ASCII)
_FROM = re.compile(r"(?:>=?\s*(\d{1,3})|(\d{1,3})\s*\+)", re.ASCII)
_YEARS = re.compile(r"\d{1,3}(?:\.\d+)?", re.ASCII)
_SHORTENED = re.compile(r"\d([.,]\d+)?[eE]\+?\d+", re.ASCII)


def read_tile_source(folder: ScanFolder, config: Config) -> tuple[ScanRef, ...]:
    """List the captures of a tile export; no capture is opened.

    Parameters
    ----------
    folder : ScanFolder
        At SOURCE, with ``patients.csv`` over ``<patient id>-<MRN>/<capture id>/``.
    config : Config

    Returns
    -------
    tuple of ScanRef
        One a row, in the table's order, then the captures that lie there without a row: both the
        row without a folder and the folder without a row become quarantined by name.

    Raises
    ------
    SourceError
        If the table cannot be used or a folder cannot be looked into.
    ConfigError
        If the settings ask for crops of another extent than tiles have.
    """
    if config.crop.extent_mm != TILE_EXTENT_MM:
        raise ConfigError(
            f"crop.extent_mm: tiles of a vendor's export show {TILE_EXTENT_MM:g} mm, got "
            f"{config.crop.extent_mm:g}"
        )
    rows = _read_rows(folder)
    homes = _patient_folders(folder.root)
    refs = [_ref(row, homes, folder.root) for row in rows]
    listed = {ref.tiles for ref in refs}
    unlisted = [
        ScanRef(
            scan_id=place,
            patient_id=home.partition("-")[2] or home,
            root=folder.root,
            mesh="",
            tiles=place,
            is_listed=False,
        )
        for home, captures in homes.items()
        for place in (f"{home}/{capture}" for capture in captures)
        if place not in listed
    ]
    if not refs and not unlisted:
        raise SourceError(f"{PATIENT_TABLE} lists no capture, and none lies beside it")
    return (*refs, *unlisted)


class _Row(NamedTuple):
    number: int
    cells: Mapping[str, str]

    def wrong(self, column: str, expected: str) -> SourceError:
        return SourceError(
            f"{PATIENT_TABLE}, row {self.number}, column {column}: expected {expected}"
        )


def _read_rows(folder: ScanFolder) -> list[_Row]:
    try:
        data = folder.read(
            PATIENT_TABLE, role=PATIENT_TABLE, missing=ScanReason.TILES_MISSING, kind="table"
        )
        table = parse_table(data, folder.limits)
    except ScanError as error:
        raise SourceError(str(error)) from error
    except TableError as error:
        raise SourceError(f"{PATIENT_TABLE} cannot be used: {error}") from error
    missing = [name for name in _REQUIRED if name not in table.columns]
    if missing:
        raise SourceError(f"{PATIENT_TABLE} lacks the column {', '.join(missing)}")
    rows = [*_rows_of(table)]
    _check_rows(rows)
    return rows


def _rows_of(table: TextTable) -> Iterator[_Row]:
    names = [name for name in PATIENT_COLUMNS if name in table.columns]
    for number, cells in zip(
        table.row_number, zip(*(table.columns[n] for n in names), strict=True), strict=True
    ):
        yield _Row(number, dict(zip(names, cells, strict=True)))


def _check_rows(rows: list[_Row]) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for row in rows:
        for name in _REQUIRED:
            if not row.cells[name]:
                raise row.wrong(name, "a value, it is empty")
            if _SHORTENED.fullmatch(row.cells[name]):
                raise row.wrong(
                    name,
                    "all its digits, a spreadsheet has shortened them: export the table anew and "
                    "keep the column as text",
                )
        first = seen.setdefault(tuple(row.cells[name] for name in _REQUIRED), row.number)
        if first != row.number:
            raise row.wrong("capture id", f"another capture than that of row {first}")


def _patient_folders(root: Path) -> dict[str, list[str]]:
    """Find captures by the folder of their patient, both sorted by name."""
    homes = {}
    for home in _folders(root):
        captures = _folders(root / home)
        found = [name for name in captures if _is_capture(root / home / name)]
        homes[home] = found
        if len(found) < len(captures):
            _LOG.warning(
                "%d folders below a patient's hold neither tiles nor their table and are not read",
                len(captures) - len(found),
            )
    return homes


def _folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if not entry.name.startswith(".")]
            if any(entry.is_symlink() for entry in found):
                raise SourceError(
                    "SOURCE holds a symbolic link: links are not followed, put the folder itself "
                    "there"
                )
            names = [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]
    except OSError as error:
        raise SourceError(f"a folder below SOURCE cannot be read: {error.strerror}") from None
    if any("\ud800" <= letter <= "\udfff" for name in names for letter in name):
        raise SourceError("SOURCE holds a folder whose name is not UTF-8: rename it")
    return sorted(names)


def _is_capture(folder: Path) -> bool:
    names = {entry.name for entry in os.scandir(folder)}
    return bool(names & set(TILE_FOLDERS)) or any(n.startswith("isic24_data") for n in names)


def _ref(row: _Row, homes: Mapping[str, list[str]], root: Path) -> ScanRef:
    patient, mrn, capture = (row.cells[name] for name in _REQUIRED)
    home = _home(patient, mrn, homes)
    return ScanRef(
        scan_id=f"{home}/{capture}",
        # The folder keeps the zeros that a spreadsheet takes from the table.
        patient_id=home.removeprefix(f"{patient}-"),
        root=root,
        mesh="",
        capture_date=_capture_date(row),
        age_years=_age_years(row),
        sex=_sex(row),
        tile_type=_tile_type(row),
        tiles=f"{home}/{capture}",
    )


def _home(patient: str, mrn: str, homes: Mapping[str, list[str]]) -> str:
    """Folder of a patient: by name, else the only one whose record number is the same number."""
    exact = f"{patient}-{mrn}"
    if exact in homes:
        return exact
    alike = [
        home
        for home in homes
        if home.startswith(f"{patient}-") and _bare(home.removeprefix(f"{patient}-")) == _bare(mrn)
    ]
    return alike[0] if len(alike) == 1 else exact


def _bare(mrn: str) -> str:
    """Take from a record number what a spreadsheet adds or takes away."""
    text = mrn.strip().removesuffix(".0")
    return text.lstrip("0") if text.isdecimal() else text.casefold()


def _capture_date(row: _Row) -> str:
    text = row.cells["capture id"][:8]
    try:
        if re.fullmatch(r"\d{8}", text, re.ASCII):
            return datetime.date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat()
    except ValueError:
        pass
    raise row.wrong("capture id", "a name that begins with the date as YYYYMMDD")


def _age_years(row: _Row) -> float | None:
    """Middle of the bin: 45-50 holds ages from 45 up to, not including, 50, in whole years 47."""
    text = row.cells.get("age", "").lower()
    if text in _NO_AGE:
        return None
    limits = _BIN.fullmatch(text)
    open_bin = _FROM.fullmatch(text)
    if limits:
        low, high = int(limits[1]), int(limits[2])
        age = 0.5 * (low + high - 1) if low < high else float("nan")
    elif open_bin:
        age = float(open_bin[1] or open_bin[2])
    else:
        age = float(text) if _YEARS.fullmatch(text) else float("nan")
    if not 0 <= age <= _OLDEST_YEARS:
        raise row.wrong("age", "years, a bin such as 45-50 or 85+, or nothing")
    return age


def _sex(row: _Row) -> str | None:
    text = row.cells.get("sex", "").lower()
    if text not in _SEXES and text not in _NO_SEX:
        raise row.wrong("sex", "male, female, unknown or nothing")
    return _SEXES.get(text)


def _tile_type(row: _Row) -> str | None:
    text = row.cells.get("3d modality", "").lower()
    if text and text not in _TILE_TYPES:
        raise row.wrong("3d modality", "XP, STD or nothing")
    return _TILE_TYPES.get(text)
