"""Plain twin of the orthographic kernel of ``tbp_extract.kernels.patch``.

The exponential map has no twin: it is held against formulas and another library instead
(``tests/test_geometry.py``).
"""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.types import CropFrames, Surface


def orthographic_faces(surface: Surface, frames: CropFrames, n: int, half: float) -> set[int]:
    """Faces that look up, touch the window and hang together with the seed inside it."""
    normal = frames.axes[n, 2]
    local = (surface.vertices_mm - frames.origin_mm[n]) @ frames.axes[n].T
    corners = local[surface.faces]
    low, high = corners.min(axis=1), corners.max(axis=1)
    reach = np.array([half, half, frames.extent_mm])
    inside = np.logical_and(low <= reach, high >= -reach).all(axis=1)
    flat = (surface.face_normals == 0).all(axis=1)
    passed = np.logical_and(inside, flat | (surface.face_normals @ normal > 1e-3))
    found, border = set(), {int(frames.face[n])}
    while border:
        face = border.pop()
        if passed[face] and face not in found:
            found.add(face)
            border |= {int(other) for other in surface.neighbours[face] if other >= 0}
    return {face for face in found if not flat[face]}


def local_corners(
    surface: Surface, frames: CropFrames, n: int, face: NDArray[np.int32]
) -> NDArray[np.float64]:
    """(M, 3, 3) corners along tangent, bitangent and normal."""
    offset = surface.vertices_mm[surface.faces[face]] - frames.origin_mm[n]
    local: NDArray[np.float64] = offset @ frames.axes[n].T
    return local
