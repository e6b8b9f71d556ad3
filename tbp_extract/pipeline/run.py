"""A whole run: plan, share out, resume, finish."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tbp_extract.config import Config
from tbp_extract.errors import OutputError, TbpError, WorkerError
from tbp_extract.io.files import (
    PRIVATE_FILE,
    claimed,
    level_times,
    make_private_folder,
    sweep_leftovers,
    sync_folder,
)
from tbp_extract.io.keys import read_key, read_or_make_key
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.lesions import check_mapping
from tbp_extract.io.manifest import count_outcomes, is_whole, read_shard_manifest, write_manifest
from tbp_extract.io.records import Dropped, Quarantined, read_notes, write_notes_table
from tbp_extract.io.source import read_source
from tbp_extract.io.tables import write_data_dictionary, write_linkage, write_metadata
from tbp_extract.pipeline.find import check_detector_setting
from tbp_extract.pipeline.plan import ShardPlan, plan_shards
from tbp_extract.pipeline.shard import ShardResult, is_done, make_shard
from tbp_extract.types import ReleaseKey

__all__ = ["Progress", "RunReport", "run", "worker_count"]

_LOG = logging.getLogger(__name__)

WORKER_BYTES = 3 * 1024**3
"""Memory that one worker is given when their number is chosen: a 16384 px page and its mesh."""

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

    def planned(self, scans: int, finished: int) -> None:
        """Tell how many scans there are and how many an earlier run has finished."""

    def advanced(self, result: ShardResult) -> None:
        """Tell that a shard is whole."""


def run(
    source: Path,
    out: Path,
    config: Config,
    *,
    workers: int | None = None,
    key_path: Path | None = None,
    progress: Progress | None = None,
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
        Processes; 0 works in this one, ``None`` goes by cores and memory.
    key_path : Path, optional
        File with the release key; made in the private folder when not given.
    progress : Progress, optional

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
        If the folder holds a finished release of something else, or cannot be written.
    ReleaseError
        If something private would leave.
    """
    check_mapping(config.lesions.columns)
    check_detector_setting(config)
    scans = read_source(source, config)
    layout = OutLayout(out)
    _check_place(source, layout, key_path)
    given_key = read_key(key_path) if key_path else None
    make_private_folder(layout.private)
    make_private_folder(layout.records)
    with claimed(layout.lock), _log_file(layout.log):
        for folder in (layout.release, layout.images, layout.work, layout.private, layout.records):
            sweep_leftovers(folder)
        key = given_key or read_or_make_key(layout.key)
        plans = plan_shards(scans, config, key)
        return _work_off(plans, config, key, layout, workers, progress or Progress())


def _work_off(
    plans: Sequence[ShardPlan],
    config: Config,
    key: ReleaseKey,
    layout: OutLayout,
    workers: int | None,
    progress: Progress,
) -> RunReport:
    """Make the shards that are not done and put the release together."""
    _check_same_work(plans, layout)
    done = [is_done(plan, config, key, layout) for plan in plans]
    resumed = sum(len(p.scans) for p, finished in zip(plans, done, strict=True) if finished)
    planned = sum(len(plan.scans) for plan in plans)
    _LOG.info("%d scans planned, %d of them finished before", planned, resumed)
    progress.planned(planned, resumed)
    todo = [plan for plan, finished in zip(plans, done, strict=True) if not finished]
    if todo and layout.manifest.exists():
        _LOG.warning("inputs changed or files were lost: the finished release is made anew")
        layout.manifest.unlink()
    if todo:
        layout.work.mkdir(exist_ok=True)
    for result in _make_all(todo, config, key, layout, workers):
        _log_shard(result)
        progress.advanced(result)
    return _finish(plans, config, layout, resumed)


