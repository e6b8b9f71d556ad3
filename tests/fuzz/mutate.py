"""Mutants: one to three changes of bytes, of words and lines, or of what a format is made of."""

import json
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.fuzz.seeds import pack_glb, split_glb

__all__ = ["mutant"]

Rng = np.random.Generator
Change = Callable[[bytes, Rng], bytes]

WORDS = (
    b"0", b"-1", b"1", b"2", b"255", b"65536", b"2147483648", b"4294967296",
    b"99999999999999999999", b"1e999", b"-1e-999", b"nan", b"inf", b"-inf", b"1_0", b"0x10",
    b"1.5.2", b"+", b"-", b".", b"1e",
    b"1,5", b"1,234", b"1.234,5", b"", b" ", b"\t", b"\"", b"'", b"#", b"\\", b"/", b"//", b"1//",
    b"../x", b"C:\\x", b"\xc3\xa4", b"\xe4", b"\xf0\x9f\x98\x80", b"\xef\xbb\xbf", b"NULL", b"true",
    b"[", b"{}", b"=", b"\x00", b"\x1a", b"\x0c", b"\xc2\xa0", b"\xd9\xa3",
)  # fmt: skip
LINES = (
    b"v 1 2 3", b"v 1 2", b"vt 0.5 0.5", b"f 1 2 3", b"f 1/1 2/2 3/3 4/4", b"f 0 1 2",
    b"f -1 -2 -3",
    b"usemtl page_1", b"usemtl none", b"mtllib m.mtl", b"mtllib ../m.mtl", b"newmtl page_0",
    b"map_Kd m_1.jpg", b"map_Kd /etc/passwd", b"element vertex 4294967296", b"property float x",
    b"property list uchar int vertex_indices", b"comment TextureFile m_1.jpg", b"end_header",
    b"call m.obj", b"[limits]", b"faces = -1", b"x = [[[[[[", b"a,1,2,3,4,t,5", b";;;", b"\t\t",
    b"\\",
)  # fmt: skip
ENDINGS = (b"\r", b"\r\n", b"\n\n", b" \n")
VALUES: tuple[Any, ...] = (
    0, 1, -1, 2, 3, 5126, 5123, 255, 2**31, 2**32, 2**63, 1e300, -0.5, True, None, "", "x", "../x",
    "data:,", "file:///etc/passwd", [], {}, [0], [0, 0, 0], [[]], {"index": 0}, "VEC3", "SCALAR",
)  # fmt: skip


def mutant(target: str, seeds: tuple[bytes, ...], seed: int, number: int) -> bytes:
    """Make a mutant; the same arguments make the same one."""
    rng = np.random.default_rng((seed, zlib.crc32(target.encode()), number))
    data = seeds[rng.integers(len(seeds))]
    kinds = CHANGES[target]
    for _ in range((1, 1, 1, 2, 3)[rng.integers(5)]):
        change = kinds[rng.integers(len(kinds))]
        if change is _splice:
            data = _splice_with(data, seeds[rng.integers(len(seeds))], rng)
        elif data:
            data = change(data, rng)
    return data


def _span(data: bytes, rng: Rng, most: int = 64) -> tuple[int, int]:
    start = int(rng.integers(len(data)))
    return start, min(len(data), start + int(rng.integers(1, most)))


def _flip(data: bytes, rng: Rng) -> bytes:
    out = bytearray(data)
    for at in rng.integers(len(data), size=int(rng.integers(1, 4))):
        out[at] ^= 1 << rng.integers(8)
    return bytes(out)


def _set(data: bytes, rng: Rng) -> bytes:
    at = int(rng.integers(len(data)))
    return data[:at] + rng.bytes(1) + data[at + 1 :]


def _cut(data: bytes, rng: Rng) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def _insert(data: bytes, rng: Rng) -> bytes:
    at = int(rng.integers(len(data) + 1))
    return data[:at] + rng.bytes(int(rng.integers(1, 9))) + data[at:]


