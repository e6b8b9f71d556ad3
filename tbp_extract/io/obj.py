"""Wavefront OBJ with its MTL files."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import LimitConfig
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.folder import ScanFolder, parent_name
from tbp_extract.io.magic import check_mesh_kind
from tbp_extract.io.mesh import FileMesh, PageSource, check_count, check_lines
from tbp_extract.io.mtl import Material, merge_materials, read_mtl
from tbp_extract.io.text import decode_text
from tbp_extract.kernels import obj as kernels
from tbp_extract.kernels.mesh import gather_wedges

__all__ = ["line_number", "padded_text", "read_obj"]

_PADDING = np.full(4, ord("\n"), np.uint8)
_BOM = b"\xef\xbb\xbf"


def read_obj(folder: ScanFolder, name: str) -> FileMesh:
    """Read an OBJ file.

    Polygons become fans. ``vn``, groups, lines, points and vertex colours are passed over. A line
    that ends in a backslash goes on in the next one, where a word may begin but not go on.

    Parameters
    ----------
    folder : ScanFolder
    name : str
        Relative to the folder. The MTL files lie in the OBJ's own folder or below.

    Returns
    -------
    FileMesh
        Faces and their corners in the order of the file; pages in the order of their first use.

    Raises
    ------
    ScanError
        With the number of the line where one is to blame.
    """
    parsed = _parse(_read_text(folder, name), folder.limits)
    wedge_uv = np.empty((len(parsed.faces), 3, 2), np.float32)
    gather_wedges(parsed.texcoords, parsed.face_texcoord, wedge_uv)
    materials = _read_materials(folder, parent_name(name), parsed.libraries)
    pages = _pages_by_group(parsed, materials)
    return FileMesh(
        vertices=parsed.vertices,
        faces=parsed.faces,
        wedge_uv=wedge_uv,
        face_page=pages.of_group[parsed.face_group],
        pages=pages.sources,
    )


def _read_text(folder: ScanFolder, name: str) -> NDArray[np.uint8]:
    data = folder.read(name, role="the mesh", missing=ScanReason.MESH_MISSING, kind="mesh")
    check_mesh_kind(data, ".obj")
    # What copies data ahead of their arrival leaves NULs at the end.
    if b"\0" in data:
        raise ScanError(
            ScanReason.MESH_UNREADABLE,
            "the mesh is not OBJ text: expected no NUL bytes, export or copy it again",
        )
    check_lines(data, folder.limits.line_bytes)
    return padded_text(data.removeprefix(_BOM))


@dataclass(frozen=True, slots=True, eq=False)
class _Parsed:
    vertices: NDArray[np.float64]
    texcoords: NDArray[np.float64]
    faces: NDArray[np.int32]
    face_texcoord: NDArray[np.int32]
    face_group: NDArray[np.int32]
    groups: list[str]
    """Material of each usemtl line."""
    libraries: list[str]
    """What each mtllib line lists."""


def _parse(text: NDArray[np.uint8], limits: LimitConfig) -> _Parsed:
    counts = np.empty(7, np.int64)
    kernels.count_lines(text, counts)
    v, t, f, g, b, unknown, at = (int(count) for count in counts)
    if unknown:
        raise ScanError(
            ScanReason.MESH_UNREADABLE,
            f"line {line_number(text, at)} of the mesh begins with a word that OBJ does not have: "
            "expected v, vt, vn, f, usemtl, mtllib, g, o, s or another of the format",
        )
    check_count(v, limits, "vertices")
    check_count(t, limits, "vertices", times=3, what="texture coordinates")
    check_count(f, limits, "faces")
    check_count(g + b, limits, "groups")
    vertices, texcoords = np.empty((v, 3)), np.empty((t, 2))
    faces, face_texcoord = np.empty((f, 3), np.int32), np.empty((f, 3), np.int32)
    face_group, names = np.empty(f, np.int32), np.empty((g + b, 2), np.int64)
    status = np.empty(2, np.int64)
    kernels.fill_mesh(text, vertices, texcoords, faces, face_texcoord, face_group, names, status)
    _check_status(status, text)
    words = [decode_text(text[start:end].tobytes()).strip() for start, end in names.tolist()]
    return _Parsed(
        vertices, texcoords, faces, face_texcoord, face_group, words[:g], words[g:][::-1]
    )


def _check_status(status: NDArray[np.int64], text: NDArray[np.uint8]) -> None:
    code, at = (int(value) for value in status)
    if code == 0:
        return
    line = line_number(text, at)
    if code == kernels.OUT_OF_RANGE:
        raise ScanError(
            ScanReason.MESH_INDEX_OUT_OF_RANGE,
            f"the face in line {line} of the mesh names a vertex or texture coordinate that the "
            "mesh does not have",
        )
    raise ScanError(ScanReason.MESH_UNREADABLE, f"line {line} of the mesh is malformed")


def _read_materials(folder: ScanFolder, within: str, libraries: list[str]) -> dict[str, Material]:
    materials: dict[str, Material] = {}
    for file in dict.fromkeys(
        file for line in libraries for file in _library_files(folder, within, line)
    ):
        merge_materials(materials, read_mtl(folder, file, within=within))
    return materials


def _library_files(folder: ScanFolder, within: str, line: str) -> list[str]:
    """``mtllib`` lists one file, perhaps with blanks in its name, or several."""
    plain = line.strip('"')
    words = line.split()
    return [plain] if len(words) < 2 or folder.exists(plain, within=within) else words


class _Pages(NamedTuple):
    of_group: NDArray[np.int32]
    """(G + 1,) index into ``sources``; -1 without texture, and for faces before any usemtl."""
    sources: tuple[PageSource, ...]


def _pages_by_group(parsed: _Parsed, materials: dict[str, Material]) -> _Pages:
    """Count textures in the order in which faces first use them."""
    of_group = np.full(len(parsed.groups) + 1, -1, np.int32)
    numbers: dict[str, int] = {}
    used = np.bincount(parsed.face_group + 1, minlength=len(parsed.groups) + 1)[1:] > 0
    for group in np.flatnonzero(used).tolist():
        texture = _texture_of(parsed.groups[group], materials)
        if texture is not None:
            of_group[group] = numbers.setdefault(texture, len(numbers))
    return _Pages(of_group, tuple(PageSource(name) for name in numbers))


def _texture_of(name: str, materials: dict[str, Material]) -> str | None:
    if not name:
        return None
    if name not in materials:
        raise ScanError(
            ScanReason.MATERIAL_MISSING,
            "faces use a material that no MTL file of the mesh defines",
            file=name,
        )
    material = materials[name]
    if material.texture is not None and material.changed_by is not None:
        raise ScanError(
            ScanReason.TEXTURE_UNSUPPORTED,
            f"a texture is used with the option {material.changed_by}, which changes where or how "
            "it shows: bake it into the texture",
            file=name,
        )
    return material.texture


def padded_text(data: bytes) -> NDArray[np.uint8]:
    """Bytes of a text with the line ends appended that the text kernels rely on."""
    return np.concatenate((np.frombuffer(data, np.uint8), _PADDING))


def line_number(text: NDArray[np.uint8], at: int) -> int:
    """Line that byte `at` lies in, from 1; a lone CR ends a line where there is no LF."""
    before = text[:at]
    feeds = int(np.count_nonzero(before == ord("\n")))
    return 1 + (feeds or int(np.count_nonzero(before == ord("\r"))))
