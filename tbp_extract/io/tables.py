"""Metadata, linkage and data dictionary: as parts of a run, and as the files of a release.

The CSV looks as pandas writes the genuine one: plain header, quotes only where needed, ``45.0``,
``True``, empty for missing, LF. Parquet holds the same table and nothing else about it.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tbp_extract.columns import (
    BY_NAME,
    DICTIONARY_FIELDS,
    LINKAGE_COLUMNS,
    RELEASED_COLUMNS,
    WHOLE_NUMBERS,
    Column,
)
from tbp_extract.errors import OutputError, ReleaseError, SourceError
from tbp_extract.io.files import open_whole, renew_private
from tbp_extract.types import LesionTable, Release

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "DICTIONARY_NAME",
    "METADATA_CSV",
    "METADATA_PARQUET",
    "linkage_part",
    "metadata_part",
    "read_metadata",
    "released_ids",
    "write_csv",
    "write_data_dictionary",
    "write_linkage",
    "write_measures",
    "write_metadata",
]

METADATA_CSV: Final = "metadata.csv"
METADATA_PARQUET: Final = "metadata.parquet"
DICTIONARY_NAME: Final = "data_dictionary.csv"

BATCH_ROWS: Final = 1 << 16
SMALL_BYTES: Final = 1 << 17

_UNPLACED: Final = tuple(column for column in LINKAGE_COLUMNS if column.name != "shard")
"""Linkage before it is known which shard a scan goes to."""

_ARROW_TYPES = {"str": pa.string(), "float": pa.float64(), "int": pa.int64(), "bool": pa.bool_()}


def metadata_part(release: Release) -> bytes:
    """Rows of one scan as an Arrow stream, to be merged by `write_metadata`."""
    return _stream_bytes(_arrow_table(release.columns, RELEASED_COLUMNS))


def linkage_part(links: Mapping[str, NDArray[Any]]) -> bytes:
    """Private rows of one scan as an Arrow stream; ``links`` as ``deidentify.link`` gives them."""
    return _stream_bytes(_arrow_table(links, _UNPLACED))


def write_metadata(parts: Sequence[bytes], folder: Path) -> int:
    """Merge parts into ``metadata.csv`` and ``metadata.parquet``, sorted by ``isic_id``.

    Parameters
    ----------
    parts : sequence of bytes
        As `metadata_part` gives them; their order does not matter.
    folder : Path
        The release folder.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    ReleaseError
        If two rows have the same id.
    OutputError
        If a part does not read or the disk is full.
    """
    table = _merged([_read_part(part, RELEASED_COLUMNS) for part in parts], RELEASED_COLUMNS)
    with open_whole(folder / METADATA_PARQUET) as file:
        _write_parquet(table, file)
    with open_whole(folder / METADATA_CSV) as file:
        write_csv(table, file)
    return int(table.num_rows)


def write_linkage(parts: Sequence[bytes], path: Path, shard_of: Callable[[str], str]) -> int:
    """Merge private parts into a CSV of mode 0600, sorted by ``isic_id``.

    Parameters
    ----------
    parts : sequence of bytes
        As `linkage_part` gives them; their order does not matter.
    path : Path
    shard_of : callable
        From an id to the file that holds the crop.

    Returns
    -------
    int
        Rows written.
    """
    table = _merged([_read_part(part, _UNPLACED) for part in parts], _UNPLACED)
    shards = pa.array([shard_of(isic_id) for isic_id in table["isic_id"].to_pylist()], pa.string())
    placed = table.append_column("shard", shards).select([c.name for c in LINKAGE_COLUMNS])
    content = io.BytesIO()
    write_csv(placed, content)
    renew_private(path, content.getvalue())
    return int(placed.num_rows)


def write_measures(ids: Sequence[str], table: LesionTable, path: Path) -> None:
    """Write measured rows as a CSV with all columns of a release; what is not there is empty.

    Parameters
    ----------
    ids : sequence of str
        N names of crops, for ``isic_id``.
    table : LesionTable
        N rows in the same order, at the precision that a release has.
    path : Path

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    empty = np.full(len(ids), None, object)
    columns = {column.name: empty for column in RELEASED_COLUMNS}
    columns |= {name: _rounded(BY_NAME[name], values) for name, values in table.columns.items()}
    columns["isic_id"] = np.array(ids, object)
    with open_whole(path) as file:
        write_csv(_arrow_table(columns, RELEASED_COLUMNS), file)


def _rounded(column: Column, values: NDArray[Any]) -> NDArray[Any]:
    return values if column.decimals is None else np.round(values, column.decimals)


