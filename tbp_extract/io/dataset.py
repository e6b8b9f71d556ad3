"""Crops and their rows for training code."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbp_extract.errors import SourceError
from tbp_extract.io.shards import ShardReader
from tbp_extract.io.tables import read_metadata

__all__ = ["LesionDataset"]

Transform = Callable[[NDArray[np.uint8]], Any]


class LesionDataset:
    """Map-style dataset for a PyTorch ``DataLoader``; needs no PyTorch itself.

    Files are opened on first use in each process, so it may be pickled and forked.

    Parameters
    ----------
    source : Path or str
        A release folder, or an HDF5 file in the genuine layout.
    metadata : Path or str, optional
        CSV or Parquet with a row per crop, such as the genuine ``train-metadata.csv``;
        by default that of the release.
    columns : iterable of str, optional
        What each row holds; by default all columns.
    transform : callable, optional
        Applied to the (H, W, 3) uint8 pixels.

    Raises
    ------
    SourceError
        If a file does not read, a column is missing or a row has no crop.

    Examples
    --------
    >>> dataset = LesionDataset(Path("out/release"), columns=["sex"])  # doctest: +SKIP
    >>> pixels, row = dataset[0]  # doctest: +SKIP
    """

    def __init__(
        self,
        source: Path | str,
        metadata: Path | str | None = None,
        *,
        columns: Iterable[str] | None = None,
        transform: Transform | None = None,
    ) -> None:
        self._source = source = Path(source)
        metadata = None if metadata is None else Path(metadata)
        self._transform = transform
        self._reader: ShardReader | None = None
        self._ids, self._rows = _read_rows(source, metadata, columns)
        with ShardReader(source) as reader:
            missing = sum(isic_id not in reader for isic_id in self._ids)
        if missing:
            raise SourceError(f"expected a crop for every row, got {missing} rows without one")

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int) -> tuple[Any, dict[str, Any]]:
        """Crop and row at a position; missing numbers are NaN, missing text is empty."""
        if self._reader is None:
            self._reader = ShardReader(self._source)
        pixels = self._reader[self._ids[index]]
        row = {name: _plain(values[index]) for name, values in self._rows.items()}
        return (pixels if self._transform is None else self._transform(pixels)), row

    def __getstate__(self) -> dict[str, Any]:
        """Leave open files behind."""
        return self.__dict__ | {"_reader": None}

    @property
    def ids(self) -> tuple[str, ...]:
        """The isic_id of every item."""
        return self._ids


def _read_rows(
    source: Path, metadata: Path | None, columns: Iterable[str] | None
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Ids, and per column a pandas array: compact, and cheap to share with forked workers."""
    import pandas as pd  # late: costs a second

    if metadata is None:
        frame = read_metadata(source)
    else:
        try:
            if metadata.suffix == ".parquet":
                frame = pd.read_parquet(metadata)
            else:
                frame = pd.read_csv(metadata, low_memory=False)  # types by column, not by piece
        except (OSError, ValueError):
            raise SourceError("expected metadata as CSV or Parquet, got none that reads") from None
    names = list(frame.columns) if columns is None else list(columns)
    absent = sorted({"isic_id", *names} - set(frame.columns))
    if absent:
        raise SourceError(f"expected metadata with the columns {', '.join(absent)}")
    text = {name: "" for name in names if not pd.api.types.is_numeric_dtype(frame[name])}
    frame = frame.fillna(text)
    return tuple(frame["isic_id"]), {name: frame[name].array for name in names}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
