"""Check a finished run as a stranger would: from its files alone.

Each check is a small generator of sentences over `Evidence`, independent of the others and of the
code that writes. A sentence names files of the release, never anything private.
"""

import csv
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from tbp_extract.columns import DICTIONARY_FIELDS, RELEASED_COLUMNS, VOCABULARY
from tbp_extract.errors import SourceError
from tbp_extract.jpeg import CLEAN_MARKERS, jpeg_markers
from tbp_extract.verify.evidence import Evidence
from tbp_extract.verify.hdf5 import shard_faults

__all__ = ["CHECKS", "Failure", "verify"]

LESION_ID: Final = r"^TBP_[A-Z2-7]{12}$"
PATIENT_ID: Final = r"^TBPP_[A-Z2-7]{12}$"
SHARD_NAME: Final = re.compile(r"images/shard-\d{5}\.hdf5")
TOP_FILES: Final = frozenset(
    {"metadata.csv", "metadata.parquet", "data_dictionary.csv", "manifest.json"}
)
MIN_TELLING_CHARACTERS: Final = 4
"""Shorter private values occur in any text by chance."""

_ARROW_TYPES = {"str": pa.string(), "float": pa.float64(), "int": pa.int64(), "bool": pa.bool_()}
_NAMES = [column.name for column in RELEASED_COLUMNS]
_COORDINATES = ("tbp_lv_x", "tbp_lv_y", "tbp_lv_z")
_PRIVATE_TEXT = ("scan_id", "patient_id", "lesion_id", "tag", "capture_date")


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is wrong with a run's output."""

    check: str
    """Name of the check."""

    sentence: str
    """What was expected and what was found."""


def verify(out: Path) -> tuple[Failure, ...]:
    """Check hashes, counts, formats and privacy of a run's output.

    Parameters
    ----------
    out : Path
        The folder that holds ``release/`` and, if still there, ``private/``.

    Returns
    -------
    tuple of Failure
        Empty if all is well.
    """
    if not (out / "release" / "manifest.json").is_file():
        sentence = "there is no release/manifest.json: the run has not been completed"
        if (out / "manifest.json").is_file():
            sentence = "this is a release by itself: give the folder that holds release/"
        return (Failure("complete", sentence),)
    evidence = Evidence(out)
    return tuple(failure for check in CHECKS for failure in _carry_out(check, evidence))


def _carry_out(check: "Check", evidence: Evidence) -> list[Failure]:
    name = check.__name__.removeprefix("_check_")
    try:
        return [Failure(name, sentence) for sentence in check(evidence)]
    except Exception as error:  # a damaged file may break any reader in any way
        return [Failure(name, f"the files cannot be read ({type(error).__name__})")]


def _check_files(evidence: Evidence) -> Iterator[str]:
    """Nothing but what belongs there, and nothing that points elsewhere."""
    names = _file_names(evidence.release)
    alien = [name for name in names if name not in TOP_FILES and not SHARD_NAME.fullmatch(name)]
    if alien:
        yield f"release/ holds {len(alien)} files that do not belong there"
    absent = sorted(TOP_FILES - set(names))
    if absent:
        yield f"release/ lacks {', '.join(absent)}"
    links = [path for path in evidence.release.rglob("*") if path.is_symlink()]
    if links:
        yield f"release/ holds {len(links)} symbolic links"
    folders = [p for p in evidence.release.rglob("*") if p.is_dir() and p.name != "images"]
    if folders:
        yield f"release/ holds {len(folders)} folders that do not belong there"


def _check_hashes(evidence: Evidence) -> Iterator[str]:
    """Every file is the one that the manifest describes."""
    listed = evidence.manifest["files"]
    there = set(_file_names(evidence.release)) - {"manifest.json"}
    if there - listed.keys():
        yield f"{len(there - listed.keys())} files are not in the manifest"
    for name, entry in sorted(listed.items()):
        if name not in there:
            yield f"{name}: in the manifest, but not there"
        elif (evidence.release / name).stat().st_size != entry["bytes"]:
            yield f"{name}: not {entry['bytes']} bytes long"
        elif _sha256(evidence.release / name) != entry["sha256"]:
            yield f"{name}: SHA-256 differs from the manifest"


def _check_settings(evidence: Evidence) -> Iterator[str]:
    config = evidence.manifest["config"]
    text = json.dumps(config["settings"], sort_keys=True, separators=(",", ":"))
    if hashlib.sha256(text.encode()).hexdigest() != config["fingerprint"]:
        yield "the settings in the manifest are not those of its fingerprint"


