"""What each crop looks like in a few numbers: to find duplicates and to look for leaks.

Crops are read one after the other and described in threads; no more than a batch is held.
"""

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.jpeg import decode_jpeg, jpeg_markers

__all__ = ["COEFFICIENTS", "FileFacts", "Fingerprints", "fingerprint", "luminance"]

THUMBNAIL_PX: Final = 32
KEPT: Final = 8
COEFFICIENTS: Final = KEPT * KEPT - 1
BATCH: Final = 1024

_DQT = 0xDB


@dataclass(frozen=True, slots=True, eq=False)
class FileFacts:
    """How N crops were saved."""

    bytes: NDArray[np.int32]
    """(N,) size of the JPEG."""

    side_px: NDArray[np.int32]
    """(N,) columns of the crop."""

    tables: NDArray[np.uint32]
    """(N,) digest of quantisation tables, chroma sampling and order of segments."""

    def take(self, index: NDArray[np.integer[Any]]) -> "FileFacts":
        """Facts on some of the crops."""
        return FileFacts(self.bytes[index], self.side_px[index], self.tables[index])


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprints:
    """What N crops look like."""

    pixels: NDArray[np.bytes_]
    """(N,) 16-byte digest of size and decoded pixels: equal where these are."""

    coefficients: NDArray[np.float32]
    """(N, 63) lowest cosine coefficients of a 32 px thumbnail's luminance, without the mean."""

    files: FileFacts


def fingerprint(jpegs: Iterable[bytes], count: int) -> Fingerprints:
    """Describe crops.

    Parameters
    ----------
    jpegs : iterable of bytes
        N crops, read while others are described.
    count : int
        N.

    Raises
    ------
    SourceError
        If one does not decode.
    """
    found = Fingerprints(
        np.zeros(count, "V16"),
        np.zeros((count, COEFFICIENTS), np.float32),
        FileFacts(np.zeros(count, np.int32), np.zeros(count, np.int32), np.zeros(count, np.uint32)),
    )
    files = found.files
    threads = len(os.sched_getaffinity(0))
    cv2.setNumThreads(1)
    with ThreadPoolExecutor(threads) as pool:
        done = 0
        for batch in _batches(jpegs):
            for k, (digest, coefficients, *numbers) in enumerate(pool.map(_describe, batch), done):
                found.pixels[k] = np.void(digest)
                found.coefficients[k] = coefficients
                files.bytes[k], files.side_px[k], files.tables[k] = numbers
            done += len(batch)
    if done != count:
        raise ValueError(f"expected {count} crops, got {done}")
    return found


def luminance(pixels: NDArray[np.uint8], side_px: int) -> NDArray[np.float32]:
    """Luminance of a crop brought to a common size, (side_px, side_px)."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    shrunk = cv2.resize(grey, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.float32)


def _batches(jpegs: Iterable[bytes]) -> Iterator[list[bytes]]:
    source = iter(jpegs)
    while batch := list(itertools.islice(source, BATCH)):
        yield batch


def _describe(jpeg: bytes) -> tuple[bytes, NDArray[np.float32], int, int, int]:
    pixels = decode_jpeg(jpeg)
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    cosines = cv2.dct(luminance(pixels, THUMBNAIL_PX))[:KEPT, :KEPT].ravel()[1:]
    lowest = np.asarray(cosines, np.float32)
    return digest.digest(), lowest, len(jpeg), int(pixels.shape[1]), _tables(jpeg)


def _tables(jpeg: bytes) -> int:
    """Digest of how a JPEG was made, apart from its picture."""
    found = jpeg_markers(jpeg)
    digest = hashlib.blake2b(bytes(found.markers) + found.subsampling.encode(), digest_size=4)
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:
        length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if jpeg[at + 1] == _DQT:
            digest.update(jpeg[at + 4 : at + 2 + length])
        at += 2 + length
    return int.from_bytes(digest.digest(), "big")
