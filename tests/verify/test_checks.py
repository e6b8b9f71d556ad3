"""What the gate does with sound, unfinished and ruined releases."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from tbp_extract.verify import Failure, verify
from tests.releases import make_release
from tests.verify.edits import (
    SHARD,
    checks_of,
    edit_manifest,
    edit_shard,
    edit_table,
    level,
    replace_crop,
    seal,
)


def test_a_release_without_its_private_part_passes(out: Path) -> None:
    shutil.rmtree(out / "private")
    assert verify(out) == ()


def test_a_copy_without_its_private_part_may_have_times_of_its_own(out: Path) -> None:
    shutil.rmtree(out / "private")
    (out / "release" / "metadata.csv").touch()
    assert verify(out) == ()


def test_a_key_kept_elsewhere_is_taken(out: Path, tmp_path: Path) -> None:
    shutil.move(out / "private" / "key", tmp_path / "key")
    assert verify(out, tmp_path / "key") == ()
    (tmp_path / "key").write_text("cd" * 32)
    assert {failure.check for failure in verify(out, tmp_path / "key")} == {"pseudonyms"}


def test_an_unfinished_run_is_called_so(out: Path, tmp_path: Path) -> None:
    (out / "release" / "manifest.json").unlink()
    for unfinished in (out, tmp_path / "nothing"):
        (failure,) = verify(unfinished)
        assert failure.check == "complete"
        assert "has not been completed" in failure.sentence


def test_a_release_by_itself_is_called_so(out: Path) -> None:
    (failure,) = verify(out / "release")
    assert "give the folder that holds release/" in failure.sentence


@pytest.mark.parametrize("name", [SHARD, "metadata.csv", "metadata.parquet", "data_dictionary.csv"])
def test_one_flipped_bit_is_found_anywhere(out: Path, name: str) -> None:
    path = out / "release" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert Failure("hashes", f"{name}: SHA-256 differs from the manifest") in verify(out)


def test_rubbish_in_the_place_of_every_file_is_survived(out: Path) -> None:
    for path in (out / "release").rglob("*"):
        if path.is_file():
            path.write_bytes(b"\x89HDF\r\n\x1a\n rubbish \xff\n")
    assert len(checks_of(out)) >= 15


def test_one_check_that_breaks_hides_no_other(out: Path) -> None:
    (out / "release" / "metadata.parquet").write_bytes(b"")
    (out / "release" / "notes.txt").write_bytes(b"x")
    found = checks_of(out)
    assert {"tree", "hashes", "parquet", "columns", "ids"} <= found


def test_no_sentence_names_anything_private(out: Path) -> None:
    replace_crop(out, lambda jpeg: b"Jane Doe")
    rows = len(make_release(18))
    edit_table(out, sex=["Doe"] * rows, attribution=["Doe"] * rows, patient_id=["MRN-001"] * rows)
    edit_manifest(out, lambda manifest: manifest["counts"].update({"MRN-00471101": "visit Doe"}))
    (out / "release" / "MRN-00471101").write_bytes(b"")
    text = " ".join(failure.sentence for failure in verify(out))
    for private in ("Doe", "MRN", str(out), "visit", "arm_0"):
        assert private not in text


def test_a_link_in_a_shard_is_not_followed(out: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.hdf5", "w") as file:
        file["crop"] = np.bytes_(b"Jane Doe")

    def add_link(file: h5py.File) -> None:
        file["TBP_" + "A" * 12] = h5py.ExternalLink(str(tmp_path / "secret.hdf5"), "/crop")

    edit_shard(out, add_link)
    seal(out)
    level(out)
    assert "crops" not in checks_of(out)


def test_a_shard_that_points_in_circles_is_survived(out: Path) -> None:
    path = out / "release" / SHARD
    content = bytearray(path.read_bytes())
    tree = content.index(b"TREE")
    content[tree + 5] = 1
    content[tree + 32 : tree + 40] = tree.to_bytes(8, "little")
    path.write_bytes(content)
    assert "shards" in checks_of(out)
