"""A whole run: plan, find what is done, work off the rest, finish."""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tbp_extract.config import Config
from tbp_extract.deidentify import keyed_fingerprint, tombstone
from tbp_extract.errors import OutputError, TbpError
from tbp_extract.io.claim import claimed
from tbp_extract.io.code import code_fingerprint
from tbp_extract.io.files import (
    PRIVATE_FILE,
    make_private_folder,
    sweep_leftovers,
)
from tbp_extract.io.keys import read_key, read_or_make_key
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.ledger import Ledger, ScanRow, ScanState, open_ledger
from tbp_extract.io.lesions import check_mapping
from tbp_extract.io.records import Quarantined
from tbp_extract.io.review import read_decisions
from tbp_extract.io.scan_record import read_scan_record
from tbp_extract.io.source import read_source
from tbp_extract.io.tombstones import read_tombstones
from tbp_extract.pipeline.alike import patients_of_one_mesh, shared_mesh_sentence
from tbp_extract.pipeline.drive import Driver
from tbp_extract.pipeline.find import settle_detector
from tbp_extract.pipeline.finish import finish
from tbp_extract.pipeline.hold import stray_decisions
from tbp_extract.pipeline.plan import ScanPlan, plan_scans
from tbp_extract.pipeline.pool import InProcess, Pool, Workers
from tbp_extract.pipeline.stop import StopRequest, stop_on_signals
from tbp_extract.pipeline.survey import Survey, survey
from tbp_extract.pipeline.work import Context, Outcome, ScanDone, ScanFailed, ShardDone, ShardTask
from tbp_extract.types import ReleaseKey, ScanRef

__all__ = ["Progress", "RunReport", "run", "worker_count"]

_LOG = logging.getLogger(__name__)