def write_data_dictionary(folder: Path) -> None:
    """Write ``data_dictionary.csv``: what is to be known of each column, one row each."""
    rows = {
        field: pa.array([str(getattr(column, field)) for column in RELEASED_COLUMNS])
        for field in DICTIONARY_FIELDS
    }
    with open_whole(folder / DICTIONARY_NAME) as file:
        write_csv(pa.table(rows), file)


def read_metadata(folder: Path | str) -> "pd.DataFrame":
    """Read the metadata of a release, one row a crop.

    Raises
    ------
    SourceError
        If the folder holds no metadata that can be read.
    """
    try:
        frame: pd.DataFrame = pq.read_table(Path(folder) / METADATA_PARQUET).to_pandas()
    except (OSError, pa.ArrowException):
        hint = ": give the folder release/ in it" if (Path(folder) / "release").is_dir() else ""
        raise SourceError(
            f"expected a release folder with {METADATA_PARQUET}, got none that reads{hint}"
        ) from None
    return frame


def released_ids(folder: Path) -> frozenset[str]:
    """Read the ids of all crops of a release from its metadata; none where that does not read."""
    try:
        table = pq.read_table(folder / METADATA_PARQUET, columns=["isic_id"], partitioning=None)
    except (OSError, pa.ArrowException, KeyError):
        return frozenset()
    return frozenset(table["isic_id"].to_pylist())


def _schema(columns: Sequence[Column]) -> pa.Schema:
    return pa.schema([(column.name, _ARROW_TYPES[column.dtype]) for column in columns])


def _arrow_table(values: Mapping[str, NDArray[Any]], columns: Sequence[Column]) -> pa.Table:
    arrays = [
        # from_pandas: NaN is missing.
        pa.array(values[column.name], _ARROW_TYPES[column.dtype], from_pandas=True)
        for column in columns
    ]
    return pa.Table.from_arrays(arrays, schema=_schema(columns))


def _merged(tables: Sequence[pa.Table], columns: Sequence[Column]) -> pa.Table:
    empty = _schema(columns).empty_table()
    table = pa.concat_tables([empty, *tables]).sort_by("isic_id").combine_chunks()
    if pc.count_distinct(table["isic_id"]).as_py() < table.num_rows:
        raise ReleaseError("two rows of the run have the same id")
    return table


def _read_part(part: bytes, columns: Sequence[Column]) -> pa.Table:
    try:
        with pa.ipc.open_stream(part) as stream:
            table = stream.read_all()
    except (OSError, pa.ArrowException):
        raise OutputError("a table of a finished scan does not read") from None
    if table.schema != _schema(columns):
        raise OutputError("a table of a finished scan has other columns than this version writes")
    return table


def _stream_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    # Compressing a hundred small columns takes longer than all the rest.
    options = pa.ipc.IpcWriteOptions(compression="zstd" if table.nbytes > SMALL_BYTES else None)
    with pa.ipc.new_stream(sink, table.schema, options=options) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def _write_parquet(table: pa.Table, file: BinaryIO) -> None:
    # store_schema would add a copy of the Arrow schema, with whatever metadata it carries.
    pq.write_table(
        table.replace_schema_metadata(None),
        file,
        row_group_size=BATCH_ROWS,
        compression="zstd",
        store_schema=False,
    )


def write_csv(table: pa.Table, file: BinaryIO) -> None:
    """Write a table in batches, the way pandas wrote the genuine one."""
    file.write((",".join(table.column_names) + "\n").encode())
    for batch in table.to_batches(max_chunksize=BATCH_ROWS):
        cells = [
            _csv_cells(name, values)
            for name, values in zip(batch.schema.names, batch.columns, strict=True)
        ]
        rows = pc.binary_join_element_wise(*cells, ",")
        file.write("".join(f"{row}\n" for row in rows.to_pylist()).encode())


def _csv_cells(name: str, values: pa.Array) -> pa.Array:
    if pa.types.is_boolean(values.type):
        text = pc.if_else(values, "True", "False")
    elif pa.types.is_string(values.type):
        text = _quoted(values)
    else:
        text = values.cast(pa.string())
    if pa.types.is_floating(values.type) and name not in WHOLE_NUMBERS:
        text = pc.replace_substring_regex(text, r"^(-?[0-9]+)$", r"\1.0")
    return pc.fill_null(text, "")


def _quoted(values: pa.Array) -> pa.Array:
    doubled = pc.replace_substring(values, '"', '""')
    wrapped = pc.binary_join_element_wise('"', doubled, '"', "")
    return pc.if_else(pc.match_substring_regex(values, r'[,"\r\n]'), wrapped, values)
