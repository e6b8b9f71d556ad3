"""Boosted decision trees: the sum of the leaves that a row falls into."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def sum_leaves(
    rows: NDArray[np.float32],  # (N, K), NaN where unknown
    root: NDArray[np.int32],  # (T,) first node of each tree
    feature: NDArray[np.int16],  # (M,) -1 at a leaf
    threshold: NDArray[np.float32],  # (M,) a row goes left up to this
    unknown_left: NDArray[np.bool_],  # (M,)
    child: NDArray[np.int32],  # (M, 2) left and right
    value: NDArray[np.float32],  # (M,) of leaves
    out: NDArray[np.float64],  # (N,)
) -> None:
    """Walk each tree down for each row."""
    for n in range(rows.shape[0]):
        total = 0.0
        for tree in range(root.shape[0]):
            node = root[tree]
            while feature[node] >= 0:
                entry = rows[n, feature[node]]
                left = unknown_left[node] if entry != entry else entry <= threshold[node]
                node = child[node, 0 if left else 1]
            total += np.float64(value[node])
        out[n] = total
