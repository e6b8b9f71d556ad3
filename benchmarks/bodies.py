"""The body that benchmarks cut crops from, and places on it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import data_folder
from tbp_extract.config import Config
from tbp_extract.io.scan import read_scan, scan_ref
from tbp_extract.phantom.enlarge import enlarge_atlas
from tbp_extract.phantom.write import write_scan
from tbp_extract.types import Candidates, CandidateSource, Scan, Surface

__all__ = ["NAME", "PAGE_PX", "candidates_of", "scatter", "write_body"]

BODY, PAGE_PX, NAME = "mh_male_young", 8192, "body"


def write_body(folder: Path) -> None:
    """OBJ, MTL and JPEG of the subdivided body with the enlarged skin."""
    mesh = data_folder() / "bodies" / BODY / f"{BODY}.obj"
    scan = enlarge_atlas(read_scan(scan_ref(mesh, unit="mm"), Config()), page_px=PAGE_PX)
    grain = np.random.default_rng(0).integers(-20, 21, (512, 512, 3), np.int16)
    page = scan.atlas[0]
    for top in range(0, PAGE_PX, 512):
        for left in range(0, PAGE_PX, 512):
            part = page[top : top + 512, left : left + 512]
            part[:] = np.clip(part + grain, 0, 255).astype(np.uint8)
    write_scan(folder, NAME, quartered(quartered(scan)))


def quartered(scan: Scan) -> Scan:
    """Each face in four, edges halved."""
    corners = [scan.faces[:, k] for k in range(3)]
    pairs = np.sort(
        np.stack([np.stack((corners[k], corners[(k + 1) % 3]), 1) for k in range(3)]), 2
    )
    edges, index = np.unique(pairs.reshape(-1, 2), axis=0, return_inverse=True)
    middle = index.reshape(3, -1) + len(scan.vertices_mm)
    vertices = np.concatenate((scan.vertices_mm, scan.vertices_mm[edges].mean(axis=1)))
    uv = scan.wedge_uv
    half = 0.5 * (uv + np.roll(uv, -1, axis=1))
    faces, wedges = [np.stack(list(middle), axis=1)], [half]
    for k in range(3):
        faces.append(np.stack((corners[k], middle[k], middle[(k + 2) % 3]), axis=1))
        wedges.append(np.stack((uv[:, k], half[:, k], half[:, (k + 2) % 3]), axis=1))
    return Scan(
        vertices,
        np.concatenate(faces).astype(np.int32),
        np.concatenate(wedges).astype(np.float32),
        np.tile(scan.face_page, 4),
        scan.atlas,
    )


def scatter(surface: Surface, count: int, seed: int = 0) -> Candidates:
    """Places spread evenly over the skin."""
    rng = np.random.default_rng(seed)
    a, b, c = (surface.vertices_mm[surface.faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    face = rng.choice(len(area), count, p=area / area.sum()).astype(np.int32)
    return candidates_of(face, rng.dirichlet((1, 1, 1), count))


def candidates_of(face: NDArray[np.int32], barycentric: NDArray[np.float64]) -> Candidates:
    """Candidates of nothing but places."""
    n = len(face)
    return Candidates(
        face,
        barycentric,
        np.full(n, np.nan, np.float32),
        np.ones(n, np.float32),
        (CandidateSource.LIST,) * n,
        tuple(map(str, range(n))),
        {},
    )
