"""The output of a run, read from its files with nothing but the formats' own libraries."""

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tbp_extract.verify.hdf5 import Shard, read_shard

__all__ = ["CropFact", "Evidence", "sha256_of"]


@dataclass(frozen=True, slots=True)
class CropFact:
    """One crop of a release, without its bytes."""

    shard: str
    """Name of the file that holds it."""

    sha256: str


class Evidence:
    """The output of a run; each piece is read when a check first asks for it.

    Parameters
    ----------
    out : Path
        The folder that holds ``release/`` and, where it has not been taken away, ``private/``.
    key_path : Path, optional
        The release key, where it does not lie in ``private/``.
    """

    def __init__(self, out: Path, key_path: Path | None = None) -> None:
        self.out = out
        self.release = out / "release"
        self.private = out / "private"
        self.key_path = key_path or self.private / "key"

    @property
    def has_private(self) -> bool:
        """Whether the private side is at hand."""
        return self.private.is_dir()

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The release's own account of itself."""
        content: dict[str, Any] = json.loads((self.release / "manifest.json").read_bytes())
        return content

    @property
    def settings(self) -> dict[str, Any]:
        """Settings as the manifest states them."""
        found: dict[str, Any] = self.manifest["config"]["settings"]
        return found

    @cached_property
    def table(self) -> pa.Table:
        """Rows as Parquet holds them."""
        return pq.read_table(self.release / "metadata.parquet", partitioning=None)

    def column(self, name: str) -> list[Any]:
        """Cells of a released column."""
        cells: list[Any] = self.table[name].to_pylist()
        return cells

    @property
    def shard_paths(self) -> list[Path]:
        """Image files in order."""
        return sorted((self.release / "images").glob("shard-*.hdf5"))

    def shards(self) -> Iterator[tuple[str, Shard]]:
        """Each image file as a walk through it found it; one is held at a time."""
        for path in self.shard_paths:
            yield path.name, read_shard(path)

    @cached_property
    def crops(self) -> dict[str, CropFact]:
        """Every plain crop by its id; of two with one id the later."""
        return {
            name: CropFact(shard_name, hashlib.sha256(jpeg).hexdigest())
            for shard_name, shard in self.shards()
            for name, jpeg in shard.crops.items()
        }

    @cached_property
    def key(self) -> bytes | None:
        """The release key; ``None`` where it is not at hand."""
        try:
            return bytes.fromhex(self.key_path.read_text(encoding="ascii").strip())
        except FileNotFoundError:
            return None

    @cached_property
    def linkage(self) -> list[dict[str, str]]:
        """Private rows as text."""
        return self.private_rows("linkage.csv")

    @property
    def scan_records(self) -> list[dict[str, Any]]:
        """What the run noted of each scan."""
        paths = sorted((self.private / "shards").glob("shard-?????.json"))
        return [scan for path in paths for scan in json.loads(path.read_bytes())["scans"]]

    def private_rows(self, name: str) -> list[dict[str, str]]:
        """Rows of a private table; none where there is no such file."""
        path = self.private / name
        if not path.is_file():
            return []
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            return list(csv.DictReader(file))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as hex, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
