import random

import pytest

from tbp_extract.errors import OutputError
from tbp_extract.io.packed import pack, unpack

FACTS = {"scan": "TBPS_A", "counts": [1, 2, 3]}
PIECES = [b"rows", b"", bytes(range(256))]


def test_what_is_packed_comes_back() -> None:
    facts, pieces = unpack(pack(FACTS, PIECES))
    assert facts == FACTS
    assert pieces == PIECES


def test_every_flipped_bit_is_noticed() -> None:
    whole = pack(FACTS, PIECES)
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(OutputError, match="damaged"):
            unpack(bytes(damaged))


def test_every_cut_and_every_tail_is_noticed() -> None:
    whole = pack(FACTS, PIECES)
    tail = random.Random(0).randbytes(40)  # noqa: S311 - any bytes
    for other in (*(whole[:length] for length in range(len(whole))), whole + tail):
        with pytest.raises(OutputError, match="damaged"):
            unpack(other)
