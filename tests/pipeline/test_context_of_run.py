"""Context columns of a finished run: made per scan, from all its exported lesions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tbp_extract.config import Config
from tbp_extract.measure.context import nearest_mm
from tbp_extract.pipeline.run import run
from tests.sources import LESIONS, SCANS


@pytest.fixture(scope="module")
def rows(source: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    out = tmp_path_factory.mktemp("context") / "out"
    run(source, out, Config(), workers=0)
    metadata = pd.read_parquet(out / "release" / "metadata.parquet")
    return metadata.merge(pd.read_csv(out / "private" / "linkage.csv"), on="isic_id")


def test_every_lesion_counts_those_of_its_own_scan(rows: pd.DataFrame) -> None:
    assert len(rows) == SCANS * LESIONS
    assert rows["tbp_ex_lesion_count"].unique().tolist() == [LESIONS]


def test_distances_are_those_of_the_exact_places(rows: pd.DataFrame) -> None:
    for _, scan in rows.groupby("scan_id"):
        exact = nearest_mm(scan[["x_mm", "y_mm", "z_mm"]].to_numpy(np.float64))
        np.testing.assert_array_equal(scan["tbp_ex_nearest_mm"], np.round(exact))


def test_ranks_are_those_within_the_scan(rows: pd.DataFrame) -> None:
    for _, scan in rows.groupby("scan_id"):
        ordered = scan.sort_values("tbp_ex_rank_long_diam_mm")
        # Released diameters are rounded, and may be equal where the measured ones were not.
        assert ordered["clin_size_long_diam_mm"].is_monotonic_increasing
        ranks = ordered["tbp_ex_rank_long_diam_mm"]
        np.testing.assert_allclose(ranks, (np.arange(LESIONS) + 0.5) / LESIONS, atol=1e-4)
