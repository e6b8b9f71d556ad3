"""The one door out: measured rows go in, a `Release` comes out.

Every released column is on an allow-list and made anew here: keyed pseudonyms, a rounded age, words
from fixed vocabularies, coordinates as coarse as configured. Whatever does not fit stops the run.
"""

import base64
import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import (
    BY_NAME,
    IMAGE_TYPE,
    LINKAGE_COLUMNS,
    RELEASED_COLUMNS,
    VOCABULARY,
    Column,
)
from tbp_extract.config import Config
from tbp_extract.errors import ReleaseError
from tbp_extract.jpeg import check_jpeg
from tbp_extract.types import LesionTable, Release, ReleaseKey, ScanRef

__all__ = [
    "MADE_HERE",
    "keyed_fingerprint",
    "lesion_pseudonym",
    "link",
    "merge_releases",
    "order_digest",
    "patient_pseudonym",
    "release",
    "scan_pseudonym",
]

MADE_HERE: Final = frozenset(
    {
        *("isic_id", "patient_id", "age_approx", "sex", "image_type", "tbp_tile_type"),
        *("attribution", "copyright_license"),
    }
)
"""Released columns that only this module fills: a table that brings one is refused."""

PSEUDONYM_CHARACTERS: Final = 12
MAX_AGE_YEARS: Final = 120
AGE_CAP_YEARS: Final = 85
AGE_STEP_YEARS: Final = 5
COORDINATE_STEP_MM: Final = 10
MAX_TEXT_CHARACTERS: Final = 300

_COORDINATES = ("tbp_lv_x", "tbp_lv_y", "tbp_lv_z")
_PLACES = (*_COORDINATES, "tbp_ex_nearest_mm")
"""What the constellation of a person's lesions can be recognised by."""

_SPREADSHEET_STARTS = ("=", "+", "-", "@", "\t", "\r")
_SEX_WORDS = {"male": "male", "m": "male", "female": "female", "f": "female"}


def lesion_pseudonym(key: ReleaseKey, scan_id: str, lesion_id: str) -> str:
    """Released id of one crop: ``TBP_`` and 12 base32 characters."""
    return "TBP_" + _token(key, "lesion", scan_id, lesion_id)


def patient_pseudonym(key: ReleaseKey, patient_id: str) -> str:
    """Released id of a patient: ``TBPP_`` and 12 base32 characters."""
    return "TBPP_" + _token(key, "patient", patient_id)


def scan_pseudonym(key: ReleaseKey, scan_id: str) -> str:
    """Name of a scan in logs: ``TBPS_`` and 12 base32 characters."""
    return "TBPS_" + _token(key, "scan", scan_id)


def order_digest(key: ReleaseKey, scan_id: str) -> bytes:
    """Sort key that puts scans in an order which says nothing about them."""
    return _digest(key, "order", (scan_id,))


def keyed_fingerprint(key: ReleaseKey, text: str) -> str:
    """Hex digest of a private text: comparable, and nothing to guess the text with."""
    return _digest(key, "fingerprint", (text,)).hex()


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
    whole_scan = _scan_values(ref, key, config)
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


def link(
    *,
    lesion_ids: Sequence[str],
    tags: Sequence[str | None],
    tag_statuses: Sequence[str | None] | None = None,
    jpegs: Sequence[bytes],
    position_mm: NDArray[np.float64],
    ref: ScanRef,
    key: ReleaseKey,
) -> dict[str, NDArray[Any]]:
    """Private rows that lead from released ids back to the source.

    Parameters
    ----------
    lesion_ids, tags, tag_statuses : sequence
        N, as given.
    jpegs : sequence of bytes
        N crops.
    position_mm : (N, 3) float64
        Exact, in body space.
    ref, key
        As in `release`.

    Returns
    -------
    dict
        ``LINKAGE_COLUMNS`` but ``shard``, which is known when the shard is, (N,) each, in the
        order given.
    """
    count = len(lesion_ids)
    same: dict[str, str | None] = {
        "scan": scan_pseudonym(key, ref.scan_id),
        "scan_id": ref.scan_id,
        "patient_id": ref.patient_id,
    }
    ids = [lesion_pseudonym(key, ref.scan_id, lesion) for lesion in lesion_ids]
    columns: dict[str, NDArray[Any]] = {"isic_id": np.array(ids, dtype=object)}
    columns |= {name: np.full(count, value, dtype=object) for name, value in same.items()}
    hashes = [hashlib.sha256(jpeg).hexdigest() for jpeg in jpegs]
    columns["crop_sha256"] = np.array(hashes, dtype=object)
    columns["lesion_id"] = np.array(lesion_ids, dtype=object)
    columns["tag"] = np.array(tags, dtype=object)
    statuses = [None] * count if tag_statuses is None else tag_statuses
    columns["tag_status"] = np.array(statuses, dtype=object)
    columns["capture_date"] = np.full(count, ref.capture_date, dtype=object)
    columns |= {f"{axis}_mm": position_mm[:, i].copy() for i, axis in enumerate("xyz")}
    return {c.name: columns[c.name] for c in LINKAGE_COLUMNS if c.name != "shard"}


