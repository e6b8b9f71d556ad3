"""Whether an image shard is an HDF5 file of crops and of nothing else.

HDF5 keeps what was deleted, may point to other files, and may carry data before its first and
behind its last byte. So the file is walked by its format (superblock 0, groups of version 1, HDF5
File Format Specification 1.0) without the library: each byte is a crop's, or one of a structure
with only one possible content, or zero.
"""

import mmap
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["Shard", "read_shard"]

Buffer = bytes | mmap.mmap
Span = tuple[int, int]
Crop = tuple[int, bytes]
Member = tuple[int, int, int]
"""Offset of the name, address of the header, kind of the entry."""

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
UNDEFINED: Final = (1 << 64) - 1
SUPERBLOCK_BYTES: Final = 96
HEADER_BYTES: Final = 16
HEAP_BYTES: Final = 32
MAX_DEPTH: Final = 16
_LAST_FREE: Final = 1

_ROOM, _SPACE, _TYPE, _FILL, _LINK, _LAYOUT, _TABLE = 0x00, 0x01, 0x03, 0x05, 0x06, 0x08, 0x11
_SCALAR: Final = b"\1\0\0\0\0\0\0\0"
_TEXT: Final = b"\x13\1\0\0"
"""Class string, version 1; padded with NULs, ASCII."""

_NO_FILL: Final = b"\2\2\2\1\0\0\0\0"
_IN_ONE_PIECE: Final = b"\3\1"
_SAYS: Final = {
    _SPACE: "are not scalar",
    _TYPE: "are no null-padded ASCII strings of fixed length",
    _FILL: "have a fill value",
    _LAYOUT: "are not stored in one plain piece of this file",
    0x04: "have a fill value",
    _LINK: "are no datasets",
    0x07: "are stored in other files",
    0x0B: "are filtered or compressed",
    0x0C: "have attributes",
    0x0D: "have a comment",
    0x0E: "have a time of change",
    0x10: "have a header in pieces",
    0x12: "have a time of change",
    0x15: "have attributes",
    _TABLE: "are no datasets",
}


class ShardError(Exception):
    """What keeps a file from being a clean shard; the text is a sentence about it."""


@dataclass(frozen=True, slots=True)
class Shard:
    """What a walk through a file found."""

    crops: Mapping[str, bytes]
    """Content of each plain member by name, without the NULs that pad it."""

    places: Mapping[str, int]
    """Where in the file each of them lies."""

    faults: tuple[str, ...]
    """One sentence per kind of fault; none for a clean shard."""


@dataclass(slots=True)
class _Walk:
    """A walk in the making: which bytes are accounted for, what was found on the way."""

    data: Buffer
    spans: list[Span] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    node_entries: tuple[int, int] = (0, 0)
    """Rows of a symbol node, children of a tree node."""

    def number(self, at: int, size: int = 8) -> int:
        if at < 0 or at + size > len(self.data):
            raise ShardError("points to places outside itself")
        return int.from_bytes(self.data[at : at + size], "little")

    def take(self, at: int, size: int) -> bytes:
        """Account for a stretch and return it."""
        if at < 0 or at + size > len(self.data):
            raise ShardError("points to places outside itself")
        self.spans.append((at, at + size))
        return self.data[at : at + size]


