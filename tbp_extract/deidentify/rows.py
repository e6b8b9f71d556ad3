"""The one door out: measured rows go in, a `Release` comes out.

Every released column is on an allow-list and made anew here: keyed pseudonyms, a rounded age, words
from fixed vocabularies, coordinates as coarse as configured. Whatever does not fit stops the run.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import BY_NAME, RELEASED_COLUMNS, Column
from tbp_extract.config import Config, ReleaseConfig
from tbp_extract.deidentify.policies import MADE_HERE, released_word, scan_values
from tbp_extract.deidentify.pseudonyms import lesion_pseudonym
from tbp_extract.errors import ReleaseError
from tbp_extract.jpeg import check_jpeg
from tbp_extract.types import LesionTable, Release, ReleaseKey, ScanRef

__all__ = ["merge_releases", "release"]

STEP_MM: Final = 10
"""Of rounded coordinates."""

STEP_OF_PART: Final = 0.05
"""Of normalised coordinates: 25 mm of a trunk, 30 mm of an arm."""

_COORDINATES = ("tbp_lv_x", "tbp_lv_y", "tbp_lv_z")
_IN_PART = ("tbp_ex_part_x", "tbp_ex_part_y", "tbp_ex_part_z")
_SITE = ("anatom_site_general", "tbp_lv_location", "tbp_lv_location_simple")


def release(
    table: LesionTable,
    jpegs: Sequence[bytes],
    *,
    lesion_ids: Sequence[str],
    ref: ScanRef,
    key: ReleaseKey,
    config: Config,
) -> Release:
    """De-identify the crops and rows of one scan.

    Parameters
    ----------
    table : LesionTable
        (N,) arrays by released name, exact values. Columns that are not there are released empty;
        those of type int and bool must be there.
    jpegs : sequence of bytes
        N crops.
    lesion_ids : sequence of str
        N ids as given, distinct within the scan.
    ref : ScanRef
        Who and when. None of it is released as it is but attribution and licence.
    key : ReleaseKey
        Of this release.
    config : Config
        ``release``: coordinates, default attribution and licence.

    Returns
    -------
    Release
        All of ``RELEASED_COLUMNS``, rows sorted by ``isic_id``.

    Raises
    ------
    ReleaseError
        If a column is unknown or not the table's to fill, a value is outside its vocabulary or
        range, a text could be run by a spreadsheet, a JPEG holds more than pixels, or two ids are
        equal.
    """
    _check_table(table, len(jpegs), len(lesion_ids))
    _check_crops(jpegs, table)
    whole_scan = scan_values(ref, key, config)
    columns: dict[str, NDArray[Any]] = {}
    for column in RELEASED_COLUMNS:
        if column.name in whole_scan:
            columns[column.name] = _repeated(column, whole_scan[column.name], len(jpegs))
        else:
            columns[column.name] = _measured(column, table, len(jpegs), config)
    names = [lesion_pseudonym(key, ref.scan_id, lesion) for lesion in lesion_ids]
    columns["isic_id"] = np.array(names, dtype=object)
    return _sorted(columns, tuple(jpegs))


def merge_releases(releases: Sequence[Release]) -> Release:
    """Join releases, sorted by ``isic_id``; none at all gives an empty one.

    Raises
    ------
    ReleaseError
        If two crops have the same id.
    """
    columns = {
        column.name: np.concatenate(
            [np.empty(0, column.numpy_dtype), *(part.columns[column.name] for part in releases)]
        )
        for column in RELEASED_COLUMNS
    }
    return _sorted(columns, tuple(jpeg for part in releases for jpeg in part.jpegs))


def _check_table(table: LesionTable, crops: int, lesions: int) -> None:
    unknown = sorted(table.columns.keys() - BY_NAME.keys())
    if unknown:
        raise ReleaseError(
            f"only columns of the metadata table may leave, got {len(unknown)} others"
        )
    not_theirs = sorted(table.columns.keys() & MADE_HERE)
    if not_theirs:
        raise ReleaseError(f"{', '.join(not_theirs)}: made on release, not taken from a table")
    lengths = {crops, lesions, *(len(values) for values in table.columns.values())}
    if len(lengths) > 1:
        raise ReleaseError(f"expected as many crops as ids and rows, got {sorted(lengths)}")


def _check_crops(jpegs: Sequence[bytes], table: LesionTable) -> None:
    for jpeg, size_px in zip(jpegs, table.columns.get("tbp_ex_size_px", ()), strict=False):
        found = check_jpeg(jpeg)
        if (found.height_px, found.width_px) != (size_px, size_px):
            raise ReleaseError(
                f"expected a crop of {size_px} px, got {found.height_px} x {found.width_px} px"
            )


def _repeated(column: Column, value: object, count: int) -> NDArray[Any]:
    return np.full(count, value, dtype=column.numpy_dtype)


def _measured(column: Column, table: LesionTable, count: int, config: Config) -> NDArray[Any]:
    values = table.columns.get(column.name)
    if _is_withheld(column.name, config.release):
        values = None
    if column.dtype == "str":
        words = [None] * count if values is None else [released_word(column, v) for v in values]
        return np.array(words, dtype=object)
    if column.dtype == "float":
        return _float_values(column, values, count, config.release)
    if values is None:
        raise ReleaseError(f"{column.name}: must be measured, got nothing")
    return _exact_cast(column, values)


def _is_withheld(name: str, policy: ReleaseConfig) -> bool:
    if name in _SITE:
        return policy.site == "withheld"
    if name in _IN_PART:
        return policy.coordinates != "normalised"
    # A constellation can be told by its distances as well as by its places.
    if name in (*_COORDINATES, "tbp_ex_nearest_mm"):
        return policy.coordinates in ("normalised", "withheld")
    return False


def _float_values(
    column: Column, values: NDArray[Any] | None, count: int, policy: ReleaseConfig
) -> NDArray[np.float64]:
    if values is None:
        return np.full(count, np.nan)
    try:
        numbers = np.array(values, np.float64)
    except (TypeError, ValueError):
        raise ReleaseError(f"{column.name}: expected numbers, got other values") from None
    numbers[~np.isfinite(numbers)] = np.nan
    _check_range(column, numbers)
    if column.name in _COORDINATES and policy.coordinates == "rounded":
        numbers = _stepped(numbers, STEP_MM)
    if column.name in _IN_PART:
        numbers = _stepped(numbers, STEP_OF_PART)
    # Adding zero turns -0, which would tell a side, into 0.
    return np.round(numbers, column.decimals or 0) + 0.0


def _stepped(numbers: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    return np.round(numbers / step) * step


def _check_range(column: Column, numbers: NDArray[Any]) -> None:
    low, high = column.limits
    outside = np.count_nonzero((numbers < low) | (numbers > high))
    if outside:
        raise ReleaseError(f"{column.name}: expected {column.range}, got {outside} values outside")


def _exact_cast(column: Column, values: NDArray[Any]) -> NDArray[Any]:
    cast = np.asarray(values).astype(column.numpy_dtype)
    if not np.array_equal(cast, values):
        raise ReleaseError(f"{column.name}: expected type {column.dtype}, got other values")
    _check_range(column, cast)
    return cast


def _sorted(columns: Mapping[str, NDArray[Any]], jpegs: tuple[bytes, ...]) -> Release:
    ids = columns["isic_id"].tolist()
    if len(set(ids)) < len(ids):
        raise ReleaseError(
            "two crops got the same id: lesion ids must differ within a scan, and scan ids in a run"
        )
    order = sorted(range(len(ids)), key=ids.__getitem__)
    return Release(
        columns={name: values[order] for name, values in columns.items()},
        jpegs=tuple(jpegs[i] for i in order),
    )
