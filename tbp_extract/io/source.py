"""SOURCE: which scans there are, and what is known about each."""

import datetime
import logging
import os
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tbp_extract.columns import TILE_TYPES
from tbp_extract.config import Config, ScanConfig
from tbp_extract.errors import ScanError, ScanReason, SourceError
from tbp_extract.io.folder import ScanFolder, is_text
from tbp_extract.io.magic import ARCHIVE_SUFFIXES, is_archive, packed
from tbp_extract.io.scale import MM_PER_UNIT
from tbp_extract.io.scan import MESH_SUFFIXES
from tbp_extract.io.text_table import TableError, TextTable, parse_table
from tbp_extract.io.tile_source import PATIENT_TABLE, read_tile_source
from tbp_extract.types import ScanRef

__all__ = ["LESION_LIST", "SCAN_COLUMNS", "SCAN_TABLE", "read_source"]

_LOG = logging.getLogger(__name__)

SCAN_TABLE = "scans.csv"
LESION_LIST = "lesions.csv"

_REQUIRED = ("scan_id", "patient_id", "mesh")
_AXES = ("+x", "-x", "+y", "-y", "+z", "-z")
_OLDEST_YEARS = 130

SCAN_COLUMNS = (
    *_REQUIRED,
    "unit",
    "up",
    "front",
    "lesions",
    "capture_date",
    "birth_date",
    "age",
    "sex",
    "tbp_tile_type",
    "attribution",
    "copyright_license",
)
"""Columns of ``scans.csv``."""


def read_source(source: Path, config: Config | None = None) -> tuple[ScanRef, ...]:
    """List the scans of a source; no scan is opened.

    Parameters
    ----------
    source : Path
        A folder with ``scans.csv``, or one below which every mesh is a scan named by its folder
        and a ``lesions.csv`` beside it is its list, or a vendor's tile export with
        ``patients.csv``.
    config : Config, optional
        The axes of what the table leaves open.

    Returns
    -------
    tuple of ScanRef
        In the order of the table, else of the paths.

    Raises
    ------
    SourceError
        There are no scans, or a row of the table is wrong.
    """
    if not source.is_dir():
        raise _no_folder(source)
    config = config or Config()
    folder = ScanFolder(source, config.limits)
    if os.path.lexists(source / SCAN_TABLE):
        return _read_table(folder, config)
    if os.path.lexists(source / PATIENT_TABLE):
        return read_tile_source(folder, config)
    return _find_scans(source)


def _no_folder(source: Path) -> SourceError:
    try:
        with source.open("rb") as file:
            if is_archive(file.read(512)):
                return SourceError(packed("SOURCE"))
    except OSError:
        pass
    return SourceError("SOURCE is not a folder that can be read")


def _find_scans(source: Path) -> tuple[ScanRef, ...]:
    meshes = _find_meshes(source)
    if not meshes:
        raise SourceError(
            f"SOURCE holds neither {SCAN_TABLE} nor a mesh ({', '.join(sorted(MESH_SUFFIXES))}) "
            "nor an archive"
        )
    return tuple(
        ScanRef(name, name, root=source, mesh=mesh, lesions=_list_beside(source, mesh))
        for name, mesh in zip(_name_scans(meshes, source), meshes, strict=True)
    )


def _list_beside(source: Path, mesh: str) -> str | None:
    """Lesion list in the folder of a mesh that no table describes."""
    beside = Path(mesh).with_name(LESION_LIST)
    # Where it is a link, reading refuses it: a scan must not lose its list in silence.
    return beside.as_posix() if os.path.lexists(source / beside) else None