def read_shard(path: Path) -> Shard:
    """Walk a file; damage ends the walk with a fault and what was found until then.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Shard
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < SUPERBLOCK_BYTES:
            return Shard({}, {}, ("does not start as an HDF5 file: too short",))
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _walked(_Walk(data))


def _walked(walk: _Walk) -> Shard:
    crops: dict[str, Crop] = {}
    try:
        tree, heap = _root(walk)
        names = _heap(walk, heap)
        members = list(_members(walk, tree, 0))
        _read_members(walk, names, members, crops)
        _check_names(names, [link for link, _, _ in members])
        _check_gaps(walk)
    except ShardError as fault:
        walk.faults.append(str(fault))
    return Shard(
        crops={name: content for name, (_, content) in crops.items()},
        places={name: place for name, (place, _) in crops.items()},
        faults=tuple(walk.faults),
    )


def _root(walk: _Walk) -> Span:
    """Superblock and root header: addresses of the root's tree and heap."""
    block = walk.take(0, SUPERBLOCK_BYTES)
    if not block.startswith(SIGNATURE):
        raise ShardError("does not start as an HDF5 file: no shard, or one behind a user block")
    if block[8:16] != b"\0\0\0\0\0\x08\x08\0":
        raise ShardError("is not of superblock version 0 with 8-byte addresses")
    base, free, end, driver, link, header = struct.unpack("<6Q", block[24:72])
    if end != len(walk.data):
        raise ShardError("holds bytes behind its end, or lacks some before")
    flags, cache_type, reserved = walk.number(20, 4), walk.number(72, 4), walk.number(76, 4)
    if (base, free, driver, link) != (0, UNDEFINED, UNDEFINED, 0) or flags or reserved:
        raise ShardError("holds more in its superblock than a bare file has")
    walk.node_entries = (2 * walk.number(16, 2), 2 * walk.number(18, 2))
    messages = _messages(walk, header)
    if [kind for kind, _ in messages if kind != _ROOM] != [_TABLE]:
        raise ShardError("the root group has attributes, a comment or another form")
    table = next(content for kind, content in messages if kind == _TABLE)
    if cache_type == 1 and block[80:96] != table[:16]:
        raise ShardError("holds more in its superblock than a bare file has")
    return walk.number(80), walk.number(88)


def _messages(walk: _Walk, at: int) -> list[tuple[int, bytes]]:
    """Messages of an object header of version 1 in one piece."""
    prefix = walk.data[at : at + HEADER_BYTES]
    if prefix[:2] != b"\1\0" or prefix[12:] != bytes(4):
        raise ShardError("holds a header of another version")
    size = walk.number(at + 8, 4)
    content = walk.take(at, HEADER_BYTES + size)[HEADER_BYTES:]
    messages, place = [], 0
    while place + 8 <= size:
        kind, length = struct.unpack("<HH", content[place : place + 4])
        body = content[place + 8 : place + 8 + length]
        if content[place + 5 : place + 8] != bytes(3) or len(body) != length:
            raise ShardError("holds a broken header")
        if kind == _ROOM and any(body):
            raise ShardError("holds remains of something deleted in a header")
        messages.append((kind, body))
        place += 8 + length
    if place != size or len(messages) != walk.number(at + 2, 2):
        raise ShardError("holds a broken header")
    return messages


def _heap(walk: _Walk, at: int) -> bytes:
    """All names of the root, each at its offset; free room is set to zero where it is clean."""
    head = walk.take(at, HEAP_BYTES)
    if head[:8] != b"HEAP\0\0\0\0":
        raise ShardError("holds a heap of another version")
    size, free, address = struct.unpack("<3Q", head[8:])
    names = bytearray(walk.take(address, size))
    while free != _LAST_FREE:
        if free + 16 > size:
            raise ShardError("holds a broken heap")
        following, length = struct.unpack("<QQ", names[free : free + 16])
        if length < 16 or any(names[free + 16 : free + length]):
            raise ShardError("holds remains of deleted names")
        names[free : free + length] = bytes(length)
        free = following
    return bytes(names)


def _members(walk: _Walk, at: int, depth: int) -> Iterator[Member]:
    """Walk the tree of the root's members."""
    rows, children = walk.node_entries
    node = walk.take(at, 24 + 16 * children + 8)
    level, used = node[5], walk.number(at + 6, 2)
    if node[:5] != b"TREE\0" or used > children or depth > MAX_DEPTH:
        raise ShardError("holds a broken tree of names")
    if any(node[32 + 16 * used :]):
        raise ShardError("holds remains of deleted members")
    for place in range(at + 32, at + 32 + 16 * used, 16):
        child = walk.number(place)
        yield from _members(walk, child, depth + 1) if level else _entries(walk, child, rows)


