"""Where in a stretch of bytes one of many known starts stands."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

__all__ = ["fill_table", "find_starts"]

SPREAD = 0x9E3779B97F4A7C15
"""Odd; spreads keys over a table."""


@kernel
def fill_table(
    keys: NDArray[np.uint64],  # (K,), none of them 0
    spread: np.uint64,
    out: NDArray[np.uint64],  # (T,), zeros; T a power of 2 well above K
) -> None:
    """Put keys into a table with open addressing."""
    mask = np.uint64(len(out) - 1)
    for key in keys:
        place = ((key * spread) >> np.uint64(20)) & mask
        while out[place] != np.uint64(0) and out[place] != key:
            place = (place + np.uint64(1)) & mask
        out[place] = key


@kernel
def find_starts(
    data: NDArray[np.uint8],  # (B,)
    first: int,
    width: int,
    table: NDArray[np.uint64],  # (T,)
    spread: np.uint64,
    out: NDArray[np.int64],  # (M,)
) -> tuple[int, int]:
    """Note where the next `width` bytes are a key, big end first.

    Returns how many places were noted and where to go on; that is the end of the data, or an
    earlier place where `out` is full.
    """
    # Plan: one key rolls over the data, a byte a step; nearly all look-ups end at an empty place.
    mask = np.uint64(len(table) - 1)
    window = np.uint64(0)
    kept = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - 8 * width)
    found = 0
    for at in range(first, min(first + width - 1, len(data))):
        window = (window << np.uint64(8)) | np.uint64(data[at])
    for at in range(first, len(data) - width + 1):
        window = ((window << np.uint64(8)) | np.uint64(data[at + width - 1])) & kept
        place = ((window * spread) >> np.uint64(20)) & mask
        while table[place] != np.uint64(0) and table[place] != window:
            place = (place + np.uint64(1)) & mask
        if table[place] == window and window != np.uint64(0):
            if found == len(out):
                return found, at
            out[found] = at
            found += 1
    return found, len(data)