def _check_counts(evidence: Evidence) -> Iterator[str]:
    """Every scan and every lesion ended in one place."""
    scans, lesions = evidence.manifest["counts"]["scans"], evidence.manifest["counts"]["lesions"]
    quarantined, dropped = sum(scans["quarantined"].values()), sum(lesions["dropped"].values())
    if scans["planned"] != scans["done"] + quarantined:
        yield f"{scans['planned']} scans planned, {scans['done']} done, {quarantined} quarantined"
    if lesions["found"] != lesions["exported"] + dropped:
        yield f"{lesions['found']} lesions, {lesions['exported']} exported, {dropped} dropped"
    if lesions["exported"] != evidence.table.num_rows:
        yield f"{lesions['exported']} lesions exported, {evidence.table.num_rows} rows of metadata"


def _check_shards(evidence: Evidence) -> Iterator[str]:
    for path in evidence.shards:
        for fault in shard_faults(path):
            yield f"images/{path.name}: {fault}"


def _check_crops(evidence: Evidence) -> Iterator[str]:
    """Pixels and tables only, whole, square, as large as the row says."""
    ids, sizes = evidence.table["isic_id"], evidence.table["tbp_ex_size_px"]
    size_px = dict(zip(ids.to_pylist(), sizes.to_pylist(), strict=True))
    faults = {name: _crop_fault(jpeg, size_px.get(name)) for name, jpeg in evidence.crops()}
    for fault in sorted({fault for fault in faults.values() if fault}):
        same = [name for name, other in faults.items() if other == fault]
        yield f"{len(same)} crops {fault}, the first is {min(same)}"


def _crop_fault(jpeg: bytes, size_px: int | None) -> str | None:
    try:
        found = jpeg_markers(jpeg)
    except SourceError:
        return "are not whole JPEGs"
    if set(found.markers) - CLEAN_MARKERS or found.app0[:7] != b"JFIF\0\1\1":
        return "hold segments beside pixels and tables"
    if len(found.app0) != 14 or found.markers.count(0xE0) != 1:
        return "hold a thumbnail or a second header"
    if found.trailing_bytes:
        return "hold bytes after their end"
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        return "do not decode"
    if size_px is not None and pixels.shape != (size_px, size_px, 3):
        return "are not squares of the size that the metadata gives"
    return None


def _check_ids(evidence: Evidence) -> Iterator[str]:
    """One crop a row, one row a crop, pseudonyms of the right form."""
    ids = evidence.table["isic_id"].to_pylist()
    crops = evidence.crop_names()
    if len(set(ids)) < len(ids) or len(set(crops)) < len(crops):
        yield "isic_id: some are there more than once"
    if ids != sorted(ids, key=str):
        yield "isic_id: the rows are not sorted"
    if set(ids) != set(crops):
        alone, orphan = len(set(crops) - set(ids)), len(set(ids) - set(crops))
        yield f"{alone} crops have no row, {orphan} rows have no crop"
    for column, form in (("isic_id", LESION_ID), ("patient_id", PATIENT_ID)):
        matches = pc.fill_null(pc.match_substring_regex(evidence.table[column], form), False)
        if pc.any(pc.invert(matches)).as_py():
            yield f"{column}: some are no pseudonyms of the form {form}"


