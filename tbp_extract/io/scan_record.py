"""What one finished scan leaves: a private record, and its crops until they are in the release.

Both appear whole or not at all, the crops first: where a record is, the scan is finished. The
record knows every crop by length and SHA-256, so that crops are found again wherever they lie.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from tbp_extract.errors import OutputError
from tbp_extract.io.files import PRIVATE_FILE, write_whole
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.packed import pack, unpack
from tbp_extract.io.records import Dropped

__all__ = ["Crop", "ScanRecord", "crop_list", "read_scan_record", "write_scan"]

RECORD_VERSION = 2


class Crop(NamedTuple):
    """One crop as it was made."""

    isic_id: str
    length: int
    sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class ScanRecord:
    """All that is known of a finished scan but its crops. Private."""

    fingerprint: str
    """Of the work: settings, program, key, what the source says of the scan."""

    patient: str
    """Pseudonym of the patient."""

    entry: Mapping[str, Any]
    """Pseudonym, hash of the inputs and counts, as ``io.manifest.done_scan`` gives them."""

    inputs: Mapping[str, str]
    """SHA-256 of each file that was read, by name."""

    dropped: tuple[Dropped, ...]

    crops: tuple[Crop, ...]
    """By ascending id."""

    rows: bytes
    """Released rows, as ``io.tables.metadata_part`` gives them."""

    links: bytes
    """Private rows, as ``io.tables.linkage_part`` gives them."""

    attachments: Mapping[str, bytes] = field(default_factory=dict)
    """Further private files, by name."""

    patient_scans: int = 1
    """Scans of the patient among which the bound on joined views was shared."""

    view_share: float = 0.0
    """Largest share of a body part that its crops may show."""

    @property
    def scan(self) -> str:
        """Pseudonym of the scan."""
        return str(self.entry["scan"])

    def offsets(self) -> list[int]:
        """Where each crop begins in the file of crops."""
        return list(accumulate((crop.length for crop in self.crops), initial=0))[:-1]


def crop_list(ids: list[str], jpegs: tuple[bytes, ...]) -> tuple[Crop, ...]:
    """Describe crops."""
    return tuple(
        Crop(isic_id, len(jpeg), hashlib.sha256(jpeg).hexdigest())
        for isic_id, jpeg in zip(ids, jpegs, strict=True)
    )


def write_scan(layout: OutLayout, record: ScanRecord, jpegs: tuple[bytes, ...]) -> None:
    """Write a finished scan: its crops, then its record.

    Neither is flushed to disk: waiting for that would take as long as a small scan. After a power
    cut the hashes tell which of the last scans are to be done again.

    Raises
    ------
    OutputError
        If the disk is full.
    """
    for path, data in (
        (layout.crops(record.scan), b"".join(jpegs)),
        (layout.record(record.scan), _record_bytes(record)),
    ):
        write_whole(path, data, mode=PRIVATE_FILE, flush=False)


def read_scan_record(path: Path) -> ScanRecord:
    """Read the record of a finished scan.

    Raises
    ------
    OutputError
        If it is missing, damaged or of another version.
    """
    try:
        facts, (rows, links, *attached) = unpack(path.read_bytes())
        if facts["version"] != RECORD_VERSION:
            raise OutputError("the record of a scan is of another version")
        return ScanRecord(
            fingerprint=facts["fingerprint"],
            patient=facts["patient"],
            entry=facts["entry"],
            inputs=facts["inputs"],
            dropped=tuple(Dropped(*row) for row in facts["dropped"]),
            crops=tuple(Crop(*crop) for crop in facts["crops"]),
            rows=rows,
            links=links,
            attachments=dict(zip(facts["attachments"], attached, strict=True)),
            patient_scans=facts["patient_scans"],
            view_share=facts["view_share"],
        )
    except (OSError, KeyError, ValueError, TypeError):
        raise OutputError("the record of a scan is missing or malformed") from None


def _record_bytes(record: ScanRecord) -> bytes:
    names = sorted(record.attachments)
    facts = {
        "version": RECORD_VERSION,
        "fingerprint": record.fingerprint,
        "patient": record.patient,
        "entry": dict(record.entry),
        "inputs": dict(record.inputs),
        "dropped": [[d.scan, d.reason, d.scan_id, d.lesion_id] for d in record.dropped],
        "crops": record.crops,
        "attachments": names,
        "patient_scans": record.patient_scans,
        "view_share": record.view_share,
    }
    return pack(facts, [record.rows, record.links, *(record.attachments[name] for name in names)])
