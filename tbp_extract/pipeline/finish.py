"""From finished scans to a release: image shards, tables, linkage, the manifest last."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tbp_extract.deidentify import shard_index
from tbp_extract.errors import OutputError, ScanReason
from tbp_extract.io.crop_places import CropPlace, CropPlaces
from tbp_extract.io.files import (
    level_times,
    make_private_folder,
    renew_private,
    sweep_leftovers,
    sync_files,
    sync_folder,
    write_whole,
)
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.manifest import (
    count_outcomes,
    hash_release,
    manifest_bytes,
    quarantined_scan,
)
from tbp_extract.io.records import Dropped, Quarantined, write_notes_table
from tbp_extract.io.review import review_bytes
from tbp_extract.io.scan_record import ScanRecord
from tbp_extract.io.shards import shard_name
from tbp_extract.io.tables import write_data_dictionary, write_linkage, write_metadata
from tbp_extract.pipeline.hold import review_queue
from tbp_extract.pipeline.plan import shard_count
from tbp_extract.pipeline.work import Context, ShardDone, ShardTask

__all__ = ["finish", "remove_release"]

MakeShards = Callable[[Sequence[ShardTask]], Iterator[ShardDone]]


def finish(
    records: Sequence[ScanRecord],
    quarantined: Sequence[Quarantined],
    context: Context,
    make_shards: MakeShards,
) -> dict[str, Any]:
    """Put the release together, or find that it is.

    The release follows from the records and crops of finished scans alone, so that it can be put
    together anew without the source, for instance when scans are taken out.

    Parameters
    ----------
    records : sequence of ScanRecord
        All finished scans.
    quarantined : sequence of Quarantined
        All others.
    context : Context
    make_shards : callable
        Carries out the tasks and gives their outcomes.

    Returns
    -------
    dict
        Counts, as the manifest has them.

    Raises
    ------
    CountError
        If lesions do not add up.
    OutputError
        If the disk is full or a crop has changed.
    """
    layout = context.layout
    entries = [
        *(record.entry for record in records),
        *(quarantined_scan(q.scan, None, ScanReason(q.reason)) for q in quarantined),
    ]
    counts = count_outcomes(entries)
    shards = shard_count(sum(c.length for record in records for c in record.crops), context.config)
    _write_private(records, quarantined, shards, layout)
    if counts["lesions"]["exported"] and not _is_this(entries, context):
        layout.manifest.unlink(missing_ok=True)
        made = {done.shard_id: done for done in make_shards(_shard_tasks(records, shards, layout))}
        _move_shards([made[k] for k in range(shards)], layout)
        write_metadata([record.rows for record in records], layout.release)
        write_data_dictionary(layout.release)
        sync_files(layout.record(record.scan) for record in records)
        files = hash_release(layout.release)
        _check_shards(made.values(), files)
        write_whole(layout.manifest, manifest_bytes(files, entries, context.config))
    for folder in (layout.work, layout.records):
        # Of workers that were killed in the midst of writing; nobody writes there any more.
        sweep_leftovers(folder)
    if layout.manifest.exists():
        level_times(layout.release)
    if layout.manifest.exists() and layout.work.is_dir():
        _clear(layout)
    return counts


def remove_release(layout: OutLayout) -> None:
    """Delete a release of which nothing is to be left."""
    layout.manifest.unlink(missing_ok=True)
    shutil.rmtree(layout.release, ignore_errors=True)


def _is_this(entries: Sequence[Any], context: Context) -> bool:
    """Whether the release is there, to the byte of its manifest."""
    release = context.layout.release
    try:
        found = context.layout.manifest.read_bytes()
    except OSError:
        return False
    return found == manifest_bytes(hash_release(release), entries, context.config)


def _shard_tasks(records: Sequence[ScanRecord], shards: int, layout: OutLayout) -> list[ShardTask]:
    layout.work.mkdir(exist_ok=True)
    places, groups = CropPlaces(layout), [list[CropPlace]() for _ in range(shards)]
    for record in records:
        found = places.find(record)
        if found is None:
            raise OutputError(
                "crops of a finished scan are gone: run the same command again to have them made "
                "anew"
            )
        for place in found:
            groups[shard_index(place.crop.isic_id, shards)].append(place)
    return [ShardTask(k, tuple(group)) for k, group in enumerate(groups)]


def _move_shards(made: Sequence[ShardDone], layout: OutLayout) -> None:
    """Put all new shards in place of the old ones; until the last is, every crop is in one."""
    layout.images.mkdir(parents=True, exist_ok=True)
    names = {shard_name(done.shard_id) for done in made}
    strangers = [path for path in layout.images.iterdir() if path.name not in names]
    if any(stranger.is_dir() for stranger in strangers):
        raise OutputError("expected images only in release/images, got a folder: move it away")
    for name in sorted(names):
        (layout.work / name).replace(layout.images / name)
    for stranger in strangers:
        stranger.unlink()
    sync_folder(layout.images)


def _check_shards(made: Iterable[ShardDone], files: Mapping[str, Any]) -> None:
    if any(files[f"images/{shard_name(done.shard_id)}"] != done.entry for done in made):
        raise OutputError("a shard has changed on disk while the release was put together")


def _write_private(
    records: Sequence[ScanRecord],
    quarantined: Sequence[Quarantined],
    shards: int,
    layout: OutLayout,
) -> None:
    write_notes_table(Quarantined, quarantined, layout.quarantine)
    write_notes_table(Dropped, [row for r in records for row in r.dropped], layout.dropped)
    write_linkage(
        [record.links for record in records],
        layout.linkage,
        lambda isic_id: shard_name(shard_index(isic_id, shards)),
    )
    attached = {name: data for r in records for name, data in r.attachments.items()}
    renew_private(layout.review, review_bytes(review_queue(attached)))
    if attached:
        make_private_folder(layout.attachments)
    if layout.attachments.is_dir():
        for path in layout.attachments.iterdir():
            if path.name not in attached:
                path.unlink()
    for name, data in attached.items():
        renew_private(layout.attachments / name, data)


def _clear(layout: OutLayout) -> None:
    """Empty ``work/``: what it held is in the release."""
    for path in layout.work.iterdir():
        if path.suffix in (".crops", ".hdf5"):
            path.unlink()
    if not any(layout.work.iterdir()):
        layout.work.rmdir()
