"""Plain twins of ``tbp_extract.kernels.regrid``."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def planar(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours channel by channel, as the kernels take them: (..., M, M, 3) to (..., 3, M, M)."""
    return np.ascontiguousarray(np.moveaxis(lab, -1, -3))


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


def halve(
    lab: NDArray[np.float32], usable: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Weights 1-2-1 both ways at every second pixel, one image."""
    weights = np.outer((1.0, 2.0, 1.0), (1.0, 2.0, 1.0))
    known = ndimage.convolve(usable.astype(np.float64), weights, mode="constant")[1::2, 1::2]
    total = np.stack(
        [
            ndimage.convolve(np.where(usable, lab[..., c], 0.0), weights, mode="constant")
            for c in range(3)
        ],
        axis=-1,
    )[1::2, 1::2]
    seen = known > 0
    return np.where(seen[..., None], total / np.maximum(known, 1)[..., None], 0.0), seen
