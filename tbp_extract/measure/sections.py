"""Horizontal sections of a body: closed curves, level by level, and which hangs under which."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import location as kernels
from tbp_extract.types import Surface

__all__ = ["Sections", "cut_sections", "turned"]

STEP_MM = 10.0
"""Distance of levels: a limb has dozens, and a fingertip is not lost."""

LEAST_GIRTH_MM = 45.0
"""Shorter curves are fingers and scanning noise, which tell nothing about the body's build."""

BRIDGE_MM = 40.0
"""Widest gap in a contour, from a hole in the scan, that is closed by a straight line."""

OFFSET = 0.381966
"""Share of a step by which levels avoid a mesh's own rows of vertices."""


@dataclass(frozen=True, slots=True, eq=False)
class Sections:
    """C contours at horizontal levels, ascending; M crossings of faces with levels."""

    base_mm: float
    """Height of level 0."""

    start: NDArray[np.int64]
    """(F + 1,) where the crossings of each face begin."""

    contour: NDArray[np.int64]
    """(M + B,) contour of each crossing, then of each bridge over a gap; -1: of one too short to
    count."""

    ends_mm: NDArray[np.float64]
    """(M + B, 2, 2) x and z at both ends of each crossing or bridge."""

    level: NDArray[np.int32]
    """(C,)."""

    area_mm2: NDArray[np.float64]
    """(C,) enclosed area; negative for a cavity."""

    girth_mm: NDArray[np.float64]
    """(C,)."""

    centre_mm: NDArray[np.float64]
    """(C, 2) x and z, mean over the curve's length."""

    box_mm: NDArray[np.float64]
    """(C, 4) least and greatest x, least and greatest z."""

    above: NDArray[np.int64]
    """(C,) contour one level higher that overlaps most in plan; -1 where none does."""

    reach: NDArray[np.int64]
    """(C,) levels that hang under each contour, itself included."""

    def __len__(self) -> int:
        return len(self.level)

    def height_mm(self, contour: int) -> float:
        """Height of a contour."""
        return float(self.base_mm + STEP_MM * self.level[contour])

    def under(self, contour: int) -> NDArray[np.int64]:
        """Contours that hang under one, the largest first."""
        found = np.flatnonzero(self.above == contour)
        return found[np.argsort(-self.area_mm2[found], kind="stable")]

    def width_mm(self, contour: int) -> float:
        """Extent along x."""
        return float(self.box_mm[contour, 1] - self.box_mm[contour, 0])


def cut_sections(surface: Surface) -> Sections:
    """Cut a surface at levels 10 mm apart.

    Parameters
    ----------
    surface : Surface
        In body space.

    Returns
    -------
    Sections
        Small gaps in a contour, from holes in the scan, are bridged by straight lines.
    """
    vertices, faces = surface.vertices_mm, surface.faces
    base_mm = float(vertices[:, 1].min()) - OFFSET * STEP_MM
    start = np.empty(len(faces) + 1, np.int64)
    kernels.count_crossings(vertices, faces, base_mm, STEP_MM, start)
    count = int(start[-1])
    level, across = np.empty(count, np.int32), np.zeros((count, 2), np.int32)
    ends = np.zeros((count, 2, 2))
    kernels.cut_faces(vertices, faces, base_mm, STEP_MM, start, level, ends, across)
    root = np.empty(count, np.int64)
    kernels.join_crossings(surface.neighbours, start, level, across, root)
    open_end = surface.neighbours[np.repeat(np.arange(len(faces)), np.diff(start))[:, None], across]
    ends, root, level = _bridged(ends, root, level, open_end < 0)
    contour = _number(root, ends)
    n = int(contour.max(initial=-1)) + 1
    # Crossings are in the order of faces: contours are put in the order of levels.
    of_level = np.zeros(n, np.int32)
    of_level[contour[contour >= 0]] = level[contour >= 0]
    order = np.argsort(of_level, kind="stable")
    rank = np.empty(n + 1, np.int64)
    rank[order], rank[n] = np.arange(n), -1
    return _describe(base_mm, start, rank[contour], ends, of_level[order])


def turned(sections: Sections, yaw_deg: float) -> Sections:
    """Sections in a frame whose front is turned by an angle from +z towards +x."""
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    ends = sections.ends_mm @ np.array(((c, s), (-s, c)))
    return _describe(sections.base_mm, sections.start, sections.contour, ends, sections.level)


