"""A UV atlas with real seams: cut the skin into charts, lay them flat, pack them into pages."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from tbp_extract.errors import ConfigError
from tbp_extract.phantom.anatomy import RIGHT, Part
from tbp_extract.phantom.body import Body
from tbp_extract.uv import rowcol_to_uv

__all__ = ["Atlas", "make_atlas"]

_GUTTER_PX = 8
_SMALL_CHART_SHARE = 0.0005
_ROUNDS = 12
_TURNS_DEG = range(0, 90, 5)


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """Where each face lies in the pages."""

    wedge_uv: NDArray[np.float32]
    """(F, 3, 2), v up."""

    face_page: NDArray[np.int16]
    """(F,)."""

    face_chart: NDArray[np.int32]
    """(F,) number of the connected chart."""

    px_per_mm: float
    """Density at which the charts were packed; what a face has differs by its distortion."""


def make_atlas(body: Body, *, page_px: int, pages: int = 1) -> Atlas:
    """Cut, flatten and pack.

    Parameters
    ----------
    body : Body
    page_px : int
        Side of each square page.
    pages : int
        How many pages to fill; the density follows from it.

    Returns
    -------
    Atlas
        Charts keep at least 8 texels from one another and are laid out as rigidly as possible
        (Liu et al. 2008, doi:10.1111/j.1467-8659.2008.01290.x).

    Raises
    ------
    ConfigError
        If the charts do not fit at any density.
    """
    chart, flat = _lay_out(body)
    boxes = np.empty((int(chart.max()) + 1, 2))
    for number in range(len(boxes)):
        member = np.flatnonzero(chart == number)
        flat[member] = _turn_to_fit(flat[member])
        flat[member] -= flat[member].min(axis=(0, 1))
        boxes[number] = flat[member].max(axis=(0, 1))
    density, places = _pack(boxes, page_px, pages)
    size = np.array((page_px, page_px))
    # Rows grow downwards on a page: turned about, not mirrored.
    rowcol = (boxes[chart][:, None, ::-1] - flat[:, :, ::-1]) * (density, 0.0) + flat[
        :, :, ::-1
    ] * (0.0, density)
    rowcol += places[chart][:, None, 1:] + _GUTTER_PX // 2
    uv = rowcol_to_uv(rowcol, size).astype(np.float32)
    return Atlas(uv, places[chart, 0].astype(np.int16), chart, density)


def _lay_out(body: Body) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Chart of each face, and its corners (F, 3, 2) laid flat in mm.

    A face that came out folded over becomes a chart of its own.
    """
    chart = _cut(body)
    flat = np.empty((len(body.faces), 3, 2))
    for number in range(int(chart.max()) + 1):
        member = np.flatnonzero(chart == number)
        flat[member] = _flatten(body.vertices_mm, body.faces[member])
    edge, other = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    folded = np.flatnonzero(edge[:, 0] * other[:, 1] <= edge[:, 1] * other[:, 0])
    flat[folded] = _unfold(body.vertices_mm[body.faces[folded]])
    chart[folded] = chart.max() + 1 + np.arange(len(folded))
    # A chart may have lost all its faces.
    return np.unique(chart, return_inverse=True)[1].astype(np.int32), flat


