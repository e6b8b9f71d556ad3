import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tbp_extract.errors import SourceError
from tbp_extract.io.dataset import LesionDataset
from tbp_extract.io.shards import ShardReader
from tests.releases import make_out


@pytest.fixture(scope="module")
def release_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_out(tmp_path_factory.mktemp("out")) / "release"


def test_items_are_crops_with_their_rows(release_folder: Path) -> None:
    dataset = LesionDataset(release_folder, columns=["isic_id", "tbp_ex_size_px", "age_approx"])
    assert len(dataset) == 9
    with ShardReader(release_folder) as reader:
        for index, isic_id in enumerate(dataset.ids):
            pixels, row = dataset[index]
            assert row == {"isic_id": isic_id, "tbp_ex_size_px": 33, "age_approx": 45.0}
            np.testing.assert_array_equal(pixels, reader[isic_id])


def test_values_are_of_python_s_own_types(release_folder: Path) -> None:
    _, row = LesionDataset(release_folder)[0]
    assert {type(value) for value in row.values()} == {str, float, int, bool}


def test_iteration_ends(release_folder: Path) -> None:
    dataset = LesionDataset(release_folder, columns=[])
    assert len(list(iter(dataset))) == 9
    assert dataset[-1][1] == {}
    with pytest.raises(IndexError):
        dataset[9]


def test_the_transform_sees_the_pixels(release_folder: Path) -> None:
    dataset = LesionDataset(release_folder, columns=[], transform=lambda pixels: pixels.mean())
    assert 0 < dataset[0][0] < 255


def test_it_survives_pickling_with_open_files(release_folder: Path) -> None:
    dataset = LesionDataset(release_folder, columns=["isic_id"])
    pixels, row = dataset[2]
    copy = pickle.loads(pickle.dumps(dataset))  # noqa: S301 - our own object
    np.testing.assert_array_equal(copy[2][0], pixels)
    assert copy[2][1] == row


def test_worker_processes_read_the_same(release_folder: Path) -> None:
    dataset = LesionDataset(release_folder, columns=["isic_id"])
    here = [dataset[i][0].tobytes() for i in range(9)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        there = [item[0].tobytes() for item in pool.map(dataset.__getitem__, range(9))]
    assert here == there


def test_a_genuine_pair_is_read_with_its_targets(release_folder: Path, tmp_path: Path) -> None:
    shard = release_folder / "images" / "shard-00001.hdf5"
    with ShardReader(shard) as reader:
        targets = [number % 2 for number in range(len(reader.ids))]
        rows = pd.DataFrame({"isic_id": reader.ids, "target": targets})
    rows.to_csv(tmp_path / "train-metadata.csv", index=False)
    rows.to_parquet(tmp_path / "train-metadata.parquet")
    for name in ("train-metadata.csv", "train-metadata.parquet"):
        dataset = LesionDataset(shard, tmp_path / name, columns=["target"])
        assert [dataset[i][1]["target"] for i in range(len(dataset))] == targets
    assert len(targets) > 1


def test_rows_without_crops_and_unknown_columns_are_refused(
    release_folder: Path, tmp_path: Path
) -> None:
    pd.DataFrame({"isic_id": ["a", "b"]}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(SourceError, match="2 rows without one"):
        LesionDataset(release_folder, tmp_path / "a.csv")
    with pytest.raises(SourceError, match="with the columns diagnosis"):
        LesionDataset(release_folder, columns=["diagnosis"])
    with pytest.raises(SourceError, match="got none that reads"):
        LesionDataset(release_folder, tmp_path / "missing.csv")


def test_importing_it_loads_neither_torch_nor_pandas() -> None:
    code = (
        "import sys, tbp_extract.io.dataset; "
        "print([name for name in ('torch', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert done.stdout.strip() == "[]"