def _digest(key: ReleaseKey, domain: str, parts: Sequence[str]) -> bytes:
    """HMAC over length-prefixed parts: no two lists of parts give the same message."""
    message = b""
    for part in ("tbp_extract 1", domain, *parts):
        text = part.encode("utf-8", "surrogateescape")
        message += len(text).to_bytes(8, "big") + text
    return hmac.new(key.secret, message, hashlib.sha256).digest()


def _token(key: ReleaseKey, domain: str, *parts: str) -> str:
    return base64.b32encode(_digest(key, domain, parts)).decode()[:PSEUDONYM_CHARACTERS]


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


def _scan_values(ref: ScanRef, key: ReleaseKey, config: Config) -> Mapping[str, str | float | None]:
    return {
        "isic_id": None,
        "patient_id": patient_pseudonym(key, ref.patient_id),
        "age_approx": _age_approx(ref.age_years),
        "sex": _SEX_WORDS.get((ref.sex or "").strip().lower()),
        "image_type": IMAGE_TYPE,
        "tbp_tile_type": _word(BY_NAME["tbp_tile_type"], ref.tile_type),
        "attribution": _public_text("attribution", ref.attribution or config.release.attribution),
        "copyright_license": _public_text(
            "copyright_license", ref.copyright_license or config.release.copyright_license
        ),
    }


def _age_approx(age_years: float | None) -> float:
    if age_years is None or not 0 <= age_years <= MAX_AGE_YEARS:
        return math.nan
    return float(min(AGE_STEP_YEARS * round(age_years / AGE_STEP_YEARS), AGE_CAP_YEARS))


def _public_text(name: str, text: str | None) -> str | None:
    text = (text or "").strip(" ")
    if not text:
        return None
    if text.startswith(_SPREADSHEET_STARTS):
        raise ReleaseError(f"{name}: a spreadsheet would run a text that starts with {text[0]!r}")
    if len(text) > MAX_TEXT_CHARACTERS or not text.isprintable():
        raise ReleaseError(
            f"{name}: expected up to {MAX_TEXT_CHARACTERS} printable characters, got other text"
        )
    return text


def _word(column: Column, value: object) -> str | None:
    """Pass on a word of the column's vocabulary; no other text leaves."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    words = VOCABULARY[column.name]
    if value not in words:
        raise ReleaseError(f"{column.name}: expected one of {', '.join(words)}, got another value")
    return str(value)


def _repeated(column: Column, value: object, count: int) -> NDArray[Any]:
    return np.full(count, value, dtype=column.numpy_dtype)


def _measured(column: Column, table: LesionTable, count: int, config: Config) -> NDArray[Any]:
    values = table.columns.get(column.name)
    if column.dtype == "str":
        words = [None] * count if values is None else [_word(column, v) for v in values]
        return np.array(words, dtype=object)
    if column.dtype == "float":
        return _float_values(column, values, count, config)
    if values is None:
        raise ReleaseError(f"{column.name}: must be measured, got nothing")
    return _exact_cast(column, values)


def _float_values(
    column: Column, values: NDArray[Any] | None, count: int, config: Config
) -> NDArray[np.float64]:
    name = column.name
    if values is None or (name in _PLACES and config.release.coordinates == "withheld"):
        return np.full(count, np.nan)
    try:
        numbers = np.array(values, np.float64)
    except (TypeError, ValueError):
        raise ReleaseError(f"{name}: expected numbers, got other values") from None
    numbers[~np.isfinite(numbers)] = np.nan
    _check_range(column, numbers)
    if name in _COORDINATES and config.release.coordinates == "rounded":
        # Adding zero turns -0 into 0.
        numbers = np.round(numbers / COORDINATE_STEP_MM) * COORDINATE_STEP_MM + 0.0
    return numbers if column.decimals is None else np.round(numbers, column.decimals)


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
