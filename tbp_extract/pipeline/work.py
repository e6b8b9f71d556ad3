"""What a worker does: one scan to a record and its crops, or one image shard from crops."""

import logging
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2

from tbp_extract.config import Config
from tbp_extract.errors import CountError, ScanError, ScanReason, TbpError
from tbp_extract.io.crop_places import CropPlace, read_crops
from tbp_extract.io.files import PUBLIC_FILE, write_whole
from tbp_extract.io.folder import InputFile, ScanFolder
from tbp_extract.io.inputs import glance
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.manifest import done_scan, file_entry
from tbp_extract.io.records import Dropped, Quarantined, concerned_file
from tbp_extract.io.scan_record import ScanRecord, crop_list, write_scan
from tbp_extract.io.shards import shard_image, shard_name
from tbp_extract.io.tables import linkage_part, metadata_part
from tbp_extract.pipeline.plan import ScanPlan
from tbp_extract.pipeline.result import ScanResult
from tbp_extract.pipeline.scan import process_scan
from tbp_extract.types import Decision, ReleaseKey

__all__ = [
    "Context",
    "Outcome",
    "Said",
    "ScanDone",
    "ScanFailed",
    "ShardDone",
    "ShardTask",
    "Stopped",
    "Task",
    "carry_out",
    "failed",
]


@dataclass(frozen=True, slots=True)
class Context:
    """What all tasks of a run share."""

    config: Config
    key: ReleaseKey
    layout: OutLayout

    decisions: Mapping[str, Decision] = field(default_factory=dict)
    """Of the reviewer, on crops that were held back."""


@dataclass(frozen=True, slots=True)
class ShardTask:
    """One image shard to be put together."""

    shard_id: int
    crops: tuple[CropPlace, ...]


Task = ScanPlan | ShardTask


@dataclass(frozen=True, slots=True)
class Said:
    """A line for the log; workers have none."""

    level: int
    message: str


@dataclass(frozen=True, slots=True)
class ScanDone:
    """A scan is finished, its record and crops are on disk."""

    scan: str
    entry: Mapping[str, Any]
    inputs: Mapping[str, InputFile]
    seconds: float
    said: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class ScanFailed:
    """A scan could not be processed."""

    quarantined: Quarantined
    inputs: Mapping[str, InputFile]
    seconds: float
    said: tuple[Said, ...] = ()

    @property
    def scan(self) -> str:
        """Pseudonym of the scan."""
        return self.quarantined.scan


@dataclass(frozen=True, slots=True)
class ShardDone:
    """An image shard is in ``work/``."""

    shard_id: int
    entry: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stopped:
    """Something that stops the whole run."""

    error: TbpError


Outcome = ScanDone | ScanFailed | ShardDone | Stopped


def carry_out(task: Task, context: Context) -> Outcome:
    """Do one task; whatever goes wrong comes back as its outcome.

    Raises
    ------
    MemoryError
        If there is none left: whoever called may have room on another try, with a heap of its own.
    """
    cv2.setNumThreads(1)
    try:
        return _do_shard(task, context) if isinstance(task, ShardTask) else _do_scan(task, context)
    except TbpError as error:
        return Stopped(error)


def failed(plan: ScanPlan, reason: ScanReason, message: str, *, seconds: float = 0.0) -> ScanFailed:
    """Outcome of a scan whose worker could not tell of it any more."""
    names = (plan.ref.mesh, *((plan.ref.lesions,) if plan.ref.lesions else ()))
    quarantined = Quarantined(plan.scan, str(reason), message, plan.ref.scan_id, None)
    return ScanFailed(quarantined, glance(plan.ref.root, names), seconds)


def _do_scan(plan: ScanPlan, context: Context) -> Outcome:
    started, folder = time.perf_counter(), ScanFolder(plan.ref.root, context.config.limits)
    with _listening() as said:
        try:
            result = process_scan(
                *(plan.ref, context.config, context.key),
                folder=folder,
                decisions=context.decisions,
                patient_scans=plan.patient_scans,
            )
            record = _record(plan, result, folder)
        except ScanError as error:
            file = concerned_file(error, plan.ref)
            # Where a detector of one's own failed, its writer wants to know the line.
            trace = traceback.format_exc() if error.reason is ScanReason.DETECTOR_FAULT else None
            quarantined = Quarantined(
                plan.scan, str(error.reason), str(error), plan.ref.scan_id, file, trace
            )
        except (TbpError, MemoryError):
            raise
        # One scan's fault must not end a run, even where the fault is the program's or a detector
        # tells its process to exit.
        except (Exception, SystemExit) as error:
            if getattr(error, "code", None) == cv2.Error.StsNoMem:
                raise MemoryError from error
            quarantined = Quarantined(
                *(plan.scan, str(ScanReason.INTERNAL)),
                f"an unexpected {type(error).__name__}: the quarantine table tells where",
                *(plan.ref.scan_id, None, traceback.format_exc()),
            )
        else:
            write_scan(context.layout, record, result.release.jpegs)
            seconds = time.perf_counter() - started
            return ScanDone(plan.scan, record.entry, folder.inputs, seconds, tuple(said.lines))
        seconds = time.perf_counter() - started
        return ScanFailed(quarantined, folder.inputs, seconds, tuple(said.lines))


def _record(plan: ScanPlan, result: ScanResult, folder: ScanFolder) -> ScanRecord:
    exported, drops = len(result.release), result.drops
    if result.found != exported + len(drops):
        raise CountError(
            f"{plan.scan}: {result.found} lesions found, {exported} exported, {len(drops)} dropped"
        )
    return ScanRecord(
        fingerprint=plan.fingerprint,
        patient=plan.patient,
        entry=done_scan(
            plan.scan, folder.digest, exported, drops, empty=result.empty, tags=result.tags
        ),
        inputs=folder.sha256,
        dropped=tuple(
            Dropped(plan.scan, str(reason), plan.ref.scan_id, lesion_id)
            for lesion_id, reason in zip(drops.lesion_id, drops.reason, strict=True)
        ),
        crops=crop_list(result.release.columns["isic_id"].tolist(), result.release.jpegs),
        rows=metadata_part(result.release),
        links=linkage_part(result.linkage),
        attachments=result.attachments,
        patient_scans=plan.patient_scans,
        view_share=result.view_share,
    )


def _do_shard(task: ShardTask, context: Context) -> Outcome:
    in_order = sorted(task.crops, key=lambda place: (str(place.path), place.offset))
    jpegs = dict(zip((p.crop.isic_id for p in in_order), read_crops(in_order), strict=True))
    ids = sorted(jpegs)
    image = shard_image(ids, [jpegs[isic_id] for isic_id in ids])
    write_whole(context.layout.work / shard_name(task.shard_id), image, mode=PUBLIC_FILE)
    return ShardDone(task.shard_id, file_entry(image))


class _listening(logging.Handler):  # noqa: N801 - a context manager, used as one
    """Collects what the package logs while a task runs: the run itself writes it down, once."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[Said] = []
        self._others: list[logging.Handler] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(Said(record.levelno, record.getMessage()))

    def __enter__(self) -> "_listening":
        logger = logging.getLogger("tbp_extract")
        self._others, logger.handlers = logger.handlers, [self]
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("tbp_extract").handlers = self._others
