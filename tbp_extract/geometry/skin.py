"""One connected skin out of a scan's mesh."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import mesh
from tbp_extract.types import Scan, Surface
from tbp_extract.uv import uv_to_rowcol

__all__ = ["build_surface", "corner_rowcol"]

WELD_MM = 1e-3
"""Vertices that share a cell of this size are one: far below any scanner's resolution."""


def build_surface(scan: Scan) -> Surface:
    """Join what UV seams split, link faces, and find normals and texture density.

    Parameters
    ----------
    scan : Scan

    Returns
    -------
    Surface
        Faces in the order of ``scan.faces``. An edge that joins three faces or more, or two that
        wind against each other, is a border.
    """
    vertices, faces = _weld(scan.vertices_mm, scan.faces)
    neighbours = np.empty_like(faces)
    table = _table(3 * len(faces))
    mesh.link_faces(faces, table, np.zeros(len(table), np.bool_), neighbours)
    vertex_start = np.zeros(len(vertices) + 1, np.int32)
    vertex_face = np.empty(3 * len(faces), np.int32)
    mesh.list_vertex_faces(faces, vertex_start, vertex_face)
    face_normals, vertex_normals = np.empty((len(faces), 3)), np.zeros((len(vertices), 3))
    mesh.normals(vertices, faces, face_normals, vertex_normals)
    return Surface(
        vertices_mm=vertices,
        faces=faces,
        neighbours=neighbours,
        face_normals=face_normals,
        vertex_normals=vertex_normals,
        vertex_start=vertex_start,
        vertex_face=vertex_face,
        texel_mm=_vertex_texel_mm(scan, vertices, faces),
    )


def _table(entries: int) -> NDArray[np.int32]:
    size = 1 << (2 * max(entries, 1)).bit_length()
    return np.full(size, -1, np.int32)


def _weld(
    vertices: NDArray[np.float64], faces: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    # The odd shift keeps coordinates with few decimals away from the cells' borders.
    cell = np.floor(vertices / WELD_MM + 0.3819660113).astype(np.int64)
    first = np.empty(len(vertices), np.int32)
    mesh.weld_vertices(cell, _table(len(vertices)), first)
    kept, index = np.unique(first[faces].ravel(), return_inverse=True)
    return vertices[kept], index.reshape(faces.shape).astype(np.int32)


def corner_rowcol(scan: Scan, face: NDArray[np.integer]) -> NDArray[np.float64]:
    """Texel positions of the corners of textured faces.

    Parameters
    ----------
    scan : Scan
    face : (M,) int

    Returns
    -------
    (M, 3, 2) float64
        Row and column on each face's page; NaN for a face without texture.
    """
    sizes = np.array([page.shape[:2] for page in scan.atlas] + [(0, 0)], np.int64)
    return uv_to_rowcol(scan.wedge_uv[face], sizes[scan.face_page[face]][:, None, :])


def _vertex_texel_mm(
    scan: Scan, vertices: NDArray[np.float64], faces: NDArray[np.int32]
) -> NDArray[np.float32]:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    area_mm2 = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    rowcol = corner_rowcol(scan, np.arange(len(faces)))
    edge, other = rowcol[:, 1] - rowcol[:, 0], rowcol[:, 2] - rowcol[:, 0]
    area_px = 0.5 * np.abs(edge[:, 0] * other[:, 1] - edge[:, 1] * other[:, 0])
    usable = (scan.face_page >= 0) & np.isfinite(area_px)
    corners, n = faces[usable].ravel(), len(vertices)
    mm2 = np.bincount(corners, np.repeat(area_mm2[usable], 3), n)
    px = np.bincount(corners, np.repeat(area_px[usable], 3), n)
    texel = np.full(n, np.nan, np.float32)
    known = (mm2 > 0) & (px > 0)
    texel[known] = np.sqrt(mm2[known] / px[known])
    return texel
