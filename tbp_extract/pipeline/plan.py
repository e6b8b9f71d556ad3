"""Which scans a run works on, in what order, and what makes their work the same or other."""

import dataclasses
import json
from collections import Counter
from dataclasses import dataclass

from tbp_extract.config import Config
from tbp_extract.deidentify import (
    keyed_fingerprint,
    order_digest,
    patient_pseudonym,
    scan_pseudonym,
)
from tbp_extract.io.code import code_fingerprint
from tbp_extract.io.manifest import FORMAT_VERSION
from tbp_extract.types import ReleaseKey, ScanRef

__all__ = ["ScanPlan", "plan_scans", "shard_count"]

MAX_SHARDS = 1 << 16


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """One scan of a run."""

    ref: ScanRef

    scan: str
    """Pseudonym."""

    patient: str
    """Pseudonym."""

    fingerprint: str
    """Over settings, program, key and what the source says: another fingerprint, other work."""

    patient_scans: int = 1
    """Meshes of the same patient in the source, this one among them."""


def plan_scans(scans: tuple[ScanRef, ...], config: Config, key: ReleaseKey) -> tuple[ScanPlan, ...]:
    """Order scans by keyed hash and say what their work follows from.

    Parameters
    ----------
    scans : tuple of ScanRef
    config : Config
    key : ReleaseKey

    Returns
    -------
    tuple of ScanPlan
        The same for any order and place of the source.
    """
    ordered = sorted(scans, key=lambda ref: order_digest(key, ref.scan_id))
    same = [FORMAT_VERSION, code_fingerprint(), config.scan_fingerprint]
    meshes = Counter(ref.patient_id for ref in scans if ref.tiles is None)
    return tuple(
        ScanPlan(
            ref,
            scan_pseudonym(key, ref.scan_id),
            patient_pseudonym(key, ref.patient_id),
            keyed_fingerprint(key, json.dumps([*same, _facts(ref)], sort_keys=True)),
            max(meshes[ref.patient_id], 1),
        )
        for ref in ordered
    )


def shard_count(crop_bytes: int, config: Config) -> int:
    """Count the shards of a release: a power of two, so that it seldom changes as scans come."""
    shards = 1
    while shards < MAX_SHARDS and crop_bytes > shards * config.shards.max_mb * 2**20:
        shards *= 2
    return shards


def _facts(ref: ScanRef) -> dict[str, object]:
    """All that the source says of a scan but the folder it happens to lie in."""
    facts = dataclasses.asdict(ref)
    del facts["root"]
    return facts
