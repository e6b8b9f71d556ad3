"""The walk down decision trees, on the forest that comes with the package."""

import numpy as np

from tbp_extract.detect.blob.judge import load_forest
from tbp_extract.kernels.trees import sum_leaves
from tests.naive.trees import leaf_of


def test_every_row_gets_the_sum_of_its_leaves() -> None:
    forest = load_forest()
    rng = np.random.default_rng(2)
    rows = rng.normal(0.3, 0.5, (40, 22)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    out = np.empty(len(rows))
    nodes = forest.feature, forest.threshold, forest.unknown_left, forest.child
    sum_leaves(rows, forest.root, *nodes, forest.value, out)
    expected = [
        sum(float(forest.value[leaf_of(row, int(root), *nodes)]) for root in forest.root)
        for row in rows
    ]
    # The order of the sum is the same; only its precision may differ.
    np.testing.assert_allclose(out, expected, atol=1e-9)
