"""Whether a crop is a bare baseline JPEG: every byte of it predicted or decoded.

The header of a crop follows from its size and the settings alone: JFIF 1.01, the quantisation
tables of the stated quality, the Huffman tables of ITU-T T.81 annex K. So a table that nobody uses,
a comment or a thumbnail has no place, and what follows the header is decoded to its last bit.
"""

import struct
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels.entropy import walk_entropy

__all__ = ["CropForm", "bare_jpeg_fault", "jpeg_fault"]

_MAX_PX: Final = 4096
_JFIF: Final = b"\xff\xd8\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0"
_SCAN: Final = b"\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00"
_END: Final = b"\xff\xd9"
_SEGMENTS: Final = (0xE0, 0xDB, 0xDB, 0xC0, 0xC4, 0xC4, 0xC4, 0xC4, 0xDA)
_WORDS: Final = {
    0xE0: "a JFIF header with a thumbnail, a density or another version",
    0xDB: "other quantisation tables than their quality has",
    0xC0: "another size, sampling or kind than settings and metadata give",
    0xC4: "Huffman tables of their own",
    0xDA: "a scan header of another kind",
}
_FACTORS: Final = {"4:4:4": 0x11, "4:2:2": 0x21, "4:2:0": 0x22}
_TABLES: Final = slice(20, 158)
_SAMPLING: Final = 169
"""Where a crop's header has its quantisation tables and the sampling of its brightness."""


_LUMA_AT_50: Final = bytes.fromhex(
    "100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933383740485c4e404457453738"
    "506d51575f626768673e4d71797064785c656763"
)
_CHROMA_AT_50: Final = bytes.fromhex("1112121815182f1a1a2f63423842").ljust(64, b"\x63")
_HUFFMAN: Final = (
    bytes.fromhex("0000010501010101010100000000000000000102030405060708090a0b"),
    bytes.fromhex(
        "100002010303020403050504040000017d01020300041105122131410613516107227114328191a1"
        "082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445464748"
        "494a535455565758595a636465666768696a737475767778797a838485868788898a929394959697"
        "98999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1"
        "e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
    ),
    bytes.fromhex("0100030101010101010101010000000000000102030405060708090a0b"),
    bytes.fromhex(
        "11000201020404030407050404000102770001020311040521310612415107617113223281081442"
        "91a1b1c109233352f0156272d10a162434e125f11718191a262728292a35363738393a4344454647"
        "48494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495"
        "969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9"
        "dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
    ),
)
"""Quantisation tables K.1 and K.2 in zigzag order; DC and AC code tables K.3 to K.6."""


@dataclass(frozen=True, slots=True)
class CropForm:
    """How the manifest says that all crops are encoded."""

    quality: int
    subsampling: str


def jpeg_fault(jpeg: bytes, size_px: int | None, form: CropForm) -> str | None:
    """Say what keeps a crop from being nothing but its pixels.

    Parameters
    ----------
    jpeg : bytes
    size_px : int, optional
        Side that the metadata gives; ``None`` takes what the crop itself says.
    form : CropForm

    Returns
    -------
    str or None
        The end of a sentence that starts with "crops"; ``None`` for a bare crop.
    """
    claimed = _claimed_px(jpeg)
    if claimed is None:
        return _segment_fault(jpeg, b"") or "are not whole JPEGs"
    header = _header(claimed if size_px is None else size_px, form)
    if not jpeg.startswith(header):
        return _segment_fault(jpeg, header) or "are not whole JPEGs"
    end = jpeg.find(_END, len(header))
    if end < 0:
        return "are not whole JPEGs"
    if end + 2 < len(jpeg):
        return "hold bytes after their end"
    return _data_fault(jpeg, len(header), claimed, form)


def bare_jpeg_fault(jpeg: bytes, size_px: int | None = None) -> str | None:
    """Say what keeps a crop of any quality and sampling from being nothing but its pixels.

    Parameters
    ----------
    jpeg : bytes
    size_px : int, optional
        As in `jpeg_fault`.

    Returns
    -------
    str or None
        As `jpeg_fault`.
    """
    quality = _qualities().get(jpeg[_TABLES], 75)
    factors = jpeg[_SAMPLING : _SAMPLING + 1]
    samplings = [name for name, value in _FACTORS.items() if bytes([value]) == factors]
    return jpeg_fault(jpeg, size_px, CropForm(quality, samplings[0] if samplings else "4:2:0"))


@cache
def _qualities() -> dict[bytes, int]:
    """Quality by the quantisation tables that it has."""
    return {_header(8, CropForm(q, "4:2:0"))[_TABLES]: q for q in range(1, 101)}


def _claimed_px(jpeg: bytes) -> int | None:
    """Width in the first frame header, wherever that stands."""
    at = jpeg.find(b"\xff\xc0\x00\x11\x08")
    px = int.from_bytes(jpeg[at + 7 : at + 9], "big") if at > 0 else 0
    return px if 0 < px <= _MAX_PX else None


@cache
def _header(size_px: int, form: CropForm) -> bytes:
    scale = 5000 // form.quality if form.quality < 50 else 200 - 2 * form.quality
    parts = [_JFIF]
    for number, table in enumerate((_LUMA_AT_50, _CHROMA_AT_50)):
        scaled = bytes(min(max((value * scale + 50) // 100, 1), 255) for value in table)
        parts.append(b"\xff\xdb\x00\x43" + bytes([number]) + scaled)
    frame = struct.pack(">BHHB", 8, size_px, size_px, 3)
    frame += bytes([1, _FACTORS[form.subsampling], 0, 2, 0x11, 1, 3, 0x11, 1])
    parts.append(b"\xff\xc0\x00\x11" + frame)
    parts += [b"\xff\xc4" + struct.pack(">H", len(table) + 2) + table for table in _HUFFMAN]
    return b"".join((*parts, _SCAN))


def _segment_fault(jpeg: bytes, header: bytes) -> str | None:
    """Find the first segment that differs from the header that is expected."""
    at = 2 if jpeg.startswith(b"\xff\xd8") else len(jpeg)
    for expected in _SEGMENTS:
        if jpeg[at : at + 1] != b"\xff" or at + 4 > len(jpeg):
            return None
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if marker not in _WORDS:
            return "hold segments beside pixels and tables"
        segment = jpeg[at : at + 2 + length]
        if marker != expected or header[at : at + len(segment)] != segment:
            return f"hold {_WORDS[marker]}"
        at += len(segment)
    return None


def _data_fault(jpeg: bytes, start: int, size_px: int, form: CropForm) -> str | None:
    factors = _FACTORS[form.subsampling]
    wide, high = factors >> 4, factors & 15
    units = -(-size_px // (8 * wide)) * -(-size_px // (8 * high))
    classes = np.array([0] * wide * high + [1, 1], np.uint8)
    end = walk_entropy(np.frombuffer(jpeg, np.uint8), start, _code_table(), classes, units)
    if end < 0:
        return "hold image data that does not decode to exactly their pixels"
    if jpeg[end : end + 2] != _END:
        return "hold markers within their image data"
    return None


@cache
def _code_table() -> NDArray[np.uint16]:
    """(4, 65536) length and symbol of the code at the front of 16 bits."""
    table = np.zeros((4, 1 << 16), np.uint16)
    for row, definition in enumerate(_HUFFMAN):
        code, symbols = 0, iter(definition[17:])
        for length, count in enumerate(definition[1:17], start=1):
            for _ in range(count):
                first = code << (16 - length)
                table[row, first : first + (1 << (16 - length))] = length << 8 | next(symbols)
                code += 1
            code <<= 1
    return table
