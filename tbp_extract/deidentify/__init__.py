"""The one door out: measured rows go in, a `Release` comes out; pseudonyms, the way back."""

from tbp_extract.deidentify.links import link
from tbp_extract.deidentify.policies import MADE_HERE
from tbp_extract.deidentify.pseudonyms import (
    keyed_fingerprint,
    lesion_pseudonym,
    order_digest,
    patient_pseudonym,
    scan_pseudonym,
    shard_index,
    tombstone,
)
from tbp_extract.deidentify.rows import merge_releases, release

__all__ = [
    "MADE_HERE",
    "keyed_fingerprint",
    "lesion_pseudonym",
    "link",
    "merge_releases",
    "order_digest",
    "patient_pseudonym",
    "release",
    "scan_pseudonym",
    "shard_index",
    "tombstone",
]