def _find_meshes(source: Path) -> list[str]:
    """Meshes below a folder, relative, in order; hidden files are what systems leave behind.

    An archive in a folder without a mesh is listed as well: what is in it is then missed by name.
    """
    meshes: list[str] = []
    for folder, folders, files in os.walk(source, onerror=_unreadable_folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        _check_folders(Path(folder), folders)
        names = [name for name in files if not name.startswith(".")]
        found = [name for name in names if Path(name).suffix.lower() in MESH_SUFFIXES]
        packs = [name for name in names if Path(name).suffix.lower() in ARCHIVE_SUFFIXES]
        if packs and found:
            _LOG.warning("%d archives beside meshes in SOURCE are not read", len(packs))
        at = Path(folder).relative_to(source)
        meshes += [(at / name).as_posix() for name in found or packs]
    if any(not is_text(mesh) for mesh in meshes):
        raise SourceError(
            "SOURCE holds a mesh or folder whose name is not UTF-8: expected names in UTF-8, "
            "rename it"
        )
    return sorted(meshes)


def _unreadable_folder(error: OSError) -> None:
    # Its scans would be missing without a word.
    raise SourceError(f"a folder below SOURCE cannot be read: {error.strerror}") from None


def _check_folders(folder: Path, names: list[str]) -> None:
    if any((folder / name).is_symlink() for name in names):
        raise SourceError(
            "SOURCE holds a folder that is a symbolic link: links are not followed, put the folder "
            f"itself there or list the scans in {SCAN_TABLE}"
        )


def _name_scans(meshes: list[str], source: Path) -> list[str]:
    """Name each scan by its folder; where that is not unique, by more of its path."""
    paths = [Path(mesh) for mesh in meshes]
    home = source.resolve().name
    choices = [
        [path.parent.name or home for path in paths],
        [f"{path.parent.name or home}-{path.stem}" for path in paths],
        [path.with_suffix("").as_posix() for path in paths],
        meshes,
    ]
    counts = [Counter(names) for names in choices]
    return [
        next(names[k] for names, count in zip(choices, counts, strict=True) if count[names[k]] == 1)
        for k in range(len(meshes))
    ]


def _read_table(folder: ScanFolder, config: Config) -> tuple[ScanRef, ...]:
    try:
        data = folder.read(
            SCAN_TABLE, role=SCAN_TABLE, missing=ScanReason.MESH_MISSING, kind="table"
        )
        rows = _Rows(parse_table(data, config.limits))
    except ScanError as error:
        raise SourceError(str(error)) from error
    except TableError as error:
        raise SourceError(f"{SCAN_TABLE} cannot be used: {error}") from error
    refs = tuple(_make_ref(row, folder.root, config) for row in rows.each())
    if not refs:
        raise SourceError(f"{SCAN_TABLE} lists no scan")
    return refs


class _Row(NamedTuple):
    number: int
    cells: dict[str, str]

    def text(self, column: str) -> str | None:
        return self.cells.get(column) or None

    def one_of(self, column: str, allowed: tuple[str, ...]) -> str | None:
        """Return a cell in the spelling of `allowed`."""
        cell = self.cells.get(column, "")
        found = next((value for value in allowed if value.lower() == cell.lower()), None)
        if cell and found is None:
            raise self.wrong(column, f"one of {', '.join(allowed)}, or nothing")
        return found

    def date(self, column: str) -> datetime.date | None:
        cell = self.cells.get(column, "")
        if not cell:
            return None
        try:
            if re.fullmatch(r"\d{4}-\d\d-\d\d", cell, re.ASCII):
                return datetime.date.fromisoformat(cell)
        except ValueError:
            pass
        raise self.wrong(column, "a date as YYYY-MM-DD, or nothing")

    def wrong(self, column: str, expected: str) -> SourceError:
        return SourceError(f"{SCAN_TABLE}, row {self.number}, column {column}: expected {expected}")


class _Rows:
    """Rows of ``scans.csv`` with what must hold for all of them checked."""

    def __init__(self, table: TextTable) -> None:
        missing = [name for name in _REQUIRED if name not in table.columns]
        if missing:
            raise TableError(f"it lacks the column {', '.join(missing)}")
        unknown = len(table.columns.keys() - set(SCAN_COLUMNS))
        if unknown:
            known = ", ".join(SCAN_COLUMNS)
            _LOG.warning("%s: %d columns are not read, known are %s", *(SCAN_TABLE, unknown, known))
        self._table = table
        self._check_required()
        self._check_unique()

    def each(self) -> list[_Row]:
        names = [name for name in SCAN_COLUMNS if name in self._table.columns]
        cells = zip(*(self._table.columns[name] for name in names), strict=True)
        return [
            _Row(number, dict(zip(names, row, strict=True)))
            for number, row in zip(self._table.row_number, cells, strict=True)
        ]

    def _check_required(self) -> None:
        for name in _REQUIRED:
            for number, cell in zip(self._table.row_number, self._table.columns[name], strict=True):
                if not cell:
                    raise TableError(f"row {number}, column {name}: expected a value, it is empty")

    def _check_unique(self) -> None:
        seen: dict[str, int] = {}
        ids = self._table.columns["scan_id"]
        for number, name in zip(self._table.row_number, ids, strict=True):
            first = seen.setdefault(name, number)
            if first != number:
                raise TableError(f"row {number}, column scan_id: it stands in row {first} already")


def _make_ref(row: _Row, source: Path, config: Config) -> ScanRef:
    captured = row.date("capture_date")
    up, front = row.one_of("up", _AXES), row.one_of("front", _AXES)
    is_gltf = Path(row.cells["mesh"]).suffix.lower() in (".glb", ".gltf")
    default = ScanConfig() if is_gltf else config.scan
    if (up or default.up)[1] == (front or default.front)[1]:
        raise row.wrong("front", "another axis than up has: give both columns")
    return ScanRef(
        scan_id=row.cells["scan_id"],
        patient_id=row.cells["patient_id"],
        root=source,
        mesh=row.cells["mesh"],
        lesions=row.text("lesions"),
        unit=row.one_of("unit", tuple(MM_PER_UNIT)),
        up=up,
        front=front,
        capture_date=None if captured is None else captured.isoformat(),
        age_years=_age_years(row, captured),
        sex=row.one_of("sex", ("male", "female")),
        tile_type=row.one_of("tbp_tile_type", TILE_TYPES),
        attribution=row.text("attribution"),
        copyright_license=row.text("copyright_license"),
    )


def _age_years(row: _Row, captured: datetime.date | None) -> float | None:
    """Age at capture: as given, else completed years from the date of birth."""
    born = row.date("birth_date")
    cell = row.cells.get("age", "")
    if cell:
        return _given_age(row, cell)
    if born is None or captured is None:
        return None
    years = captured.year - born.year - ((captured.month, captured.day) < (born.month, born.day))
    if not 0 <= years <= _OLDEST_YEARS:
        raise row.wrong("birth_date", f"a date 0 to {_OLDEST_YEARS} years before the capture")
    return float(years)


def _given_age(row: _Row, cell: str) -> float:
    if not re.fullmatch(r"\d{1,3}([.,]\d+)?", cell, re.ASCII):
        raise row.wrong("age", f"years from 0 to {_OLDEST_YEARS}, or nothing")
    age = float(cell.replace(",", "."))
    if age > _OLDEST_YEARS:
        raise row.wrong("age", f"years from 0 to {_OLDEST_YEARS}, or nothing")
    return age
