import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from tbp_extract.deidentify import merge_releases
from tbp_extract.errors import OutputError, SourceError
from tbp_extract.io import shards
from tbp_extract.io.shards import ShardReader, shard_name
from tbp_extract.jpeg import decode_jpeg
from tbp_extract.types import Release
from tests.releases import image_of, make_jpegs, make_release


@pytest.fixture
def release_folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for number in range(3):
        image = image_of(make_release(4, number))
        (tmp_path / "images" / shard_name(number)).write_bytes(image)
    return tmp_path


def write_shard(path: Path, release: Release) -> Path:
    path.write_bytes(image_of(release))
    return path


def test_crops_come_back_byte_for_byte(tmp_path: Path) -> None:
    release = make_release(5)
    with ShardReader(write_shard(tmp_path / "a.hdf5", release)) as reader:
        assert reader.ids == tuple(release.columns["isic_id"])
        assert [reader.jpeg(name) for name in reader] == list(release.jpegs)
        np.testing.assert_array_equal(reader[reader.ids[0]], decode_jpeg(release.jpegs[0]))


def test_a_shard_without_crops_is_legal(tmp_path: Path) -> None:
    with ShardReader(write_shard(tmp_path / "a.hdf5", merge_releases([]))) as reader:
        assert len(reader) == 0
        assert list(reader) == []


def test_the_same_release_gives_the_same_bytes_in_another_process() -> None:
    code = (
        "import hashlib; from tests.releases import image_of, make_release; "
        "print(hashlib.sha256(image_of(make_release(9))).hexdigest())"
    )
    root = Path(__file__).resolve().parents[2]
    runs = [
        subprocess.run(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", code], cwd=root, capture_output=True, check=True, text=True
        ).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert len(runs[0].strip()) == 64


def test_a_crop_that_does_not_end_as_a_jpeg_is_refused() -> None:
    release = make_release(1)
    with pytest.raises(OutputError, match="FFD9"):
        image_of(Release(release.columns, (release.jpegs[0] + b"\0",)))


def test_a_shard_that_does_not_read_back_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    release, honest = make_release(2), shards._build
    other = tuple(make_jpegs(2, seed=77))
    monkeypatch.setattr(shards, "_build", lambda ids, jpegs: honest(ids, other))
    with pytest.raises(OutputError, match="differs"):
        image_of(release)
    monkeypatch.setattr(shards, "_build", lambda ids, jpegs: honest(ids[:1], jpegs[:1]))
    with pytest.raises(OutputError, match="does not hold"):
        image_of(release)


def test_a_release_reads_as_one(release_folder: Path) -> None:
    for source in (release_folder, release_folder / "images"):
        with ShardReader(source) as reader:
            assert len(reader) == len(set(reader.ids)) == 12
            expected = make_release(4, 2)
            name = expected.columns["isic_id"][0]
            assert name in reader
            assert reader.jpeg(name) == expected.jpegs[0]


def test_few_files_are_open_at_a_time(
    release_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "MAX_OPEN_FILES", 2)
    with ShardReader(release_folder) as reader:
        for name in reader:
            assert reader[name].shape == (33, 33, 3)
            assert len(reader._open) <= 2
    assert len(reader._open) == 0


def test_a_forked_process_opens_files_of_its_own(release_folder: Path) -> None:
    with ShardReader(release_folder) as reader:
        name = reader.ids[0]
        before = list(reader._open.values())
        reader._process = os.getpid() + 1
        assert reader.jpeg(name) == make_release(4, 0).jpegs[0]
        assert not any(file is old for file in reader._open.values() for old in before)


def test_an_unknown_id_is_a_key_error(release_folder: Path) -> None:
    with ShardReader(release_folder) as reader, pytest.raises(KeyError):
        reader.jpeg("TBP_AAAAAAAAAAAA")


def test_one_id_in_two_shards_is_refused(release_folder: Path) -> None:
    images = release_folder / "images"
    (images / shard_name(7)).write_bytes((images / shard_name(0)).read_bytes())
    with pytest.raises(SourceError, match="shard 3 holds an id"):
        ShardReader(release_folder)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n" + b"\0" * 500])
def test_what_is_no_shard_is_refused_without_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "Doe.hdf5").write_bytes(content)
    with pytest.raises(SourceError, match="shard 0 is missing or no HDF5 file") as caught:
        ShardReader(tmp_path / "Doe.hdf5")
    assert "Doe" not in str(caught.value)


def test_a_missing_shard_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="missing"):
        ShardReader(tmp_path / "a.hdf5")
    with pytest.raises(SourceError, match="folder without shards"):
        ShardReader(tmp_path)


def test_links_and_storage_outside_the_file_are_not_followed(tmp_path: Path) -> None:
    jpeg = make_jpegs(1)[0]
    with h5py.File(tmp_path / "secret.hdf5", "w") as file:
        file["crop"] = np.bytes_(jpeg)
    (tmp_path / "secret.bin").write_bytes(jpeg)
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["external"] = h5py.ExternalLink("secret.hdf5", "/crop")
        file["own"] = np.bytes_(jpeg)
        file["soft"] = h5py.SoftLink("/own")
        stored = [(str(tmp_path / "secret.bin"), 0, len(jpeg))]
        file.create_dataset("storage", (1,), f"S{len(jpeg)}", external=stored)
        layout = h5py.VirtualLayout((), f"S{len(jpeg)}")
        layout[()] = h5py.VirtualSource(str(tmp_path / "secret.hdf5"), "crop", ())
        file.create_virtual_dataset("virtual", layout)
        file.create_group("group")
        file["text"] = "variable length"
        file["number"] = 5
    with ShardReader(tmp_path / "a.hdf5") as reader:
        assert reader.jpeg("own") == jpeg
        for name in ("external", "soft", "storage", "virtual", "group", "text", "number"):
            with pytest.raises(SourceError, match="expected"):
                reader.jpeg(name)


def test_a_damaged_crop_is_a_source_error(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["cut"] = np.bytes_(make_jpegs(1)[0][:-300])
    with ShardReader(tmp_path / "a.hdf5") as reader, pytest.raises(SourceError, match="JPEG"):
        reader["cut"]