def _check_columns(evidence: Evidence) -> Iterator[str]:
    """Expect the columns of the data dictionary in order, and no metadata beside them."""
    schema = evidence.table.schema
    expected = pa.schema([(column.name, _ARROW_TYPES[column.dtype]) for column in RELEASED_COLUMNS])
    if schema != expected:
        yield "metadata.parquet: columns, order or types are not those of the data dictionary"
    parquet = pq.read_metadata(evidence.release / "metadata.parquet")
    if parquet.metadata or schema.metadata:
        yield "metadata.parquet: holds metadata beside its columns"
    header = (evidence.release / "metadata.csv").read_bytes().partition(b"\n")[0]
    if header != ",".join(_NAMES).encode():
        yield "metadata.csv: the header is not that of the data dictionary"
    with (evidence.release / "data_dictionary.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    described = [[str(getattr(c, field)) for field in DICTIONARY_FIELDS] for c in RELEASED_COLUMNS]
    if rows != [list(DICTIONARY_FIELDS), *described]:
        yield "data_dictionary.csv: does not describe the columns of this version"


def _check_same_tables(evidence: Evidence) -> Iterator[str]:
    options = pa_csv.ConvertOptions(
        column_types={column.name: _ARROW_TYPES[column.dtype] for column in RELEASED_COLUMNS},
        null_values=[""],
        strings_can_be_null=True,
        true_values=["True"],
        false_values=["False"],
    )
    path = evidence.release / "metadata.csv"
    if b"\r" in path.read_bytes():
        yield "metadata.csv: lines do not end in LF alone"
    rows = pa_csv.read_csv(path, convert_options=options)
    if rows.column_names != evidence.table.column_names or rows.num_rows != evidence.table.num_rows:
        yield "metadata.csv and metadata.parquet have other rows or columns"
        return
    differing = [name for name in rows.column_names if not rows[name].equals(evidence.table[name])]
    if differing:
        yield f"metadata.csv and metadata.parquet differ in {', '.join(differing)}"


def _check_values(evidence: Evidence) -> Iterator[str]:
    """Words from their vocabularies, coarse ages and coordinates, no text that a sheet runs."""
    table = evidence.table
    for name, words in VOCABULARY.items():
        if set(pc.unique(table[name].drop_null()).to_pylist()) - set(words):
            yield f"{name}: holds other values than its vocabulary"
    ages = table["age_approx"].drop_null().to_numpy()
    if np.any((ages % 5 != 0) | (ages < 0) | (ages > 85)):
        yield "age_approx: holds ages finer than 5 years or above 85"
    for name in ("attribution", "copyright_license"):
        texts = pc.unique(table[name].drop_null()).to_pylist()
        if any(not text.isprintable() or text[:1] in "=+-@" for text in texts):
            yield f"{name}: holds control characters or a text that a spreadsheet would run"
    yield from _coordinate_faults(table, evidence.manifest["config"]["settings"]["release"])


def _coordinate_faults(table: pa.Table, settings: dict[str, Any]) -> Iterator[str]:
    for name in _COORDINATES:
        values = table[name].drop_null().to_numpy()
        if settings["coordinates"] == "withheld" and len(values):
            yield f"{name}: was to be withheld"
        if settings["coordinates"] == "rounded" and np.any(values % 10 != 0):
            yield f"{name}: was to be rounded to 10 mm"


def _check_private_values(evidence: Evidence) -> Iterator[str]:
    """Nothing of the source's own names in what is released."""
    if evidence.linkage is None:
        return
    texts = [
        *(text for name in ("attribution", "copyright_license") for text in _cells(evidence, name)),
        *_strings({k: v for k, v in evidence.manifest.items() if k != "files"}),
    ]
    words = {word for text in texts for word in (text, *re.split(r"[\s,;]+", text))}
    ids = {cell for name in ("isic_id", "patient_id") for cell in _cells(evidence, name)}
    for name in _PRIVATE_TEXT:
        private = set(pc.unique(evidence.linkage[name].drop_null()).to_pylist()) - {""}
        telling = {value for value in private if len(value) >= MIN_TELLING_CHARACTERS}
        if private & ids or telling & words:
            yield f"{name}: private values stand in the release"


def _check_linkage(evidence: Evidence) -> Iterator[str]:
    if evidence.linkage is None:
        return
    ids = evidence.linkage["isic_id"].to_pylist()
    if sorted(ids) != sorted(evidence.table["isic_id"].to_pylist()):
        yield "the private linkage does not have one row for each row of the metadata"
        return
    patients = evidence.linkage["patient_id"].to_pylist()
    released = dict(
        zip(*(evidence.table[name].to_pylist() for name in ("isic_id", "patient_id")), strict=True)
    )
    pairs = {(patient, released[isic_id]) for isic_id, patient in zip(ids, patients, strict=True)}
    if not len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}):
        yield "patient_id: patients and their pseudonyms do not go one to one"


def _check_private_modes(evidence: Evidence) -> Iterator[str]:
    """Expect what is private to be so for the system as well."""
    if not evidence.private.is_dir():
        return
    inside = [path for path in evidence.private.rglob("*") if not path.is_symlink()]
    open_ones = [path for path in (evidence.private, *inside) if path.stat().st_mode & 0o077]
    if open_ones:
        yield f"private/: {len(open_ones)} of its files and folders may be entered by others"


Check = Callable[[Evidence], Iterator[str]]

CHECKS: tuple[Check, ...] = (
    _check_files,
    _check_hashes,
    _check_settings,
    _check_counts,
    _check_shards,
    _check_crops,
    _check_ids,
    _check_columns,
    _check_same_tables,
    _check_values,
    _check_private_values,
    _check_linkage,
    _check_private_modes,
)


def _file_names(folder: Path) -> list[str]:
    found = []
    for root, _, names in os.walk(folder):
        found += [(Path(root) / name).relative_to(folder).as_posix() for name in names]
    return sorted(found)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cells(evidence: Evidence, name: str) -> list[str]:
    cells: list[str] = pc.unique(evidence.table[name].drop_null()).to_pylist()
    return cells


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    elif isinstance(value, str):
        yield value
