"""Crops that exist already, measured."""

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.errors import ConfigError, OutputError
from tbp_extract.io.crop_owners import CropOwners, read_crop_owners
from tbp_extract.io.crops import CropReader
from tbp_extract.io.tables import write_measures
from tbp_extract.measure import add_context, measure_lesions
from tbp_extract.measure.existing import (
    UNKNOWN_WITHOUT_MESH,
    batch_of_images,
    candidates_of_images,
)
from tbp_extract.types import LesionTable

__all__ = ["measure_crops", "measured_table", "with_context"]

BATCH_PX: Final = 2_000_000
"""Crops are decoded and measured together up to this many pixels."""


def measure_crops(
    source: Path, out: Path, *, extent_mm: float, patients: Path | None = None
) -> int:
    """Measure crops without a mesh and write the rows as a CSV.

    Parameters
    ----------
    source : Path
        A shard, a release folder or a folder of square JPEG files.
    out : Path
        The CSV: all columns of a release, empty where a crop alone does not tell.
    extent_mm : float
        Side of every crop on the skin.
    patients : Path, optional
        A CSV that says whose each crop is: fills the context columns, patient by patient.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    ConfigError
        If the extent is not above 0.
    SourceError
        If there are no crops, or one is no JPEG or not square; if the table of patients cannot be
        used or lacks a crop.
    OutputError
        If the file cannot be written.
    """
    if not 0.0 < extent_mm < np.inf:
        raise ConfigError(f"--extent-mm: expected a length above 0, got {extent_mm}")
    if not out.parent.is_dir() or out.is_dir():
        raise OutputError("--out: expected a file in a folder that exists, got another place")
    cv2.setNumThreads(1)
    with CropReader(source) as reader:
        owners = None if patients is None else read_crop_owners(patients, reader.ids)
        table = measured_table(reader, extent_mm)
        if owners is not None:
            table = with_context(table, owners)
        write_measures(reader.ids, table, out)
        return len(reader.ids)


def measured_table(reader: CropReader, extent_mm: float) -> LesionTable:
    """One row a crop, in the order of the reader's ids.

    What only a mesh or the whole capture tells has no column.
    """
    parts, places = [], []
    for group in reader.groups(BATCH_PX):
        ids = tuple(reader.ids[k] for k in group.index)
        batch = batch_of_images(group.pixels, extent_mm)
        parts.append(measure_lesions(candidates_of_images(ids), batch).columns)
        places.append(group.index)
    order = np.argsort(np.concatenate(places))
    columns: dict[str, NDArray[Any]] = {
        name: np.concatenate([part[name] for part in parts])[order]
        for name in parts[0]
        if name not in UNKNOWN_WITHOUT_MESH
    }
    return LesionTable(columns)


def with_context(table: LesionTable, owners: CropOwners) -> LesionTable:
    """Add the owner of each crop, and its place among all crops of the same owner.

    Where a crop lies on the body is not known, so that distances stay empty.
    """
    order = np.argsort(owners.patient_id, kind="stable")
    _, first = np.unique(owners.patient_id[order], return_index=True)
    known = {"patient_id": owners.patient_id, "tbp_lv_location_simple": owners.location_simple}
    columns = {**table.columns, **known}
    parts = [
        add_context(
            LesionTable({name: values[rows] for name, values in columns.items()}),
            np.full((len(rows), 3), np.nan),
        ).columns
        for rows in np.split(order, first[1:])
    ]
    back = np.argsort(order)
    return LesionTable(
        {name: np.concatenate([part[name] for part in parts])[back] for name in parts[0]}
    )
