"""Our shards and the genuine ISIC 2024 file are the same to those who read them.

The reading lines are those that public solutions of the challenge use.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tbp_extract.columns import ISIC_TEST_COLUMNS
from tbp_extract.io.dataset import LesionDataset
from tbp_extract.io.shards import ShardReader
from tbp_extract.io.tables import metadata_part, write_metadata
from tbp_extract.verify.hdf5 import read_shard
from tests.releases import image_of, make_release


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "train-image.hdf5"
    path.write_bytes(image_of(make_release(4)))
    return path


@pytest.fixture
def genuine(data: Path) -> Path:
    return data / "isic2024" / "test-image.hdf5"


def by_pillow(path: Path) -> list[Any]:
    f = h5py.File(path, "r")
    return [np.array(Image.open(BytesIO(f[i][()]))) for i in list(f.keys())]


def by_array(path: Path) -> list[Any]:
    f = h5py.File(path, mode="r")
    return [np.array(Image.open(BytesIO(np.array(f[i])))) for i in f]  # type: ignore[arg-type]


def by_cv2(path: Path) -> list[Any]:
    f = h5py.File(path, "r")
    decoded = (cv2.imdecode(np.frombuffer(f[i][()], np.uint8), cv2.IMREAD_COLOR) for i in f)
    return [cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB) for bgr in decoded if bgr is not None]


def by_reopening(path: Path) -> list[Any]:
    images = []
    with h5py.File(path, "r") as f:
        ids = list(f.keys())
    for i in ids:
        with h5py.File(path, "r") as f:
            images.append(np.array(Image.open(BytesIO(f[i][()])).convert("RGB")))
    return images


def by_read_and_write(path: Path) -> list[Any]:
    with h5py.File(path, "r+") as f:
        return [np.asarray(Image.open(BytesIO(f[name][()]))) for name in f]


def by_bytes(path: Path) -> list[Any]:
    with h5py.File(path, "r") as f:
        return [np.asarray(Image.open(BytesIO(bytes(v[...].item())))) for v in f.values()]


def by_us(path: Path) -> list[Any]:
    with ShardReader(path) as reader:
        return [reader[name] for name in reader]


READERS = [by_pillow, by_array, by_cv2, by_reopening, by_read_and_write, by_bytes, by_us]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_public_readers_read_our_shards(shard: Path, reader: Callable[[Path], list[Any]]) -> None:
    expected = [np.array(Image.open(BytesIO(jpeg))) for jpeg in make_release(4).jpegs]
    images = reader(shard)
    assert len(images) == 4
    for image, wanted in zip(images, expected, strict=True):
        np.testing.assert_array_equal(image, wanted)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_the_same_readers_read_the_genuine_file(
    genuine: Path, tmp_path: Path, reader: Callable[[Path], list[Any]]
) -> None:
    shutil.copyfile(genuine, tmp_path / "copy.hdf5")
    assert [image.shape for image in reader(tmp_path / "copy.hdf5")] == [
        *((141, 141, 3), (125, 125, 3), (119, 119, 3))
    ]


def test_opening_for_writing_changes_no_crop(shard: Path) -> None:
    by_read_and_write(shard)
    with ShardReader(shard) as reader:
        assert tuple(reader.jpeg(name) for name in reader) == make_release(4).jpegs


def test_the_dataset_reads_the_genuine_pair(genuine: Path) -> None:
    dataset = LesionDataset(genuine, genuine.with_name("test-metadata.csv"))
    assert len(dataset) == 3
    pixels, row = dataset[1]
    assert pixels.shape == (125, 125, 3)
    assert (row["isic_id"], row["sex"], row["tbp_lv_x"]) == (
        *("ISIC_0015729", "female", -112.3692398),
    )


def structure(path: Path) -> tuple[Any, ...]:
    """Everything that the low-level interface tells of a file but names and sizes."""
    with h5py.File(path, "r") as file:
        plist = file.id.get_create_plist()
        root = (plist.get_version(), plist.get_userblock(), plist.get_sizes(), len(file.attrs))
        return (*root, file.libver, {dataset_structure(file[name].id) for name in file})


def dataset_structure(dataset: Any) -> tuple[Any, ...]:
    kind, layout = dataset.get_type(), dataset.get_create_plist()
    return (
        *(kind.get_class(), kind.get_strpad(), kind.get_cset(), kind.is_variable_str()),
        dataset.get_space().get_simple_extent_type(),
        *(layout.get_layout(), layout.get_nfilters(), layout.get_external_count()),
        *(layout.get_fill_time(), layout.get_alloc_time(), layout.fill_value_defined()),
        *(layout.get_obj_track_times(), h5py.h5a.get_num_attrs(dataset)),
        *(h5py.h5o.get_info(dataset).mtime, h5py.h5o.get_info(dataset).rc),
        dataset.get_storage_size() == kind.get_size(),
    )


def test_our_structure_is_the_genuine_one(shard: Path, genuine: Path) -> None:
    assert structure(shard) == structure(genuine)
    assert shard.read_bytes()[8:16] == genuine.read_bytes()[8:16], "superblock versions and sizes"


def test_the_genuine_file_passes_our_structure_check(genuine: Path, shard: Path) -> None:
    for path in (genuine, shard):
        assert read_shard(path).faults == ()
        assert len(read_shard(path).crops) == len(ShardReader(path))


def dumped(path: Path) -> list[str]:
    """What h5dump says of one dataset after the other, without names and sizes."""
    tool = shutil.which("h5dump")
    if tool is None:
        pytest.skip("no h5dump here: Debian has it in hdf5-tools")
    dump = subprocess.run(  # noqa: S603 - a tool of the system on a file of ours
        [tool, "-H", "-p", str(path)], capture_output=True, check=True, text=True
    ).stdout
    blank = re.sub(r'(HDF5|DATASET) "[^"]*"|(STRSIZE|SIZE|OFFSET) \d+', r"\1\2", dump)
    return re.split(r"\n(?=   DATASET)", blank.rstrip().removesuffix("}\n}").rstrip())


def test_h5dump_shows_the_same_structure(shard: Path, genuine: Path) -> None:
    ours, theirs = dumped(shard), dumped(genuine)
    assert (len(ours), len(theirs)) == (5, 4)
    assert ours[0] == theirs[0]
    assert len(set(ours[1:] + theirs[1:])) == 1, "one form for all datasets"
    assert "H5T_STR_NULLPAD" in ours[1]


def test_our_csv_reads_with_the_types_of_the_genuine_one(genuine: Path, tmp_path: Path) -> None:
    write_metadata([metadata_part(make_release(5))], tmp_path)
    ours = pd.read_csv(tmp_path / "metadata.csv")
    theirs = pd.read_csv(genuine.with_name("test-metadata.csv"))
    assert list(ours.columns)[:44] == list(theirs.columns) == list(ISIC_TEST_COLUMNS)
    differing = {
        name: (str(ours[name].dtype), str(theirs[name].dtype))
        for name in theirs.columns
        if ours[name].dtype != theirs[name].dtype
    }
    # This copy of the genuine file lost the decimals of its ages; the original writes 45.0.
    assert differing == {"age_approx": ("float64", "int64")}
