"""Body hair over the skin, lesions and all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.geometry import corner_rowcol
from tbp_extract.kernels.strand import draw_strands
from tbp_extract.phantom.plant import cover_bits
from tbp_extract.types import Scan, Surface

__all__ = ["Hair", "grow_hair"]

_STEP_MM = 0.6


@dataclass(frozen=True, slots=True)
class Hair:
    """How body hair looks."""

    per_cm2: float = 4.0
    length_mm: tuple[float, float] = (3.0, 12.0)
    width_mm: tuple[float, float] = (0.05, 0.10)
    """At the root; the tip has a third of it."""

    rgb: tuple[int, int, int] = (58, 42, 34)
    opacity: float = 0.85
    spread_deg: float = 25.0
    """How far single hairs stray from the way down."""

    curl_per_mm: float = 0.05
    """Standard deviation of a hair's turn, radians per mm."""


def grow_hair(
    scan: Scan,
    surface: Surface,
    hair: Hair,
    *,
    seed: int,
    allowed: NDArray[np.bool_] | None = None,
) -> None:
    """Draw hairs on the pages of a scan, in place.

    Parameters
    ----------
    scan : Scan
    surface : Surface
        Of that scan.
    hair : Hair
    seed : int
    allowed : (F,) bool, optional
        Faces that hairs grow on; all by default. A hair may reach beyond them.
    """
    corners = surface.vertices_mm[surface.faces]
    edge, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = 0.5 * np.linalg.norm(np.cross(edge, other), axis=1)
    area = area if allowed is None else area * allowed
    rng = np.random.default_rng(seed)
    n = round(hair.per_cm2 * float(area.sum()) / 100.0)
    if n == 0:
        return
    face = rng.choice(len(area), n, p=area / area.sum()).astype(np.int32)
    root, part = np.sqrt(rng.random(n)), rng.random(n)
    weight = np.stack((1.0 - root, root * (1.0 - part), root * part), axis=1)
    roots = (corners[face] * weight[:, :, None]).sum(axis=1)
    shape = np.stack(
        (
            rng.uniform(*hair.length_mm, n),
            rng.uniform(*hair.width_mm, n),
            rng.normal(0.0, hair.curl_per_mm, n),
        ),
        axis=1,
    )
    headings = _headings(surface.face_normals[face], rng.normal(0.0, hair.spread_deg, n))
    rowcol = corner_rowcol(scan, np.arange(len(scan.faces)))
    for number, page in enumerate(scan.atlas):
        draw_strands(
            surface.vertices_mm,
            surface.faces,
            surface.neighbours,
            surface.face_normals,
            rowcol,
            scan.face_page == number,
            face,
            roots,
            headings,
            shape,
            _STEP_MM,
            np.array(hair.rgb, np.float64),
            hair.opacity,
            cover_bits(scan, number),
            page,
        )


def _headings(normals: NDArray[np.float64], stray_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Down along the skin, on level skin forwards, turned by a stray angle."""
    down = np.array((0.0, -1.0, 0.15))
    flow = down - (normals @ down)[:, None] * normals
    flow /= np.maximum(np.linalg.norm(flow, axis=1, keepdims=True), 1e-9)
    turn = np.radians(stray_deg)[:, None]
    return np.asarray(np.cos(turn) * flow + np.sin(turn) * np.cross(normals, flow))
