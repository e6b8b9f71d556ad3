"""Cut the skin into charts and lay them flat."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from tbp_extract.phantom.anatomy import RIGHT, Part
from tbp_extract.phantom.body import Body

__all__ = ["Charts", "cut_charts", "set_apart"]

_SMALL_CHART_SHARE = 0.0005
_ROUNDS = 12
_TURNS_DEG = range(0, 90, 5)


@dataclass(frozen=True, slots=True, eq=False)
class Charts:
    """Connected pieces of skin laid flat, each on its own."""

    chart: NDArray[np.int32]
    """(F,) number of the chart, 0 and on without gaps."""

    flat_mm: NDArray[np.float64]
    """(F, 3, 2) corners to the right and up as seen from outside; each chart begins at (0, 0)."""

    def boxes_mm(self) -> NDArray[np.float64]:
        """(C, 2) width and height of each chart."""
        high = np.zeros((int(self.chart.max()) + 1, 2))
        np.maximum.at(high, self.chart, self.flat_mm.max(axis=1))
        return high


def cut_charts(body: Body) -> Charts:
    """Cut a body by part and side, and lay each chart flat as rigidly as possible.

    Returns
    -------
    Charts
        Each is turned so that its box is small and upright. A face that came out folded over is a
        chart of its own.
    """
    chart = _cut(body)
    flat = np.empty((len(body.faces), 3, 2))
    for number in range(int(chart.max()) + 1):
        member = np.flatnonzero(chart == number)
        flat[member] = _turn_to_fit(_flatten(body.vertices_mm, body.faces[member]))
    edge, other = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    folded = edge[:, 0] * other[:, 1] <= edge[:, 1] * other[:, 0]
    return set_apart(body, Charts(chart, flat), folded)


def set_apart(body: Body, charts: Charts, face: NDArray[np.bool_]) -> Charts:
    """Make a chart of its own of every marked face (F,)."""
    flat, chart = charts.flat_mm.copy(), charts.chart.copy()
    for number in np.flatnonzero(face).tolist():
        flat[number] = _turn_to_fit(_unfold(body.vertices_mm[body.faces[[number]]]))[0]
    chart[face] = chart.max() + 1 + np.arange(face.sum())
    # A chart may have lost all its faces.
    chart = np.unique(chart, return_inverse=True)[1].astype(np.int32)
    low = np.full((int(chart.max()) + 1, 2), np.inf)
    np.minimum.at(low, chart, flat.min(axis=1))
    return replace(charts, chart=chart, flat_mm=flat - low[chart][:, None])


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
