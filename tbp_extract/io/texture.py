"""Texture pages: JPEG, PNG and TIFF to sRGB pixels as they are stored."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import LimitConfig
from tbp_extract.errors import ScanError, ScanReason, SourceError
from tbp_extract.io.png import is_png, png_pixels, png_size
from tbp_extract.io.strips import check_strips
from tbp_extract.io.tiff import is_tiff, prepare_tiff
from tbp_extract.jpeg import decode_jpeg, jpeg_markers

__all__ = ["read_page"]

_JPEG = b"\xff\xd8\xff"
_UNSUPPORTED = {
    b"BM": "BMP",
    b"GIF8": "GIF",
    b"\xabKTX": "KTX",
    b"DDS ": "DDS",
    b"\x00\x00\x00\x0cjP": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}
_PNG_BYTES_PX = 6
"""What decoding takes at most for each pixel: 8 bits of a page and its copy."""

_TIFF_BYTES_PX = 14
"""The same: 16 bits of a page, its strip as stored, and as libtiff turns it to RGBA."""

_STORED = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


@dataclass(frozen=True, slots=True)
class _Room:
    """How large a page may be."""

    limits: LimitConfig
    left_px: int

    def check(self, width: int, height: int) -> None:
        """Refuse a page by its header, before anything is decoded."""
        if width < 1 or height < 1:
            raise _unreadable("has no pixels")
        if max(width, height) > self.limits.page_px:
            raise _over(
                f"{width} x {height} px, limits.page_px allows {self.limits.page_px} a side"
            )
        if width * height > self.left_px:
            raise _over(
                f"{width} x {height} px, limits.atlas_px ({self.limits.atlas_px} px for all "
                f"textures of a scan) leaves {self.left_px} px for it"
            )


def read_page(
    data: bytes, limits: LimitConfig, *, page: int, room_px: int | None = None
) -> NDArray[np.uint8]:
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
    room_px : int, optional
        What earlier pages of the scan leave of ``limits.atlas_px``.

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
        return _decode(data, _Room(limits, limits.atlas_px if room_px is None else room_px))
    except ScanError as error:
        raise ScanError(error.reason, f"the texture of page {page} {error}") from error


def _decode(data: bytes, room: "_Room") -> NDArray[np.uint8]:
    if is_png(data):
        size = png_size(data)
        room.check(size.width, size.height)
        return _decode_stored(png_pixels(data), size.height, size.width, _PNG_BYTES_PX)
    if data.startswith(_JPEG):
        return _decode_jpeg(data, room)
    if is_tiff(data):
        tiff = prepare_tiff(data)
        room.check(tiff.width, tiff.height)
        check_strips(tiff)
        if tiff.bits == 16:
            return _decode_deep(tiff.data, tiff.height, tiff.width)
        return _decode_stored(tiff.data, tiff.height, tiff.width, _TIFF_BYTES_PX)
    raise _unknown(data)


def _decode_jpeg(data: bytes, room: "_Room") -> NDArray[np.uint8]:
    try:
        found = jpeg_markers(data)
    except SourceError as error:
        raise _unreadable(f"is a truncated or corrupt JPEG: {error}") from error
    room.check(found.width_px, found.height_px)
    if found.components == 4:
        raise _unsupported("is a CMYK JPEG: convert it to RGB")
    if found.components not in (1, 3) or found.bits != 8:
        raise _unsupported(
            f"is a JPEG of {found.components} channels and {found.bits} bits: 1 or 3 channels of "
            "8 bits are read"
        )
    try:
        return decode_jpeg(data)
    except SourceError as error:
        raise _unreadable(f"is a truncated or corrupt JPEG: {error}") from error


def _decode_stored(
    data: bytes | bytearray, height: int, width: int, bytes_px: int
) -> NDArray[np.uint8]:
    """Decode straight to RGB; OpenCV hands over a copy, so a page takes twice its size here."""
    pixels = _imdecode(data, _STORED, bytes_px * height * width)
    if pixels is None or pixels.shape != (height, width, 3) or pixels.dtype != np.uint8:
        raise _unreadable("is truncated or corrupt")
    return pixels


def _decode_deep(data: bytes | bytearray, height: int, width: int) -> NDArray[np.uint8]:
    """Decode 16 bits as they are: OpenCV reduces grey and colour in different ways."""
    pixels = _imdecode(data, cv2.IMREAD_UNCHANGED, _TIFF_BYTES_PX * height * width)
    if pixels is None or pixels.shape[:2] != (height, width) or pixels.dtype != np.uint16:
        raise _unreadable("is truncated or corrupt")
    pixels = (pixels >> 8).astype(np.uint8)
    if pixels.ndim == 2:
        return np.repeat(pixels[:, :, None], 3, axis=2)
    return np.ascontiguousarray(pixels[:, :, 2::-1])


def _imdecode(data: bytes | bytearray, flags: int, working_bytes: int) -> NDArray[np.uint8] | None:
    """Decode; ``None`` for what OpenCV cannot read.

    Raises
    ------
    MemoryError
        If there is too little: OpenCV says so of its own arrays only, of a codec's it says nothing.
    """
    try:
        # OpenCV's declared types leave out that it returns None for what it cannot read.
        pixels: NDArray[np.uint8] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)  # type: ignore[assignment]
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from None
        return None
    if pixels is None:
        # A file must not be called damaged where a whole one could not have been decoded either.
        np.empty(working_bytes, np.uint8)
    return pixels


def _unknown(data: bytes) -> ScanError:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _unsupported("is a WebP image: export JPEG, PNG or TIFF")
    for magic, name in _UNSUPPORTED.items():
        if data.startswith(magic):
            return _unsupported(f"is a {name} image: export JPEG, PNG or TIFF")
    return _unreadable("is not a JPEG, PNG or TIFF image")


def _over(what: str) -> ScanError:
    return ScanError(ScanReason.OVER_LIMIT, f"has {what}")


def _unsupported(what: str) -> ScanError:
    return ScanError(ScanReason.TEXTURE_UNSUPPORTED, what)


def _unreadable(what: str) -> ScanError:
    return ScanError(ScanReason.TEXTURE_UNREADABLE, what)
