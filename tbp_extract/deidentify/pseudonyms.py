"""Keyed pseudonyms: names, orders and shifts that only the holder of the key can make."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from tbp_extract.types import ReleaseKey

__all__ = [
    "day_shift",
    "keyed_fingerprint",
    "lesion_pseudonym",
    "order_digest",
    "patient_pseudonym",
    "scan_pseudonym",
    "shard_index",
    "tombstone",
]

PSEUDONYM_CHARACTERS: Final = 12
CHARACTERS: Final = "234567ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Of base32, in the order in which text is sorted."""

SHIFT_DAYS: Final = 1_000_000
"""A patient's secret day is drawn from so many: seeing a shifted day makes one of two capture
dates ten years apart at most 0.4 % likelier than the other would be."""


def lesion_pseudonym(key: ReleaseKey, scan_id: str, lesion_id: str) -> str:
    """Released id of one crop: ``TBP_`` and 12 base32 characters."""
    return "TBP_" + _token(key, "lesion", scan_id, lesion_id)


def patient_pseudonym(key: ReleaseKey, patient_id: str) -> str:
    """Released id of a patient: ``TBPP_`` and 12 base32 characters."""
    return "TBPP_" + _token(key, "patient", patient_id)


def scan_pseudonym(key: ReleaseKey, scan_id: str) -> str:
    """Name of a scan in logs: ``TBPS_`` and 12 base32 characters."""
    return "TBPS_" + _token(key, "scan", scan_id)


def tombstone(key: ReleaseKey, patient_id: str) -> str:
    """Hex digest by which a patient who asked to be forgotten is known again, and no name."""
    return _digest(key, "tombstone", (patient_id,)).hex()


def order_digest(key: ReleaseKey, scan_id: str) -> bytes:
    """Sort key that puts scans in an order which says nothing about them."""
    return _digest(key, "order", (scan_id,))


def keyed_fingerprint(key: ReleaseKey, text: str) -> str:
    """Hex digest of a private text: comparable, and nothing to guess the text with."""
    return _digest(key, "fingerprint", (text,)).hex()


def day_shift(key: ReleaseKey, patient_id: str) -> int:
    """Days added to all dates of a patient: 0 up to a million, the same for each of their scans."""
    return int.from_bytes(_digest(key, "day", (patient_id,))[:16]) % SHIFT_DAYS


def shard_index(isic_id: str, shards: int) -> int:
    """Shard that a crop belongs to: the id alone decides, so that neighbours tell nothing.

    Ids are keyed hashes, so each shard gets an even share of every patient's and every scan's
    crops; shard after shard, ids ascend.

    Parameters
    ----------
    isic_id : str
        As `lesion_pseudonym` makes it.
    shards : int
        Number of shards of the release, at least 1.
    """
    place = 0
    for character in isic_id.rsplit("_", 1)[-1]:
        place = place * 32 + CHARACTERS.index(character)
    return place * shards >> 5 * PSEUDONYM_CHARACTERS


def _digest(key: ReleaseKey, domain: str, parts: Sequence[str]) -> bytes:
    """HMAC over length-prefixed parts: no two lists of parts give the same message."""
    message = b""
    for part in ("tbp_extract 1", domain, *parts):
        text = part.encode("utf-8", "surrogateescape")
        message += len(text).to_bytes(8, "big") + text
    return hmac.new(key.secret, message, hashlib.sha256).digest()


def _token(key: ReleaseKey, domain: str, *parts: str) -> str:
    return base64.b32encode(_digest(key, domain, parts)).decode()[:PSEUDONYM_CHARACTERS]
