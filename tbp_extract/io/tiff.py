"""TIFF headers: what a file holds, and the tags that OpenCV must not act on."""

import struct
from dataclasses import dataclass

from tbp_extract.errors import ScanError, ScanReason

__all__ = ["PreparedTiff", "is_tiff", "prepare_tiff"]

_WIDTH, _HEIGHT, _BITS, _COLOUR, _ORIENTATION = 256, 257, 258, 262, 274
_COMPRESSION, _SAMPLES, _PREDICTOR, _JPEG_TABLES = 259, 277, 317, 347
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 273, 279, 324, 325
_ROWS_A_STRIP, _TILE_WIDTH, _TILE_HEIGHT = 278, 322, 323
_PLANAR, _EXTRA, _FORMAT, _COLOUR_MAP = 284, 338, 339, 320
_USED = frozenset(
    {_WIDTH, _HEIGHT, _BITS, _COLOUR, _ORIENTATION, _STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES}
    | {_PLANAR, _EXTRA, _FORMAT, _COMPRESSION, _SAMPLES, _PREDICTOR, _JPEG_TABLES}
    | {_ROWS_A_STRIP, _TILE_WIDTH, _TILE_HEIGHT, _COLOUR_MAP}
)
_CODES = {1: "B", 3: "H", 4: "I", 7: "B", 16: "Q"}
"""Types of whole numbers and bytes, as `struct` names them."""

_READ_COMPRESSIONS = {1, 5, 7, 8, 32773, 32946}
"""None, LZW, JPEG, deflate by two numbers, PackBits."""

_WHITE_IS_ZERO, _PALETTE, _YCBCR = 0, 3, 6
_JPEG = 7
_COLOURS = {_WHITE_IS_ZERO, 1, 2, _PALETTE, _YCBCR}
"""Grey both ways, RGB, palette, YCbCr."""

_UPRIGHT, _ASSOCIATED = 1, 1


@dataclass(frozen=True, slots=True)
class PreparedTiff:
    """A TIFF file that may be decoded."""

    data: bytearray
    """The file, with orientation and alpha neutralised."""

    width: int
    height: int
    bits: int
    compression: int
    pieces: tuple[tuple[int, int, int], ...]
    """Strips or tiles: where each begins, its bytes as stored, its bytes when unpacked."""

    jpeg_tables: bytes
    """What the pieces of a JPEG share."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the numbers of a TIFF file are: byte order, classic or BigTIFF."""

    order: str
    big: bool

    @property
    def word(self) -> str:
        return self.order + ("Q" if self.big else "I")

    @property
    def word_bytes(self) -> int:
        return 8 if self.big else 4


@dataclass(frozen=True, slots=True)
class _Tag:
    values: tuple[int, ...]
    at: int
    code: str


