"""Crops as JPEG bytes: encoded, decoded, and their segments walked.

A crop holds the pixels and the tables that decode them, and nothing else: baseline, Huffman,
JFIF 1.01 without thumbnail, no EXIF, no comment, no colour profile, no byte after the end.
"""

import re
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from tbp_extract.config import JpegConfig
from tbp_extract.errors import ReleaseError, SourceError

__all__ = [
    "CLEAN_MARKERS",
    "JpegMarkers",
    "check_jpeg",
    "decode_jpeg",
    "encode_jpeg",
    "jpeg_markers",
]

SOI: Final = 0xD8
EOI: Final = 0xD9
SOS: Final = 0xDA
APP0: Final = 0xE0
SOF0: Final = 0xC0
DQT: Final = 0xDB
DHT: Final = 0xC4

CLEAN_MARKERS: Final = frozenset({SOI, APP0, DQT, SOF0, DHT, SOS, EOI})
"""Second bytes of the markers that a crop may hold."""

_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_READ_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive, all with Huffman codes."""

MOST_SCANS: Final = 32
"""Each is a pass over all pixels, however short it is."""

_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})
_JFIF_1_01 = re.compile(rb"JFIF\x00\x01\x01.{5}\x00\x00", re.DOTALL)
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""The first marker after entropy-coded data: neither a stuffed byte nor a restart."""

_SUBSAMPLING = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}


@dataclass(frozen=True, slots=True)
class JpegMarkers:
    """What a JPEG is made of, without its pixels."""

    markers: tuple[int, ...]
    """Second byte of every marker in order, from SOI to EOI; restarts left out."""

    app0: bytes
    """Payload of the first APP0 segment; empty where there is none."""

    height_px: int
    width_px: int

    components: int
    """Colour channels."""

    bits: int
    """Of a channel."""

    is_complete: bool
    """Whether its scans give all coefficients of all channels to their last bit."""

    subsampling: str
    """Such as ``4:2:0``; empty for one channel or an unusual layout."""

    trailing_bytes: int
    """How many bytes follow EOI."""