def _cut(body: Body) -> NDArray[np.int32]:
    """Front and back of every part, soles apart; crumbs join their largest neighbour."""
    corners = body.vertices_mm[body.faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    label = 3 * body.face_part + (normal[:, 2] < 0.0)
    sole = (body.face_part % RIGHT == Part.FOOT) & (normal[:, 1] < -0.6)
    label[sole] = 3 * body.face_part[sole] + 2
    pairs = _adjacent(body.faces)
    label = _trim_teeth(label, pairs)
    least = max(3, int(_SMALL_CHART_SHARE * len(label)))
    for _ in range(20):
        chart = _components(label, pairs)
        size = np.bincount(chart)
        border = pairs[chart[pairs[:, 0]] != chart[pairs[:, 1]]]
        border = np.concatenate((border, border[:, ::-1]))
        border = border[size[chart[border[:, 0]]] < np.minimum(least, size[chart[border[:, 1]]])]
        if len(border) == 0:
            break
        label = _join_crumbs(chart, border, label)
    return chart


def _trim_teeth(label: NDArray[np.int32], pairs: NDArray[np.int64]) -> NDArray[np.int32]:
    """Let a face that two neighbours of one label hold between them join that label."""
    both = np.concatenate((pairs, pairs[:, ::-1]))
    both = both[np.argsort(both[:, 0], kind="stable")]
    twice = both[1:, 0] == both[:-1, 0]
    for _ in range(3):
        other = label[both[:, 1]]
        held = np.flatnonzero(twice & (other[1:] == other[:-1]))
        label = label.copy()
        label[both[held, 0]] = other[held]
    return label


def _join_crumbs(
    chart: NDArray[np.int32], border: NDArray[np.int64], label: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Give each crumb the label it shares most of its border with."""
    n = int(label.max()) + 1
    key, count = np.unique(
        chart[border[:, 0]].astype(np.int64) * n + label[border[:, 1]], return_counts=True
    )
    order = np.lexsort((key, -count))
    crumb, first = np.unique(key[order] // n, return_index=True)
    new = np.full(int(chart.max()) + 1, -1, np.int32)
    new[crumb] = key[order][first] % n
    return np.where(new[chart] >= 0, new[chart], label)


def _adjacent(faces: NDArray[np.int32]) -> NDArray[np.int64]:
    """(E, 2) faces on either side of each inner edge."""
    edge = np.sort(np.stack((faces, np.roll(faces, -1, axis=1)), axis=2).reshape(-1, 2), axis=1)
    key = edge[:, 0].astype(np.int64) * (int(faces.max()) + 1) + edge[:, 1]
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(key[order][1:] == key[order][:-1])
    return np.stack((order[same] // 3, order[same + 1] // 3), axis=1)


def _components(label: NDArray[np.int32], pairs: NDArray[np.int64]) -> NDArray[np.int32]:
    inner = pairs[label[pairs[:, 0]] == label[pairs[:, 1]]]
    graph = sparse.coo_matrix((np.ones(len(inner)), inner.T), shape=(len(label),) * 2)
    _, chart = connected_components(graph, directed=False)
    return np.asarray(chart, np.int32)


def _flatten(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """Lay a chart flat, as rigidly as possible, starting from its shadow along its mean normal.

    Each round fits a rotation to every face, then solves for the corners that agree best.
    """
    used, index = np.unique(faces, return_inverse=True)
    tri = index.reshape(faces.shape)
    corner = vertices[faces]
    local = _unfold(corner)
    cot = _cotangents(local)
    solve = splu(_laplacian(tri, cot, len(used)))
    uv = _shadow(vertices[used], corner)
    # Edge k runs from corner k + 1 to corner k + 2, opposite corner k.
    start, end = np.roll(local, -1, axis=1), np.roll(local, -2, axis=1)
    weighted = (start - end) * cot[:, :, None]
    for _ in range(_ROUNDS):
        shape = uv[np.roll(tri, -1, axis=1)] - uv[np.roll(tri, -2, axis=1)]
        turned = _rotate(weighted, _best_turn(shape, weighted))
        right = np.zeros_like(uv)
        np.add.at(right, np.roll(tri, -1, axis=1), turned)
        np.add.at(right, np.roll(tri, -2, axis=1), -turned)
        right[0] = 0.0
        uv = solve.solve(right)
    return np.asarray(uv[tri])


def _unfold(corner: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F, 3, 2) each triangle in its own plane."""
    edge, other = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    length = np.maximum(np.linalg.norm(edge, axis=1), 1e-12)
    along = np.einsum("fi,fi->f", edge, other) / length
    height = np.linalg.norm(np.cross(edge, other), axis=1) / length
    zero = np.zeros_like(length)
    flat = np.stack((zero, zero, length, zero, along, height), axis=1)
    return flat.reshape(-1, 3, 2)


def _cotangents(local: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F, 3) of the angle at each corner, kept positive so that no edge pushes."""
    a = np.roll(local, -1, axis=1) - local
    b = np.roll(local, -2, axis=1) - local
    cross = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return np.asarray(np.clip((a * b).sum(axis=2) / np.maximum(cross, 1e-12), 0.02, 50.0))


def _laplacian(
    tri: NDArray[np.int64], cot: NDArray[np.float64], n: int
) -> "sparse.csc_matrix[np.float64]":
    """Cotangent weights, the first vertex held in place."""
    i, j = np.roll(tri, -1, axis=1).ravel(), np.roll(tri, -2, axis=1).ravel()
    weight = cot.ravel()
    rows, columns = np.concatenate((i, j, i, j)), np.concatenate((i, j, j, i))
    values = np.concatenate((weight, weight, -weight, -weight))
    free = rows != 0
    rows, columns, values = (
        np.append(rows[free], 0),
        np.append(columns[free], 0),
        np.append(values[free], 1.0),
    )
    return sparse.csc_matrix((values, (rows, columns)), shape=(n, n))


def _shadow(points: NDArray[np.float64], corner: NDArray[np.float64]) -> NDArray[np.float64]:
    """Project onto the plane square to the chart's mean normal, counter-clockwise from outside."""
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]).sum(axis=0)
    normal /= max(float(np.linalg.norm(normal)), 1e-12)
    up = np.array((0.0, 0.0, 1.0)) if abs(normal[1]) > 0.9 else np.array((0.0, 1.0, 0.0))
    right = np.cross(up, normal)
    right /= np.linalg.norm(right)
    return np.asarray(points @ np.stack((right, np.cross(normal, right)), axis=1))


