"""Plain twin of ``tbp_extract.kernels.strand``: where a strand goes, step by step."""

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]


def walk(
    vertices: _Array,
    faces: NDArray[np.int32],
    neighbours: NDArray[np.int32],
    normals: _Array,
    face: int,
    root: _Array,
    heading: _Array,
    length: float,
    turn_per_mm: float,
    step: float,
) -> list[tuple[int, _Array, _Array]]:
    """Pieces of a strand: face, start and end."""
    point, along, pieces = root, heading, []
    while length > 1e-6:
        normal = normals[face]
        along = along - (along @ normal) * normal
        along = along / np.linalg.norm(along)
        corners = vertices[faces[face]]
        basis = np.vstack((corners.T, np.ones(3)))
        here = np.linalg.lstsq(basis, np.append(point, 1.0), rcond=None)[0]
        change = np.linalg.lstsq(basis, np.append(along, 0.0), rcond=None)[0]
        ways = [max(w, 0.0) / -c if c < 0.0 else np.inf for w, c in zip(here, change, strict=True)]
        go, leave = min(step, length), int(np.argmin(ways))
        crosses = ways[leave] < go
        go = min(go, ways[leave])
        pieces.append((face, point, point + go * along))
        point, length = point + go * along, length - go
        angle = turn_per_mm * go
        along = along * np.cos(angle) + np.cross(normal, along) * np.sin(angle)
        if crosses:
            face = int(neighbours[face, (leave + 1) % 3])
            if face < 0:
                break
    return pieces


def ink(
    page: _Array,
    rowcol: _Array,
    corners: _Array,
    start: _Array,
    end: _Array,
    width: float,
    rgb: _Array,
    opacity: float,
) -> _Array:
    """Blend one piece into a page, only the texels that the face holds."""
    grid = np.argwhere(np.ones(page.shape[:2], bool))
    matrix = np.vstack((rowcol.T, np.ones(3)))
    weight = np.linalg.solve(matrix, np.column_stack((grid, np.ones(len(grid)))).T).T
    area_mm2 = np.linalg.norm(np.cross(corners[1] - corners[0], corners[2] - corners[0]))
    area_px = abs(np.linalg.det(np.stack((rowcol[1] - rowcol[0], rowcol[2] - rowcol[0]))))
    texel = np.sqrt(area_mm2 / area_px)
    length = float(np.linalg.norm(end - start))
    offset = weight @ corners - start
    along = offset @ ((end - start) / np.maximum(length, 1e-12))
    away = np.sqrt(np.maximum((offset**2).sum(axis=1) - along**2, 0.0))
    shared = np.minimum(min(width, texel), 0.5 * (width + texel) - away)
    hit = (weight >= 0.0).all(axis=1) & (along >= 0.0) & (along < length) & (shared > 0.0)
    out = page.copy()
    for (row, col), part in zip(grid[hit], shared[hit], strict=True):
        value = page[row, col] + opacity * part / texel * (rgb - page[row, col])
        out[row, col] = np.floor(np.clip(value + 0.5, 0.0, 255.0))
    return out
