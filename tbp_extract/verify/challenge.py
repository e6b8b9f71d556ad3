"""All checks of a finished challenge, each by its name, from its files alone.

Image files, crops, modes and links are looked at by the checks of releases; what a challenge has of
its own is here: which files there are, its tables, and that train and test are apart.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from tbp_extract.columns import (
    CLINICAL_BLOCKS,
    ISIC_TEST_COLUMNS,
    ISIC_TRAIN_COLUMNS,
    VOCABULARY,
)
from tbp_extract.config import ChallengeConfig, parse_settings
from tbp_extract.errors import ConfigError
from tbp_extract.verify import manifest, search, tree
from tbp_extract.verify.dicom import dicom_faults
from tbp_extract.verify.evidence import Evidence
from tbp_extract.verify.hdf5 import Shard, read_shard
from tbp_extract.verify.jpeg import bare_jpeg_fault
from tbp_extract.verify.needles import make_guises
from tbp_extract.verify.needles import search as needles

__all__ = ["CHALLENGE_CHECKS"]

SPLITS: Final = ("train", "test")
CLINICAL: Final = tuple(name for block in CLINICAL_BLOCKS.values() for name in block)
TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "train-metadata.csv": tuple(ISIC_TRAIN_COLUMNS),
    "test-metadata.csv": tuple(ISIC_TEST_COLUMNS),
    "train-clinical.csv": CLINICAL,
    "sample_submission.csv": ("isic_id", "target"),
    "duplicates.csv": ("image_name_1", "image_name_2"),
}
"""Columns of each public table, in order."""

FILES: Final = frozenset(
    {*TABLES, "train-image.hdf5", "test-image.hdf5", "card.md", "manifest.json"}
)
SINGLE: Final = re.compile(
    r"(train|test)-(image/image/[A-Za-z]+_[A-Z0-9]+\.jpg|dicom/[A-Za-z]+_[A-Z0-9]+\.dcm)"
)
FOLDERS: Final = frozenset(
    f"{split}-{kind}" for split in SPLITS for kind in ("image", "image/image", "dicom")
)
KEYS: Final = frozenset({"format", "format_version", "tool", "settings", "counts", "files"})
TOKEN: Final = r"[A-Z2-7]{12}"  # noqa: S105 - a pattern
SAID_BY_TABLES: Final = (*ISIC_TRAIN_COLUMNS, *CLINICAL, "tbp_extract challenge")
_IDS: Final = re.compile(rb"\b[A-Za-z]+_[A-Z0-9]{6,16}\b|\b[0-9a-f]{64}\b")
"""Names made by the challenge, and hashes: full of short words and numbers by chance."""

_PRIVATE: Final = {
    "linkage.csv": ("mrn", "source_isic_id", "lesion_id_as_given", "capture_date"),
    "label_problems.csv": ("mrn",),
    "duplicates.csv": ("source_isic_id_1", "source_isic_id_2"),
}
"""Columns of private tables whose values stand nowhere else."""


def check_tree(evidence: Evidence) -> Iterator[str]:
    """Expect in OUT and in ``public/`` what belongs there, all of it and nothing else."""
    strays = {entry.name for entry in evidence.out.iterdir()} - {"public", "private"}
    if strays:
        yield f"the output folder holds {len(strays)} entries that do not belong there"
    found = {path.relative_to(evidence.release).as_posix(): path for path in _below(evidence)}
    folders = {name for name, path in found.items() if path.is_dir()}
    alien = [n for n in found.keys() - folders if n not in FILES and not SINGLE.fullmatch(n)]
    if alien:
        yield f"public/ holds {len(alien)} files that do not belong there"
    if folders - FOLDERS:
        yield f"public/ holds {len(folders - FOLDERS)} folders that do not belong there"
    absent = sorted(FILES - found.keys())
    if absent:
        yield f"public/ lacks {', '.join(absent)}"


def check_manifest(evidence: Evidence) -> Iterator[str]:
    """Expect known keys, settings and counts in the manifest, in their one form."""
    stated = evidence.manifest
    canonical = json.dumps(stated, indent=1, sort_keys=True, allow_nan=False) + "\n"
    if (evidence.release / "manifest.json").read_bytes() != canonical.encode():
        yield "manifest.json: not written in its one form (keys sorted, each once, indent 1)"
    if stated.keys() != KEYS:
        yield f"manifest.json: holds other keys than {sorted(KEYS)}"
    if stated["format"] != "tbp_extract challenge" or stated["tool"]["name"] != "tbp_extract":
        yield "manifest.json: names another format or tool"
    try:
        known = parse_settings(stated["settings"], ChallengeConfig).model_dump(mode="json")
    except ConfigError:
        yield "the manifest holds settings that this version does not know"
        return
    if known != stated["settings"]:
        yield "the settings in the manifest are not exactly those of a challenge"
    counts = stated["counts"]
    told = counts["train"]["images"] + counts["test"]["images"]
    if counts["crops"].get("taken") != told:
        yield f"{counts['crops'].get('taken')} crops take part, {told} are in train and test"
    for split in SPLITS:
        rows = len(_column(evidence, f"{split}-metadata.csv", "isic_id"))
        if counts[split]["images"] != rows:
            yield f"{split}: {counts[split]['images']} images are counted, {rows} rows are there"


def check_columns(evidence: Evidence) -> Iterator[str]:
    """Expect the columns of each table in their order, and the form of a plain CSV."""
    for name, columns in TABLES.items():
        content = (evidence.release / name).read_bytes()
        if content.partition(b"\n")[0] != ",".join(columns).encode():
            yield f"{name}: the header is not that of its columns, in their order"
        if b"\r" in content or not content.endswith(b"\n"):
            yield f"{name}: lines do not end in LF alone"


def check_vocabulary(evidence: Evidence) -> Iterator[str]:
    """Expect known words where a column has only known ones."""
    for name in TABLES:
        rows = _table(evidence, name)
        for column in sorted(VOCABULARY.keys() & set(rows.column_names)):
            odd = set(pc.unique(rows[column]).to_pylist()) - {"", *VOCABULARY[column]}
            if odd:
                yield f"{name}: {column} says {len(odd)} things that are not in its vocabulary"


def check_ids(evidence: Evidence) -> Iterator[str]:
    """Expect pseudonyms of the form that the settings give, in their order, the same in all files.

    Order says nothing so.
    """
    settings = evidence.manifest["settings"]["ids"]
    tail = rf"\d{{{settings['digits']}}}" if settings["style"] == "digits" else TOKEN
    for split in SPLITS:
        name = f"{split}-metadata.csv"
        ids = _column(evidence, name, "isic_id")
        for column, prefix in (("isic_id", "image"), ("patient_id", "patient")):
            form = re.compile(re.escape(settings[f"{prefix}_prefix"]) + tail)
            if not all(map(form.fullmatch, _column(evidence, name, column))):
                yield f"{name}: some {column} are no pseudonyms of the form {form.pattern}"
        if len(set(ids)) < len(ids) or ids != sorted(ids):
            yield f"{name}: the rows are not in the order of their ids, each once"
        shard = _shard(evidence, split)
        if list(shard.crops) != ids:
            yield f"{split}-image.hdf5: holds other crops than {name} has rows, or in other order"
        beside = "sample_submission.csv" if split == "test" else "train-clinical.csv"
        if _column(evidence, beside, "isic_id") != ids:
            yield f"{beside}: holds other rows than {name}, or in other order"


def check_images(evidence: Evidence) -> Iterator[str]:
    """Expect HDF5 files of crops and of nothing else, to the byte, and bare JPEGs as crops."""
    for split in SPLITS:
        shard = _shard(evidence, split)
        for fault in shard.faults:
            yield f"{split}-image.hdf5: {fault}"
        faulty = Counter(filter(None, map(bare_jpeg_fault, shard.crops.values())))
        for fault, count in sorted(faulty.items()):
            yield f"{split}-image.hdf5: {count} crops {fault}"


def check_copies(evidence: Evidence) -> Iterator[str]:
    """Expect single JPEGs and DICOM files to be those of their split, and clean."""
    for split in SPLITS:
        ids = set(_column(evidence, f"{split}-metadata.csv", "isic_id"))
        jpegs = evidence.release / f"{split}-image" / "image"
        if jpegs.is_dir():
            crops = {f"{name}.jpg": jpeg for name, jpeg in _shard(evidence, split).crops.items()}
            found = {path.name: path for path in jpegs.iterdir()}
            odd = found.keys() ^ crops.keys()
            odd |= {n for n in found.keys() & crops.keys() if found[n].read_bytes() != crops[n]}
            if odd:
                yield f"{split}-image/: {len(odd)} files are not the crops of {split}-image.hdf5"
        dicom = evidence.release / f"{split}-dicom"
        if dicom.is_dir():
            yield from _dicom(dicom, ids)


def _dicom(folder: Path, ids: set[str]) -> Iterator[str]:
    if {path.stem for path in folder.iterdir()} != ids:
        yield f"{folder.name}/: holds other images than the metadata has rows"
    try:
        for fault in dicom_faults(folder):
            yield f"{folder.name}/: {fault}"
    except ImportError:
        yield f"{folder.name}/: cannot be checked without pydicom: install the extra dicom"


def check_splits(evidence: Evidence) -> Iterator[str]:
    """Expect no patient and no image in both splits, and nothing of the test set's labels."""
    for column in ("isic_id", "patient_id"):
        train, test = (set(_column(evidence, f"{s}-metadata.csv", column)) for s in SPLITS)
        if train & test:
            yield f"{len(train & test)} values of {column} are in train and in test"
    if len(set(_column(evidence, "sample_submission.csv", "target"))) > 1:
        yield "sample_submission.csv: tells images apart"


