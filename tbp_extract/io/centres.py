"""Finished releases with their private linkage: what a centre hands to a challenge organiser."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from tbp_extract.columns import ISIC_TRAIN_COLUMNS
from tbp_extract.errors import SourceError
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.manifest import is_whole
from tbp_extract.io.tables import METADATA_PARQUET

__all__ = ["CentreRelease", "read_centre"]

OWN = ("tbp_ex_sharpness", "tbp_ex_skin_tone", "tbp_ex_extent_mm")
"""Columns of our own that choosing and writing go by."""

LINKS = ("isic_id", "scan_id", "patient_id", "lesion_id", "tag", "capture_date")
"""Columns of the linkage that must be there."""

TAG_NOTES = ("tag_match", "tag_status")
"""Columns that may be there."""


@dataclass(frozen=True, slots=True, eq=False)
class CentreRelease:
    """One release and who is behind its rows."""

    centre: str
    """Name of the centre; several releases may be of one."""

    rows: Any
    """``pyarrow.Table`` (N,) of released columns that a challenge needs, sorted by ``isic_id``."""

    links: Any
    """``pyarrow.Table`` (N,) of text in the same order: ``LINKS`` and ``TAG_NOTES``. Private."""

    images: Path
    """Folder with the release's shards."""


def read_centre(folder: Path, centre: str, *, place: str) -> CentreRelease:
    """Read a release and its linkage.

    Parameters
    ----------
    folder : Path
        The output of a run, or the ``release`` folder in it.
    centre : str
        Its name.
    place : str
        What to call it in messages, such as ``release 2``.

    Returns
    -------
    CentreRelease

    Raises
    ------
    SourceError
        If the release is not whole, or its linkage is missing or belongs to another one.
    """
    layout = OutLayout(folder if (folder / "release").is_dir() else folder.parent)
    if not is_whole(layout.release):
        raise SourceError(
            f"{place}: expected a finished release whose files are those of its manifest, got "
            "none: give the output folder of a run that verify accepts"
        )
    rows = _read_rows(layout, place)
    return CentreRelease(centre, rows, _read_links(layout, rows, place), layout.images)


def _read_rows(layout: OutLayout, place: str) -> Any:
    path = layout.release / METADATA_PARQUET
    try:
        there = pq.read_schema(path).names
        names = [name for name in (*ISIC_TRAIN_COLUMNS, *OWN) if name in there]
        return pq.read_table(path, columns=names, partitioning=None)
    except (OSError, pa.ArrowException):
        raise SourceError(f"{place}: its metadata does not read") from None


def _read_links(layout: OutLayout, rows: Any, place: str) -> Any:
    if not layout.linkage.is_file():
        raise SourceError(
            f"{place}: expected the private linkage beside the release, got none: labels are "
            "joined by record number and tag, which only the linkage knows"
        )
    try:
        links = _as_text(layout.linkage)
    except (OSError, pa.ArrowException):
        raise SourceError(f"{place}: its private linkage does not read") from None
    absent = [name for name in LINKS if name not in links.column_names]
    if absent:
        raise SourceError(f"{place}: its private linkage lacks the columns {', '.join(absent)}")
    for name in TAG_NOTES:
        if name not in links.column_names:
            links = links.append_column(name, pa.nulls(links.num_rows, pa.string()))
    links = links.select([*LINKS, *TAG_NOTES]).sort_by("isic_id")
    if links["isic_id"].to_pylist() != rows["isic_id"].to_pylist():
        raise SourceError(f"{place}: its private linkage belongs to another release")
    return links


def _as_text(path: Path) -> Any:
    with path.open(encoding="utf-8") as file:
        names = file.readline().rstrip("\r\n").split(",")
    return pa_csv.read_csv(
        path,
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
