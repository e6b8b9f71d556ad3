"""PLY rows, walked value by value."""

import struct
from typing import NamedTuple


class Walked(NamedTuple):
    at: list[list[int]]
    counts: list[list[int]]
    end: int


def walk_rows(data: bytes, order: str, row_count: int, kinds: list[tuple[str, str]]) -> Walked:
    """`kinds` holds struct codes: of a list's length (empty for a single value), of its values."""
    out = Walked([], [], 0)
    end = 0
    for _ in range(row_count):
        at, count = [], []
        for length, value in kinds:
            n = 1
            if length:
                (n,) = struct.unpack_from(order + length, data, end)
                end += struct.calcsize(order + length)
            at.append(end)
            count.append(n)
            end += n * struct.calcsize(order + value)
        out.at.append(at)
        out.counts.append(count)
    return out._replace(end=end)
