"""The entropy-coded part of a baseline JPEG, walked block by block to its very end."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

__all__ = ["walk_entropy"]


@kernel
def walk_entropy(
    data: NDArray[np.uint8],  # (B,), the whole file
    start: int,
    codes: NDArray[np.uint16],  # (4, 65536): DC 0, AC 0, DC 1, AC 1
    classes: NDArray[np.uint8],  # (K,), 0 or 1 for each block of a unit
    units: int,
) -> int:
    """Return where the marker after the last block stands, or -1 if the data is not just that.

    `codes` gives, for the next 16 bits, the length of the code at their front in the high byte and
    its symbol in the low one; 0 where there is none. Nothing may be left over but the ones that
    fill the last byte.
    """
    # Plan: `held` keeps `count` unread bits in its low end, filled by whole bytes up to the first
    # marker. Each coefficient takes one look-up and skips the bits of its value.
    ones = np.uint64(0xFFFF)
    held = np.uint64(0)
    count = 0
    at = start
    for _ in range(units):
        for kind in classes:
            k = 0
            while k < 64:
                while count <= 48 and at + 1 < len(data):
                    if data[at] != 0xFF:
                        step = 1
                    elif data[at + 1] == 0:
                        step = 2
                    else:
                        break
                    held = (held << np.uint64(8)) | np.uint64(data[at])
                    count += 8
                    at += step
                if count >= 16:
                    ahead = (held >> np.uint64(count - 16)) & ones
                else:
                    ahead = ((held << np.uint64(16 - count)) | (ones >> np.uint64(count))) & ones
                found = int(codes[2 * kind + min(k, 1), ahead])
                length, symbol = found >> 8, found & 255
                run, size = symbol >> 4, symbol & 15
                if length == 0 or length + size > count or (k == 0 and symbol > 11):
                    return -1
                count -= length + size
                if k > 0 and size == 0:
                    if run != 0 and run != 15:
                        return -1
                    k = 64 if run == 0 else k + 16
                elif k > 0:
                    k += run + 1
                    if k > 64:
                        return -1
                else:
                    k = 1
            if k > 64:
                return -1
    full = (np.uint64(1) << np.uint64(count)) - np.uint64(1) if count < 8 else np.uint64(0)
    if count >= 8 or (held & full) != full:
        return -1
    return at
