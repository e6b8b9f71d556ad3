"""Lesion lists: positions in the mesh's own axes, or on a texture, with what else is known."""

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import BY_NAME, GIVEN_COLUMNS, VOCABULARY
from tbp_extract.config import Config
from tbp_extract.errors import ConfigError, ScanError, ScanReason
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.scale import apply_axes
from tbp_extract.io.text_table import TableError, TextTable, numbers, parse_table
from tbp_extract.types import LesionList, Scan, ScanRef

__all__ = ["LIST_COLUMNS", "check_mapping", "read_lesions"]

_POSITION = ("x", "y", "z")
_TEXTURE = ("u", "v")
_CARRIED = tuple(name for name in GIVEN_COLUMNS if name != "tag_match")

LIST_COLUMNS = ("lesion_id", *_POSITION, *_TEXTURE, "page", "diameter_mm", *_CARRIED)
"""Columns of a lesion list that are read; the others are passed over."""


def read_lesions(
    ref: ScanRef, scan: Scan, config: Config | None = None, *, folder: ScanFolder | None = None
) -> LesionList:
    """Read the lesion list of a scan.

    Parameters
    ----------
    ref : ScanRef
        Names the list.
    scan : Scan
        Read from the same `ref`: gives the way to body space and the names of the pages.
    config : Config, optional
        ``lesions.columns`` and ``limits``.
    folder : ScanFolder, optional
        Opened at ``ref.root``.

    Returns
    -------
    LesionList
        Rows in the order of the list. Where there are both, ``x, y, z`` count and ``u, v`` do not.

    Raises
    ------
    ScanError
        ``LESION_LIST_MISSING``, ``LESION_LIST_UNUSABLE`` or as `ScanFolder.read`.
    """
    config = config or Config()
    folder = folder or ScanFolder(ref.root, config.limits)
    if ref.lesions is None:
        raise ScanError(ScanReason.LESION_LIST_MISSING, "the scan names no lesion list")
    data = folder.read(
        ref.lesions,
        role="the lesion list",
        missing=ScanReason.LESION_LIST_MISSING,
        kind="table",
    )
    try:
        table = _rename(parse_table(data, config.limits, rows="lesions"), config.lesions.columns)
        return _make_list(table, scan)
    except TableError as error:
        raise ScanError(
            ScanReason.LESION_LIST_UNUSABLE,
            f"the lesion list cannot be used: {error}",
            file=ref.lesions,
        ) from error


def check_mapping(columns: Mapping[str, str]) -> None:
    """Raise if ``lesions.columns`` maps a column that lists do not have.

    Raises
    ------
    ConfigError
        Naming it, and the nearest that lists have.
    """
    for name in columns:
        if name not in LIST_COLUMNS:
            near = difflib.get_close_matches(name, LIST_COLUMNS, n=1, cutoff=0.0)[0]
            raise ConfigError(
                f"unknown setting lesions.columns.{name}: the nearest that exists is "
                f"lesions.columns.{near}"
            )


def _rename(table: TextTable, mapping: Mapping[str, str]) -> TextTable:
    """Give columns our names; a mapped column is not read under its own name as well."""
    wanted = {name: mapping.get(name, name).strip().lower() for name in LIST_COLUMNS}
    for name in mapping:
        if wanted[name] not in table.columns:
            raise TableError(f"it lacks the column that lesions.columns.{name} names")
    taken = {wanted[name] for name in mapping}
    columns = {
        name: table.columns[theirs]
        for name, theirs in wanted.items()
        if theirs in table.columns and (name in mapping or theirs not in taken)
    }
    return replace(table, columns=columns)