def _entries(walk: _Walk, at: int, rows: int) -> Iterator[Member]:
    node = walk.take(at, 8 + 40 * rows)
    used = walk.number(at + 6, 2)
    if node[:6] != b"SNOD\1\0" or used > rows:
        raise ShardError("holds a broken tree of names")
    if any(node[8 + 40 * used :]):
        raise ShardError("holds remains of deleted members")
    for place in range(8, 8 + 40 * used, 40):
        link, header, kind, _ = struct.unpack("<QQII", node[place : place + 24])
        if kind == 0 and any(node[place + 20 : place + 40]):
            raise ShardError("holds remains of deleted members")
        yield link, header, kind


def _read_members(walk: _Walk, names: bytes, members: list[Member], crops: dict[str, Crop]) -> None:
    found: Counter[str] = Counter()
    seen: set[int] = set()
    for member in members:
        try:
            name, content = _member(walk, names, member, seen)
            crops[name] = content
        except ShardError as fault:
            found[str(fault)] += 1
    walk.faults += [f"{count} members {fault}" for fault, count in sorted(found.items())]


def _member(walk: _Walk, names: bytes, member: Member, seen: set[int]) -> tuple[str, Crop]:
    link, header, kind = member
    if kind != 0:
        raise ShardError("are links to elsewhere or groups")
    if header in seen:
        raise ShardError("have a second name")
    seen.add(header)
    return _name(names, link), _crop(walk, header)


def _crop(walk: _Walk, header: int) -> Crop:
    """Place and content of a bare dataset."""
    messages = dict(_messages(walk, header))
    for kind in messages:
        if kind not in (_ROOM, _SPACE, _TYPE, _FILL, _LAYOUT):
            raise ShardError(_SAYS.get(kind, "hold more than a bare dataset"))
    if walk.number(header + 4, 4) != 1:
        raise ShardError("have a second name")
    kind_of_text, layout = messages.get(_TYPE, b""), messages.get(_LAYOUT, b"")
    expected = {_SPACE: _SCALAR, _TYPE: _TEXT, _LAYOUT: _IN_ONE_PIECE, _FILL: _NO_FILL}
    for kind, start in expected.items():
        if not messages.get(kind, b"").startswith(start):
            raise ShardError(_SAYS[kind])
    size = int.from_bytes(kind_of_text[4:8], "little")
    address, stored = struct.unpack("<QQ", layout[2:18])
    if address == UNDEFINED or stored != size:
        raise ShardError("were never written")
    if len(kind_of_text) != 8 or any(layout[18:]):
        raise ShardError("hold more than a bare dataset")
    return address, walk.take(address, size).rstrip(b"\0")


def _name(names: bytes, link: int) -> str:
    end = names.find(b"\0", link)
    name = names[link:end] if 0 <= link < end else b""
    if not name or not name.isascii():
        raise ShardError("have no plain name")
    return name.decode()


def _check_names(names: bytes, links: list[int]) -> None:
    """Hold the heap against the names in use: nothing else may stand there."""
    rest = bytearray(names)
    for link in links:
        end = names.find(b"\0", link)
        rest[link:end] = bytes(max(end - link, 0))
    if any(rest):
        raise ShardError("holds remains of deleted names")


def _check_gaps(walk: _Walk) -> None:
    if walk.faults:
        return
    at = 0
    for start, end in sorted(walk.spans):
        if start < at:
            raise ShardError("holds crops that overlap")
        if any(walk.data[at:start]):
            raise ShardError("holds bytes that belong to no crop")
        at = end
    if any(walk.data[at:]):
        raise ShardError("holds bytes that belong to no crop")
