"""The output of a run, read from its files with nothing but the formats' own libraries."""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tbp_extract.verify.hdf5 import Shard, read_shard

__all__ = ["CropFact", "Evidence", "ScanNote", "sha256_of"]


@dataclass(frozen=True, slots=True)
class CropFact:
    """One crop of a release, without its bytes."""

    shard: str
    """Name of the file that holds it."""

    sha256: str


@dataclass(frozen=True, slots=True)
class ScanNote:
    """What the private side knows of one finished scan."""

    entry: Mapping[str, Any]
    """Pseudonym and counts."""

    inputs: tuple[str, ...]
    """Names of the files that were read."""

    links: tuple[Mapping[str, str], ...]
    """Private rows from ids to the source, as text."""


class Evidence:
    """The output of a run; each piece is read when a check first asks for it.

    Parameters
    ----------
    out : Path
        The folder that holds ``release/`` and, where it has not been taken away, ``private/``.
    key_path : Path, optional
        The release key, where it does not lie in ``private/``.
    public : str, optional
        Name of the folder that may be published; a challenge's has another.
    """

    def __init__(self, out: Path, key_path: Path | None = None, public: str = "release") -> None:
        self.out = out
        self.release = out / public
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

    @cached_property
    def scan_notes(self) -> list[ScanNote]:
        """What the run noted of each scan that it finished."""
        lost = {row["scan"] for row in self.private_rows("quarantine.csv")}
        notes = map(_read_note, sorted((self.private / "scans").glob("*.record")))
        return [note for note in notes if note.entry["scan"] not in lost]

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


def _read_note(path: Path) -> ScanNote:
    """Read a record: a line, the length of a head in 8 bytes, the head as JSON, its pieces."""
    data = path.read_bytes()
    start = data.index(b"\n") + 9
    end = start + int.from_bytes(data[start - 8 : start], "big")
    head = json.loads(data[start:end])
    facts, (rows_bytes, links_bytes, *_) = head["facts"], head["lengths"]
    links = data[end + rows_bytes : end + rows_bytes + links_bytes]
    with pa.ipc.open_stream(links) as stream:
        rows = stream.read_all().to_pylist()
    texts = [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows]
    return ScanNote(facts["entry"], tuple(facts["inputs"]), tuple(texts))
