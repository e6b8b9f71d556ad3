"""Strips and tiles of a TIFF: whether each unpacks to what its header promises.

The decoder fills what a damaged strip lacks and says so on stderr only.
"""

import zlib

import numpy as np

from tbp_extract.errors import ScanError, ScanReason, SourceError
from tbp_extract.io.tiff import PreparedTiff
from tbp_extract.jpeg import decode_jpeg
from tbp_extract.kernels import unpack as kernels

__all__ = ["check_strips"]

_PADDING_BYTES = 15
"""What a writer may put behind the pixels of a part; the last may be as long as the others."""

_NONE, _LZW, _JPEG, _PACKBITS = 1, 5, 7, 32773


def check_strips(tiff: PreparedTiff) -> None:
    """Unpack each piece without keeping it.

    Raises
    ------
    ScanError
        ``TEXTURE_UNREADABLE``; the message goes on from "the texture".
    """
    view = memoryview(tiff.data)
    most_bytes = max(raw_bytes for _, _, raw_bytes in tiff.pieces) + _PADDING_BYTES
    for number, (start, length, raw_bytes) in enumerate(tiff.pieces):
        too_long = tiff.compression == _NONE and length > most_bytes
        if too_long or not _is_whole(view[start : start + length], raw_bytes, tiff):
            raise ScanError(
                ScanReason.TEXTURE_UNREADABLE,
                f"is a truncated or corrupt TIFF: its part {number + 1} of {len(tiff.pieces)} does "
                "not unpack to the size that its header gives",
            )


def _is_whole(piece: memoryview, raw_bytes: int, tiff: PreparedTiff) -> bool:
    if tiff.compression == _NONE:
        return len(piece) >= raw_bytes
    if tiff.compression == _JPEG:
        return _is_whole_jpeg(bytes(piece), tiff.jpeg_tables)
    if tiff.compression in (_LZW, _PACKBITS):
        unpack = kernels.lzw_bytes if tiff.compression == _LZW else kernels.packbits_bytes
        found: int = unpack(np.frombuffer(piece, np.uint8), raw_bytes)
        return found == raw_bytes
    return _deflated_bytes(piece, raw_bytes) == raw_bytes


def _is_whole_jpeg(piece: bytes, tables: bytes) -> bool:
    """Decode a piece with the tables that it shares with the others."""
    whole = tables[:-2] + piece[2:] if tables else piece
    try:
        decode_jpeg(whole)
    except SourceError:
        return False
    return True


def _deflated_bytes(piece: memoryview, limit: int) -> int:
    """Bytes that a piece unpacks to; -1 if it is damaged, at most one more than `limit`."""
    unpacker = zlib.decompressobj()
    try:
        count = len(unpacker.decompress(piece, limit + 1))
    except zlib.error:
        return -1
    # Some writers end a piece without its checksum; a wrong one is an error above.
    return count
