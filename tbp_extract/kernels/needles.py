"""Where in a stretch of bytes one of many known starts stands."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

__all__ = ["fill_table", "find_starts"]

SPREAD = 0x9E3779B1
"""Odd, of 32 bits; spreads keys over a table."""


@kernel
def _home(key: np.uint64, spread: np.uint64, mask: np.uint64) -> np.uint64:
    """First place to look for a key; no product of its halves overflows.

    The halves are spread apart: folded into one, keys of few letters would share their places.
    """
    low, high = key & np.uint64(0xFFFFFFFF), key >> np.uint64(32)
    return (((low * spread) >> np.uint64(20)) ^ ((high * spread) >> np.uint64(17))) & mask


@kernel
def fill_table(
    keys: NDArray[np.uint64],  # (K,), none of them 0
    spread: np.uint64,
    out: NDArray[np.uint64],  # (T,), zeros; T a power of 2 well above K
) -> None:
    """Put keys into a table with open addressing."""
    mask = np.uint64(len(out) - 1)
    for key in keys:
        place = _home(key, spread, mask)
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
        place = _home(window, spread, mask)
        while table[place] != np.uint64(0) and table[place] != window:
            place = (place + np.uint64(1)) & mask
        if table[place] == window and window != np.uint64(0):
            if found == len(out):
                return found, at
            out[found] = at
            found += 1
    return found, len(data)
