"""Private tables of what did not reach the release and why."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tbp_extract.errors import ScanError
from tbp_extract.io.files import renew_private
from tbp_extract.types import ScanRef

__all__ = ["Dropped", "Quarantined", "concerned_file", "write_notes_table"]


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
    """Where the program failed, for a fault of its own or of a detector. Private."""


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


def concerned_file(error: ScanError, ref: ScanRef) -> str | None:
    """Name the file that an error is about: where it says none, what the scan table says.

    Private, as all names of files are.
    """
    listed = ref.lesions if error.reason.startswith("lesion") else None
    return error.file or listed or ref.mesh or ref.tiles


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
    renew_private(path, text.getvalue().encode("utf-8", "surrogateescape"))
