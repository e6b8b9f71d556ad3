"""The reviewer's side of the crop gate: what was held back, and what somebody said of it.

Both are CSV files in the private folder. The run writes the queue; the reviewer writes decisions, a
copy of the queue with the last column filled, and the run never touches them.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tbp_extract.errors import ConfigError
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
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError("the reviewer's decisions: expected a CSV, got a file too large")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ConfigError("the reviewer's decisions: expected a CSV in UTF-8") from None
    table = csv.DictReader(io.StringIO(text))
    if not {"isic_id", "decision"} <= set(table.fieldnames or ()):
        raise ConfigError("the reviewer's decisions: expected columns isic_id and decision")
    return _taken(list(table))


def _taken(rows: Sequence[Mapping[str, str | None]]) -> dict[str, Decision]:
    decisions: dict[str, Decision] = {}
    for number, row in enumerate(rows, start=2):
        word, isic_id = (row["decision"] or "").strip().lower(), (row["isic_id"] or "").strip()
        if not word:
            continue
        if word not in tuple(Decision):
            raise ConfigError(
                f"the reviewer's decisions, line {number}: expected approve, reject or nothing"
            )
        if decisions.setdefault(isic_id, Decision(word)) != word:
            raise ConfigError(f"the reviewer's decisions, line {number}: decided twice, both ways")
    return decisions
