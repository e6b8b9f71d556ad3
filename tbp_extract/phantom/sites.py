"""Places for lesions: uniform over the skin, with distance between them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.errors import ConfigError
from tbp_extract.geometry import point_positions
from tbp_extract.types import Surface

__all__ = ["Sites", "faces_between", "sample_sites"]

_TRIES = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """N points on the skin."""

    face: NDArray[np.int32]
    """(N,)."""

    barycentric: NDArray[np.float64]
    """(N, 3)."""

    xyz_mm: NDArray[np.float64]
    """(N, 3)."""

    def __len__(self) -> int:
        return len(self.face)


def faces_between(surface: Surface, low_mm: float, high_mm: float) -> NDArray[np.bool_]:
    """(F,) whether a face lies between two heights as a whole."""
    height = surface.vertices_mm[surface.faces][:, :, 1]
    return np.asarray((height.min(axis=1) >= low_mm) & (height.max(axis=1) <= high_mm))


def sample_sites(
    surface: Surface,
    radius_mm: NDArray[np.floating],
    *,
    seed: int,
    gap_mm: float = 8.0,
    allowed: NDArray[np.bool_] | None = None,
) -> Sites:
    """Draw places for lesions, uniform over skin area.

    Parameters
    ----------
    surface : Surface
    radius_mm : (N,) float
        Radius of each lesion.
    seed : int
    gap_mm : float
        Two centres keep this distance plus both radii, measured straight, so along the skin too.
    allowed : (F,) bool, optional
        Faces that may hold a centre, such as those of `faces_between`; all by default.

    Returns
    -------
    Sites
        In the order of `radius_mm`. Larger lesions were placed first.

    Raises
    ------
    ConfigError
        If the skin has no room for so many.
    """
    corners = surface.vertices_mm[surface.faces]
    edge, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = 0.5 * np.linalg.norm(np.cross(edge, other), axis=1)
    if allowed is not None:
        area = area * allowed
    if area.sum() <= 0.0:
        raise ConfigError("no face of the body may hold a lesion")
    n = len(radius_mm)
    rng = np.random.default_rng(seed)
    order = np.argsort(-np.asarray(radius_mm), kind="stable")
    face, bary = np.empty(n, np.int32), np.empty((n, 3))
    xyz, reach = np.empty((n, 3)), np.empty(n)
    cumulative = np.cumsum(area) / area.sum()
    for done, lesion in enumerate(order):
        needed = reach[:done] + gap_mm + float(radius_mm[lesion])
        for _ in range(_TRIES):
            pick, weight = _random_point(rng, cumulative)
            point = weight @ corners[pick]
            if (np.linalg.norm(xyz[:done] - point, axis=1) >= needed).all():
                break
        else:
            raise ConfigError(f"the skin has no room for {n} lesions {gap_mm} mm apart")
        face[lesion], bary[lesion] = pick, weight
        xyz[done], reach[done] = point, radius_mm[lesion]
    return Sites(face, bary, point_positions(surface, face, bary))


def _random_point(
    rng: np.random.Generator, cumulative: NDArray[np.float64]
) -> tuple[int, NDArray[np.float64]]:
    """Face and barycentric of a point, uniform over area."""
    pick = int(np.searchsorted(cumulative, rng.random(), side="right"))
    a, b = rng.random(2)
    root = np.sqrt(a)
    return min(pick, len(cumulative) - 1), np.array((1.0 - root, root * (1.0 - b), root * b))
