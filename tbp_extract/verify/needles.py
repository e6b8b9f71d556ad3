"""Private values in all the guises in which they might stand somewhere, and the search for them.

A value is sought as it is, without its separators, backwards, in other encodings of text, percent
signs, hexadecimal, base64 and base32 at any offset, and inside what can be inflated or decoded.
Upper and lower case are one.
"""

import base64
import binascii
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels.needles import SPREAD, fill_table, find_starts

__all__ = ["Guises", "is_telling", "make_guises", "search"]

MIN_TELLING_CHARACTERS: Final = 4
"""Shorter values occur in any text by chance."""

MIN_TELLING_DIGITS: Final = 6
"""Shorter numbers occur in any table by chance."""

MIN_NOISE_BYTES: Final = 9
"""Shorter stretches occur among pixels by chance."""

MIN_LOOSE_CHARACTERS: Final = 6
"""Shorter values count only as words of their own."""

MIN_ENCODED_CHARACTERS: Final = 8
PREFIX_BYTES: Final = 8
MAX_GUISED: Final = 20_000
"""Of a kind with more values than this each is sought in fewer guises."""

MAX_INFLATED_BYTES: Final = 1 << 24
PACKED_BYTES: Final = 1 << 14
"""What begins like something packed is taken in pieces: most of it is chance, and soon an error."""

QUOTED_BYTES: Final = 512
"""So far before and behind a percent sign with its digits a value may reach."""

_HITS_AT_ONCE: Final = 1 << 14
_PACKED: Final = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_QUOTED: Final = re.compile(rb"%[0-9A-Fa-f]{2}")
_HEX: Final = re.compile(rb"(?:[0-9A-Fa-f]{2}){8,}")
_SEPARATORS: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class _Guise:
    text: bytes
    kind: str
    is_word: bool
    """Whether letters and digits beside it make it another word."""

    is_number: bool
    """Whether digits and a point beside it make it another number."""


@dataclass(frozen=True, slots=True)
class Guises:
    """All guises of all values, ready to be sought."""

    by_start: Mapping[int, Mapping[bytes, tuple[_Guise, ...]]]
    """By length of the start, then by start."""

    tables: Mapping[int, NDArray[np.uint64]]


def is_telling(value: str, own_words: str) -> bool:
    """Whether finding a value tells anything: long enough, and no word of the format itself."""
    text = value.strip().casefold()
    if text.isdecimal():
        return len(text) >= MIN_TELLING_DIGITS
    return len(text) >= MIN_TELLING_CHARACTERS and text not in own_words


def make_guises(values: Mapping[str, Iterable[str]], own_words: str, *, in_noise: bool) -> Guises:
    """Make all guises of private values.

    Parameters
    ----------
    values : mapping of str to iterable of str
        By kind. Those that tell nothing are left out.
    own_words : str
        All that the format says by itself, in lower case.
    in_noise : bool
        For a search among pixels: only guises that do not occur there by chance.

    Returns
    -------
    Guises
    """
    fewest = MIN_NOISE_BYTES if in_noise else MIN_TELLING_CHARACTERS
    own = own_words.encode()
    found: dict[int, dict[bytes, list[_Guise]]] = defaultdict(lambda: defaultdict(list))
    for kind, texts in values.items():
        distinct = sorted({text for text in texts if is_telling(text, own_words)})
        for text in distinct:
            for guise in _guises(text, kind, few=len(distinct) > MAX_GUISED):
                if len(guise.text) >= fewest and guise.text not in own:
                    width = min(len(guise.text), PREFIX_BYTES)
                    found[width][guise.text[:width]].append(guise)
    return Guises(
        by_start={w: {s: tuple(g) for s, g in starts.items()} for w, starts in found.items()},
        tables={width: _table(starts) for width, starts in found.items()},
    )


def _guises(value: str, kind: str, *, few: bool) -> Iterator[_Guise]:
    text = value.strip()
    plain = text.encode("utf-8", "surrogateescape")
    for form in _spellings(text, few=few):
        is_word = not _is_number(form) and len(text) < MIN_LOOSE_CHARACTERS
        yield _Guise(form.lower(), kind, is_word, _is_number(form))
    for form in _encodings(text, plain, few=few):
        if len(form) >= MIN_ENCODED_CHARACTERS:
            yield _Guise(form.lower(), kind, is_word=False, is_number=_is_number(form))


def _is_number(form: bytes) -> bool:
    return form.lstrip(b"-").replace(b".", b"").isdigit()


def _spellings(text: str, *, few: bool) -> set[bytes]:
    """As it is, or nearly so: other case, other separators, backwards."""
    forms = {text}
    if not few:
        forms |= {text.lower(), text.upper(), text[::-1]}
        respelt = {_SEPARATORS.sub(sign, text) for sign in ("", "_", "-", " ", ".")}
        forms |= {form for form in respelt if len(form) >= MIN_LOOSE_CHARACTERS}
    return {form.encode("utf-8", "surrogateescape") for form in forms if is_telling(form, "")}


