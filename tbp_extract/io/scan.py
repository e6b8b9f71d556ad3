"""One scan from its files: mesh, textures, unit and axes, checked."""

from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import Config
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.folder import ScanFolder, parent_name
from tbp_extract.io.gltf import read_gltf
from tbp_extract.io.gutter import fill_gutters
from tbp_extract.io.magic import ARCHIVE_SUFFIXES, packed
from tbp_extract.io.mesh import FileMesh, PageSource
from tbp_extract.io.obj import read_obj
from tbp_extract.io.ply import read_ply
from tbp_extract.io.scale import apply_axes, body_matrix, check_extent
from tbp_extract.io.texture import read_page
from tbp_extract.kernels import scan as kernels
from tbp_extract.types import Scan, ScanRef

__all__ = ["MESH_SUFFIXES", "read_scan", "scan_ref"]

_READERS = {".obj": read_obj, ".ply": read_ply, ".glb": read_gltf, ".gltf": read_gltf}

MESH_SUFFIXES = frozenset(_READERS)
"""Endings of the meshes that are read, in lower case."""

INSIDE_OUT_BELOW = -0.01
"""Signed volume by area^1.5 below which a surface is inside out; a sphere has 0.094, a sheet 0."""

LEAST_AREA_MM2 = 100.0
"""Of all faces together; a finger has a hundred times as much."""

MAX_BEYOND = 0.001
"""How far texture coordinates may leave their page before the scan is refused; clamped within."""


def read_scan(
    ref: ScanRef, config: Config | None = None, *, folder: ScanFolder | None = None
) -> Scan:
    """Read a scan into body space.

    Parameters
    ----------
    ref : ScanRef
    config : Config, optional
        Unit and axes where `ref` and the format are silent; limits.
    folder : ScanFolder, optional
        Opened at ``ref.root``; it then holds the hashes of what was read.

    Returns
    -------
    Scan
        In millimetres, y up, front +z. Pages that no face uses are left out; a face without
        texture coordinates or texture has page -1 and NaN. Faces whose texture coordinates lie in
        another tile are brought into [0, 1]. Texels just outside the charts hold the colour of
        the chart's edge. Vertices that no face uses stay, without effect.

    Raises
    ------
    ScanError
        Reason, and one sentence on cause and remedy.

    Examples
    --------
    >>> scan = read_scan(scan_ref(Path("scan/body.obj"), unit="mm"))  # doctest: +SKIP
    """
    config = config or Config()
    folder = folder or ScanFolder(ref.root, config.limits)
    mesh = _read_mesh(folder, ref.mesh)
    _check_filled(mesh)
    _check_finite(mesh)
    matrix = body_matrix(ref, mesh, config.scan)
    vertices_mm = apply_axes(mesh.vertices, matrix)
    size = np.empty(8)
    kernels.measure_mesh(vertices_mm, mesh.faces, size)
    check_extent(float((size[5:8] - size[2:5]).max()), matrix, config.scan)
    _check_area(float(size[0]))
    _check_outward(float(size[0]), float(size[1]))
    skin = _settle_pages(mesh)
    _check_page_count(len(skin.pages), config.limits.pages)
    atlas = _read_atlas(folder, parent_name(ref.mesh), skin.pages)
    fill_gutters(atlas, skin.wedge_uv, skin.face_page)
    return Scan(
        vertices_mm=vertices_mm,
        faces=mesh.faces,
        wedge_uv=skin.wedge_uv,
        face_page=skin.face_page,
        atlas=atlas,
        page_names=tuple(page.name for page in skin.pages),
        to_body=matrix,
    )


def scan_ref(
    path: Path,
    *,
    unit: str | None = None,
    up: str | None = None,
    front: str | None = None,
    scan_id: str | None = None,
    patient_id: str | None = None,
    lesions: str | None = None,
) -> ScanRef:
    """Describe a single mesh file; its folder bounds what it may name.

    Parameters
    ----------
    path : Path
        The mesh.
    unit, up, front : str, optional
        As in ``scans.csv``.
    scan_id, patient_id : str, optional
        The name of the mesh, and `scan_id`, if not given.
    lesions : str, optional
        A lesion list in the folder of the mesh.
    """
    name = scan_id or path.stem
    return ScanRef(
        scan_id=name,
        patient_id=patient_id or name,
        root=path.parent,
        mesh=path.name,
        lesions=lesions,
        unit=unit,
        up=up,
        front=front,
    )


def _read_mesh(folder: ScanFolder, name: str) -> FileMesh:
    suffix = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    if suffix in ARCHIVE_SUFFIXES:
        raise ScanError(ScanReason.SCAN_PACKED, packed("the mesh"), file=name)
    reader = _READERS.get(suffix)
    if reader is None:
        raise ScanError(
            ScanReason.MESH_UNREADABLE,
            f"the mesh has another ending than {', '.join(sorted(MESH_SUFFIXES))}",
            file=name,
        )
    try:
        return reader(folder, name)
    except ScanError as error:
        if error.file is None:
            error.file = name
        raise


def _check_filled(mesh: FileMesh) -> None:
    if not len(mesh.faces):
        raise ScanError(ScanReason.MESH_EMPTY, "the mesh has no faces")


