"""Large image files: whole, readable by all, and calm on a full disk."""

import os
from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest

from tbp_extract.errors import OutputError
from tbp_extract.io.image_file import write_image_file
from tbp_extract.io.shards import ShardReader
from tbp_extract.verify.hdf5 import read_shard
from tests.releases import image_of, make_jpegs, make_release


def test_what_is_written_reads_back_and_has_the_genuine_structure(tmp_path: Path) -> None:
    jpegs = make_jpegs(50)
    path = tmp_path / "train-image.hdf5"
    write_image_file(path, ((f"ISIC_{k:07d}", jpeg) for k, jpeg in enumerate(jpegs)))
    with ShardReader(path) as reader:
        assert [reader.jpeg(name) for name in reader] == jpegs
    assert read_shard(path).faults == ()
    assert list(tmp_path.iterdir()) == [path]


def test_crops_lie_as_in_a_shard_built_in_memory(tmp_path: Path) -> None:
    release = make_release(6)
    pairs = list(zip(release.columns["isic_id"], release.jpegs, strict=True))
    write_image_file(tmp_path / "a.hdf5", pairs)
    (tmp_path / "b.hdf5").write_bytes(image_of(release))
    with h5py.File(tmp_path / "a.hdf5") as one, h5py.File(tmp_path / "b.hdf5") as other:
        assert {n: one[n].dtype for n in one} == {n: other[n].dtype for n in other}
        assert one.id.get_create_plist().get_version() == other.id.get_create_plist().get_version()


def test_the_same_crops_give_the_same_bytes(tmp_path: Path) -> None:
    pairs = [(f"A_{k}", jpeg) for k, jpeg in enumerate(make_jpegs(9))]
    for name in ("a", "b"):
        write_image_file(tmp_path / name, pairs)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_empty_file_opens(tmp_path: Path) -> None:
    write_image_file(tmp_path / "empty.hdf5", [])
    with h5py.File(tmp_path / "empty.hdf5") as file:
        assert list(file) == []


def test_ids_twice_or_out_of_order_are_refused_and_nothing_stays(tmp_path: Path) -> None:
    jpeg = make_jpegs(1)[0]
    with pytest.raises(OutputError, match="the same id"):
        write_image_file(tmp_path / "a.hdf5", [("A", jpeg), ("A", jpeg)])
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def crops() -> Iterator[tuple[str, bytes]]:
        yield "A", make_jpegs(1)[0]
        raise ValueError("gone")

    with pytest.raises(ValueError, match="gone"):
        write_image_file(tmp_path / "a.hdf5", crops())
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, plain = [20_000], os.pwrite

    def pwrite(descriptor: int, data: memoryview, at: int) -> int:
        room[0] -= len(data)
        if room[0] < 0:
            raise OSError(28, "No space left on device")
        return plain(descriptor, data, at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    pairs = [(f"A_{k:03d}", jpeg) for k, jpeg in enumerate(make_jpegs(100))]
    with pytest.raises(OutputError, match="No space left on device"):
        write_image_file(tmp_path / "a.hdf5", pairs)
    assert list(tmp_path.iterdir()) == []
