"""Whether an image shard is an HDF5 file of crops and of nothing else.

HDF5 keeps what was deleted, may point to other files, and may carry data before its first and
behind its last byte. So each byte has to be a crop's or of the structure that a bare file needs.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import h5py
import numpy as np
from h5py import h5d, h5l, h5o, h5s, h5t

__all__ = ["plain_crop", "shard_faults"]

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
SUPERBLOCK_BYTES: Final = 96
SLACK_BYTES: Final = 4096
"""What the library leaves between blocks, besides outgrown heaps of names."""

DATASET_MESSAGES: Final = frozenset({0x01, 0x03, 0x05, 0x08})
"""Header of a bare dataset: dataspace, datatype, fill value, layout."""

GROUP_MESSAGES: Final = frozenset({0x11})
"""Header of a bare group: symbol table."""

ROOM_MESSAGE: Final = 0x00
"""Room for more messages: the library reserves it, and leaves in it what it deletes."""

_JPEG_START = re.compile(rb"\xff\xd8\xff[\xdb\xe0-\xef\xfe]\x00")


def shard_faults(path: Path) -> Iterator[str]:
    """Say what keeps a file from being a clean shard.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    str
        One sentence per kind of fault; none for a clean shard.
    """
    content = path.read_bytes()
    yield from _superblock_faults(content)
    if not content.startswith(SIGNATURE):
        return
    with h5py.File(path, "r") as file:
        if _has_extras(content, file.id, GROUP_MESSAGES):
            yield "the root group has attributes, a comment or remains of such"
        names = [name.encode() for name in file]
        faults = [fault for name in names if (fault := _member_fault(content, file.id, name))]
        for fault in sorted(set(faults)):
            yield f"{faults.count(fault)} members {fault}"
        if not faults:
            yield from _space_faults(content, file.id, names)


def _superblock_faults(content: bytes) -> Iterator[str]:
    if not content.startswith(SIGNATURE):
        yield "does not start as an HDF5 file: no shard, or one behind a user block"
    elif content[8] != 0 or content[13:15] != b"\x08\x08":
        yield "is not of superblock version 0 with 8-byte addresses"
    elif int.from_bytes(content[40:48], "little") != len(content):
        yield "holds bytes behind its end, or lacks some before"


def plain_crop(file: h5py.h5f.FileID, name: bytes) -> bytes | None:
    """Bytes of a member that is a crop in this very file; ``None`` for any other."""
    if _form_fault(file, name):
        return None
    dataset = h5d.open(file, name)
    stored = np.empty((), f"S{dataset.get_type().get_size()}")
    dataset.read(h5s.ALL, h5s.ALL, stored)
    return stored.tobytes().rstrip(b"\0")


def _member_fault(content: bytes, file: h5py.h5f.FileID, name: bytes) -> str | None:
    fault = _form_fault(file, name)
    if fault is None and _has_extras(content, h5d.open(file, name), DATASET_MESSAGES):
        return "have attributes, a comment, a time of change or remains of such"
    return fault


def _form_fault(file: h5py.h5f.FileID, name: bytes) -> str | None:
    if file.links.get_info(name).type != h5l.TYPE_HARD:
        return "are links to elsewhere"
    member = h5o.open(file, name)
    if not isinstance(member, h5d.DatasetID):
        return "are no datasets"
    layout, kind = member.get_create_plist(), member.get_type()
    if member.get_space().get_simple_extent_type() != h5s.SCALAR:
        return "are not scalar"
    if not isinstance(kind, h5t.TypeStringID) or kind.is_variable_str():
        return "are no fixed-length strings"
    if (kind.get_strpad(), kind.get_cset()) != (h5t.STR_NULLPAD, h5t.CSET_ASCII):
        return "are not null-padded ASCII strings"
    if layout.get_layout() != h5d.CONTIGUOUS or layout.get_nfilters():
        return "are not stored in one plain piece"
    if layout.get_external_count():
        return "are stored in other files"
    if h5o.get_info(member).rc != 1:
        return "have a second name"
    return None


def _has_extras(
    content: bytes, member: h5py.h5f.FileID | h5d.DatasetID, expected: frozenset[int]
) -> bool:
    """Whether a header holds other messages than expected, or remains in its free room."""
    info = h5o.get_info(member)
    header = content[info.addr : info.addr + info.hdr.space.total]
    if info.hdr.nchunks != 1 or header[:1] != b"\x01":
        return True
    kinds, at = set(), 16
    while at + 8 <= len(header):
        kind, size = (int.from_bytes(header[at + i : at + i + 2], "little") for i in (0, 2))
        if kind == ROOM_MESSAGE and any(header[at + 8 : at + 8 + size]):
            return True
        kinds.add(kind)
        at += 8 + size
    return kinds - {ROOM_MESSAGE} != expected


def _space_faults(content: bytes, file: h5py.h5f.FileID, names: list[bytes]) -> Iterator[str]:
    """Account for every byte of a file whose members are all clean."""
    root = h5o.get_info(file, b"/")
    heap_bytes = root.meta_size.obj.heap_size
    structure = SUPERBLOCK_BYTES + root.hdr.space.total + root.meta_size.obj.index_size + heap_bytes
    extents = []
    for name in names:
        dataset = h5d.open(file, name)
        structure += h5o.get_info(dataset).hdr.space.total
        if dataset.get_storage_size() != dataset.get_type().get_size():
            yield "holds a crop that was never written"
            return
        extents.append((dataset.get_offset(), dataset.get_offset() + dataset.get_storage_size()))
    extents.sort()
    if any(end > start for (_, end), (start, _) in pairwise(extents)):
        yield "holds crops that overlap"
    crop_bytes = sum(end - start for start, end in extents)
    unused = len(content) - structure - crop_bytes
    if unused > heap_bytes + SLACK_BYTES:
        yield f"holds {unused} bytes that belong to no crop"
    edges = [0, *(edge for extent in extents for edge in extent), len(content)]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    if any(_JPEG_START.search(content, start, end) for start, end in gaps):
        yield "holds the start of a JPEG that is no member"