def _make_list(table: TextTable, scan: Scan) -> LesionList:
    in_space = all(name in table.columns for name in _POSITION)
    if not in_space and not all(name in table.columns for name in _TEXTURE):
        raise TableError("expected the columns x, y, z or u, v: map other names in lesions.columns")
    return LesionList(
        xyz_mm=_positions(table, scan) if in_space else None,
        uv=None if in_space else _finite_columns(table, _TEXTURE),
        page=None if in_space else _pages(table, scan),
        lesion_id=_lesion_ids(table),
        diameter_mm=_diameters(table),
        extra={name: _carried(table, name) for name in _CARRIED if name in table.columns},
    )


def _positions(table: TextTable, scan: Scan) -> NDArray[np.float64]:
    xyz = _finite_columns(table, _POSITION)
    return xyz if scan.to_body is None else apply_axes(xyz, scan.to_body)


def _finite_columns(table: TextTable, names: tuple[str, ...]) -> NDArray[np.float64]:
    columns = []
    for name in names:
        values = numbers(table, name)
        missing = np.flatnonzero(np.isnan(values))
        if len(missing):
            row = table.row_number[missing[0]]
            raise TableError(f"row {row}, column {name}: expected a number, it is empty or nan")
        columns.append(values)
    return np.stack(columns, axis=-1)


def _pages(table: TextTable, scan: Scan) -> NDArray[np.int16]:
    """Find each row's page, given by number (from 0) or by the name of its texture file."""
    count = len(scan.atlas)
    if "page" not in table.columns:
        if count > 1:
            raise TableError(f"expected the column page: the scan has {count} textures")
        return np.zeros(len(table), np.int16)
    known = {str(page): page for page in range(count)}
    for page, name in reversed(list(enumerate(scan.page_names))):
        known |= {PurePosixPath(name).name: page, name: page}
    cells = [cell.replace("\\", "/") for cell in table.columns["page"]]
    for row, cell in zip(table.row_number, cells, strict=True):
        if cell not in known:
            raise TableError(
                f"row {row}, column page: expected 0 to {count - 1} or the name of a texture file"
            )
    return np.array([known[cell] for cell in cells], np.int16)


def _lesion_ids(table: TextTable) -> tuple[str, ...]:
    ids = table.columns.get("lesion_id")
    if ids is None:
        return tuple(map(str, table.row_number))
    seen: set[str] = set()
    for row, name in zip(table.row_number, ids, strict=True):
        if not name:
            raise TableError(f"row {row}, column lesion_id: it is empty")
        if name in seen:
            raise TableError(f"row {row}, column lesion_id: it stands in an earlier row as well")
        seen.add(name)
    return tuple(ids)


def _diameters(table: TextTable) -> NDArray[np.float32]:
    if "diameter_mm" not in table.columns:
        return np.full(len(table), np.nan, np.float32)
    values = numbers(table, "diameter_mm")
    largest = BY_NAME["clin_size_long_diam_mm"].limits[1]
    bad = np.flatnonzero((values <= 0) | (values > largest))
    if len(bad):
        row = table.row_number[bad[0]]
        raise TableError(
            f"row {row}, column diameter_mm: expected more than 0 and up to {largest:g}, or nothing"
        )
    return values.astype(np.float32)


def _carried(table: TextTable, name: str) -> NDArray[Any]:
    if name in BY_NAME and BY_NAME[name].dtype == "float":
        return _within_limits(numbers(table, name), table, name)
    words = VOCABULARY.get(name)
    for row, cell in zip(table.row_number, table.columns[name], strict=True):
        if words and cell and cell not in words:
            raise TableError(f"row {row}, column {name}: expected one of {', '.join(words)}")
    return np.array([cell or None for cell in table.columns[name]], object)


def _within_limits(values: NDArray[np.float64], table: TextTable, name: str) -> NDArray[np.float64]:
    low, high = BY_NAME[name].limits
    outside = np.flatnonzero((values < low) | (values > high))
    if len(outside):
        row = table.row_number[outside[0]]
        raise TableError(f"row {row}, column {name}: expected {BY_NAME[name].range}, or nothing")
    return values
