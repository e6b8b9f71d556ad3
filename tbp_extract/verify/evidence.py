"""The output of a run, read from its files with nothing but the formats' own libraries."""

import csv
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from tbp_extract.verify.hdf5 import plain_crop

__all__ = ["Evidence"]


class Evidence:
    """The output of a run; each piece is read when a check first asks for it."""

    def __init__(self, out: Path) -> None:
        self.release = out / "release"
        self.private = out / "private"

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The release's own account of itself."""
        content: dict[str, Any] = json.loads((self.release / "manifest.json").read_bytes())
        return content

    @cached_property
    def table(self) -> pa.Table:
        """Rows as Parquet holds them."""
        return pq.read_table(self.release / "metadata.parquet", partitioning=None)

    @cached_property
    def linkage(self) -> pa.Table | None:
        """Private rows as text; ``None`` where they have been taken away."""
        path = self.private / "linkage.csv"
        if not path.is_file():
            return None
        with path.open(encoding="utf-8", newline="") as file:
            names = next(csv.reader(file))
        return pa_csv.read_csv(
            path,
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )

    @property
    def shards(self) -> list[Path]:
        """Image files in order."""
        return sorted((self.release / "images").glob("shard-*.hdf5"))

    def crop_names(self) -> list[str]:
        """Names of all members of all shards."""
        names: list[str] = []
        for path in self.shards:
            with h5py.File(path, "r") as file:
                names += file
        return names

    def crops(self) -> Iterator[tuple[str, bytes]]:
        """Every crop with its id, shard by shard; what points elsewhere is not followed."""
        for path in self.shards:
            with h5py.File(path, "r") as file:
                for name in file:
                    jpeg = plain_crop(file.id, name.encode())
                    if jpeg is not None:
                        yield name, jpeg