def worker_count() -> int:
    """Count the processes that this machine bears: one a core, as far as memory goes."""
    cores = len(os.sched_getaffinity(0))
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(min(cores, memory_bytes // WORKER_BYTES), 1)


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
    if not key_path and not layout.key.exists() and any(layout.records.glob("*.json")):
        raise OutputError(
            "the key of the earlier run in this folder is gone: put it back or give it with --key, "
            "for without it every id would change"
        )


def _check_same_work(plans: Sequence[ShardPlan], layout: OutLayout) -> None:
    """Keep a finished release from being replaced by one of other scans or settings."""
    if not layout.manifest.exists():
        return
    names = {plan.name for plan in plans}
    others = [path for path in layout.images.glob("*.hdf5") if path.stem not in names]
    if others or any(_is_other_work(plan, layout) for plan in plans):
        raise OutputError(
            "the output folder holds a finished release of other scans or other entries in the "
            "scan table, of other settings or with another key: give another folder"
        )


def _is_other_work(plan: ShardPlan, layout: OutLayout) -> bool:
    try:
        return read_shard_manifest(layout.record(plan.name)).fingerprint != plan.fingerprint
    except OutputError:
        return False  # lost, not other: it will be made again


def _make_all(
    plans: Sequence[ShardPlan],
    config: Config,
    key: ReleaseKey,
    layout: OutLayout,
    workers: int | None,
) -> Iterator[ShardResult]:
    """Make shards, each whole in one process, in whatever order they get done."""
    if workers == 0:
        for plan in plans:
            yield make_shard(plan, config, key, layout)
        return
    import joblib
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    processes = min(workers or worker_count(), max(len(plans), 1))
    jobs = (joblib.delayed(make_shard)(plan, config, key, layout) for plan in plans)
    try:
        with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
            pool = joblib.Parallel(n_jobs=processes, return_as="generator_unordered", batch_size=1)
            yield from pool(jobs)
    except TerminatedWorkerError:
        raise WorkerError(
            "a worker process was killed, most likely for want of memory: run the same command "
            "again, with fewer workers, to go on where it stopped"
        ) from None


def _finish(
    plans: Sequence[ShardPlan], config: Config, layout: OutLayout, resumed: int
) -> RunReport:
    """Put the release together from finished shards; the manifest comes last."""
    shards = [read_shard_manifest(layout.record(plan.name)) for plan in plans]
    if [shard.fingerprint for shard in shards] != [plan.fingerprint for plan in plans]:
        raise OutputError("the records of the finished shards are not those of this run")
    notes = [read_notes(layout.notes(plan.name)) for plan in plans]
    quarantined = tuple(row for note in notes for row in note.quarantined)
    counts = count_outcomes(shards)
    write_notes_table(Quarantined, quarantined, layout.quarantine)
    write_notes_table(Dropped, [row for note in notes for row in note.dropped], layout.dropped)
    write_linkage([layout.links(plan.name) for plan in plans], layout.linkage)
    if counts["lesions"]["exported"] and not is_whole(layout.release):
        layout.manifest.unlink(missing_ok=True)
        layout.images.mkdir(parents=True, exist_ok=True)
        _move_shards(plans, layout)
        write_metadata([layout.rows(plan.name) for plan in plans], layout.release)
        write_data_dictionary(layout.release)
        write_manifest(layout.release, shards, config)
    if layout.release.is_dir():
        level_times(layout.release)
    if layout.work.is_dir() and not any(layout.work.iterdir()):
        layout.work.rmdir()
    _LOG.info("counts: %s", counts)
    return RunReport(counts, quarantined, resumed, layout.release)


def _move_shards(plans: Sequence[ShardPlan], layout: OutLayout) -> None:
    wanted = {layout.finished_shard(plan.name) for plan in plans}
    strangers = set(layout.images.iterdir()) - wanted
    if any(stranger.is_dir() for stranger in strangers):
        raise OutputError("expected images only in release/images, got a folder: move it away")
    for stranger in strangers:
        stranger.unlink()
    for plan in plans:
        if layout.shard(plan.name).exists():
            layout.shard(plan.name).replace(layout.finished_shard(plan.name))
    sync_folder(layout.images)


def _log_shard(result: ShardResult) -> None:
    scans = result.manifest.scans
    exported = sum(scan["exported"] for scan in scans)
    _LOG.info(
        "shard %05d: %d scans, %d crops, %.1f s",
        *(result.manifest.shard_id, len(scans), exported, result.seconds),
    )
    for scan in result.quarantined:
        _LOG.warning("%s quarantined (%s): %s", scan.scan, scan.reason, scan.message)


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    """Send the package's log to the private folder while a run lasts."""
    path.touch(PRIVATE_FILE)
    handler = logging.FileHandler(path, encoding="utf-8")
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
        handler.close()