OUT_ENTRIES = frozenset({"release", "private", "work", "report.html"})
"""All that an output folder holds."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """How a run ended."""

    counts: dict[str, Any]
    """Scans planned, done, quarantined by reason; lesions found, exported, dropped by reason."""

    quarantined: tuple[Quarantined, ...]
    resumed: int
    """Scans that an earlier run had finished."""

    release: Path


class Progress:
    """What a run tells while it goes; does nothing by itself."""

    def noticed(self, sentence: str) -> None:
        """Tell what was found in the output folder."""

    def planned(self, scans: int, finished: int) -> None:
        """Tell how many scans there are and how many an earlier run has settled."""

    def advanced(self, outcome: Outcome) -> None:
        """Tell that a scan is finished or quarantined, or an image shard put together."""


def run(
    source: Path,
    out: Path,
    config: Config,
    *,
    workers: int | None = None,
    key_path: Path | None = None,
    progress: Progress | None = None,
    rehash: bool = False,
) -> RunReport:
    """Turn a source into a release.

    Parameters
    ----------
    source : Path
        A folder as described in ``docs/conventions.md``.
    out : Path
        Output folder. A run that was interrupted there is taken up again.
    config : Config
    workers : int, optional
        Processes; 0 works in this one, without limits; ``None`` goes by cores and memory.
    key_path : Path, optional
        File with the release key; made in the private folder when not given.
    progress : Progress, optional
    rehash : bool
        Read all input files of finished scans, even those that nobody has written to.

    Returns
    -------
    RunReport

    Raises
    ------
    SourceError
        If the source as a whole cannot be read.
    ConfigError
        If the key cannot be used, or the configured detector cannot be made.
    OutputError
        If the folder holds a finished release of something else, somebody else works on it, it
        cannot be written or its disk is nearly full.
    ReleaseError
        If something private would leave.
    KeyboardInterrupt
        If the run was told to stop: the same call goes on.
    """
    check_mapping(config.lesions.columns)
    config = settle_detector(config)
    scans = read_source(source, config)
    layout, progress = OutLayout(out), progress or Progress()
    _check_place(source, layout, key_path)
    given_key = read_key(key_path) if key_path else None
    make_private_folder(layout.private)
    make_private_folder(layout.records)
    with claimed(layout.lock) as dead, _log_file(layout.log), stop_on_signals() as stop:
        if dead:
            _tell(progress, f"the run of {dead} ended without a word: going on where it stopped")
        for folder in (layout.release, layout.images, layout.work, layout.private, layout.records):
            sweep_leftovers(folder)
        key = given_key or read_or_make_key(layout.key)
        context = Context(config, key, layout, read_decisions(layout.decisions))
        scans = _without_forgotten(scans, key, layout)
        with open_ledger(layout.ledger) as ledger:
            if given_key is None:
                _check_own_key(key, ledger)
            job = _Job(plan_scans(scans, config, context.key), context, ledger, stop, progress)
            return job.work_off(workers, rehash=rehash)


def _check_own_key(key: ReleaseKey, ledger: Ledger) -> None:
    """Refuse a key file that has changed since the folder was begun: every id would change."""
    if ledger.facts().get("key", keyed_fingerprint(key, "key")) != keyed_fingerprint(key, "key"):
        raise OutputError(
            "the key in the private folder is not the one of the earlier run, so that every id "
            "would change: put the right one back or give it with --key"
        )


def _without_forgotten(
    scans: tuple[ScanRef, ...], key: ReleaseKey, layout: OutLayout
) -> tuple[ScanRef, ...]:
    """Leave out the scans of patients who asked for it."""
    gone = read_tombstones(layout.tombstones)
    return tuple(ref for ref in scans if not gone or tombstone(key, ref.patient_id) not in gone)


def worker_count(config: Config) -> int:
    """Count the processes that this machine bears: one a core, as far as memory goes."""
    cores = len(os.sched_getaffinity(0))
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(min(cores, int(memory_bytes / 2**30 / config.run.worker_memory_gb)), 1)


@dataclass(frozen=True, slots=True)
class _Job:
    """One run on a folder that is held and open."""

    plans: tuple[ScanPlan, ...]
    context: Context
    ledger: Ledger
    stop: StopRequest
    progress: Progress

    def work_off(self, workers: int | None, *, rehash: bool) -> RunReport:
        """Do what is missing and put the release together."""
        layout = self.context.layout
        rows = self.ledger.rows()
        changed = self._changes(rows)
        found = survey(self.plans, rows, self.context, rehash=rehash)
        self._check_same_work(found, changed)
        self._drop_vanished(rows)
        self.ledger.note(self._facts())
        self._tell_found(found)
        if found.queued:
            layout.manifest.unlink(missing_ok=True)
            make_private_folder(layout.work)
        self.ledger.put(*found.renewed, *(self._queued_row(plan, rows) for plan in found.queued))
        self.ledger.note({"started": str(time.time())})
        settled = len(self.plans) - len(found.queued)
        with (
            self._workers(workers, len(found.queued)) as hands,
            Driver(hands, self.context, self.ledger, self.stop) as driver,
        ):
            for outcome in driver.carry_out(found.queued):
                self._take_in(outcome, found)
            self._tell_odd(found)
            counts = finish(
                [found.records[p.scan] for p in self.plans if p.scan in found.records],
                [found.quarantined[p.scan] for p in self.plans if p.scan in found.quarantined],
                self.context,
                lambda tasks: self._made(driver, tasks),
            )
        _LOG.info("counts: %s", counts)
        return RunReport(counts, tuple(found.quarantined.values()), settled, layout.release)

    def _take_in(self, outcome: Outcome, found: Survey) -> None:
        if isinstance(outcome, ScanDone):
            record = read_scan_record(self.context.layout.record(outcome.scan))
            found.records[outcome.scan] = record
            _LOG.info("%s: %d crops, %.1f s", record.scan, len(record.crops), outcome.seconds)
        elif isinstance(outcome, ScanFailed):
            scan = outcome.quarantined
            found.quarantined[scan.scan] = scan
            # Of an earlier state of the scan: it must not come back as if it were of this one.
            self.context.layout.record(scan.scan).unlink(missing_ok=True)
            _LOG.warning("%s quarantined (%s): %s", scan.scan, scan.reason, scan.message)
        self.progress.advanced(outcome)

    def _made(self, driver: Driver, tasks: Sequence[ShardTask]) -> Iterator[ShardDone]:
        for outcome in driver.carry_out(tasks):
            self.progress.advanced(outcome)
            if isinstance(outcome, ShardDone):
                yield outcome

    @contextmanager
    def _workers(self, workers: int | None, scans: int) -> Iterator[Workers]:
        wanted = worker_count(self.context.config) if workers is None else workers
        hands: Workers = InProcess(self.context)
        if wanted:
            hands = Pool(max(min(wanted, scans), 1) if scans else wanted, self.context)
        try:
            yield hands
        finally:
            hands.close()

    def _facts(self) -> dict[str, str]:
        config, key = self.context.config, self.context.key
        return {
            "settings": config.scan_fingerprint,
            "program": code_fingerprint(),
            "key": keyed_fingerprint(key, "key"),
            "config": config.model_dump_json(),
        }

    def _changes(self, rows: dict[str, ScanRow]) -> list[str]:
        """Name what is other than in the earlier run of this folder."""
        before, now = self.ledger.facts(), self._facts()
        named = ("settings", "program", "key")
        changes = [f"the {name}" for name in named if before.get(name, now[name]) != now[name]]
        vanished = rows.keys() - {plan.scan for plan in self.plans}
        if vanished and "the key" not in changes:
            changes.append(f"the scans ({len(vanished)} are no longer in the source)")
        return changes

    def _check_same_work(self, found: Survey, changed: list[str]) -> None:
        """Keep a finished release from being replaced by one of other settings or scans."""
        if not self.context.layout.manifest.exists():
            return
        other = found.why["settings, program or scan table have changed"]
        if other and not changed:
            changed = [f"the scan table (entries of {other} scans)"]
        if changed:
            raise OutputError(
                f"the output folder holds a finished release, and since then {', '.join(changed)} "
                "changed: give another folder, or undo the change"
            )

    def _drop_vanished(self, rows: dict[str, ScanRow]) -> None:
        """Forget scans that an unfinished run had planned and the source does not name any more."""
        layout, named = self.context.layout, {plan.scan for plan in self.plans}
        vanished = rows.keys() - named
        for path in [*layout.records.glob("*.record"), *layout.work.glob("*.crops")]:
            if path.stem not in named:
                path.unlink()
        if vanished:
            self.ledger.remove(vanished)
            _tell(
                self.progress,
                f"{len(vanished)} scans of the earlier run are no longer in the source: what was "
                "made of them is deleted",
            )

    def _tell_found(self, found: Survey) -> None:
        for why, scans in sorted(found.why.items()):
            _tell(self.progress, f"{why}: {scans} finished scans are made again")
        settled = len(self.plans) - len(found.queued)
        if settled and found.queued and self.context.layout.manifest.exists():
            _tell(
                self.progress,
                "the finished release is put together anew; each of its image files takes its "
                "share of the crops, scans that are finished are not done again",
            )
        _LOG.info("%d scans planned, %d of them settled before", len(self.plans), settled)
        self.progress.planned(len(self.plans), settled)

    def _tell_odd(self, found: Survey) -> None:
        """Tell what is no fault and hardly meant."""
        records = found.records.values()
        if shared := patients_of_one_mesh((r.patient, r.inputs) for r in records):
            _tell(self.progress, shared_mesh_sentence(shared))
        if stray := stray_decisions((r.attachments for r in records), self.context.decisions):
            _tell(
                self.progress,
                f"warning: {stray} rows of private/decisions.csv decide on crops that no finished "
                "scan has held back, and nothing follows from them: copy the ids from "
                "private/review.csv",
            )

    def _queued_row(self, plan: ScanPlan, rows: dict[str, ScanRow]) -> ScanRow:
        before = rows.get(plan.scan)
        return ScanRow(
            *(plan.scan, ScanState.QUEUED, plan.fingerprint, plan.patient),
            tries=before.tries if before else 0,
        )


def _tell(progress: Progress, sentence: str) -> None:
    _LOG.warning("%s", sentence)
    progress.noticed(sentence)


def _check_place(source: Path, layout: OutLayout, key_path: Path | None) -> None:
    """Refuse an output folder in which something would be lost or given away."""
    out = layout.root
    if out.exists() and not out.is_dir():
        raise OutputError("expected a folder to write to, got a file")
    if out.resolve().is_relative_to(source.resolve()):
        raise OutputError("the output folder must lie outside the source folder")
    strangers = {entry.name for entry in out.iterdir()} - OUT_ENTRIES if out.exists() else set()
    if strangers:
        raise OutputError(
            f"expected an empty folder or one of an earlier run, got one with {len(strangers)} "
            "other entries: give a folder of its own"
        )
    if key_path and key_path.resolve().is_relative_to(layout.release.resolve()):
        raise OutputError("the release key must not lie in the folder that is published")
    if not key_path and not layout.key.exists() and any(layout.records.glob("*.record")):
        raise OutputError(
            "the key of the earlier run in this folder is gone: put it back or give it with --key, "
            "for without it every id would change"
        )


class _PrivateLog(logging.FileHandler):
    """A log that a full disk silences."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Lose the line: the run itself says what ails the disk."""


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    """Send the package's log to the private folder while a run lasts."""
    try:
        path.touch(PRIVATE_FILE)
        handler = _PrivateLog(path, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write the log: {error.strerror}") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("tbp_extract")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    except TbpError:
        raise
    except Exception:
        logger.exception("the run ended by a fault of the program")
        raise
    finally:
        logger.removeHandler(handler)
        # Its last lines may find no room: what ails the disk has been said by then.
        with suppress(OSError):
            handler.close()
