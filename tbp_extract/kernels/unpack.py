"""How much packed data of a TIFF unpack to, and whether they are undamaged."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

CLEAR, END = 256, 257
LONGEST = 12
"""Bits of the longest code."""


# A code stands for a string that it shares with an earlier one plus one byte, so lengths are all
# that counting needs. The width of codes grows one code early, as the format has it.
@kernel
def lzw_bytes(
    data: NDArray[np.uint8],  # (L,)
    limit: int,
) -> Any:
    """Bytes that LZW codes unpack to, -1 for a code that does not exist; stops above `limit`."""
    length = np.zeros(1 << LONGEST, np.int64)
    length[:256] = 1
    total, held = np.int64(0), np.int64(0)
    bits, width = 0, 9
    known, before = 258, np.int64(-1)
    for at in range(len(data)):
        held = ((held << 8) | np.int64(data[at])) & 0xFFFFFF
        bits += 8
        if bits < width:
            continue
        bits -= width
        code = (held >> bits) & ((1 << width) - 1)
        if code == END or total > limit:
            return total
        if code == CLEAR:
            width, known, before = 9, 258, np.int64(-1)
            continue
        if code > known or (code == known and before < 0) or (code >= 256 and before < 0):
            return -1
        if before >= 0 and known < 1 << LONGEST:
            length[known] = length[before] + 1
            known += 1
        total += length[code]
        before = code
        if known >= (1 << width) - 1 and width < LONGEST:
            width += 1
    return total


@kernel
def packbits_bytes(
    data: NDArray[np.uint8],  # (L,)
    limit: int,
) -> Any:
    """Bytes that runs unpack to, -1 where a run is cut short; stops above `limit`."""
    total, at, end = np.int64(0), np.int64(0), len(data)
    while at < end and total < limit:
        head = np.int64(data[at])
        at += 1
        if head < 128:
            at += head + 1
            total += head + 1
        elif head > 128:
            at += 1
            total += 257 - head
        if at > end:
            return -1
    return total
