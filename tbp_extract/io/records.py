"""Private notes of a shard: what it was read from, and what did not reach the release and why."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tbp_extract.errors import OutputError
from tbp_extract.io.files import PRIVATE_FILE, write_whole

__all__ = [
    "Dropped",
    "Quarantined",
    "ShardNotes",
    "notes_bytes",
    "read_notes",
    "write_notes_table",
]


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
class Dropped:
    """A lesion that was found or listed and is not in the release."""

    scan: str
    """Pseudonym, as in the log."""

    reason: str
    """Code of ``DropReason``."""

    scan_id: str
    """As given. Private."""

    lesion_id: str
    """As given, else the row of the list. Private."""


@dataclass(frozen=True, slots=True)
class ShardNotes:
    """What resuming and mending a shard need to know. Private."""

    inputs: dict[str, tuple[str, ...]]
    """Files read, by pseudonym of the scan."""

    quarantined: tuple[Quarantined, ...]
    dropped: tuple[Dropped, ...]


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
        return ShardNotes(
            inputs,
            quarantined=tuple(Quarantined(**row) for row in content["quarantined"]),
            dropped=tuple(Dropped(**row) for row in content["dropped"]),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise OutputError("the notes of a shard are missing or malformed") from None


def write_notes_table(
    kind: type[Quarantined] | type[Dropped], rows: Sequence[Quarantined | Dropped], path: Path
) -> None:
    """Write a private table of what did not reach the release, sorted.

    Parameters
    ----------
    kind : type
        What the rows are; gives the columns.
    rows : sequence of Quarantined or Dropped
    path : Path
        Gets mode 0600.
    """
    text = io.StringIO()
    table = csv.DictWriter(text, [field.name for field in fields(kind)], lineterminator="\n")
    table.writeheader()
    table.writerows(
        sorted((asdict(row) for row in rows), key=lambda row: tuple(map(str, row.values())))
    )
    write_whole(path, text.getvalue().encode("utf-8", "surrogateescape"), mode=PRIVATE_FILE)
