"""Several pieces in one file that knows whether it is whole: facts as JSON, bytes, a SHA-256."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple

from tbp_extract.errors import OutputError

__all__ = ["Packed", "pack", "unpack"]

MAGIC: Final = b"tbp_extract packed 1\n"
_LENGTH_BYTES = 8
_DIGEST_BYTES = 32


class Packed(NamedTuple):
    """What a packed file holds."""

    facts: Mapping[str, Any]
    pieces: Sequence[bytes]


def pack(facts: Mapping[str, Any], pieces: Sequence[bytes]) -> bytes:
    """Bytes of a packed file; the same content gives the same bytes."""
    head = json.dumps(
        {"facts": facts, "lengths": [len(piece) for piece in pieces]}, sort_keys=True
    ).encode()
    body = b"".join((MAGIC, len(head).to_bytes(_LENGTH_BYTES, "big"), head, *pieces))
    return body + hashlib.sha256(body).digest()


def unpack(data: bytes) -> Packed:
    """Take a packed file apart.

    Raises
    ------
    OutputError
        If it is of another kind, cut short or changed in any bit.
    """
    body = data[:-_DIGEST_BYTES]
    if not data.startswith(MAGIC) or hashlib.sha256(body).digest() != data[-_DIGEST_BYTES:]:
        raise OutputError("a file of an earlier run is damaged or of another kind")
    start = len(MAGIC) + _LENGTH_BYTES
    end = start + int.from_bytes(body[len(MAGIC) : start], "big")
    head = json.loads(body[start:end])
    edges = list(accumulate(head["lengths"], initial=end))
    return Packed(head["facts"], [body[a:b] for a, b in pairwise(edges)])
