"""Metadata and data dictionary: the columns that are to be there, in their one form, and no more.

The Parquet file is held against a writing anew of its own rows, the CSV against a rendering of
them: whatever either holds beside its rows makes a difference.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from tbp_extract.columns import DICTIONARY_FIELDS, RELEASED_COLUMNS, WHOLE_NUMBERS
from tbp_extract.verify.evidence import Evidence

__all__ = ["check_columns", "check_csv", "check_dictionary", "check_parquet", "check_same_tables"]

CREATED_BY: Final = re.compile(r"parquet-cpp-arrow version \d{1,3}\.\d{1,3}\.\d{1,3}")
ROW_GROUP_ROWS: Final = 1 << 16
_FRAME_BYTES: Final = 12
"""Magic in front and behind, and the length of the footer."""

_ARROW_TYPES: Final = {
    "str": pa.string(),
    "float": pa.float64(),
    "int": pa.int64(),
    "bool": pa.bool_(),
}
_NAMES: Final = [column.name for column in RELEASED_COLUMNS]


def check_columns(evidence: Evidence) -> Iterator[str]:
    """Expect the columns of the data dictionary in both tables, in order and type."""
    expected = pa.schema([(column.name, _ARROW_TYPES[column.dtype]) for column in RELEASED_COLUMNS])
    if evidence.table.schema != expected:
        yield "metadata.parquet: columns, order or types are not those of the data dictionary"
    header = (evidence.release / "metadata.csv").read_bytes().partition(b"\n")[0]
    if header != ",".join(_NAMES).encode():
        yield "metadata.csv: the header is not that of the data dictionary"


def check_dictionary(evidence: Evidence) -> Iterator[str]:
    """Expect a data dictionary of the columns of this version and of nothing else."""
    described = [[str(getattr(c, field)) for field in DICTIONARY_FIELDS] for c in RELEASED_COLUMNS]
    lines = [",".join(map(_csv_text, row)) for row in (list(DICTIONARY_FIELDS), *described)]
    expected = "".join(f"{line}\n" for line in lines).encode()
    if (evidence.release / "data_dictionary.csv").read_bytes() != expected:
        yield "data_dictionary.csv: does not describe the columns of this version, and them alone"


def check_parquet(evidence: Evidence) -> Iterator[str]:
    """Expect of the Parquet file its rows and nothing beside, behind or between them."""
    path = evidence.release / "metadata.parquet"
    footer = pq.read_metadata(path)
    if footer.metadata or evidence.table.schema.metadata:
        yield "metadata.parquet: holds metadata beside its columns"
    if not CREATED_BY.fullmatch(footer.created_by or ""):
        yield "metadata.parquet: names another writer than Arrow's"
    if _accounted_bytes(footer) != path.stat().st_size:
        yield "metadata.parquet: holds bytes that belong to no column"
    unused = _words_without_rows(path, footer)
    if unused:
        yield f"metadata.parquet: keeps words that no row has, in {', '.join(unused)}"
    wide = _columns_with_other_limits(path, footer)
    if wide:
        yield f"metadata.parquet: tells other limits than the rows have, in {', '.join(wide)}"
    same_writer = footer.created_by == f"parquet-cpp-arrow version {pa.__version__}"
    if same_writer and _written_anew(evidence.table) != path.read_bytes():
        yield "metadata.parquet: is not what its own rows give when written anew"


def _columns(footer: pq.FileMetaData) -> Iterator[tuple[int, Any]]:
    """Each stretch of a column with the number of its row group."""
    for group in range(footer.num_row_groups):
        for at in range(footer.num_columns):
            yield group, footer.row_group(group).column(at)


def _accounted_bytes(footer: pq.FileMetaData) -> int:
    stored = sum(column.total_compressed_size for _, column in _columns(footer))
    return int(stored + footer.serialized_size + _FRAME_BYTES)


def _words_without_rows(path: Path, footer: pq.FileMetaData) -> list[str]:
    """Columns whose dictionary pages keep more than their rows use."""
    arrow = footer.schema.to_arrow_schema()
    words = [column.name for column in arrow if pa.types.is_string(column.type)]
    found = set()
    with pq.ParquetFile(path, read_dictionary=words) as file:
        for group in range(footer.num_row_groups):
            rows = file.read_row_group(group, columns=words)
            for name in words:
                used = pc.count_distinct(rows[name].cast(pa.string())).as_py()
                kept = sum(len(chunk.dictionary) for chunk in rows[name].chunks)
                found |= {name} if kept > used else set()
    return sorted(found & set(_NAMES))


def _columns_with_other_limits(path: Path, footer: pq.FileMetaData) -> list[str]:
    found = set()
    with pq.ParquetFile(path) as file:
        for group, column in _columns(footer):
            told, name = column.statistics, column.path_in_schema
            if told is None or not told.has_min_max:
                continue
            limits = pc.min_max(file.read_row_group(group, columns=[name])[name]).as_py()
            found |= {name} if (told.min, told.max) != (limits["min"], limits["max"]) else set()
    return sorted(found & set(_NAMES))


def _written_anew(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata(None),
        sink,
        row_group_size=ROW_GROUP_ROWS,
        compression="zstd",
        store_schema=False,
    )
    return sink.getvalue()


def check_same_tables(evidence: Evidence) -> Iterator[str]:
    """Expect the same rows in both tables."""
    options = pa_csv.ConvertOptions(
        column_types={column.name: _ARROW_TYPES[column.dtype] for column in RELEASED_COLUMNS},
        null_values=[""],
        strings_can_be_null=True,
        true_values=["True"],
        false_values=["False"],
    )
    rows = pa_csv.read_csv(evidence.release / "metadata.csv", convert_options=options)
    if rows.column_names != evidence.table.column_names or rows.num_rows != evidence.table.num_rows:
        yield "metadata.csv and metadata.parquet have other rows or columns"
        return
    differing = [name for name in rows.column_names if not rows[name].equals(evidence.table[name])]
    if differing:
        yield f"metadata.csv and metadata.parquet differ in {', '.join(differing)}"


def check_csv(evidence: Evidence) -> Iterator[str]:
    """Expect a CSV in its one form: shortest numbers, quotes where needed, LF, no BOM."""
    found = (evidence.release / "metadata.csv").read_bytes()
    if found.startswith(b"\xef\xbb\xbf"):
        yield "metadata.csv: starts with a byte order mark"
    if b"\r" in found:
        yield "metadata.csv: lines do not end in LF alone"
    if found == _rendered(evidence.table):
        return
    expected = _rendered(evidence.table).split(b"\n")
    lines = found.split(b"\n")
    differing = sum(a != b for a, b in zip(lines, expected, strict=False))
    differing += abs(len(lines) - len(expected))
    yield f"metadata.csv: {differing} lines are not written in the one form of their rows"


def _rendered(table: pa.Table) -> bytes:
    """Rows as the CSV is to hold them."""
    cells = [_rendered_cells(name, table[name]) for name in table.column_names]
    header = ",".join(table.column_names)
    lines = [header, *map(",".join, zip(*cells, strict=True))]
    return ("\n".join(lines) + "\n").encode()


def _rendered_cells(name: str, values: pa.ChunkedArray) -> list[str]:
    if pa.types.is_string(values.type):
        return [_csv_text(cell or "") for cell in values.to_pylist()]
    if not pa.types.is_floating(values.type):
        return ["" if cell is None else str(cell) for cell in values.to_pylist()]
    # Arrow and Python agree on the digits of the shortest form, not on where exponents begin.
    texts = values.cast(pa.string()).to_pylist()
    point = "" if name in WHOLE_NUMBERS else ".0"
    return ["" if t is None else t + point if t.lstrip("-").isdigit() else t for t in texts]


def _csv_text(text: str) -> str:
    quoted = any(sign in text for sign in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if quoted else text
