"""Decision trees in plain Python."""

import numpy as np
from numpy.typing import NDArray


def leaf_of(
    row: NDArray[np.float32],
    node: int,
    feature: NDArray[np.int16],
    threshold: NDArray[np.float32],
    unknown_left: NDArray[np.bool_],
    child: NDArray[np.int32],
) -> int:
    """Leaf that a row falls into from a node."""
    if feature[node] < 0:
        return node
    entry = row[feature[node]]
    left = unknown_left[node] if np.isnan(entry) else entry <= threshold[node]
    following = int(child[node, 0 if left else 1])
    return leaf_of(row, following, feature, threshold, unknown_left, child)
