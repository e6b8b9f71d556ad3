"""One connected skin out of a scan's mesh."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.kernels import mesh
from tbp_extract.types import Scan, Surface
from tbp_extract.uv import uv_to_rowcol

__all__ = ["build_surface", "corner_rowcol"]

WELD_MM = 0.05
"""Vertices that share a cell of this size are one: below any scanner's resolution."""

WALL_MM = 0.005
"""Vertices on two sides of a wall between cells are one if they lie this near to it."""

MAX_CONFLICTS = 0.02
"""Share of edges that may join three faces or more, or faces that wind against each other."""

MAX_LOOSE = 1 / 3
"""Share of edges that may border on nothing, in a mesh of more than a few faces."""

PART_SHARE = 0.03
"""Parts with less than this share of the skin may face any way: floating bits of a scan."""

INSIDE_OUT_BELOW = -0.02
"""Signed volume by area^1.5 below which a part is inside out; a sphere has 0.094, an arm 0.05."""


def build_surface(scan: Scan) -> Surface:
    """Join what UV seams split, link faces, and find normals and texture density.

    Parameters
    ----------
    scan : Scan

    Returns
    -------
    Surface
        Faces in the order of ``scan.faces``. An edge that joins three faces or more, or two that
        wind against each other, is a border. A face that stands there twice counts once.

    Raises
    ------
    ScanError
        ``MESH_BROKEN`` if faces hardly hang together, ``MESH_INSIDE_OUT`` if a large part of the
        skin shows its inside.
    """
    vertices, faces = _weld(scan.vertices_mm, scan.faces)
    neighbours = np.empty_like(faces)
    table = _table(3 * len(faces))
    doubled = np.zeros(len(table), np.bool_)
    mesh.link_faces(faces, table, doubled, neighbours)
    _check_joined(neighbours, int(doubled.sum()))
    _check_outward(vertices, faces, neighbours)
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
    # The odd shift keeps coordinates with few decimals away from the walls. A vertex that no face
    # uses may lie anywhere.
    place = np.clip(vertices / WELD_MM, -1e12, 1e12) + 0.3819660113
    cell = np.floor(place)
    wall = WALL_MM / WELD_MM
    side = (place - cell > 1.0 - wall).astype(np.int8) - (place - cell < wall).astype(np.int8)
    first = np.empty(len(vertices), np.int32)
    mesh.weld_vertices(cell.astype(np.int64), side, _table(len(vertices)), first)
    kept, index = np.unique(first[faces].ravel(), return_inverse=True)
    return vertices[kept], index.reshape(faces.shape).astype(np.int32)


def _check_joined(neighbours: NDArray[np.int32], conflicts: int) -> None:
    edges = neighbours.size
    loose = int((neighbours < 0).sum()) - conflicts
    if conflicts > MAX_CONFLICTS * edges:
        raise ScanError(
            ScanReason.MESH_BROKEN,
            f"{100 * conflicts / edges:.0f} % of the mesh's edges join more than two faces, or "
            "faces that wind against each other: repair the mesh before it is exported",
        )
    if len(neighbours) > 64 and loose > MAX_LOOSE * edges:
        raise ScanError(
            ScanReason.MESH_BROKEN,
            f"{100 * loose / edges:.0f} % of the mesh's edges border on nothing: its triangles do "
            "not hang together",
        )


def _check_outward(
    vertices: NDArray[np.float64], faces: NDArray[np.int32], neighbours: NDArray[np.int32]
) -> None:
    """Refuse a part that shows its inside: crops of it would be mirrored."""
    part = np.full(len(faces), -1, np.int32)
    mesh.label_parts(neighbours, np.empty(len(faces), np.int32), part)
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    cross = 0.5 * np.cross(b - a, c - a)
    area_mm2 = np.linalg.norm(cross, axis=1)
    total = np.bincount(part, area_mm2)
    middle = (a + b + c) / 3.0
    weights = np.maximum(total, 1e-12)
    centre = np.stack([np.bincount(part, area_mm2 * middle[:, k]) / weights for k in range(3)], 1)
    volume_mm3 = np.bincount(part, ((middle - centre[part]) * cross).sum(axis=1) / 3.0)
    large = total > PART_SHARE * total.sum()
    wrong = large & (volume_mm3 < INSIDE_OUT_BELOW * weights**1.5)
    if wrong.any():
        percent = 100 * total[wrong].sum() / total.sum()
        raise ScanError(
            ScanReason.MESH_INSIDE_OUT,
            f"a part with {percent:.0f} % of the skin is inside out: "
            "its faces wind clockwise seen from outside, or the export mirrored it",
        )


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
