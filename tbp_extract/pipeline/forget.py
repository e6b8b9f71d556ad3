"""Forget a patient: out of release, private side and work, for good, and proven."""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tbp_extract.deidentify import patient_pseudonym, scan_pseudonym, tombstone
from tbp_extract.errors import OutputError, ReleaseError
from tbp_extract.io.claim import claimed
from tbp_extract.io.crop_places import CropPlaces, read_crops
from tbp_extract.io.files import PRIVATE_FILE, write_whole
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.ledger import read_ledger
from tbp_extract.io.scan_record import ScanRecord, read_scan_record
from tbp_extract.io.tombstones import add_tombstones
from tbp_extract.io.traces import Traces, find_traces
from tbp_extract.pipeline.rebuild import leave_out_patients
from tbp_extract.types import ReleaseKey

__all__ = ["Forgotten", "forget_patient"]

TAIL_BYTES: Final = 64
"""End of a JPEG by which it is known wherever it lies."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was taken out."""

    scans: int
    crops: int
    files_searched: int


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What the folder knows of a patient."""

    records: tuple[ScanRecord, ...]
    texts: frozenset[str]
    contents: frozenset[bytes]


def forget_patient(out: Path, patient_id: str, key: ReleaseKey) -> Forgotten:
    """Take a patient out of an output folder and keep them out.

    The release is put together anew from what is left; crops and rows of other patients stay equal
    to the byte. A keyed digest, no name, stays in ``private/`` so that later runs on this folder
    leave the patient out even where the source still holds them.

    Parameters
    ----------
    out : Path
    patient_id : str
        As the source gives it.
    key : ReleaseKey
        Of the run.

    Returns
    -------
    Forgotten
        No scans where the folder knew none: the patient is kept out all the same.

    Raises
    ------
    OutputError
        If the folder holds no run, somebody works on it, or it is damaged.
    ReleaseError
        If afterwards any file still holds an id, a pseudonym, a hash or an image of the patient.
    """
    layout = OutLayout(out)
    pseudonym = patient_pseudonym(key, patient_id)
    known = _gather(layout, patient_id, pseudonym, key)
    add_tombstones(layout.tombstones, [tombstone(key, patient_id)])
    scans = leave_out_patients(out, [pseudonym], key)
    with claimed(layout.lock):
        _scrub(layout, Traces(known.texts))
        searched = _prove(layout, Traces(known.texts, known.contents))
    return Forgotten(scans, sum(len(record.crops) for record in known.records), searched)


def _gather(layout: OutLayout, patient_id: str, pseudonym: str, key: ReleaseKey) -> _Known:
    """Collect what will have to be gone, before it is."""
    rows, _ = read_ledger(layout.ledger)
    records = [read_scan_record(path) for path in sorted(layout.records.glob("*.record"))]
    mine = tuple(record for record in records if record.patient == pseudonym)
    scans = {row.scan for row in rows.values() if row.patient == pseudonym}
    scans |= {record.scan for record in mine}
    texts = {patient_id, pseudonym, *scans, *_given_scan_ids(layout, scans, key)}
    for record in mine:
        texts |= {crop.isic_id for crop in record.crops} | {crop.sha256 for crop in record.crops}
        texts |= {str(record.entry["inputs_sha256"]), *record.inputs.values()}
        texts |= {Path(name).stem for name in record.attachments}
    return _Known(mine, frozenset(texts) - _of_others(records, mine), _images(layout, mine))


def _given_scan_ids(layout: OutLayout, scans: set[str], key: ReleaseKey) -> set[str]:
    """Ids of scans as the source gives them, from the private tables."""
    found = set()
    for path in (layout.linkage, layout.dropped, layout.quarantine):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
            found |= {row.get("scan_id", "") for row in csv.DictReader(io.StringIO(text))}
    return {scan_id for scan_id in found if scan_pseudonym(key, scan_id) in scans}


def _of_others(records: list[ScanRecord], mine: tuple[ScanRecord, ...]) -> set[str]:
    """Hashes that other patients' scans have as well, such as of a shared texture."""
    gone = {record.scan for record in mine}
    others = [record for record in records if record.scan not in gone]
    return {sha256 for record in others for sha256 in record.inputs.values()} | {
        crop.sha256 for record in others for crop in record.crops
    }


def _images(layout: OutLayout, records: tuple[ScanRecord, ...]) -> frozenset[bytes]:
    places, tails = CropPlaces(layout), set()
    for record in records:
        found = places.find(record)
        if found is None:
            raise OutputError("crops of the patient are damaged: run the same command again first")
        tails |= {jpeg[-TAIL_BYTES:] for jpeg in read_crops(found)}
        tails |= {data[-TAIL_BYTES:] for data in record.attachments.values()}
    return frozenset(tails)


def _scrub(layout: OutLayout, traces: Traces) -> None:
    """Take lines out of what is only ever added to; delete what can be made again."""
    for path in (layout.log, layout.decisions):
        if path.is_file():
            lines = path.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if not traces.are_in(line, is_table=True)]
            if len(kept) < len(lines):
                write_whole(path, b"".join(kept), mode=PRIVATE_FILE)
    stale = [layout.risk, layout.root / "report.html"]
    damaged = [path for path in layout.private.iterdir() if re.search(r"\.damaged", path.name)]
    for path in (*stale, *damaged):
        path.unlink(missing_ok=True)


def _prove(layout: OutLayout, traces: Traces) -> int:
    files = sum(path.is_file() for path in layout.root.rglob("*"))
    left = find_traces(layout.root, traces, besides=(layout.key, layout.lock, layout.tombstones))
    if left:
        places = sorted({path.relative_to(layout.root).parts[0] for path in left})
        raise ReleaseError(
            f"the patient is not gone: {len(left)} files in {', '.join(places)} still hold "
            "something of them: delete the release before it is published"
        )
    return files
