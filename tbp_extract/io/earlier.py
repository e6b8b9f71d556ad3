"""What was published before: shards, folders of JPEGs, lists of ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tbp_extract.errors import SourceError
from tbp_extract.io.crops import JpegFolder
from tbp_extract.io.shards import ShardReader
from tbp_extract.io.text_table import TableError, parse_table

__all__ = ["Earlier", "read_earlier"]

ID_COLUMNS = ("isic_id", "image_name", "image", "id")
"""Names of the column of ids, in order of preference."""


@dataclass(frozen=True, slots=True, eq=False)
class Earlier:
    """Crops and ids of earlier releases."""

    crops: tuple[ShardReader | JpegFolder, ...]
    ids: frozenset[str]
    """Ids in lists; the crops of ``crops`` are compared by their pixels as well."""


def read_earlier(paths: Sequence[Path]) -> Earlier:
    """Open earlier releases.

    Parameters
    ----------
    paths : sequence of Path
        HDF5 files, release folders, folders of JPEG files, or CSV files with a column of ids.

    Raises
    ------
    SourceError
        Saying which of them cannot be used and why.
    """
    crops: list[ShardReader | JpegFolder] = []
    ids: set[str] = set()
    for number, path in enumerate(paths, 1):
        if path.suffix.lower() == ".csv":
            ids |= _read_ids(path, f"earlier release {number}")
        else:
            crops.append(_open_crops(path))
    return Earlier(tuple(crops), frozenset(ids))


def _open_crops(path: Path) -> ShardReader | JpegFolder:
    if not path.is_dir() or (path / "images").is_dir() or any(path.glob("shard-*.hdf5")):
        return ShardReader(path)
    return JpegFolder(path)


def _read_ids(path: Path, place: str) -> set[str]:
    try:
        table = parse_table(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{place}: cannot be read: {error.strerror}") from None
    except TableError as error:
        raise SourceError(f"{place}: {error}") from None
    for name in ID_COLUMNS:
        if name in table.columns:
            return set(table.columns[name]) - {""}
    raise SourceError(f"{place}: expected a column {', '.join(ID_COLUMNS)}, got none of them")
