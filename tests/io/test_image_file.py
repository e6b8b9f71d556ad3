"""Large image files: whole, readable by all, and calm on a full disk."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest

from tbp_extract.errors import OutputError
from tbp_extract.io.image_file import write_image_file
from tbp_extract.io.shards import ShardReader
from tbp_extract.verify.hdf5 import read_shard
from tests.releases import image_of, make_jpegs, make_release

ROOT = Path(__file__).resolve().parents[2]


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


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from h5py import h5f
from tbp_extract.errors import OutputError
from tbp_extract.io.image_file import write_image_file
from tests.releases import make_jpegs

target = Path(sys.argv[1]) / "a.hdf5"
crops = [(f"A_{k:03d}", jpeg) for k, jpeg in enumerate(make_jpegs(100))]
write_image_file(target, crops)
size = target.stat().st_size
target.unlink()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
held = []
for room in range(0, size, size // 40):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        write_image_file(target, crops)
    except OutputError as error:
        held.append(error)
print(len(held), h5f.get_obj_count(h5f.OBJ_ALL, h5f.OBJ_FILE | h5f.OBJ_DATASET))
"""


def test_a_full_disk_is_one_error_leaves_nothing_and_lets_the_process_end(tmp_path: Path) -> None:
    # A process of its own, for the library calls what is left open when the interpreter has gone;
    # held errors keep every frame of the write alive until then.
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(  # noqa: S603 - our own
        command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.split()) == (0, ["41", "0"]), done.stderr
    assert list(tmp_path.iterdir()) == []
