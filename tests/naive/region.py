"""Plain twins of ``tbp_extract.kernels.region``."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def flood(
    contrast: NDArray[np.float32], seed: tuple[int, int], steps: int, top: int
) -> NDArray[np.int16]:
    """Highest level at which a pixel is connected to the seed, one level after the other."""
    level = np.clip((contrast * np.float32(steps)).astype(np.int64), 0, top)
    join = np.zeros(contrast.shape, np.int16)
    for k in range(top, 0, -1):
        label, _ = ndimage.label(level >= k)
        if label[seed] > 0:
            join[(label == label[seed]) & (join == 0)] = k
    return join


def area(join: NDArray[np.int16], top: int) -> list[int]:
    """Pixels of the region at each level."""
    return [int((join >= k).sum()) for k in range(top + 2)]


def pairs(join: NDArray[np.int16], top: int) -> list[int]:
    """Pairs of neighbours across the region's outline at each level above 0."""
    return [
        sum(int(np.diff(join >= k, axis=axis).sum()) for axis in (0, 1)) for k in range(1, top + 2)
    ]


def rim(join: NDArray[np.int16], bare: NDArray[np.bool_], top: int) -> list[int]:
    """Pixels at the end of the image, and pairs with pixels without skin, at each level."""
    cross = ndimage.generate_binary_structure(2, 1)
    cross[1, 1] = False
    beside = ndimage.convolve(bare.astype(int), cross.astype(int), mode="constant")
    at_end = np.pad(np.zeros([n - 2 for n in join.shape], int), 1, constant_values=1)
    weight = np.where(join > 0, beside + at_end, 0)
    return [int(weight[join >= k].sum()) for k in range(top + 2)]


def chamfer(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Least sum of steps to the other side: 3 sideways, 4 diagonally; by brute force."""
    rows, cols = np.indices(mask.shape).reshape(2, -1)
    out = np.zeros(mask.size, np.int64)
    inside = mask.ravel()
    for k in range(mask.size):
        other = inside != inside[k]
        down, right = abs(rows[other] - rows[k]), abs(cols[other] - cols[k])
        least = (3 * np.maximum(down, right) + np.minimum(down, right)).min()
        out[k] = least if inside[k] else -least
    return out.reshape(mask.shape)
