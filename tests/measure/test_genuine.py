import csv
import io
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from tbp_extract.measure.delineate import delineate
from tbp_extract.measure.shape import measure_shape
from tests.measure.scenes import batch_of


@pytest.mark.parametrize(
    "isic_id",
    [
        "ISIC_0015657",
        "ISIC_0015729",
        "ISIC_0015740",
    ],
)
def test_genuine_crops_measure_as_in_their_rows(data: Path, isic_id: str) -> None:
    folder = data / "isic2024"
    with h5py.File(folder / "test-image.hdf5") as file:
        pixels = np.asarray(Image.open(io.BytesIO(file[isic_id][()])))
    with (folder / "test-metadata.csv").open(encoding="utf-8", newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["isic_id"] == isic_id)
    columns = measure_shape(delineate(batch_of(pixels)))
    area, long = columns["tbp_lv_areaMM2"][0], columns["clin_size_long_diam_mm"][0]
    assert area == pytest.approx(float(row["tbp_lv_areaMM2"]), rel=0.3)
    assert long == pytest.approx(float(row["clin_size_long_diam_mm"]), rel=0.2)
