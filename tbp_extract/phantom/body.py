"""Meshes of our own making: implicit shapes turned into closed triangle meshes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from skimage import measure

from tbp_extract.errors import ConfigError
from tbp_extract.kernels.implicit import body_distance, nearest_part
from tbp_extract.phantom.anatomy import Cone, arm_cones, human_cones

__all__ = ["Body", "make_body"]

BodyKind = Literal["human", "arm"]

_HUMAN_HEIGHT_MM = 1750.0
_BLOCK = 8
_FACES_PER_CELL = 2.74
_AREA_MM2 = {"human": 1.85e6, "arm": 1.0e5}


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A closed mesh with a body part for each face; no texture yet."""

    vertices_mm: NDArray[np.float64]
    """(V, 3), y up, lowest point at y = 0, facing +z."""

    faces: NDArray[np.int32]
    """(F, 3), counter-clockwise seen from outside."""

    face_part: NDArray[np.int32]
    """(F,) `Part`, plus 16 on the patient's right."""


def make_body(kind: BodyKind, *, faces: int, height_m: float = 1.75) -> Body:
    """Make a smooth, closed body.

    Parameters
    ----------
    kind : {"human", "arm"}
        Whole body, or a left forearm with its hand.
    faces : int
        About how many triangles; at least 2,000. What is thinner than a triangle is thickened to
        stay whole, so fingers come apart only from about 100,000 on for a whole body.
    height_m : float, optional
        Height of the whole body; an arm is scaled by the same factor.

    Returns
    -------
    Body
        Closed, manifold, wound outward.

    Raises
    ------
    ConfigError
        If the number of faces or the height makes no body.
    """
    if faces < 2000:
        raise ConfigError(f"a phantom body needs at least 2000 faces, got {faces}")
    if not 0.3 <= height_m <= 2.5:
        raise ConfigError(f"the height of a phantom must be 0.3 to 2.5 m, got {height_m}")
    cones = human_cones() if kind == "human" else arm_cones()
    cell = float(np.sqrt(_AREA_MM2[kind] * _FACES_PER_CELL / faces))
    shape = _Shape.of(cones, cell)
    vertices, triangles = _march(shape, cell)
    vertices = _even_out(shape, vertices, triangles)
    part = np.empty(len(triangles), np.int32)
    nearest_part(vertices[triangles].mean(axis=1), shape.cones, shape.parts, part)
    vertices = vertices - np.array((0.0, vertices[:, 1].min(), 0.0))
    tall = _HUMAN_HEIGHT_MM if kind == "arm" else float(vertices[:, 1].max())
    return Body(vertices * (height_m * 1000.0 / tall), triangles, part)


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """Cones as arrays, none thinner than the grid can hold."""

    cones: NDArray[np.float64]
    parts: NDArray[np.int32]

    @classmethod
    def of(cls, cones: Sequence[Cone], cell: float) -> "_Shape":
        rows = np.array([cone.row() for cone in cones])
        least = 0.85 * cell
        rows[:, 6:8] = np.maximum(rows[:, 6:8], least)
        thin = np.minimum(rows[:, 6], rows[:, 7])
        rows[:, 8] = np.maximum(rows[:, 8], np.minimum(1.0, least / thin))
        return cls(rows, np.array([cone.part for cone in cones], np.int32))

    def distance(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.empty(len(points))
        body_distance(points, self.cones, 0.0, out)
        return out

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        ends = np.concatenate((self.cones[:, :3], self.cones[:, 3:6]))
        radii = np.concatenate((self.cones[:, 6], self.cones[:, 7])) * 1.3
        return (ends - radii[:, None]).min(axis=0), (ends + radii[:, None]).max(axis=0)


def _march(shape: _Shape, cell: float) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Marching cubes over the blocks that the skin passes through."""
    low, high = shape.bounds()
    low = low - 2.0 * cell
    blocks = np.ceil((high + 2.0 * cell - low) / (cell * _BLOCK)).astype(int)
    index = np.stack(np.meshgrid(*map(np.arange, blocks), indexing="ij"), axis=-1).reshape(-1, 3)
    centre = low + (index + 0.5 - 0.5 / _BLOCK) * _BLOCK * cell
    coarse = shape.distance(centre)
    near = np.abs(coarse) < 0.5 * np.sqrt(3.0) * (_BLOCK + 1) * cell + 6.0
    volume = np.where(coarse < 0, np.float32(-1e3), np.float32(1e3)).astype(np.float32)
    volume = volume.reshape(blocks)
    for axis in range(3):
        volume = np.repeat(volume, _BLOCK, axis=axis)
    inner = np.stack(np.meshgrid(*[np.arange(_BLOCK)] * 3, indexing="ij"), axis=-1)
    for block in index[near]:
        first = block * _BLOCK
        points = low + (first + inner.reshape(-1, 3)) * cell
        i, j, k = first
        values = shape.distance(points).astype(np.float32).reshape([_BLOCK] * 3)
        volume[i : i + _BLOCK, j : j + _BLOCK, k : k + _BLOCK] = values
    # scikit-image has no types.
    march = cast(Any, measure.marching_cubes)
    vertices, faces, _, _ = march(volume, 0.0, gradient_direction="descent")
    return low + vertices.astype(np.float64) * cell, faces.astype(np.int32)


def _even_out(
    shape: _Shape, vertices: NDArray[np.float64], faces: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Slide vertices towards the mean of their neighbours, then back onto the skin."""
    n = len(vertices)
    i, j = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    links = sparse.csr_matrix((np.ones(len(i)), (i, j)), shape=(n, n))
    links = links + links.T
    mean = sparse.diags(1.0 / np.asarray(links.sum(axis=1)).ravel()) @ links
    for _ in range(4):
        vertices = vertices + 0.6 * (mean @ vertices - vertices)
        vertices = _onto_skin(shape, vertices)
    return _onto_skin(shape, vertices)


def _onto_skin(shape: _Shape, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """One Newton step along the gradient, which is taken from four points around each."""
    step = 0.05
    around = np.array(((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))) * step
    values = np.stack([shape.distance(points + offset) for offset in around], axis=1)
    gradient = values @ around / (4.0 * step * step)
    length2 = np.maximum(np.einsum("ni,ni->n", gradient, gradient), 0.05)
    return np.asarray(points - (values.mean(axis=1) / length2)[:, None] * gradient)
