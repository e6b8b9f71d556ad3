"""Search every file of an output folder for what is to be gone from it."""

import base64
import io
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["LEAST_CHARACTERS", "Traces", "find_traces"]

LEAST_CHARACTERS: Final = 6
"""A shorter text is found everywhere by chance: only whole cells of tables count then."""

_CELL_ENDS = b',"\n\r\t\0'


class Traces:
    """What to look for, in every way that the program's own files may hold it.

    Parameters
    ----------
    texts : collection of str
        Ids, pseudonyms, hashes.
    contents : collection of bytes
        Pieces of files.
    """

    def __init__(self, texts: Collection[str], contents: Collection[bytes] = ()) -> None:
        long = [text for text in texts if len(text) >= LEAST_CHARACTERS]
        self._parts = frozenset(
            form for text in long for form in _forms(text) if len(form) >= LEAST_CHARACTERS
        ) | frozenset(contents)
        self._cells = frozenset(
            text.encode("utf-8", "surrogateescape")
            for text in texts
            if 0 < len(text) < LEAST_CHARACTERS
        )

    def are_in(self, data: bytes, *, is_table: bool) -> bool:
        """Whether data holds any of it."""
        if any(part in data for part in self._parts):
            return True
        return is_table and not self._cells.isdisjoint(_cells(data))


def find_traces(folder: Path, traces: Traces, *, besides: Collection[Path] = ()) -> list[Path]:
    """Files below a folder that hold any of what is looked for.

    Parameters
    ----------
    folder : Path
    traces : Traces
    besides : collection of Path
        Not looked at: the key, the lock that is held.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path not in besides)
    return [path for path in paths if _holds(path, traces)]


def _holds(path: Path, traces: Traces) -> bool:
    data = path.read_bytes()
    is_table = path.suffix in (".csv", ".txt")
    if traces.are_in(path.name.encode() + b"\n" + data, is_table=is_table):
        return True
    return any(traces.are_in(text, is_table=True) for text in _decoded(data))


def _decoded(data: bytes) -> Iterator[bytes]:
    """Texts of a Parquet file's cells: the file itself is compressed."""
    if data[:4] != b"PAR1":
        return
    for column in pq.read_table(io.BytesIO(data)).columns:
        if pa.types.is_string(column.type):
            yield "\n".join(str(cell) for cell in column.to_pylist()).encode(errors="replace")


def _forms(text: str) -> Iterator[bytes]:
    plain = text.encode("utf-8", "surrogateescape")
    yield plain
    yield text.encode("utf-16-le", "surrogatepass")
    yield plain.hex().encode()
    yield base64.b64encode(plain).rstrip(b"=")[:-1]


def _cells(data: bytes) -> set[bytes]:
    table = bytes.maketrans(_CELL_ENDS, b"\n" * len(_CELL_ENDS))
    return set(data.translate(table).split(b"\n"))
