"""Try every medical record number against pseudonyms without their key.

    python -m benchmarks.pseudonyms

All numbers below ten million, plain and with zeros to eight digits, are hashed in every way that
needs no secret and compared with the released ids of patients whose numbers are among them. As a
control the same enumeration is held against ids that were made without a key, and against ours by
one who has stolen the key: there it must find every patient.
"""

import base64
import hashlib
import hmac
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np

from benchmarks.machine import machine_facts, write_result
from tbp_extract.deidentify import lesion_pseudonym, patient_pseudonym, scan_pseudonym
from tbp_extract.types import ReleaseKey

NUMBERS: Final = 10_000_000
PATIENTS: Final = 2_000
TOKEN_CHARACTERS: Final = 12
TOKEN_BITS: Final = 60

Digest = Callable[[bytes], bytes]


def main() -> None:
    """Enumerate, print, keep."""
    rng = np.random.default_rng(4711)
    mrns = [f"{n:08d}" for n in rng.choice(NUMBERS, PATIENTS, replace=False).tolist()]
    mrns[::2] = [mrn.lstrip("0") or "0" for mrn in mrns[::2]]
    key = ReleaseKey(bytes(rng.integers(0, 256, 32, dtype=np.uint8)))
    result = {
        "numbers": NUMBERS,
        "patients": PATIENTS,
        "attacks": sorted(_attacks()),
        **_enumeration(mrns, key),
        **_two_keys(mrns, key),
        "machine": machine_facts(),
    }
    for name, value in result.items():
        print(f"{name}: {value}")
    write_result("pseudonyms", result)


def _enumeration(mrns: list[str], key: ReleaseKey) -> dict[str, object]:
    """Hits of all attacks on a keyed release, of SHA-256 on an unkeyed one, and of a thief."""
    keyed = {_prefix_of(patient_pseudonym(key, mrn).partition("_")[2]) for mrn in mrns}
    unkeyed = {_prefix(hashlib.sha256(mrn.encode()).digest()) for mrn in mrns}
    attacks, hits = _attacks(), dict.fromkeys(_attacks(), 0)
    control, tried, started = 0, 0, time.process_time()
    for text in _candidates():
        tried += 1
        for name, digest in attacks.items():
            prefix = _prefix(digest(text))
            hits[name] += prefix in keyed
            control += name == "SHA-256" and prefix in unkeyed
    thief = sum(_prefix(_ours(key.secret, mrn.encode())) in keyed for mrn in mrns)
    return {
        "candidates": tried,
        "hits_without_the_key": hits,
        "control_unkeyed_sha256_found": control,
        "control_stolen_key_found": thief,
        "seconds": round(time.process_time() - started),
    }


def _candidates() -> Iterator[bytes]:
    """Every number as it is, and with zeros to eight digits."""
    for number in range(NUMBERS):
        yield b"%d" % number
        yield b"%08d" % number


def _attacks() -> Mapping[str, Digest]:
    """Ways to make an id of a number that need no secret."""
    name = b"tbp_extract"
    return {
        "SHA-256": lambda text: hashlib.sha256(text).digest(),
        "SHA-1": lambda text: hashlib.sha1(text, usedforsecurity=False).digest(),
        "MD5": lambda text: hashlib.md5(text, usedforsecurity=False).digest(),
        "BLAKE2b": lambda text: hashlib.blake2b(text).digest(),
        "CRC-32": lambda text: zlib.crc32(text).to_bytes(4, "big") * 2,
        "our scheme, empty key": lambda text: _ours(b"", text),
        "our scheme, zero key": lambda text: _ours(bytes(32), text),
        "HMAC-SHA-256, the program's name": lambda text: hmac.digest(name, text, "sha256"),
    }


def _ours(secret: bytes, mrn: bytes) -> bytes:
    """Make the digest behind a patient's id, as anyone may read in the source."""
    message = _HEAD + len(mrn).to_bytes(8, "big") + mrn
    return hmac.digest(secret, message, "sha256")


_HEAD = b"".join(len(t).to_bytes(8, "big") + t for t in (b"tbp_extract 1", b"patient"))


def _prefix(digest: bytes) -> int:
    return int.from_bytes(digest[:8], "big") >> (64 - TOKEN_BITS)


def _prefix_of(token: str) -> int:
    return _prefix(base64.b32decode(token + "A" * (16 - TOKEN_CHARACTERS)))


def _two_keys(mrns: list[str], key: ReleaseKey) -> dict[str, object]:
    """Tell what two releases of the same patients share, with two keys and with one."""
    other = ReleaseKey(hashlib.sha256(key.secret).digest())
    one, two = ([patient_pseudonym(k, mrn) for mrn in mrns] for k in (key, other))
    later = [patient_pseudonym(ReleaseKey(bytes(key.secret)), mrn) for mrn in [*mrns, "99999999"]]
    domains = [make(key, mrns[0]) for make in (patient_pseudonym, scan_pseudonym)]
    tokens = {name.partition("_")[2] for name in (*domains, lesion_pseudonym(key, mrns[0], "1"))}
    columns = (one, two, [int(mrn) for mrn in mrns])
    ranks = np.corrcoef([np.argsort(np.argsort(column)) for column in columns])
    order = {"between_keys": float(ranks[0, 1]), "with_the_number": float(ranks[0, 2])}
    return {
        "ids_shared_by_two_keys": len(set(one) & set(two)),
        "ids_kept_by_a_later_addition": sum(a == b for a, b in zip(one, later, strict=False)),
        "distinct_tokens_of_three_domains": len(tokens),
        "rank_correlation": {name: round(value, 3) for name, value in order.items()},
    }


if __name__ == "__main__":
    main()
