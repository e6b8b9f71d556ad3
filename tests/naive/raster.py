"""Plain twins of ``tbp_extract.kernels.raster``: every sample against every face, in float64."""

import numpy as np
from numpy.typing import NDArray


def barycentric(
    corner: NDArray[np.float64], row: NDArray[np.float64], col: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(..., 3) barycentric coordinates of places in one triangle of corners (row, column)."""
    (r0, c0), (r1, c1), (r2, c2) = corner
    area = (r1 - r0) * (c2 - c0) - (c1 - c0) * (r2 - r0)
    v = ((row - r0) * (c2 - c0) - (col - c0) * (r2 - r0)) / area
    w = ((r1 - r0) * (col - c0) - (c1 - c0) * (row - r0)) / area
    return np.stack((1.0 - v - w, v, w), axis=-1)


def layers(
    corner: NDArray[np.float64], height: NDArray[np.float64], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(M, S, S) depth inside each face (-inf where it turns away) and height there."""
    row, col = np.mgrid[0:size, 0:size].astype(np.float64)
    inside = np.full((len(corner), size, size), -np.inf)
    level = np.full((len(corner), size, size), -np.inf)
    for m, face in enumerate(corner):
        first, second = face[1] - face[0], face[2] - face[0]
        if first[0] * second[1] - first[1] * second[0] <= 0:
            continue
        bary = barycentric(face, row, col)
        inside[m] = bary.min(axis=-1)
        level[m] = bary @ height[m]
    return inside, level


def texel_map(corner: NDArray[np.float64], texel: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 3) affine map that takes the corners of a face to its texels."""
    system = np.column_stack((corner, np.ones(3)))
    return np.asarray(np.linalg.solve(system, texel).T, np.float64)


def sample_bilinear(
    page: NDArray[np.uint8], rowcol: NDArray[np.float64]
) -> NDArray[np.float64]:  # (..., 2)
    """(..., 3) exact bilinear values; beyond the page its edge goes on."""
    row = np.clip(rowcol[..., 0], 0, page.shape[0] - 1)
    col = np.clip(rowcol[..., 1], 0, page.shape[1] - 1)
    r0, c0 = np.floor(row).astype(int), np.floor(col).astype(int)
    r1, c1 = np.minimum(r0 + 1, page.shape[0] - 1), np.minimum(c0 + 1, page.shape[1] - 1)
    fr, fc = (row - r0)[..., None], (col - c0)[..., None]
    upper = page[r0, c0] * (1 - fc) + page[r0, c1] * fc
    lower = page[r1, c0] * (1 - fc) + page[r1, c1] * fc
    mixed: NDArray[np.float64] = upper * (1 - fr) + lower * fr
    return mixed


def shrink(
    k: int, pad: int, winner: NDArray[np.int32], fine: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """(S, S, 3) means under a tent two crop pixels wide, over samples that show skin."""
    size = len(winner) // k - 2 * pad
    out = np.zeros((size, size, 3))
    place = np.arange(len(winner))
    for row in range(size):
        for col in range(size):
            down = np.maximum(1 - np.abs((place + 0.5) / k - (row + pad + 0.5)), 0)
            across = np.maximum(1 - np.abs((place + 0.5) / k - (col + pad + 0.5)), 0)
            weight = np.outer(down, across) * (winner >= 0)
            if weight.sum() > 0:
                out[row, col] = np.tensordot(weight, fine, 2) / weight.sum()
    return out


def measure_cover(
    k: int, pad: int, winner: NDArray[np.int32], area_ratio: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]]:
    """Whether half of a pixel's samples show skin, their mean ratio, and samples per face."""
    size = len(winner) // k - 2 * pad
    core = winner[pad * k : (pad + size) * k, pad * k : (pad + size) * k]
    blocks = core.reshape(size, k, size, k).transpose(0, 2, 1, 3).reshape(size, size, k * k)
    hits = (blocks >= 0).sum(axis=2)
    ratio = np.where(blocks >= 0, area_ratio[blocks], 0.0).sum(axis=2) / np.maximum(hits, 1)
    covered = 2 * hits >= k * k
    share = np.bincount(core[core >= 0], minlength=len(area_ratio))
    return covered, np.where(covered, ratio, 0.0), share
