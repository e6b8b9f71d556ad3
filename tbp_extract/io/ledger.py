"""The ledger of a run: one row a scan, in SQLite, so that a kill leaves the last word whole.

What a run has finished is known from its files alone; the ledger adds what no file tells: what is
waiting or being worked on, what was quarantined and why, how long things took, how input files
looked. Each row carries a checksum, and a ledger at rest a hash over the whole file: SQLite
itself does not notice a flipped bit.
"""

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from tbp_extract.errors import OutputError
from tbp_extract.io.files import PRIVATE_FILE, sha256_file, write_whole

__all__ = ["COUNTED", "Ledger", "ScanRow", "ScanState", "open_ledger", "read_ledger"]

_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS scans (scan TEXT PRIMARY KEY, row TEXT NOT NULL, sha256 TEXT)",
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, row TEXT NOT NULL, sha256 TEXT)",
)


COUNTED: Final = ("found", "exported", "dropped", "empty")
"""What a row repeats of a finished scan's entry in the manifest."""


class ScanState(StrEnum):
    """Where a scan stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One scan."""

    scan: str
    """Pseudonym."""

    state: ScanState

    fingerprint: str
    """Of the work, as `io.parts.Part` has it."""

    patient: str = ""
    """Pseudonym."""

    reason: str | None = None
    """Code of ``ScanReason``, of a quarantined scan."""

    tries: int = 0
    """How often it was handed to a worker."""

    seconds: float = 0.0
    """How long the last try took."""

    changed_at: float = 0.0
    """When this row was written, seconds since 1970."""

    counts: Mapping[str, Any] = field(default_factory=dict)
    """Of a finished scan: `COUNTED` of its entry in the manifest."""

    inputs: Mapping[str, Any] = field(default_factory=dict)
    """What the input files looked like. Private."""

    details: Mapping[str, Any] = field(default_factory=dict)
    """Of a quarantined scan: what the quarantine table tells. Private."""


class Ledger:
    """An open ledger. Every `put` is one transaction that is on disk when it returns."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def rows(self) -> dict[str, ScanRow]:
        """All rows whose checksum holds, by scan."""
        with _told():
            return dict(_rows(self._connection))

    def put(self, *rows: ScanRow) -> None:
        """Write rows, in place of those of the same scans.

        Raises
        ------
        OutputError
            If the disk is full.
        """
        now = time.time()
        texts = ((row.scan, _text(replace(row, changed_at=now))) for row in rows)
        with _told(), self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO scans VALUES (?, ?, ?)",
                [(scan, text, _check(text)) for scan, text in texts],
            )

    def remove(self, scans: Iterable[str]) -> None:
        """Delete rows, and what they held from the file."""
        with _told():
            with self._connection:
                self._connection.executemany(
                    "DELETE FROM scans WHERE scan = ?", [(scan,) for scan in scans]
                )
            self._connection.execute("VACUUM")

    def facts(self) -> dict[str, str]:
        """Read what is noted of the run as a whole."""
        with _told():
            return dict(_facts(self._connection))

    def note(self, facts: Mapping[str, str]) -> None:
        """Note something of the run as a whole."""
        with _told(), self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO facts VALUES (?, ?, ?)",
                [(name, text, _check(name + text)) for name, text in facts.items()],
            )


@contextmanager
def open_ledger(path: Path) -> Iterator[Ledger]:
    """Open a ledger for the one run that holds the output folder; make it on first use.

    A ledger that is damaged beyond its rows is laid aside, and a new one takes its place: what is
    finished is known from the files. On leaving, however that happens, the file is closed and
    sealed with its hash.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    seal = path.with_suffix(".sha256")
    if not _is_sound(path, seal):
        _lay_aside(path)
    seal.unlink(missing_ok=True)
    with _told():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE))
        connection = _connect(path.resolve().as_uri())
    try:
        with _told():
            for statement in (
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = FULL",
                "PRAGMA secure_delete = ON",
                *_TABLES,
            ):
                connection.execute(statement)
        yield Ledger(path, connection)
    finally:
        # A full disk must not hide what went wrong before; without a seal the rows still check.
        with suppress(sqlite3.Error, OutputError, OSError):
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.close()
            write_whole(seal, f"{sha256_file(path)}\n".encode(), mode=PRIVATE_FILE)
        connection.close()


def read_ledger(path: Path) -> tuple[dict[str, ScanRow], dict[str, str]]:
    """Read rows and facts, also while a run writes them.

    Raises
    ------
    OutputError
        If there is no ledger, or it does not read.
    """
    if not path.is_file():
        raise OutputError("expected the folder of a run, got one without a ledger")
    with _told(), closing(_connect(f"{path.resolve().as_uri()}?mode=ro")) as file:
        return dict(_rows(file)), dict(_facts(file))


def _connect(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True)
    # Damaged text shall fail its checksum, not the reading of all rows.
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    return connection


def _is_sound(path: Path, seal: Path) -> bool:
    """Whether a ledger is as it was left: by its seal, else, after a kill, by its structure."""
    if not path.exists():
        return True
    try:
        if seal.exists():
            return seal.read_text(encoding="ascii").strip() == sha256_file(path)
        with closing(_connect(path.resolve().as_uri())) as file:
            return bool(file.execute("PRAGMA quick_check").fetchone() == ("ok",))
    except (OSError, ValueError, sqlite3.Error):
        return False


def _lay_aside(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + end).replace(path.with_name(f"{path.name}{end}.damaged"))


def _rows(connection: sqlite3.Connection) -> Iterator[tuple[str, ScanRow]]:
    for scan, text, check in connection.execute("SELECT scan, row, sha256 FROM scans"):
        if _check(text) == check:
            row = ScanRow(**json.loads(text))
            if row.scan == scan:
                yield scan, replace(row, state=ScanState(row.state))


def _facts(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    for name, text, check in connection.execute("SELECT name, row, sha256 FROM facts"):
        if _check(name + text) == check:
            yield name, text


def _text(row: ScanRow) -> str:
    names = row.__dataclass_fields__
    return json.dumps({name: getattr(row, name) for name in names}, sort_keys=True)


def _check(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@contextmanager
def _told() -> Iterator[None]:
    """Say what ails the ledger without naming its place."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        what = error.strerror if isinstance(error, OSError) else str(error)
        raise OutputError(f"cannot use the ledger in the private folder: {what}") from None