def _check_finite(mesh: FileMesh) -> None:
    """Refuse positions, used or not, and texture coordinates that are no numbers."""
    bad = np.flatnonzero(~np.isfinite(mesh.vertices).all(axis=1))
    if len(bad):
        raise ScanError(
            ScanReason.MESH_NOT_FINITE,
            f"{len(bad)} vertices of the mesh are not finite, the first is vertex {bad[0]} from 0",
        )
    flat = mesh.wedge_uv.reshape(len(mesh.wedge_uv), -1)
    finite = np.isfinite(flat)
    bad = np.flatnonzero(~finite.all(axis=1) & ~np.isnan(flat).all(axis=1))
    if len(bad):
        raise ScanError(
            ScanReason.MESH_NOT_FINITE,
            f"texture coordinates of {len(bad)} triangles of the mesh are not finite, the first is "
            f"triangle {bad[0]} from 0",
        )


def _check_one_tile(wedge_uv: NDArray[np.float32]) -> None:
    """Refuse a texture that repeats within a face: a scan's skin has one place for each face."""
    low, high = np.nanmin(wedge_uv), np.nanmax(wedge_uv)
    if low < -MAX_BEYOND or high > 1 + MAX_BEYOND:
        beyond = (wedge_uv < -MAX_BEYOND) | (wedge_uv > 1 + MAX_BEYOND)
        raise ScanError(
            ScanReason.TEXTURE_UNSUPPORTED,
            f"{beyond.any(axis=(1, 2)).sum()} faces reach beyond the edge of their texture: "
            "expected texture coordinates between 0 and 1, and no repeated texture",
        )


def _check_area(area_mm2: float) -> None:
    """Refuse a mesh that is all lines and points."""
    if not LEAST_AREA_MM2 <= area_mm2 < np.inf:
        raise ScanError(
            ScanReason.MESH_WITHOUT_AREA,
            f"the faces of the mesh have an area of {area_mm2:.3g} mm2 together: expected skin of "
            f"at least {LEAST_AREA_MM2:g} mm2, export the mesh again",
        )


def _check_outward(area_mm2: float, volume_mm3: float) -> None:
    if area_mm2 > 0 and volume_mm3 / area_mm2**1.5 < INSIDE_OUT_BELOW:
        raise ScanError(
            ScanReason.MESH_INSIDE_OUT,
            "the mesh is inside out: its faces wind clockwise seen from outside, or the export "
            "mirrored one axis",
        )


class _Skin(NamedTuple):
    wedge_uv: NDArray[np.float32]
    face_page: NDArray[np.int16]
    pages: tuple[PageSource, ...]


def _settle_pages(mesh: FileMesh) -> _Skin:
    """Keep the pages that faces use, each once; clear what is without texture."""
    numbers: dict[PageSource, int] = {}
    lookup = np.full(len(mesh.pages) + 1, -1, np.int16)
    shown = (mesh.face_page >= 0) & ~np.isnan(mesh.wedge_uv[:, 0, 0])
    for page in np.flatnonzero(np.bincount(mesh.face_page[shown], minlength=1)).tolist():
        lookup[page] = numbers.setdefault(mesh.pages[page], len(numbers))
    face_page = np.where(shown, lookup[mesh.face_page], np.int16(-1))
    if not numbers:
        raise ScanError(
            ScanReason.TEXTURE_MISSING,
            "no face of the mesh has both texture coordinates and a texture",
        )
    wedge_uv = _shift_tiles(mesh.wedge_uv)
    wedge_uv[~shown] = np.nan
    _check_one_tile(wedge_uv)
    return _Skin(wedge_uv, face_page, tuple(numbers))


def _shift_tiles(wedge_uv: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring faces that lie in another tile of a repeated texture into the first."""
    low, high = wedge_uv.min(axis=1), wedge_uv.max(axis=1)
    tile = np.floor(low)
    elsewhere = (tile != 0) & (high - tile <= 1)
    return wedge_uv - np.where(elsewhere, tile, np.float32(0))[:, None, :]


def _check_page_count(count: int, limit: int) -> None:
    if count > limit:
        raise ScanError(
            ScanReason.OVER_LIMIT, f"the mesh uses {count} textures, limits.pages allows {limit}"
        )


def _read_atlas(
    folder: ScanFolder, within: str, pages: tuple[PageSource, ...]
) -> tuple[NDArray[np.uint8], ...]:
    atlas: list[NDArray[np.uint8]] = []
    for number, page in enumerate(pages):
        used_px = sum(read.shape[0] * read.shape[1] for read in atlas)
        room_px = folder.limits.atlas_px - used_px
        atlas.append(_read_one(folder, within, page, number, room_px=room_px))
    return tuple(atlas)


def _read_one(
    folder: ScanFolder, within: str, page: PageSource, number: int, *, room_px: int
) -> NDArray[np.uint8]:
    data = page.data
    if data is None:
        data = folder.read(
            page.name,
            role=f"the texture of page {number}",
            missing=ScanReason.TEXTURE_MISSING,
            within=within,
            kind="texture",
        )
    try:
        return read_page(data, folder.limits, page=number, room_px=room_px)
    except ScanError as error:
        raise ScanError(error.reason, str(error), file=page.name) from error
