"""PNG files: what they hold, whole and undamaged, without what is not pixels."""

import struct
import zlib
from typing import NamedTuple

from tbp_extract.errors import ScanError, ScanReason

__all__ = ["PngSize", "is_png", "png_pixels", "png_size"]

_MAGIC = b"\x89PNG\r\n\x1a\n"
_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
"""Chunks that the decoder gets. Gamma, profiles, text, alpha of a palette and orientation change
nothing of the stored pixels, and what is compressed in them may be a bomb."""


class PngSize(NamedTuple):
    """Sides of an image, in pixels."""

    width: int
    height: int


def is_png(data: bytes) -> bool:
    """Whether a file begins as PNG."""
    return data.startswith(_MAGIC)


def png_size(data: bytes) -> PngSize:
    """Read the header of a PNG file.

    Raises
    ------
    ScanError
        ``TEXTURE_UNREADABLE``.
    """
    if data[12:16] != b"IHDR" or len(data) < 33:
        raise _unreadable("is a PNG without a header")
    return PngSize(*struct.unpack_from(">II", data, 16))


def png_pixels(data: bytes) -> bytes:
    """Return a PNG file with its pixels only: the decoder must not be the first to see damage.

    Raises
    ------
    ScanError
        ``TEXTURE_UNSUPPORTED`` (animated) or ``TEXTURE_UNREADABLE``; the message goes on from "the
        texture".
    """
    view, at = memoryview(data), len(_MAGIC)
    kept: list[bytes | memoryview] = [_MAGIC]
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"acTL":
            raise ScanError(
                ScanReason.TEXTURE_UNSUPPORTED, "is an animated PNG: export a still image"
            )
        end = at + 12 + length
        if end > len(data):
            break
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise _unreadable("is a corrupt PNG: a checksum does not match, copy it again")
        if kind in _PIXELS:
            kept.append(view[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end
    raise _unreadable("is a truncated PNG: copy it again")


def _unreadable(what: str) -> ScanError:
    return ScanError(ScanReason.TEXTURE_UNREADABLE, what)
