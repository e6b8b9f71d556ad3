"""The reviewer's side of the crop gate: what was held back, and what somebody said of it.

Both are CSV files in the private folder. The run writes the queue; the reviewer writes decisions, a
copy of the queue with the last column filled, and the run never touches them.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tbp_extract.errors import ConfigError
from tbp_extract.io.files import PRIVATE_FILE
from tbp_extract.io.text_table import TableError, TextTable, parse_table
from tbp_extract.types import Decision

__all__ = [
    "QUEUE_FIELDS",
    "ReviewRow",
    "parse_review",
    "read_decisions",
    "review_bytes",
]

QUEUE_FIELDS: Final = ("isic_id", "scan", "reasons", "decision")
MOST_BYTES: Final = 1 << 28

_NAME: Final = "private/decisions.csv"


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One crop that was held back, or had been until it was decided on."""

    isic_id: str
    scan: str
    """Pseudonym."""

    reasons: tuple[str, ...]
    """Codes of ``GateReason``, in order of weight."""

    decision: Decision | None


def review_bytes(rows: Iterable[ReviewRow]) -> bytes:
    """Write rows as CSV, sorted by id."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(QUEUE_FIELDS)
    for row in sorted(rows, key=lambda row: row.isic_id):
        table.writerow([row.isic_id, row.scan, " ".join(row.reasons), row.decision or ""])
    return text.getvalue().encode("ascii")


def parse_review(data: bytes) -> list[ReviewRow]:
    """Read what `review_bytes` wrote."""
    return [
        ReviewRow(
            isic_id=row["isic_id"],
            scan=row["scan"],
            reasons=tuple(row["reasons"].split()),
            decision=Decision(row["decision"]) if row["decision"] else None,
        )
        for row in csv.DictReader(io.StringIO(data.decode("ascii")))
    ]


def read_decisions(path: Path) -> dict[str, Decision]:
    """Read a reviewer's decisions by id; no file gives none.

    Whatever an editor made of it, the file is for its owner alone afterwards.

    Parameters
    ----------
    path : Path
        CSV with columns ``isic_id`` and ``decision`` (approve, reject or empty); others are left
        alone.

    Raises
    ------
    ConfigError
        If a column is missing, a word is another one, or an id has two different decisions.
    """
    if not path.exists():
        return {}
    try:
        path.chmod(PRIVATE_FILE)
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{_NAME}: expected a CSV, got a file too large")
        table = parse_table(path.read_bytes())
    except OSError:
        raise ConfigError(f"{_NAME} cannot be read: look at its owner and its mode") from None
    except TableError as error:
        raise ConfigError(f"{_NAME}: {error}") from None
    if not {"isic_id", "decision"} <= table.columns.keys():
        raise ConfigError(f"{_NAME}: expected columns isic_id and decision, as in the review queue")
    return _taken(table)


def _taken(table: TextTable) -> dict[str, Decision]:
    decisions: dict[str, Decision] = {}
    columns = table.columns["isic_id"], table.columns["decision"]
    for number, isic_id, given in zip(table.row_number, *columns, strict=True):
        word = given.lower()
        if not word:
            continue
        if word not in tuple(Decision):
            raise ConfigError(
                f"{_NAME}, row {number}: expected approve, reject or nothing in the column "
                "decision, got another word"
            )
        if decisions.setdefault(isic_id, Decision(word)) != word:
            raise ConfigError(f"{_NAME}, row {number}: decided twice, both ways")
    return decisions