def _encodings(text: str, plain: bytes, *, few: bool) -> set[bytes]:
    """In other alphabets; what is before and behind it may shift base64 and base32."""
    wide = text.encode("utf-16-le", "surrogatepass")
    forms = {wide, *_shifted(base64.b64encode, plain, 3, 4)}
    if few:
        return forms
    forms |= {text.encode("utf-16-be", "surrogatepass"), plain.hex().encode()}
    forms |= set(_shifted(base64.urlsafe_b64encode, plain, 3, 4))
    forms |= set(_shifted(base64.b32encode, plain, 5, 8))
    forms |= {quote(plain, safe="").encode(), b"".join(b"%%%02x" % byte for byte in plain)}
    forms |= {b"".join(b"\\u%04x" % ord(sign) for sign in text if ord(sign) < 0x10000)}
    forms |= {wide.hex().encode(), text[::-1].encode("utf-16-le", "surrogatepass")}
    forms |= {text.encode("latin-1", "ignore")} if not text.isascii() else set()
    return forms


def _shifted(
    encode: Callable[[bytes], bytes], plain: bytes, group_in: int, group_out: int
) -> Iterator[bytes]:
    """Characters that are the value's alone, wherever in a group it begins."""
    for lead in range(group_in):
        bits = 8 * group_in // group_out
        encoded = encode(bytes(lead) + plain).rstrip(b"=")
        first = -(-8 * lead // bits)
        last = 8 * (lead + len(plain)) // bits
        yield encoded[first:last]


def _table(starts: Iterable[bytes]) -> NDArray[np.uint64]:
    keys = np.array([int.from_bytes(start, "big") for start in starts], np.uint64)
    table = np.zeros(max(1 << (4 * len(keys)).bit_length(), 64), np.uint64)
    fill_table(keys[keys != 0], np.uint64(SPREAD), table)
    return table


def search(data: bytes, guises: Guises, *, depth: int = 2) -> set[str]:
    """Seek all guises in some bytes and in what can be decoded from them.

    Parameters
    ----------
    data : bytes
    guises : Guises
    depth : int
        How many layers of packing are taken off.

    Returns
    -------
    set of str
        Kinds of values that were found.
    """
    found = _kinds_in(data.lower(), guises)
    if depth:
        for inner in _decoded(data):
            found |= search(inner, guises, depth=depth - 1)
    return found


def _kinds_in(data: bytes, guises: Guises) -> set[str]:
    view = np.frombuffer(data, np.uint8)
    out = np.empty(_HITS_AT_ONCE, np.int64)
    found: set[str] = set()
    for width, table in guises.tables.items():
        starts, first = guises.by_start[width], 0
        while first < len(data):
            count, first = find_starts(view, first, width, table, np.uint64(SPREAD), out)
            for at in out[:count].tolist():
                candidates = starts.get(data[at : at + width], ())
                found |= {guise.kind for guise in candidates if _stands_at(data, at, guise)}
    return found


def _stands_at(data: bytes, at: int, guise: _Guise) -> bool:
    end = at + len(guise.text)
    if data[at:end] != guise.text:
        return False
    before, behind = data[max(at - 1, 0) : at], data[end : end + 1]
    if guise.is_word:
        return not before.isalnum() and not behind.isalnum()
    if guise.is_number:
        return not before.isdigit() and before != b"." and not behind.isdigit()
    return True


def _decoded(data: bytes) -> Iterator[bytes]:
    for start in _PACKED.finditer(data):
        inflated = _inflated(data, start.start())
        if len(inflated) >= MIN_TELLING_CHARACTERS:
            yield inflated
    for first, last in _quoted(data):
        yield unquote_to_bytes(data[first:last])
    for run in _BASE64.findall(data) if _is_mostly_text(data) else ():
        padded = run.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        padded = padded[: len(padded) - (len(padded) % 4 == 1)]
        yield base64.b64decode(padded + b"=" * (-len(padded) % 4))
    for run in _HEX.findall(data) if _is_mostly_text(data) else ():
        yield binascii.unhexlify(run)


def _quoted(data: bytes) -> Iterator[tuple[int, int]]:
    """Stretches about percent signs with digits behind them."""
    first, last = 0, -1
    for found in _QUOTED.finditer(data):
        start, end = max(found.start() - QUOTED_BYTES, 0), found.end() + QUOTED_BYTES
        if last < 0:
            first = start
        elif start > last:
            yield first, last
            first = start
        last = end
    if last >= 0:
        yield first, last


def _inflated(data: bytes, start: int) -> bytes:
    packed, pieces, size = zlib.decompressobj(wbits=47), list[bytes](), 0
    try:
        for at in range(start, len(data), PACKED_BYTES):
            pieces.append(packed.decompress(data[at : at + PACKED_BYTES]))
            size += len(pieces[-1])
            if packed.eof or size > MAX_INFLATED_BYTES:
                break
    except zlib.error:
        return b""
    return b"".join(pieces)


def _is_mostly_text(data: bytes) -> bool:
    return b"\0" not in data[:4096]