def encode_jpeg(pixels: NDArray[np.uint8], config: JpegConfig) -> bytes:
    """Encode one crop.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        sRGB.
    config : JpegConfig
        Quality and chroma subsampling.

    Returns
    -------
    bytes
        A baseline JPEG that `check_jpeg` accepts.

    Raises
    ------
    ValueError
        If the pixels are not (H, W, 3) uint8.
    ReleaseError
        If the encoder wrote anything but pixels and tables.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(f"expected (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}")
    options = [
        *(cv2.IMWRITE_JPEG_QUALITY, config.quality),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _SUBSAMPLING[config.subsampling]),
    ]
    done, encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise ReleaseError("the JPEG encoder refused a crop")
    data = encoded.tobytes()
    check_jpeg(data)
    return data


def decode_jpeg(data: bytes) -> NDArray[np.uint8]:
    """Decode a JPEG to (H, W, 3) uint8 sRGB; any EXIF orientation is ignored.

    Raises
    ------
    SourceError
        If the data is not a whole JPEG, or its pixels are damaged in a way that shows: too few or
        too many of them, codes that do not exist, scans that are missing.
    MemoryError
        If there is too little to decode it.
    """
    found = jpeg_markers(data)
    frames = [marker for marker in found.markers if marker in _FRAME_MARKERS]
    if len(frames) != 1 or frames[0] not in _READ_FRAMES:
        raise SourceError("expected one baseline or progressive image, got another kind of JPEG")
    if found.markers.count(SOS) > MOST_SCANS:
        raise SourceError(f"expected a JPEG of at most {MOST_SCANS} scans, got more")
    if not found.is_complete:
        raise SourceError("expected a whole JPEG, got one that lacks its last scans")
    try:
        # OpenCV decodes to the same pixels, but fills what is missing with grey and says nothing.
        pixels = simplejpeg.decode_jpeg(data, colorspace="RGB", strict=True)
    except ValueError as error:
        if "nsufficient memory" in str(error):
            raise MemoryError from None
        raise SourceError("expected a whole JPEG, got one whose pixels are damaged") from None
    return np.asarray(pixels, np.uint8)


def check_jpeg(data: bytes) -> JpegMarkers:
    """Raise unless a JPEG holds pixels and tables only.

    Raises
    ------
    ReleaseError
        Saying what else it holds, or that it is no whole JPEG.
    """
    try:
        found = jpeg_markers(data)
    except SourceError as error:
        raise ReleaseError(f"a crop is no whole JPEG: {error}") from None
    alien = sorted(set(found.markers) - CLEAN_MARKERS)
    if alien:
        names = ", ".join(f"FF{marker:02X}" for marker in alien)
        raise ReleaseError(f"a crop may hold pixels and tables only, got the segments {names}")
    if found.trailing_bytes:
        raise ReleaseError(f"a crop must end with its JPEG, got {found.trailing_bytes} more bytes")
    if found.markers.count(APP0) != 1 or not _JFIF_1_01.fullmatch(found.app0):
        raise ReleaseError("a crop must have one JFIF 1.01 header without a thumbnail")
    return found


def jpeg_markers(data: bytes) -> JpegMarkers:
    """Walk the segments of a JPEG from SOI to EOI.

    Parameters
    ----------
    data : bytes
        The file.

    Raises
    ------
    SourceError
        If a segment is cut short, a marker is missing or there is no frame.
    """
    if data[:2] != b"\xff\xd8":
        raise SourceError("expected a JPEG, got data that does not start with FFD8")
    markers, app0, frame, scans, at = [SOI], b"", b"", [], 2
    while markers[-1] != EOI:
        marker, at = _next_marker(data, at)
        markers.append(marker)
        if marker == EOI or marker in _BARE_MARKERS:
            continue
        payload, at = _segment(data, at)
        if marker == APP0 and not app0:
            app0 = payload
        elif marker in _FRAME_MARKERS:
            frame = frame or payload
        elif marker == SOS:
            scans.append(payload)
            at = _after_scan(data, at)
    return _described(tuple(markers), app0, frame, scans, len(data) - at)


def _next_marker(data: bytes, at: int) -> tuple[int, int]:
    if data[at : at + 1] != b"\xff":
        raise SourceError("expected a JPEG marker, got other bytes or the end of the data")
    while data[at : at + 1] == b"\xff":
        at += 1
    if at >= len(data) or data[at] in (0x00, SOI):
        raise SourceError("expected a JPEG marker, got other bytes or the end of the data")
    return data[at], at + 1


def _segment(data: bytes, at: int) -> tuple[bytes, int]:
    length = int.from_bytes(data[at : at + 2], "big")
    if length < 2 or at + length > len(data):
        raise SourceError("expected a whole JPEG segment, got one that is cut short")
    return data[at + 2 : at + length], at + length


def _after_scan(data: bytes, at: int) -> int:
    end = _END_OF_SCAN.search(data, at)
    if end is None:
        raise SourceError("expected the end of a JPEG (FFD9), got one that is cut short")
    return end.start()


def _described(
    markers: tuple[int, ...], app0: bytes, frame: bytes, scans: list[bytes], trailing: int
) -> JpegMarkers:
    if SOS not in markers or len(frame) < 6 or len(frame) != 6 + 3 * frame[5]:
        raise SourceError("expected a JPEG with one frame and a scan, got neither or a broken one")
    factors = tuple((frame[7 + 3 * i] >> 4, frame[7 + 3 * i] & 15) for i in range(frame[5]))
    return JpegMarkers(
        markers=markers,
        app0=app0,
        height_px=int.from_bytes(frame[1:3], "big"),
        width_px=int.from_bytes(frame[3:5], "big"),
        components=frame[5],
        bits=frame[0],
        is_complete=_is_complete(frame, scans),
        subsampling=_subsampling(factors),
        trailing_bytes=trailing,
    )


def _is_complete(frame: bytes, scans: list[bytes]) -> bool:
    """Follow each coefficient of each channel through the scans, down to its last bit."""
    lowest = {frame[6 + 3 * i]: [8] * 64 for i in range(frame[5])}
    for scan in scans:
        count = scan[0] if scan else 0
        if len(scan) != 4 + 2 * count:
            return False
        first, last, bit = scan[-3], scan[-2], scan[-1] & 15
        for channel in scan[1 : 1 + 2 * count : 2]:
            for k in range(first, min(last, 63) + 1):
                if channel in lowest:
                    lowest[channel][k] = bit
    return all(bit == 0 for bits in lowest.values() for bit in bits)


def _subsampling(factors: tuple[tuple[int, int], ...]) -> str:
    if len(factors) != 3 or factors[1:] != ((1, 1), (1, 1)):
        return ""
    return {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0"}.get(factors[0], "")
