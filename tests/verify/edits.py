"""Ways to tamper with a release and to bring its hashes, tables and times into line afterwards."""

import csv
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tbp_extract.io.tables import write_csv
from tbp_extract.verify import verify

SHARD = "images/shard-00000.hdf5"
TIME_S = 946_684_800


def checks_of(out: Path) -> set[str]:
    """Names of the checks that fail."""
    return {failure.check for failure in verify(out)}


def seal(out: Path) -> None:
    """Make manifest and times agree with the files again: who tampers may well do so."""
    release = out / "release"
    files = {
        path.relative_to(release).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in release.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    edit_manifest(out, lambda manifest: manifest.update(files=files))


def level(out: Path) -> None:
    """Give all of a release one time of change."""
    release = out / "release"
    for path in (*release.rglob("*"), release):
        os.utime(path, (TIME_S, TIME_S), follow_symlinks=False)


def edit_manifest(out: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = out / "release" / "manifest.json"
    manifest = json.loads(path.read_text())
    edit(manifest)
    path.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


def edit_settings(out: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change the settings that the manifest states, with their fingerprint."""

    def change(manifest: dict[str, Any]) -> None:
        settings = manifest["config"]["settings"]
        edit(settings)
        text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
        manifest["config"]["fingerprint"] = hashlib.sha256(text.encode()).hexdigest()

    edit_manifest(out, change)


def read_table(out: Path) -> pa.Table:
    return pq.read_table(out / "release" / "metadata.parquet")


def write_table(out: Path, table: pa.Table) -> None:
    """Write both forms of the metadata as a run does."""
    write_parquet(out, table)
    with (out / "release" / "metadata.csv").open("wb") as file:
        write_csv(table, file)


def write_parquet(out: Path, table: pa.Table, **options: Any) -> None:
    options = {"row_group_size": 1 << 16, "compression": "zstd", "store_schema": False} | options
    pq.write_table(table, out / "release" / "metadata.parquet", **options)


def edit_table(out: Path, **columns: list[Any]) -> None:
    table = read_table(out)
    for name, values in columns.items():
        at = table.column_names.index(name)
        changed = pa.array(values, table.schema.field(name).type, from_pandas=True)
        table = table.set_column(at, name, changed)
    write_table(out, table)


def set_first(out: Path, name: str, value: object) -> None:
    """Put another value into the first cell of a column."""
    edit_table(out, **{name: [value, *column(out, name)[1:]]})


def column(out: Path, name: str) -> list[Any]:
    values: list[Any] = read_table(out)[name].to_pylist()
    return values


def edit_csv(out: Path, edit: Callable[[bytes], bytes], name: str = "metadata.csv") -> None:
    path = out / "release" / name
    path.write_bytes(edit(path.read_bytes()))


def edit_shard(out: Path, edit: Callable[[h5py.File], object]) -> None:
    with h5py.File(out / "release" / SHARD, "r+") as file:
        edit(file)


def edit_shard_bytes(out: Path, edit: Callable[[bytearray], object]) -> None:
    path = out / "release" / SHARD
    content = bytearray(path.read_bytes())
    edit(content)
    path.write_bytes(content)


def read_crops(out: Path, name: str = SHARD) -> dict[str, bytes]:
    with h5py.File(out / "release" / name, "r") as file:
        return {crop: bytes(file[crop][()]) for crop in file}


def write_crops(
    out: Path, crops: dict[str, bytes], name: str = SHARD, libver: str = "earliest"
) -> None:
    """Write a shard anew, in the order given, and note the images in the linkage."""
    with h5py.File(out / "release" / name, "w", libver=libver) as file:
        for crop, jpeg in crops.items():
            file[crop] = np.bytes_(jpeg)
    relink(out, {crop: hashlib.sha256(jpeg).hexdigest() for crop, jpeg in crops.items()})


def replace_crop(out: Path, change: Callable[[bytes], bytes]) -> None:
    """Put another first crop into the first shard."""
    crops = read_crops(out)
    first = min(crops)
    write_crops(out, crops | {first: change(crops[first])})


def read_linkage(out: Path) -> list[dict[str, str]]:
    with (out / "private" / "linkage.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_linkage(out: Path, rows: list[dict[str, str]]) -> None:
    with (out / "private" / "linkage.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def relink(out: Path, sha256: dict[str, str]) -> None:
    if not (out / "private" / "linkage.csv").exists():
        return
    rows = read_linkage(out)
    for row in rows:
        row["crop_sha256"] = sha256.get(row["isic_id"], row["crop_sha256"])
    write_linkage(out, rows)
