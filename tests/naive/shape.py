"""Plain twins of ``tbp_extract.kernels.shape``."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours


def moments(share: NDArray[np.float32]) -> NDArray[np.float64]:
    """Area, centroid, variances and covariance, each pixel split into 5 x 5 points."""
    fine = np.kron(share.astype(np.float64), np.ones((5, 5))) / 25.0
    place = (np.arange(5 * len(share)) + 0.5) / 5.0 - 0.5
    y, x = np.meshgrid(place, place, indexing="ij")
    total = fine.sum()
    row, col = (fine * y).sum() / total, (fine * x).sum() / total
    return np.array(
        (
            total, row, col,
            (fine * (y - row) ** 2).sum() / total,
            (fine * (x - col) ** 2).sum() / total,
            (fine * (y - row) * (x - col)).sum() / total,
        )
    )  # fmt: skip


def outline_length(share: NDArray[np.float32]) -> float:
    """Length of all lines along which the share is one half."""
    # It has no annotations.
    find: Any = find_contours
    lines = find(share.astype(np.float64), 0.5, fully_connected="high")
    return float(sum(np.linalg.norm(np.diff(line, axis=0), axis=1).sum() for line in lines))


def mirror_distance(
    share: NDArray[np.float32], moment: NDArray[np.float64], direction: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Jaccard distance of a soft region and its mirror image, from the whole images."""
    centre = moment[1:3, None, None]
    place = np.indices(share.shape) - centre
    out = []
    for axis in direction:
        along = 2.0 * (place * axis[:, None, None]).sum(axis=0)
        where = along * axis[:, None, None] - place + centre
        mirrored = ndimage.map_coordinates(share.astype(np.float64), where, order=1)
        both = np.minimum(share, mirrored).sum()
        out.append(1.0 - both / (2.0 * share.sum() - both))
    return np.array(out)
