"""One shard: its scans one after another, its files whole, its manifest last."""

import logging
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2

from tbp_extract.config import Config
from tbp_extract.deidentify import merge_releases, scan_pseudonym
from tbp_extract.errors import (
    ConfigError,
    CountError,
    OutputError,
    ReleaseError,
    ScanError,
    ScanReason,
)
from tbp_extract.io.files import PRIVATE_FILE, PUBLIC_FILE, sha256_file, write_whole
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.manifest import (
    FORMAT_VERSION,
    done_scan,
    file_entry,
    quarantined_scan,
    read_shard_manifest,
    shard_manifest_bytes,
)
from tbp_extract.io.records import Dropped, Quarantined, ShardNotes, notes_bytes, read_notes
from tbp_extract.io.shards import shard_image
from tbp_extract.io.tables import linkage_part, metadata_part
from tbp_extract.pipeline.plan import ShardPlan
from tbp_extract.pipeline.scan import ScanResult, process_scan
from tbp_extract.types import ReleaseKey, ScanRef, ShardManifest

__all__ = ["ShardResult", "is_done", "make_shard"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Done:
    result: ScanResult
    folder: ScanFolder


_Outcome = _Done | Quarantined


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What a worker reports back."""

    manifest: ShardManifest
    quarantined: tuple[Quarantined, ...]
    seconds: float


def make_shard(plan: ShardPlan, config: Config, key: ReleaseKey, layout: OutLayout) -> ShardResult:
    """Process the scans of a shard and write its files; the manifest comes last.

    A scan that fails is recorded with its reason and the others go on.

    Parameters
    ----------
    plan : ShardPlan
    config : Config
    key : ReleaseKey
    layout : OutLayout

    Returns
    -------
    ShardResult

    Raises
    ------
    ConfigError, ReleaseError
        If a setting is wrong, or something private would leave: then the whole run stops.
    OutputError
        If the files cannot be written.
    """
    started = time.perf_counter()
    cv2.setNumThreads(1)
    outcomes = [_attempt(ref, config, key) for ref in plan.scans]
    quarantined = tuple(o for o in outcomes if isinstance(o, Quarantined))
    manifest = _write(plan, outcomes, quarantined, key, layout)
    return ShardResult(manifest, quarantined, time.perf_counter() - started)


def _attempt(ref: ScanRef, config: Config, key: ReleaseKey) -> _Outcome:
    scan = scan_pseudonym(key, ref.scan_id)
    folder = ScanFolder(ref.root, config.limits)
    try:
        return _Done(process_scan(ref, config, key, folder=folder), folder)
    except ScanError as error:
        return Quarantined(scan, str(error.reason), str(error), ref.scan_id, error.file)
    except (ConfigError, ReleaseError, OutputError):
        raise
    # One scan's fault must not end a run, even where the fault is the program's.
    except Exception as error:
        message = f"an unexpected {type(error).__name__}: the private notes tell where"
        trace = traceback.format_exc()
        return Quarantined(scan, str(ScanReason.INTERNAL), message, ref.scan_id, None, trace)


def _write(
    plan: ShardPlan,
    outcomes: Sequence[_Outcome],
    quarantined: tuple[Quarantined, ...],
    key: ReleaseKey,
    layout: OutLayout,
) -> ShardManifest:
    names = [scan_pseudonym(key, ref.scan_id) for ref in plan.scans]
    done = {n: o for n, o in zip(names, outcomes, strict=True) if isinstance(o, _Done)}
    results = {name: outcome.result for name, outcome in done.items()}
    merged = merge_releases([result.release for result in results.values()])
    notes = ShardNotes(
        inputs={name: tuple(sorted(outcome.folder.sha256)) for name, outcome in done.items()},
        quarantined=quarantined,
        dropped=tuple(
            Dropped(name, str(reason), ref.scan_id, lesion_id)
            for name, ref in zip(names, plan.scans, strict=True)
            if name in results
            for lesion_id, reason in zip(
                results[name].drops.lesion_id, results[name].drops.reason, strict=True
            )
        ),
    )
    files = {
        layout.shard(plan.name): (shard_image(merged), PUBLIC_FILE),
        layout.rows(plan.name): (metadata_part(merged), PRIVATE_FILE),
        layout.links(plan.name): (
            linkage_part(f"{plan.name}.hdf5", [r.linkage for r in results.values()]),
            PRIVATE_FILE,
        ),
        layout.notes(plan.name): (notes_bytes(notes), PRIVATE_FILE),
    }
    for path, (data, mode) in files.items():
        write_whole(path, data, mode=mode)
    manifest = ShardManifest(
        format_version=FORMAT_VERSION,
        shard_id=plan.shard_id,
        fingerprint=plan.fingerprint,
        files={path.name: file_entry(data) for path, (data, _) in files.items()},
        scans=tuple(_entry(name, o) for name, o in zip(names, outcomes, strict=True)),
    )
    write_whole(layout.record(plan.name), shard_manifest_bytes(manifest), mode=PRIVATE_FILE)
    return manifest


def _entry(name: str, outcome: _Outcome) -> dict[str, Any]:
    if isinstance(outcome, Quarantined):
        return quarantined_scan(name, None, ScanReason(outcome.reason))
    result = outcome.result
    if result.found != len(result.release) + len(result.drops):
        raise CountError("found lesions are not the sum of exported and dropped ones")
    return done_scan(
        name,
        outcome.folder.digest,
        len(result.release),
        result.drops,
        empty=result.empty,
        tags=result.tags,
    )


def is_done(plan: ShardPlan, config: Config, key: ReleaseKey, layout: OutLayout) -> bool:
    """Whether a shard needs no work: same plan, files whole, inputs unchanged, no scan missing.

    A shard with quarantined scans is tried again: somebody may have mended them.
    """
    try:
        manifest = read_shard_manifest(layout.record(plan.name))
        notes = read_notes(layout.notes(plan.name))
    except OutputError:
        return False
    if manifest.fingerprint != plan.fingerprint or notes.quarantined:
        return False
    return _files_whole(plan, manifest, layout) and all(
        _inputs_unchanged(ref, scan["inputs_sha256"], notes.inputs[scan["scan"]], config)
        for ref, scan in zip(plan.scans, manifest.scans, strict=True)
    )


def _files_whole(plan: ShardPlan, manifest: ShardManifest, layout: OutLayout) -> bool:
    shard = layout.shard(plan.name)
    images = shard if shard.exists() else layout.finished_shard(plan.name)
    paths = (images, layout.rows(plan.name), layout.links(plan.name), layout.notes(plan.name))
    return all(
        path.is_file() and sha256_file(path) == manifest.files[path.name]["sha256"]
        for path in paths
    )


def _inputs_unchanged(ref: ScanRef, sha256: str, names: Sequence[str], config: Config) -> bool:
    folder = ScanFolder(ref.root, config.limits)
    try:
        for name in names:
            folder.read(name, role="an input", missing=ScanReason.MESH_MISSING)
    except ScanError:
        return False
    return folder.digest == sha256
