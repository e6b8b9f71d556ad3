"""The skin around points, laid flat: as seen from above, or unrolled."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tbp_extract.geometry.points import upright_axes
from tbp_extract.kernels import patch
from tbp_extract.kernels.normal import mean_normals
from tbp_extract.types import CropFrames, Patches, Surface

__all__ = ["geodesic_patches", "orthographic_patches", "straighten_frames"]


MOST_ROOM = 2_000_000
"""Faces for which room is made before it is known that they are there."""


def orthographic_patches(
    surface: Surface, frames: CropFrames, *, margin_mm: float = 0.0
) -> Patches:
    """Skin as seen from straight above, as far as it is connected inside the window.

    Parameters
    ----------
    surface : Surface
    frames : CropFrames
        N windows.
    margin_mm : float
        How far beyond the window's edge faces still count.

    Returns
    -------
    Patches
        ``height_mm`` is along the normal. Faces that look away, and what lies behind them, are
        left out; so is what lies more than the window's side above or below the centre.
    """
    seen, queue = _face_scratch(surface)

    def fill(first: int, out: _Room) -> int:
        return patch.orthographic_patches(
            surface.vertices_mm,
            surface.faces,
            surface.neighbours,
            surface.face_normals,
            frames.face,
            frames.origin_mm,
            frames.axes,
            0.5 * frames.extent_mm + margin_mm,
            frames.extent_mm,
            first,
            seen,
            queue,
            *out,
        )

    window_mm2 = (frames.extent_mm + 2.0 * margin_mm) ** 2
    return _collect(len(frames), seen, fill, room=_expected(surface, frames.face, window_mm2))


def straighten_frames(surface: Surface, frames: CropFrames, *, window_mm: float) -> CropFrames:
    """Turn frames so that they look straight at the skin in a window, not just at one point.

    The normal at a point follows every ripple of a finely scanned mesh, and on a coarse one leans
    towards the next facet; the mean over the window does neither.

    Parameters
    ----------
    surface : Surface
    frames : CropFrames
        N frames that look at the skin from about where they should.
    window_mm : float
        Side of the square whose connected skin counts.

    Returns
    -------
    CropFrames
        With new axes; all else is as it was.
    """
    window = replace(frames, extent_mm=window_mm)
    patches = orthographic_patches(surface, window)
    normal = frames.axes[:, 2].copy()
    mean_normals(
        patches.start,
        patches.face,
        patches.corner_mm,
        surface.face_normals,
        0.5 * window_mm,
        normal,
    )
    return replace(frames, axes=upright_axes(normal))


def geodesic_patches(surface: Surface, frames: CropFrames, *, margin_mm: float = 0.0) -> Patches:
    """Skin unrolled around each centre: true lengths and directions along the skin.

    The discrete exponential map of Schmidt, Grimm and Wyvill (2006, doi:10.1145/1141911.1141930)
    with every vertex placed by a mean over its settled neighbours in which those that lie towards
    the centre weigh most.

    Parameters
    ----------
    surface : Surface
    frames : CropFrames
        N windows.
    margin_mm : float
        How far beyond the window's edge faces still count.

    Returns
    -------
    Patches
        ``height_mm`` is minus the way from the centre: where the map folds over itself, as around
        a finger, the nearer skin hides the farther.
    """
    seen, queue = _face_scratch(surface)
    n_vertices, n_faces = len(surface.vertices_mm), len(surface.faces)
    state = np.zeros(n_vertices, np.int32)
    flat, tangents = np.empty((n_vertices, 2)), np.empty((n_vertices, 3))
    keys, items = np.empty(6 * n_faces), np.empty(6 * n_faces, np.int32)

    def fill(first: int, out: _Room) -> int:
        return patch.geodesic_patches(
            surface.vertices_mm,
            surface.faces,
            surface.neighbours,
            surface.vertex_start,
            surface.vertex_face,
            surface.vertex_normals,
            frames.face,
            frames.origin_mm,
            frames.axes,
            0.5 * frames.extent_mm + margin_mm,
            first,
            seen,
            queue,
            state,
            flat,
            tangents,
            keys,
            items,
            *out,
        )

    def fill_afresh(first: int, out: _Room) -> int:
        state[:] = 0
        return fill(first, out)

    return _collect(len(frames), seen, fill_afresh)


_Room = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]


def _face_scratch(surface: Surface) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    n_faces = len(surface.faces)
    return np.zeros(n_faces, np.int32), np.empty(n_faces, np.int32)


def _expected(surface: Surface, seed: NDArray[np.int32], window_mm2: float) -> int:
    """About how many faces windows around seeds hold, so that room seldom has to be doubled."""
    a, b, c = (surface.vertices_mm[surface.faces[seed, k]] for k in range(3))
    face_mm2 = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    expected = 1.5 * window_mm2 / np.maximum(face_mm2, 1e-2) + 16.0
    return int(min(float(expected.sum()), MOST_ROOM))


def _collect(
    n: int, seen: NDArray[np.int32], fill: Callable[[int, _Room], int], *, room: int = 0
) -> Patches:
    """Call a patch kernel until it is through, doubling the room when it runs out."""
    room = max(room, 64 * n, 1024)
    start = np.zeros(n + 1, np.int64)
    face, corner, height = np.empty(room, np.int32), np.empty((room, 3, 2)), np.empty((room, 3))
    done = fill(0, (start, face, corner, height))
    while done < n:
        face, corner, height = _double(face), _double(corner), _double(height)
        seen[:] = 0
        done = fill(done, (start, face, corner, height))
    end = start[-1]
    return Patches(start=start, face=face[:end], corner_mm=corner[:end], height_mm=height[:end])


_Array = TypeVar("_Array", NDArray[np.int32], NDArray[np.float64])


def _double(part: _Array) -> _Array:
    return np.concatenate((part, np.empty_like(part)))