def _bridged(
    ends: NDArray[np.float64],
    root: NDArray[np.int64],
    level: NDArray[np.int32],
    is_open: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int32]]:
    """Join open ends of crossings to the nearest open beginnings of the same level."""
    begins, stops = np.flatnonzero(is_open[:, 0]), np.flatnonzero(is_open[:, 1])
    pairs = []
    for k in np.intersect1d(level[begins], level[stops]).tolist():
        first, last = begins[level[begins] == k], stops[level[stops] == k]
        away = np.linalg.norm(ends[last, 1][:, None] - ends[first, 0][None], axis=2)
        rows, columns = np.nonzero(away < BRIDGE_MM)
        used: set[tuple[str, int]] = set()
        for n in np.argsort(away[rows, columns], kind="stable").tolist():
            here, there = int(last[rows[n]]), int(first[columns[n]])
            if not used & {("stop", here), ("begin", there)}:
                used |= {("stop", here), ("begin", there)}
                pairs.append((here, there))
    if not pairs:
        return ends, root, level
    here, there = np.array(pairs, np.int64).T
    parent = np.arange(len(root))
    for a, b in zip(root[here].tolist(), root[there].tolist(), strict=True):
        low, high = sorted((_root(parent, a), _root(parent, b)))
        parent[high] = low
    for item in np.unique(root[np.concatenate((here, there))]).tolist():
        parent[item] = _root(parent, item)
    root = parent[root]
    gaps = np.stack((ends[here, 1], ends[there, 0]), axis=1)
    return (
        np.concatenate((ends, gaps)),
        np.concatenate((root, root[here])),
        np.concatenate((level, level[here])),
    )


def _root(parent: NDArray[np.int64], item: int) -> int:
    while parent[item] != item:
        item = int(parent[item])
    return item


def _number(root: NDArray[np.int64], ends: NDArray[np.float64]) -> NDArray[np.int64]:
    """Contours by number, without those that are too short."""
    length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    girth = np.bincount(root, length, len(root))
    kept = np.flatnonzero(girth >= LEAST_GIRTH_MM)
    number = np.full(len(root), -1, np.int64)
    number[kept] = np.arange(len(kept))
    return number[root]


def _describe(
    base_mm: float,
    start: NDArray[np.int64],
    contour: NDArray[np.int64],
    ends: NDArray[np.float64],
    level: NDArray[np.int32],
) -> Sections:
    n, used = len(level), contour >= 0
    index, ends_used = contour[used], ends[used]
    x, z = ends_used[:, :, 0], ends_used[:, :, 1]
    length = np.hypot(x[:, 1] - x[:, 0], z[:, 1] - z[:, 0])
    girth: NDArray[np.float64] = np.bincount(index, length, n).astype(np.float64)
    centre = np.stack(
        [np.bincount(index, length * side.mean(axis=1), n) / girth for side in (x, z)], axis=1
    )
    # About the centre, so that an open curve is closed by a chord of little area.
    dx, dz = x - centre[index, 0, None], z - centre[index, 1, None]
    twice = dx[:, 0] * dz[:, 1] - dx[:, 1] * dz[:, 0]
    area: NDArray[np.float64] = np.bincount(index, 0.5 * twice, n).astype(np.float64)
    box = np.empty((n, 4))
    for column, (side, reduce) in enumerate(
        ((x, np.minimum), (x, np.maximum), (z, np.minimum), (z, np.maximum))
    ):
        box[:, column] = np.inf if reduce is np.minimum else -np.inf
        reduce.at(box[:, column], index, reduce(side[:, 0], side[:, 1]))
    above = _above(level, box, area)
    reach = np.ones(n, np.int64)
    for lower in range(n):
        if above[lower] >= 0:
            reach[above[lower]] = max(reach[above[lower]], reach[lower] + 1)
    return Sections(
        base_mm=base_mm,
        start=start,
        contour=contour,
        ends_mm=ends,
        level=level,
        area_mm2=area,
        girth_mm=girth,
        centre_mm=centre,
        box_mm=box,
        above=above,
        reach=reach,
    )


def _above(
    level: NDArray[np.int32], box: NDArray[np.float64], area: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Best partner one level higher, by the overlap of boxes; cavities partner with nothing."""
    above = np.full(len(level), -1, np.int64)
    edges = np.searchsorted(level, np.arange(int(level.max(initial=0)) + 3))
    for k in range(len(edges) - 2):
        low, high = np.arange(edges[k], edges[k + 1]), np.arange(edges[k + 1], edges[k + 2])
        low, high = low[area[low] > 0], high[area[high] > 0]
        if not len(low) or not len(high):
            continue
        a, b = box[low][:, None], box[high][None]
        dx = np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0])
        dz = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 2], b[..., 2])
        overlap = np.maximum(dx, 0) * np.maximum(dz, 0)
        size_b = (b[..., 1] - b[..., 0]) * (b[..., 3] - b[..., 2])
        # Among contours that both cover the lower one, the tighter fits better.
        score = overlap * (1.0 + 0.01 * overlap / np.maximum(size_b, 1.0))
        best = score.argmax(axis=1)
        found = score[np.arange(len(low)), best] > 0
        above[low[found]] = high[best[found]]
    return above