def _repeat(data: bytes, rng: Rng) -> bytes:
    start, end = _span(data, rng)
    return data[:end] + data[start:end] * int(rng.integers(1, 9)) + data[end:]


def _truncate(data: bytes, rng: Rng) -> bytes:
    return data[: int(rng.integers(len(data)))]


def _empty_tail(data: bytes, rng: Rng) -> bytes:
    at = int(rng.integers(len(data)))
    return data[:at] + bytes(len(data) - at)


def _grow(data: bytes, rng: Rng) -> bytes:
    return data + (bytes(50) if rng.integers(2) else rng.bytes(int(rng.integers(1, 50))))


def _number(data: bytes, rng: Rng) -> bytes:
    """Write a tempting number over four or two bytes."""
    value = int(rng.choice([0, 1, 2, 127, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1]))
    order, width = "<>"[rng.integers(2)], "IH"[rng.integers(2)]
    packed = struct.pack(order + width, value & (2**32 - 1 if width == "I" else 65535))
    at = int(rng.integers(len(data)))
    return (data[:at] + packed + data[at + len(packed) :])[: max(len(data), at + len(packed))]


def _splice(data: bytes, rng: Rng) -> bytes:
    raise NotImplementedError


def _splice_with(data: bytes, other: bytes, rng: Rng) -> bytes:
    return data[: int(rng.integers(len(data) + 1))] + other[int(rng.integers(len(other))) :]


def _word(data: bytes, rng: Rng) -> bytes:
    """Put a tempting word in place of one."""
    words = list(re.finditer(rb"[^\s,;/=\"]+", data))
    if not words:
        return data
    found = words[rng.integers(len(words))]
    return data[: found.start()] + WORDS[rng.integers(len(WORDS))] + data[found.end() :]


def _exchange_words(data: bytes, rng: Rng) -> bytes:
    words = list(re.finditer(rb"[^\s,;/=\"]+", data))
    if len(words) < 2:
        return data
    one, two = (words[k] for k in sorted(rng.choice(len(words), 2, replace=False)))
    between, after = data[one.end() : two.start()], data[two.end() :]
    return b"".join((data[: one.start()], two[0], between, one[0], after))


def _lines(data: bytes, rng: Rng) -> bytes:
    """Drop, repeat, exchange or add a line, or end all lines in another way."""
    lines = data.split(b"\n")
    a, b = (int(k) for k in rng.integers(len(lines), size=2))
    match int(rng.integers(6)):
        case 0:
            del lines[a]
        case 1:
            lines.insert(b, lines[a])
        case 2:
            lines[a], lines[b] = lines[b], lines[a]
        case 3:
            lines.insert(a, LINES[rng.integers(len(LINES))])
        case 4:
            return ENDINGS[rng.integers(len(ENDINGS))].join(lines)
        case _:
            lines[a] += (b" ", b"\\", b",", b";", b"\t", b"#x", b"\r")[rng.integers(7)]
    return b"\n".join(lines)


def _recode(data: bytes, rng: Rng) -> bytes:
    text = data.decode("latin-1")
    kind = ("utf-16", "utf-16-le", "utf-8", "utf-8-sig", "utf-32")[rng.integers(5)]
    return text.encode(kind)


def _json_value(document: Any, rng: Rng) -> None:
    """Change one value somewhere in a document."""
    owner = document
    while True:
        keys = list(owner) if isinstance(owner, dict) else list(range(len(owner)))
        if not keys:
            return
        key = keys[rng.integers(len(keys))]
        if isinstance(owner[key], dict | list) and owner[key] and rng.integers(5):
            owner = owner[key]
            continue
        match int(rng.integers(4)):
            case 0:
                del owner[key]
            case 1 if type(owner[key]) is int:
                owner[key] += int(rng.choice([-1, 1, 4, -4, 1 << 20]))
            case 2 if isinstance(owner, list):
                owner.append(owner[key])
            case _:
                owner[key] = VALUES[rng.integers(len(VALUES))]
        return