def check_private_values(evidence: Evidence) -> Iterator[str]:
    """Expect no record number, date, source id or lesion name in anything public, in any guise."""
    if not evidence.has_private:
        return
    values: dict[str, set[str]] = {}
    for name, columns in _PRIVATE.items():
        for row in evidence.private_rows(name):
            for column in columns:
                values.setdefault(column, set()).update(_forms(column, row.get(column) or ""))
    own = " ".join((search.own_words(), *SAID_BY_TABLES)).casefold()
    guises = make_guises(values, own, in_noise=False)
    for name in (*TABLES, "card.md", "manifest.json"):
        content = _IDS.sub(b"-", (evidence.release / name).read_bytes())
        for kind in sorted(needles(content, guises)):
            yield f"public/{name} holds private values: {kind}"


def _forms(column: str, cell: str) -> Set[str]:
    return search.dates(cell) if column == "capture_date" else {cell}


def _table(evidence: Evidence, name: str) -> Any:
    """Rows of a public table as text."""
    path = evidence.release / name
    with path.open(encoding="utf-8") as file:
        names = file.readline().rstrip("\n").split(",")
    options = pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    return pa_csv.read_csv(path, convert_options=options)


def _column(evidence: Evidence, name: str, column: str) -> list[str]:
    cells: list[str] = _table(evidence, name)[column].to_pylist()
    return cells


def _shard(evidence: Evidence, split: str) -> Shard:
    return read_shard(evidence.release / f"{split}-image.hdf5")


def _below(evidence: Evidence) -> Iterator[Path]:
    return evidence.release.rglob("*")


CHALLENGE_CHECKS: Final[Mapping[str, Callable[[Evidence], Iterator[str]]]] = {
    check.__name__.removeprefix("check_"): check
    for check in (
        check_tree,
        tree.check_links,
        tree.check_extended_attributes,
        tree.check_modes,
        check_manifest,
        manifest.check_hashes,
        check_columns,
        check_vocabulary,
        check_ids,
        check_images,
        check_copies,
        check_splits,
        check_private_values,
        tree.check_private_modes,
    )
}
"""By name; what each expects is the first line of its docstring."""
