"""Texture pages: JPEG, PNG and TIFF to sRGB pixels as they are stored."""

import struct
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import LimitConfig
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.tiff import is_tiff, prepare_tiff

__all__ = ["read_page"]

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_UNSUPPORTED = {
    b"BM": "BMP",
    b"GIF8": "GIF",
    b"\xabKTX": "KTX",
    b"DDS ": "DDS",
    b"\x00\x00\x00\x0cjP": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}
_STORED = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers that begin a frame and give its size."""

_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
"""JPEG markers without a length."""


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    height: int
    components: int = 3
    bits: int = 8


def read_page(data: bytes, limits: LimitConfig, *, page: int) -> NDArray[np.uint8]:
    """Decode a texture.

    Pixels stay where the file stores them, whatever its orientation tag says. Alpha is dropped
    without blending, grey is repeated, 16 bits lose their lower 8.

    Parameters
    ----------
    data : bytes
        A JPEG, PNG or TIFF file.
    limits : LimitConfig
        ``page_px`` bounds each side; it is checked before anything is decoded.
    page : int
        Number of the page, for messages.

    Returns
    -------
    (H, W, 3) uint8
        sRGB, row 0 on top.

    Raises
    ------
    ScanError
        ``OVER_LIMIT``; ``TEXTURE_UNSUPPORTED`` (CMYK, animated, several images, other formats);
        ``TEXTURE_UNREADABLE`` (truncated, corrupt, not an image).
    """
    try:
        return _decode(data, limits)
    except ScanError as error:
        raise ScanError(error.reason, f"the texture of page {page} {error}") from error


def _decode(data: bytes, limits: LimitConfig) -> NDArray[np.uint8]:
    if data.startswith(_PNG):
        header = _read_png_header(data)
        _check_size(header.width, header.height, limits)
        _check_png_chunks(data)
        return _decode_stored(data, header.height, header.width)
    if data.startswith(_JPEG):
        header = _read_jpeg_header(data)
        _check_size(header.width, header.height, limits)
        _check_jpeg_kind(header)
        return _decode_stored(data, header.height, header.width)
    if is_tiff(data):
        tiff = prepare_tiff(data)
        _check_size(tiff.width, tiff.height, limits)
        if tiff.bits == 16:
            return _decode_deep(tiff.data, tiff.height, tiff.width)
        return _decode_stored(tiff.data, tiff.height, tiff.width)
    raise _unknown(data)


def _decode_stored(data: bytes | bytearray, height: int, width: int) -> NDArray[np.uint8]:
    """Decode straight to RGB; OpenCV hands over a copy, so a page takes twice its size here."""
    pixels = _imdecode(data, _STORED)
    if pixels is None or pixels.shape != (height, width, 3) or pixels.dtype != np.uint8:
        raise _unreadable("is truncated or corrupt")
    return pixels


def _decode_deep(data: bytes | bytearray, height: int, width: int) -> NDArray[np.uint8]:
    """Decode 16 bits as they are: OpenCV reduces grey and colour in different ways."""
    pixels = _imdecode(data, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape[:2] != (height, width) or pixels.dtype != np.uint16:
        raise _unreadable("is truncated or corrupt")
    pixels = (pixels >> 8).astype(np.uint8)
    if pixels.ndim == 2:
        return np.repeat(pixels[:, :, None], 3, axis=2)
    return np.ascontiguousarray(pixels[:, :, 2::-1])


def _imdecode(data: bytes | bytearray, flags: int) -> NDArray[np.uint8] | None:
    try:
        # OpenCV's declared types leave out that it returns None for what it cannot read.
        pixels: NDArray[np.uint8] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)  # type: ignore[assignment]
    except cv2.error:
        return None
    return pixels


def _read_png_header(data: bytes) -> _Header:
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise _unreadable("is a PNG without a header")
    return _Header(*struct.unpack_from(">II", data, 16))


def _check_png_chunks(data: bytes) -> None:
    """Walk all chunks: the decoder must not be the first to see that some are missing."""
    at = len(_PNG)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"acTL":
            raise _unsupported("is an animated PNG: export a still image")
        at += 12 + length
        if kind == b"IEND" and at <= len(data):
            return
    raise _unreadable("is a truncated PNG")


def _read_jpeg_header(data: bytes) -> _Header:
    at = 2
    while at + 9 < len(data):
        marker = data[at + 1]
        if data[at] != 0xFF:
            break
        if marker == 0xFF:
            at += 1
        elif marker in _BARE:
            at += 2
        elif marker in _FRAMES:
            bits, height, width, components = struct.unpack_from(">BHHB", data, at + 4)
            return _Header(width, height, components, bits)
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise _unreadable("is a JPEG without an image")


def _check_jpeg_kind(header: _Header) -> None:
    if header.components == 4:
        raise _unsupported("is a CMYK JPEG: convert it to RGB")
    if header.components not in (1, 3) or header.bits != 8:
        raise _unsupported(
            f"is a JPEG of {header.components} channels and {header.bits} bits: 1 or 3 channels of "
            "8 bits are read"
        )


def _check_size(width: int, height: int, limits: LimitConfig) -> None:
    if width < 1 or height < 1:
        raise _unreadable("has no pixels")
    if max(width, height) > limits.page_px:
        raise ScanError(
            ScanReason.OVER_LIMIT,
            f"has {width} x {height} px, limits.page_px allows {limits.page_px} a side",
        )


def _unknown(data: bytes) -> ScanError:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _unsupported("is a WebP image: export JPEG, PNG or TIFF")
    for magic, name in _UNSUPPORTED.items():
        if data.startswith(magic):
            return _unsupported(f"is a {name} image: export JPEG, PNG or TIFF")
    return _unreadable("is not a JPEG, PNG or TIFF image")


def _unsupported(what: str) -> ScanError:
    return ScanError(ScanReason.TEXTURE_UNSUPPORTED, what)


def _unreadable(what: str) -> ScanError:
    return ScanError(ScanReason.TEXTURE_UNREADABLE, what)
