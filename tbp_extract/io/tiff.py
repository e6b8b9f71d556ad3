"""TIFF headers: what a file holds, and the tags that OpenCV must not act on."""

import struct
from dataclasses import dataclass

from tbp_extract.errors import ScanError, ScanReason

__all__ = ["PreparedTiff", "is_tiff", "prepare_tiff"]

_WIDTH, _HEIGHT, _BITS, _COLOUR, _ORIENTATION = 256, 257, 258, 262, 274
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 273, 279, 324, 325
_PLANAR, _EXTRA, _FORMAT = 284, 338, 339
_USED = frozenset(
    {_WIDTH, _HEIGHT, _BITS, _COLOUR, _ORIENTATION, _STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES}
    | {_PLANAR, _EXTRA, _FORMAT}
)
_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""Types of whole numbers, as `struct` names them."""

_WHITE_IS_ZERO = 0
_COLOURS = {_WHITE_IS_ZERO, 1, 2, 3, 6}
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
        _check_extent(tags, len(data))
        (width,), (height,) = tags[_WIDTH].values, tags[_HEIGHT].values
    except (struct.error, KeyError, IndexError, ValueError, OverflowError) as error:
        raise ScanError(ScanReason.TEXTURE_UNREADABLE, "is a truncated or corrupt TIFF") from error
    changed = bytearray(data)
    _overwrite(changed, tags.get(_ORIENTATION), _UPRIGHT)
    _overwrite(changed, tags.get(_EXTRA), _ASSOCIATED)
    return PreparedTiff(changed, width, height, bits)


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
    if bits[0] == 16 and (separate or colour == _WHITE_IS_ZERO):
        raise _unsupported("is a 16-bit TIFF with separate channels or inverted grey")
    return bits[0]


def _check_extent(tags: dict[int, _Tag], size: int) -> None:
    starts, lengths = (_TILES, _TILE_BYTES) if _TILES in tags else (_STRIPS, _STRIP_BYTES)
    ends = zip(tags[starts].values, tags[lengths].values, strict=True)
    if max(start + length for start, length in ends) > size:
        raise ValueError("data end before the image does")


def _overwrite(data: bytearray, tag: _Tag | None, value: int) -> None:
    if tag is not None:
        for k in range(len(tag.values)):
            struct.pack_into(tag.code, data, tag.at + k * struct.calcsize(tag.code), value)


def _unsupported(what: str) -> ScanError:
    return ScanError(ScanReason.TEXTURE_UNSUPPORTED, what)