def _gltf_value(data: bytes, rng: Rng) -> bytes:
    try:
        document = json.loads(data)
    except ValueError:
        return _word(data, rng)
    if not isinstance(document, dict):
        return data
    _json_value(document, rng)
    return json.dumps(document).encode()


def _glb_value(data: bytes, rng: Rng) -> bytes:
    try:
        document, body = split_glb(data)
    except (ValueError, struct.error, UnicodeDecodeError):
        return _flip(data, rng)
    if not isinstance(document, dict):
        return data
    if rng.integers(2):
        body = _flip(body, rng) if body else body
    else:
        _json_value(document, rng)
    return pack_glb(json.dumps(document).encode(), body)


def _png_chunk(data: bytes, rng: Rng) -> bytes:
    """Change a chunk and mend its checksum; leave one out; put in a foreign one."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunks.append((kind, data[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return data
    k = int(rng.integers(len(chunks)))
    kind, body = chunks[k]
    match int(rng.integers(6)):
        case 0:
            del chunks[k]
        case 1:
            chunks.insert(k, (b"acTL" if rng.integers(4) == 0 else b"tEXt", rng.bytes(8)))
        case 2:
            chunks.insert(int(rng.integers(len(chunks))), chunks[k])
        case 3 if kind == b"IDAT":
            raw = bytearray(_inflated(body))
            if raw:
                raw[rng.integers(len(raw))] ^= 1 << rng.integers(8)
            chunks[k] = (kind, zlib.compress(bytes(raw[: int(rng.integers(len(raw) + 1)) or None])))
        case _ if body:
            chunks[k] = (kind, _flip(body, rng))
        case _:
            pass
    return data[:8] + b"".join(_png_packed(*chunk) for chunk in chunks)


def _inflated(body: bytes) -> bytes:
    try:
        return zlib.decompress(body)
    except zlib.error:
        return body


def _png_packed(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _jpeg_segment(data: bytes, rng: Rng) -> bytes:
    """Cut and close again; leave out, repeat or change a segment."""
    if rng.integers(3) == 0:
        return (
            data[: int(rng.integers(2, max(len(data), 2) + 1))]
            + bytes(rng.integers(3))
            + b"\xff\xd9"
        )
    starts = [found.start() for found in re.finditer(rb"\xff[\xc0-\xfe]", data)]
    if len(starts) < 3:
        return data
    a, b = sorted(rng.choice(len(starts), 2, replace=False))
    start, end = starts[a], starts[b]
    match int(rng.integers(3)):
        case 0:
            return data[:start] + data[end:]
        case 1:
            return data[:end] + data[start:end] + data[end:]
        case _:
            at = start + int(rng.integers(2, 12))
            return data[:at] + rng.bytes(1) + data[at + 1 :]


BYTES: tuple[Change, ...] = (
    _flip, _set, _cut, _insert, _repeat, _truncate, _empty_tail, _grow, _number, _splice,
)  # fmt: skip
TEXT: tuple[Change, ...] = (_word, _word, _word, _exchange_words, _lines, _lines, _recode, *BYTES)

CHANGES: dict[str, tuple[Change, ...]] = {
    "obj": TEXT, "mtl": TEXT, "ply": (_word, _lines, *BYTES), "glb": (*[_glb_value] * 12, *BYTES),
    "gltf": (*[_gltf_value] * 12, *TEXT), "jpeg": (*[_jpeg_segment] * 6, *BYTES),
    "png": (*[_png_chunk] * 10, *BYTES), "tiff": (*[_number] * 4, *[_flip] * 6, *BYTES),
    "scans": TEXT, "lesions": TEXT, "toml": TEXT,
}  # fmt: skip
