"""The entropy-coded part of a JPEG, bit by bit."""

import numpy as np
from numpy.typing import NDArray


def walk_entropy(
    data: bytes, start: int, codes: NDArray[np.uint16], classes: list[int], units: int
) -> int:
    end = start
    while data[end] != 0xFF or data[end + 1] == 0:
        end += 1
    raw = data[start:end].replace(b"\xff\x00", b"\xff")
    bits = "".join(f"{byte:08b}" for byte in raw)
    at = 0
    for _ in range(units):
        for kind in classes:
            k = 0
            while k < 64:
                entry = int(codes[2 * kind + (k > 0), int(bits[at : at + 16].ljust(16, "1"), 2)])
                length, run, size = entry >> 8, (entry >> 4) & 15, entry & 15
                at += length + size
                if length == 0 or at > len(bits):
                    return -1
                if k > 0 and size == 0 and run == 0:
                    break
                k += run + 1 if k else 1
    return end if len(bits) - at < 8 and set(bits[at:]) <= {"1"} else -1
