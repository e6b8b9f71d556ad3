"""Plain twin of ``tbp_extract.kernels.paint``: every face asks every texel."""

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]


def weights(corners: _Array, points: _Array) -> _Array:
    """Barycentric coordinates (P, 3) of points (P, 2) in a triangle (3, 2)."""
    matrix = np.vstack((corners.T, np.ones(3)))
    return np.asarray(np.linalg.solve(matrix, np.column_stack((points, np.ones(len(points)))).T).T)


def covered(rowcol: _Array, shape: tuple[int, int]) -> NDArray[np.bool_]:
    grid = np.argwhere(np.ones(shape, bool)).astype(np.float64)
    held = np.zeros(len(grid), bool)
    for corners in rowcol:
        held |= (weights(corners, grid) >= 0.0).all(axis=1)
    return held.reshape(shape)


def overlapping(rowcol: _Array, shape: tuple[int, int]) -> list[bool]:
    """Whether each face holds a texel that one before it holds."""
    grid = np.argwhere(np.ones(shape, bool)).astype(np.float64)
    held = np.zeros(len(grid), bool)
    found = []
    for corners in rowcol:
        here = np.asarray((weights(corners, grid) > 0.0).all(axis=1))
        found.append(bool((here & held).any()))
        held |= here
    return found


def from_triangle(corners: _Array, points: _Array) -> _Array:
    """Distance to the rim of a triangle, by dense samples of its edges."""
    along = np.linspace(0.0, 1.0, 4001)[:, None]
    rim = np.concatenate(
        [a + along * (b - a) for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)]
    )
    return np.array([np.linalg.norm(rim - point, axis=1).min() for point in points])


def texels(
    rowcol: _Array,
    corner: _Array,
    area: _Array,
    skin: NDArray[np.bool_],
    reach: float,
    pad: float,
) -> dict[tuple[int, int], tuple[float, _Array, float]]:
    """By (face, texel): distance beyond the face, place and area."""
    grid = np.argwhere(np.ones(skin.shape, bool))
    found = {}
    for m in range(len(rowcol)):
        weight = weights(rowcol[m], grid.astype(np.float64))
        place = weight @ corner[m]
        inside = np.asarray((weight >= 0.0).all(axis=1))
        edge, other = rowcol[m, 1] - rowcol[m, 0], rowcol[m, 2] - rowcol[m, 0]
        density = area[m] / (0.5 * abs(edge[0] * other[1] - edge[1] * other[0]))
        beyond = np.where(inside, 0.0, from_triangle(rowcol[m], grid.astype(np.float64)))
        keep = inside | (~skin.ravel() & (beyond <= pad))
        keep = np.asarray(keep & (np.abs(place) <= reach).all(axis=1))
        for n in np.flatnonzero(keep).tolist():
            found[m, n] = (float(beyond[n]), place[n], density if inside[n] else 0.0)
    return found


def spread(corner: _Array, area: _Array, step: float, size: int) -> _Array:
    """Skin behind each grid point; points on an edge are left as NaN."""
    axis = (np.arange(size) - 0.5 * (size - 1)) * step
    x, y = np.meshgrid(axis, axis)
    points = np.stack((x.ravel(), y.ravel()), axis=1)
    out = np.zeros(len(points))
    for m in range(len(corner)):
        weight = weights(corner[m], points)
        edge, other = corner[m, 1] - corner[m, 0], corner[m, 2] - corner[m, 0]
        flat = 0.5 * abs(edge[0] * other[1] - edge[1] * other[0])
        out[(weight > 1e-9).all(axis=1)] = area[m] / flat
        out[(weight > -1e-9).all(axis=1) & (weight < 1e-9).any(axis=1)] = np.nan
    return out.reshape(size, size)
