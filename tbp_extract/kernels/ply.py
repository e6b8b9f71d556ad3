"""PLY rows whose lists make them differ in length."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def _whole_number(data: NDArray[np.uint8], at: int, width: int, big: bool) -> Any:
    """Read `width` bytes as an unsigned number; eight bytes with their top bit set are negative."""
    value = np.int64(0)
    for k in range(width):
        byte = data[at + k] if big else data[at + width - 1 - k]
        value = (value << 8) | np.int64(byte)
    return value


@kernel
def walk_rows(
    data: NDArray[np.uint8],  # (L,)
    start: int,
    big: bool,
    count_bytes: NDArray[np.int64],  # (P,) width of a list's length; 0 for a single value
    value_bytes: NDArray[np.int64],  # (P,)
    value_at: NDArray[np.int64],  # (R, P) where the values of each property begin
    value_count: NDArray[np.int64],  # (R, P) how many there are
    out: NDArray[np.int64],  # (2,) rows found, where the last one ends
) -> None:
    """Find each property of each row; fewer rows than R if the data end before."""
    end, at = len(data), start
    out[0] = 0
    for row in range(len(value_at)):
        for p in range(len(count_bytes)):
            count = np.int64(1)
            if count_bytes[p] > 0:
                if at + count_bytes[p] > end:
                    return
                count = _whole_number(data, at, count_bytes[p], big)
                at += count_bytes[p]
            if count < 0 or count > (end - at) // value_bytes[p]:
                return
            value_at[row, p] = at
            value_count[row, p] = count
            at += count * value_bytes[p]
        out[0] = row + 1
        out[1] = at


@kernel
def gather_bytes(
    data: NDArray[np.uint8],  # (L,)
    value_at: NDArray[np.int64],  # (R,)
    value_count: NDArray[np.int64],  # (R,)
    width: int,
    out: NDArray[np.uint8],  # (N * width,) N the sum of the counts
) -> None:
    """Copy the values of one property, row after row."""
    to = 0
    for row in range(len(value_at)):
        size = value_count[row] * width
        for k in range(size):
            out[to + k] = data[value_at[row] + k]
        to += size