def _best_turn(shape: NDArray[np.float64], weighted: NDArray[np.float64]) -> NDArray[np.complex128]:
    """(F,) rotation that turns each weighted triangle nearest to its present shape."""
    moving = weighted[..., 0] + 1j * weighted[..., 1]
    there = shape[..., 0] + 1j * shape[..., 1]
    turn = (there * moving.conj()).sum(axis=1)
    return np.asarray(turn / np.maximum(np.abs(turn), 1e-12))


def _rotate(vector: NDArray[np.float64], turn: NDArray[np.complex128]) -> NDArray[np.float64]:
    turned = (vector[..., 0] + 1j * vector[..., 1]) * turn[:, None]
    return np.stack((turned.real, turned.imag), axis=-1)


def _turn_to_fit(flat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn a chart so that its box is smallest, standing upright."""
    points = flat.reshape(-1, 2)
    best, best_area = points, np.inf
    for angle in np.radians(_TURNS_DEG):
        cos, sin = np.cos(angle), np.sin(angle)
        turned = points @ np.array(((cos, sin), (-sin, cos)))
        width, height = np.ptp(turned, axis=0)
        if width * height < best_area:
            upright = turned if height >= width else turned @ np.array(((0.0, 1.0), (-1.0, 0.0)))
            best, best_area = upright, width * height
    return np.asarray(best.reshape(flat.shape))


def _pack(boxes: NDArray[np.float64], page_px: int, pages: int) -> tuple[float, NDArray[np.int64]]:
    """Greatest density at which all boxes fit; page, row and column of each."""
    low, high = 0.0, page_px / float(boxes.max())
    found: NDArray[np.int64] | None = None
    for _ in range(24):
        density = 0.5 * (low + high)
        places = _place(np.ceil(boxes * density).astype(int) + 1 + _GUTTER_PX, page_px, pages)
        if places is None:
            high = density
        else:
            low, found = density, places
    if found is None:
        raise ConfigError(f"the charts do not fit into {pages} pages of {page_px} px")
    return low, found


def _place(sizes: NDArray[np.int64], page_px: int, pages: int) -> NDArray[np.int64] | None:
    """Tallest first, each where it reaches least high above the skyline."""
    places = np.zeros((len(sizes), 3), np.int64)
    skyline = np.zeros((pages, page_px), np.int64)
    for box in np.lexsort((np.arange(len(sizes)), -sizes[:, 0], -sizes[:, 1])):
        width, height = sizes[box]
        if width > page_px:
            return None
        page, row, column = _lowest(skyline, int(width))
        if row + height > page_px:
            return None
        skyline[page, column : column + width] = row + height
        places[box] = page, row, column
    return places


def _lowest(skyline: NDArray[np.int64], width: int) -> tuple[int, int, int]:
    """Page, row and column where a box of this width comes to lie lowest."""
    best = (0, int(1e9), 0)
    for page, heights in enumerate(skyline):
        # Only left ends of level stretches can be best.
        ends = np.flatnonzero(np.diff(heights, prepend=-1))
        for column in ends[ends + width <= len(heights)]:
            row = int(heights[column : column + width].max())
            if row < best[1]:
                best = (page, row, int(column))
    return best
