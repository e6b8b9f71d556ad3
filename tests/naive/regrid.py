"""Plain twins of ``tbp_extract.kernels.regrid``."""

import numpy as np
from numpy.typing import NDArray


def regrid(
    pixels: NDArray[np.uint8],
    covered: NDArray[np.bool_],
    first: NDArray[np.int64],
    weight: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One matrix for both axes; colours over cover."""
    matrix = np.zeros((len(first), pixels.shape[1]))
    for i, start in enumerate(first):
        for k, w in enumerate(weight[i]):
            if w > 0:
                matrix[i, start + k] += w
    cover = np.einsum("ir,nrc,jc->nij", matrix, covered.astype(np.float64), matrix)
    rgb = np.einsum("ir,nrcx,jc->nijx", matrix, pixels.astype(np.float64), matrix)
    seen = cover > 1e-3
    rgb[seen] /= cover[seen][:, None]
    rgb[~seen] = 0.0
    return rgb, cover
