import struct

import numpy as np
import pytest

from tbp_extract.kernels import ply as kernels
from tests.naive import ply as naive

KINDS = [("", "f"), ("B", "i"), ("H", "d"), ("", "B"), ("I", "h")]
"""A row of single values and lists."""


def rows(order: str, count: int, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    out = b""
    for _ in range(count):
        for length, value in KINDS:
            n = int(rng.integers(0, 5)) if length else 1
            out += struct.pack(order + length, n) if length else b""
            out += struct.pack(f"{order}{n}{value}", *rng.integers(0, 100, n).tolist())
    return out


def walk(data: bytes, order: str, count: int) -> naive.Walked:
    widths = [[struct.calcsize(order + code) if code else 0 for code in kind] for kind in KINDS]
    at, n = np.zeros((count, len(KINDS)), np.int64), np.zeros((count, len(KINDS)), np.int64)
    out = np.zeros(2, np.int64)
    lengths, values = np.array(widths, np.int64).T
    kernels.walk_rows(
        np.frombuffer(data, np.uint8),
        0,
        order == ">",
        np.ascontiguousarray(lengths),
        np.ascontiguousarray(values),
        at,
        n,
        out,
    )
    assert out[0] == count
    return naive.Walked(at.tolist(), n.tolist(), int(out[1]))


@pytest.mark.parametrize("order", ["<", ">"])
def test_rows_are_found_as_value_by_value(order: str) -> None:
    data = rows(order, 50, seed=1)
    assert walk(data, order, 50) == naive.walk_rows(data, order, 50, KINDS)
    assert walk(data, order, 50).end == len(data)


def test_a_row_that_is_cut_off_is_not_found() -> None:
    data = rows("<", 3, seed=2)
    whole = naive.walk_rows(data, "<", 3, KINDS)
    for cut in range(whole.at[2][0], len(data)):
        with pytest.raises(AssertionError):
            walk(data[:cut], "<", 3)


def test_a_negative_or_endless_list_is_not_found() -> None:
    for length in (-1, 2**62):
        data = np.frombuffer(struct.pack("<qd", length, 1.0), np.uint8)
        at, n, out = np.zeros((1, 1), np.int64), np.zeros((1, 1), np.int64), np.zeros(2, np.int64)
        eight = np.array([8], np.int64)
        kernels.walk_rows(data, 0, False, eight, eight, at, n, out)
        assert out[0] == 0


def test_bytes_are_gathered_row_after_row() -> None:
    data = np.arange(100, dtype=np.uint8)
    at, count = np.array([50, 10, 0], np.int64), np.array([2, 0, 3], np.int64)
    out = np.empty(20, np.uint8)
    kernels.gather_bytes(data, at, count, 4, out)
    np.testing.assert_array_equal(out, np.concatenate((data[50:58], data[0:12])))
