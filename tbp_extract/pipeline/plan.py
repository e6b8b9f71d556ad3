"""Which scans go into which shard: fixed by the input and the key before work starts."""

import dataclasses
import json
from dataclasses import dataclass

from tbp_extract import __version__
from tbp_extract.config import Config
from tbp_extract.deidentify import keyed_fingerprint, order_digest
from tbp_extract.io.manifest import FORMAT_VERSION
from tbp_extract.types import ReleaseKey, ScanRef

__all__ = ["ShardPlan", "plan_shards"]

SHARDS_A_RUN = 64
"""So many shards are aimed at: enough to share out, few enough to handle."""

MAX_SCANS_A_SHARD = 16


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """What one shard is to be made from."""

    shard_id: int
    scans: tuple[ScanRef, ...]

    fingerprint: str
    """Over settings, code version, key and scans: another fingerprint, other work."""

    @property
    def name(self) -> str:
        """Stem of the shard's files."""
        return f"shard-{self.shard_id:05d}"


def plan_shards(
    scans: tuple[ScanRef, ...], config: Config, key: ReleaseKey
) -> tuple[ShardPlan, ...]:
    """Order scans by keyed hash and group them.

    The plan depends on the input, the settings and the key alone: not on the order in which the
    source names its scans, nor on the number of workers.

    Parameters
    ----------
    scans : tuple of ScanRef
    config : Config
    key : ReleaseKey

    Returns
    -------
    tuple of ShardPlan
    """
    ordered = sorted(scans, key=lambda ref: order_digest(key, ref.scan_id))
    size = config.shards.scans_per_shard or _scans_a_shard(len(scans))
    groups = [tuple(ordered[first : first + size]) for first in range(0, len(ordered), size)]
    return tuple(
        ShardPlan(shard_id, group, _fingerprint(group, config, key))
        for shard_id, group in enumerate(groups)
    )


def _scans_a_shard(scans: int) -> int:
    return min(-(-scans // SHARDS_A_RUN), MAX_SCANS_A_SHARD) or 1


def _fingerprint(scans: tuple[ScanRef, ...], config: Config, key: ReleaseKey) -> str:
    facts = [FORMAT_VERSION, __version__, config.fingerprint, [_facts(ref) for ref in scans]]
    return keyed_fingerprint(key, json.dumps(facts, sort_keys=True))


def _facts(ref: ScanRef) -> dict[str, object]:
    """All that the source says of a scan but the folder it happens to lie in."""
    facts = dataclasses.asdict(ref)
    del facts["root"]
    return facts
