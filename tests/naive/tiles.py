"""Plain twins of ``tbp_extract.kernels.tiles``."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.types import Surface


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: the face that it was laid for, its axes, and what only it answers for."""

    face: int
    axes: NDArray[np.float64]
    box: NDArray[np.float64]
    """(2, 2) least and most, right and down."""


def axes_at(surface: Surface, face: int, normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) rows: along the longest edge as seen from above, down, out."""
    corner = surface.vertices_mm[surface.faces[face]]
    edge = np.roll(corner, -1, axis=0) - corner
    flat = edge - np.outer(edge @ normal, normal)
    length = np.linalg.norm(flat, axis=1)
    right = flat[length.argmax()] / length.max()
    return np.stack((right, np.cross(right, normal), normal))


def laid_tiles(
    surface: Surface, middles: NDArray[np.float64], look: NDArray[np.float64],
    order: NDArray[np.int32], done: NDArray[np.bool_], *, core_mm: float, cos: float,
) -> list[Tile]:  # fmt: skip
    """Cover the faces greedily; `core_mm` is half the side of what a tile answers for."""
    left = {int(face) for face in order if not done[face]}
    corner = surface.vertices_mm[surface.faces]
    area = 0.5 * np.linalg.norm(
        np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1
    )
    tiles = []

    def reached(seed: int) -> set[int]:
        axes = axes_at(surface, seed, look[seed])
        way = (middles - middles[seed]) @ axes[:2].T
        square = (np.abs(way) <= core_mm).all(axis=1)
        may = square & (surface.face_normals @ axes[2] >= cos)
        return {seed} | _connected(surface, seed, may)

    def lay(seed: int) -> None:
        new = np.array(sorted(reached(seed) & left))
        left.difference_update(new.tolist())
        axes = axes_at(surface, seed, look[seed])
        inside = (corner[new].reshape(-1, 3) - middles[seed]) @ axes[:2].T
        inside = np.clip(inside, -core_mm, core_mm)
        tiles.append(Tile(seed, axes, np.stack((inside.min(axis=0), inside.max(axis=0)))))

    for first in order.tolist():
        if first in left:
            new = np.array(sorted(reached(first) & left))
            centre = np.average(middles[new], axis=0, weights=area[new])
            away2 = ((middles[new] - centre) ** 2).sum(axis=1)
            lay(int(new[away2 <= away2.min() + 1e-3].min()))
        if first in left:
            lay(first)
    return tiles


def _connected(surface: Surface, seed: int, may: NDArray[np.bool_]) -> set[int]:
    found, border = set(), {int(k) for k in surface.neighbours[seed]}
    while border:
        face = border.pop()
        if face >= 0 and may[face] and face not in found:
            found.add(face)
            border |= {int(k) for k in surface.neighbours[face]}
    return found


def chunked(neighbours: NDArray[np.int32], chunk: int) -> list[list[int]]:
    """Lists of faces in order of breadth, each of about a chunk that hangs together."""
    left, chunks = set(range(len(neighbours))), []
    for seed in range(len(neighbours)):
        if seed not in left:
            continue
        part = [seed]
        left.remove(seed)
        for face in part:
            if len(part) >= chunk:
                break
            fresh = dict.fromkeys(int(k) for k in neighbours[face] if int(k) in left)
            part += fresh
            left -= fresh.keys()
        chunks.append(part)
    return chunks


def raised_shares(
    shown: NDArray[np.int32], face: NDArray[np.int32], cos: NDArray[np.float32],
    area_mm2: NDArray[np.float64], share: NDArray[np.float64], *, mm_per_px: float, least: float,
) -> NDArray[np.float64]:  # fmt: skip
    """(F,) share of each face that is shown in the view that shows most of it."""
    count = np.bincount(shown[shown >= 0], minlength=len(face))
    px = area_mm2[face] * cos / mm_per_px**2
    seen = (count + 0.5 * np.maximum(np.sqrt(px), 1.0)) / np.maximum(px, 1e-9)
    part = np.where(cos >= least, np.minimum(seen, 1.0), 0.0)
    return np.array([max(old, *part[face == f], 0.0) for f, old in enumerate(share)])