def is_tiff(data: bytes) -> bool:
    """Whether a file begins as TIFF or BigTIFF."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def prepare_tiff(data: bytes) -> PreparedTiff:
    """Check a TIFF file and switch off what OpenCV would do to its pixels.

    OpenCV turns the image as its orientation tag says, multiplies colour with alpha, fills what is
    missing and takes Lab for RGB.

    Raises
    ------
    ScanError
        ``TEXTURE_UNSUPPORTED`` or ``TEXTURE_UNREADABLE``; the message goes on from "the texture".
    """
    try:
        tags = _read_tags(data)
        bits = _check_kind(tags)
        (width,), (height,) = tags[_WIDTH].values, tags[_HEIGHT].values
        pieces = _find_pieces(tags, bits, len(data))
    except (struct.error, KeyError, IndexError, ValueError, ArithmeticError) as error:
        raise ScanError(ScanReason.TEXTURE_UNREADABLE, "is a truncated or corrupt TIFF") from error
    changed = bytearray(data)
    _overwrite(changed, tags.get(_ORIENTATION), _UPRIGHT)
    _overwrite(changed, tags.get(_EXTRA), _ASSOCIATED)
    tables = bytes(tags[_JPEG_TABLES].values) if _JPEG_TABLES in tags else b""
    compression = _one(tags, _COMPRESSION, 1)
    return PreparedTiff(changed, width, height, bits, compression, pieces, tables)


def _read_tags(data: bytes) -> dict[int, _Tag]:
    """Read the first directory; a second one makes it several images."""
    order = "<" if data[:2] == b"II" else ">"
    layout = _Layout(order, big=data[2:4] in (b"+\0", b"\0+"))
    (start,) = struct.unpack_from(layout.word, data, 8 if layout.big else 4)
    count_code, count_bytes = ("Q", 8) if layout.big else ("H", 2)
    (count,) = struct.unpack_from(order + count_code, data, start)
    first, step = start + count_bytes, 20 if layout.big else 12
    (following,) = struct.unpack_from(layout.word, data, first + count * step)
    if following:
        raise _unsupported("holds several images: export one")
    tags: dict[int, _Tag] = {}
    for at in range(first, first + count * step, step):
        (number,) = struct.unpack_from(order + "H", data, at)
        if number in _USED:
            tags[number] = _read_tag(data, at, layout)
    return tags


def _read_tag(data: bytes, at: int, layout: _Layout) -> _Tag:
    (kind,) = struct.unpack_from(layout.order + "H", data, at + 2)
    (count,) = struct.unpack_from(layout.word, data, at + 4)
    code = _CODES[kind]
    place = at + 4 + layout.word_bytes
    if count * struct.calcsize(code) > layout.word_bytes:
        (place,) = struct.unpack_from(layout.word, data, place)
    if count > len(data):
        raise ValueError("more values than bytes")
    values = struct.unpack_from(f"{layout.order}{count}{code}", data, place)
    return _Tag(values, place, layout.order + code)


def _check_kind(tags: dict[int, _Tag]) -> int:
    bits = tags[_BITS].values if _BITS in tags else (1,)
    colour = tags[_COLOUR].values[0]
    separate = _PLANAR in tags and tags[_PLANAR].values[0] == 2
    if colour == 5:
        raise _unsupported("is a CMYK TIFF: convert it to RGB")
    if colour not in _COLOURS or (_FORMAT in tags and set(tags[_FORMAT].values) != {1}):
        raise _unsupported("is a TIFF of another kind than grey or RGB in whole numbers")
    if len(set(bits)) != 1 or bits[0] not in (1, 2, 4, 8, 16):
        raise _unsupported("is a TIFF of another depth than 8 or 16 bits")
    if _one(tags, _COMPRESSION, 1) not in _READ_COMPRESSIONS:
        raise _unsupported("is a TIFF compressed in an unusual way: export it with LZW or deflate")
    if bits[0] == 16 and (separate or colour == _WHITE_IS_ZERO):
        raise _unsupported("is a 16-bit TIFF with separate channels or inverted grey")
    if colour == _PALETTE:
        _check_palette(tags[_COLOUR_MAP].values, bits[0])
    return bits[0]


def _check_palette(colours: tuple[int, ...], bits: int) -> None:
    if len(colours) != 3 << bits:
        # libtiff would pass over it, and OpenCV show the numbers of its colours as grey.
        raise ValueError("a palette of another length")
    if max(colours) < 256:
        # Black to the letter of the format, which counts to 65,535; libtiff guesses 8 bits.
        raise _unsupported(
            "is a TIFF whose palette is of 8 bits where the format has 16: export RGB"
        )


def _find_pieces(tags: dict[int, _Tag], bits: int, size: int) -> tuple[tuple[int, int, int], ...]:
    """List strips or tiles; refuse a file that ends before they do, or has too few of them."""
    tiled = _TILES in tags
    starts, lengths = (_TILES, _TILE_BYTES) if tiled else (_STRIPS, _STRIP_BYTES)
    places = list(zip(tags[starts].values, tags[lengths].values, strict=True))
    if max(start + length for start, length in places) > size:
        raise ValueError("data end before the image does")
    planes, samples = 1, _one(tags, _SAMPLES, 1)
    if _one(tags, _PLANAR, 1) == 2:
        planes, samples = samples, 1
    raw = _piece_bytes(tags, bits * samples, tiled=tiled, there=len(places)) * planes
    if _one(tags, _COLOUR, 1) == _YCBCR and _one(tags, _COMPRESSION, 1) != _JPEG:
        raise _unsupported("is a TIFF in YCbCr: export it as RGB")
    if len(raw) != len(places):
        raise ValueError("another number of strips than the image needs")
    return tuple((*place, count) for place, count in zip(places, raw, strict=True))


def _piece_bytes(tags: dict[int, _Tag], pixel_bits: int, *, tiled: bool, there: int) -> list[int]:
    """Unpacked size of each piece of one plane, unless it claims more pieces than are there."""
    (width,), (height,) = tags[_WIDTH].values, tags[_HEIGHT].values
    if tiled:
        across, down = _one(tags, _TILE_WIDTH, 0), _one(tags, _TILE_HEIGHT, 0)
        pieces = -(-width // across) * -(-height // down)
        _check_number(pieces, there)
        return [down * -(-across * pixel_bits // 8)] * pieces
    rows = min(_one(tags, _ROWS_A_STRIP, height), height)
    row_bytes = -(-width * pixel_bits // 8)
    whole, rest = divmod(height, rows)
    _check_number(whole + bool(rest), there)
    return [rows * row_bytes] * whole + [rest * row_bytes] * bool(rest)


def _check_number(needed: int, there: int) -> None:
    if needed > there:
        raise ValueError("fewer strips than the image needs")


def _one(tags: dict[int, _Tag], number: int, default: int) -> int:
    return tags[number].values[0] if number in tags else default


def _overwrite(data: bytearray, tag: _Tag | None, value: int) -> None:
    if tag is not None:
        for k in range(len(tag.values)):
            struct.pack_into(tag.code, data, tag.at + k * struct.calcsize(tag.code), value)


def _unsupported(what: str) -> ScanError:
    return ScanError(ScanReason.TEXTURE_UNSUPPORTED, what)
