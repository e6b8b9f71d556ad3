"""Private notes of a shard: which files its scans were read from, which scans failed and why."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tbp_extract.errors import OutputError
from tbp_extract.io.files import PRIVATE_FILE, write_whole

__all__ = ["Quarantined", "ShardNotes", "notes_bytes", "read_notes", "write_quarantine"]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A scan that could not be processed."""

    scan: str
    """Pseudonym, as in the log."""

    reason: str
    """Code of ``ScanReason``."""

    message: str
    """One sentence without names."""

    scan_id: str
    """As given. Private."""

    file: str | None
    """The file concerned, as the source names it. Private."""

    trace: str | None = None
    """Where the program failed, for a fault of its own. Private."""


@dataclass(frozen=True, slots=True)
class ShardNotes:
    """What resuming and mending a shard need to know. Private."""

    inputs: dict[str, tuple[str, ...]]
    """Files read, by pseudonym of the scan."""

    quarantined: tuple[Quarantined, ...]


def notes_bytes(notes: ShardNotes) -> bytes:
    """JSON of a shard's notes."""
    return (json.dumps(asdict(notes), indent=1, sort_keys=True) + "\n").encode()


def read_notes(path: Path) -> ShardNotes:
    """Read a shard's notes.

    Raises
    ------
    OutputError
        If they are missing or malformed.
    """
    try:
        content = json.loads(path.read_bytes())
        inputs = {scan: tuple(names) for scan, names in content["inputs"].items()}
        return ShardNotes(inputs, tuple(Quarantined(**q) for q in content["quarantined"]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise OutputError("the notes of a shard are missing or malformed") from None


def write_quarantine(scans: Sequence[Quarantined], path: Path) -> None:
    """Write the private table of quarantined scans, sorted by pseudonym."""
    text = io.StringIO()
    table = csv.DictWriter(text, [field.name for field in fields(Quarantined)], lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(scan) for scan in sorted(scans, key=lambda scan: scan.scan))
    write_whole(path, text.getvalue().encode("utf-8", "surrogateescape"), mode=PRIVATE_FILE)
