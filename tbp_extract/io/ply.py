"""Stanford PLY: ascii and binary, texture coordinates at vertices or at face corners."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import LimitConfig
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.folder import ScanFolder, join_name
from tbp_extract.io.magic import check_mesh_kind
from tbp_extract.io.mesh import FileMesh, PageSource, check_count, check_lines, check_triangles
from tbp_extract.io.obj import line_number, padded_text
from tbp_extract.io.ply_body import Body, Element, Lists, Property, unreadable
from tbp_extract.kernels import obj as text_kernels

__all__ = ["read_ply"]

_TYPES = {
    "char": "i1",
    "uchar": "u1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "float": "f4",
    "double": "f8",
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "float32": "f4",
    "float64": "f8",
}
_ORDERS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}
_UV_NAMES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"))
_HEADER_END = re.compile(rb"\bend_header[ \t]*(\r\n|\n|\r)")
_HEADER_BYTES = 1 << 20
_COUNT = re.compile(r"[0-9]{1,18}")
_MOST_PROPERTIES = 256
"""Of one element: where its rows have lists, a place is kept for each value."""


def read_ply(folder: ScanFolder, name: str) -> FileMesh:
    """Read a PLY file.

    Polygons become fans. Texture coordinates come from the list ``texcoord`` of a face, else from
    its vertices; the texture from ``texnumber`` and the comments ``TextureFile``, in their order.

    Parameters
    ----------
    folder : ScanFolder
    name : str
        Relative to the folder.

    Returns
    -------
    FileMesh

    Raises
    ------
    ScanError
    """
    data = folder.read(name, role="the mesh", missing=ScanReason.MESH_MISSING, kind="mesh")
    check_mesh_kind(data, ".ply")
    header = _parse_header(data)
    _check_claims(header, folder.limits)
    if header.order == "=":
        check_lines(data, folder.limits.line_bytes)
    body = _open_body(data, header)
    face = body.element("face")
    vertices = _columns(body, body.element("vertex"), ("x", "y", "z"))
    if vertices is None:
        raise unreadable("its vertices have no x, y, z")
    fan = _fan(body, face)
    check_count(len(fan.polygon), folder.limits, "faces")
    check_triangles(fan.vertex, len(vertices))
    faces = fan.vertex.astype(np.int32)
    return FileMesh(
        vertices=vertices,
        faces=faces,
        wedge_uv=_wedge_uv(body, faces, fan),
        face_page=_polygon_page(body, face, len(header.textures))[fan.polygon],
        pages=tuple(PageSource(join_name("", texture)) for texture in header.textures),
    )


class _Header(NamedTuple):
    order: str
    elements: tuple[Element, ...]
    textures: tuple[str, ...]
    end: int


def _check_claims(header: _Header, limits: LimitConfig) -> None:
    """Refuse counts over the limits before any array of that size is made."""
    for element in header.elements:
        setting = "vertices" if element.name == "vertex" else "faces"
        what = None if element.name in ("vertex", "face") else "rows of one element"
        check_count(element.count, limits, setting, what=what)


class _Fan(NamedTuple):
    """Polygons as triangles around their first corner."""

    polygon: NDArray[np.int64]
    """(F,) row that each triangle comes from."""
    corner: NDArray[np.int64]
    """(F, 3) corners of its polygon, from 0."""
    vertex: NDArray[np.float64]
    """(F, 3) as written."""
    corner_count: NDArray[np.int64]
    """(rows,)."""


def _columns(body: Body, element: Element, names: Sequence[str]) -> NDArray[np.float64] | None:
    """Single-valued properties side by side, ``None`` if one is missing."""
    found = [element.find(name) for name in names]
    present = [p for p in found if p is not None and p.count_dtype is None]
    if len(present) < len(names):
        return None
    return np.stack([body.scalar(element, p) for p in present], axis=-1)


def _fan(body: Body, face: Element) -> _Fan:
    prop = face.find("vertex_indices", "vertex_index")
    if prop is None or prop.count_dtype is None:
        if face.count:
            raise unreadable("its faces have no list of vertices")
        empty = np.empty(0, np.int64)
        return _Fan(empty, np.empty((0, 3), np.int64), np.empty((0, 3)), empty)
    start, values = body.lists(face, prop)
    corner_count = np.diff(start)
    short = np.flatnonzero(corner_count < 3)
    if len(short):
        raise unreadable(f"its face {short[0]} has fewer than three corners")
    polygon = np.repeat(np.arange(len(corner_count)), corner_count - 2)
    step = np.arange(len(polygon)) - np.repeat(
        start[:-1] - 2 * np.arange(len(corner_count)), corner_count - 2
    )
    corner = np.stack((np.zeros_like(step), step + 1, step + 2), axis=-1)
    return _Fan(polygon, corner, values[start[polygon, None] + corner], corner_count)


def _wedge_uv(body: Body, faces: NDArray[np.int32], fan: _Fan) -> NDArray[np.float32]:
    face, vertex = body.element("face"), body.element("vertex")
    wedge = face.find("texcoord", "texcoords")
    if wedge is not None and wedge.count_dtype is not None:
        return _listed_uv(body.lists(face, wedge), fan)
    for names in _UV_NAMES:
        uv = _columns(body, vertex, names)
        if uv is not None:
            return uv.astype(np.float32)[faces]
    return np.full((len(faces), 3, 2), np.nan, np.float32)


def _listed_uv(lists: Lists, fan: _Fan) -> NDArray[np.float32]:
    """Corner coordinates; a face whose list is empty has none."""
    counts = np.diff(lists.start)
    bad = np.flatnonzero((counts != 2 * fan.corner_count) & (counts != 0))
    if len(bad):
        raise unreadable(f"the texture coordinates of its face {bad[0]} do not match its corners")
    uv = np.full((len(fan.polygon), 3, 2), np.nan, np.float32)
    has = counts[fan.polygon] > 0
    first = lists.start[fan.polygon[has], None] + 2 * fan.corner[has]
    uv[has] = np.stack((lists.values[first], lists.values[first + 1]), axis=-1)
    return uv


def _polygon_page(body: Body, face: Element, textures: int) -> NDArray[np.int32]:
    number = face.find("texnumber")
    if number is None and textures > 1:
        raise ScanError(
            ScanReason.TEXTURE_MISSING,
            "the mesh names several textures, and its faces have no texnumber to choose one",
        )
    if number is None or number.count_dtype is not None or not textures:
        return np.full(face.count, 0 if textures else -1, np.int32)
    page = body.scalar(face, number)
    bad = np.flatnonzero(~((page >= -1) & (page < textures)))
    if len(bad):
        raise ScanError(
            ScanReason.TEXTURE_MISSING,
            f"face {bad[0]} of the mesh uses a texture outside 0..{textures - 1}",
        )
    return page.astype(np.int32)


def _parse_header(data: bytes) -> _Header:
    end = _HEADER_END.search(data, 0, _HEADER_BYTES)
    if not data.startswith(b"ply") or end is None:
        raise unreadable("it has no PLY header")
    order, textures = "", []
    elements: list[tuple[str, int, list[Property]]] = []
    for raw in re.split(r"\r\n|\n|\r", data[: end.start()].decode("utf-8", "replace")):
        words = raw.split()
        match words:
            case ["format", kind, "1.0"] if kind in _ORDERS:
                order = _ORDERS[kind]
            case ["comment", "TextureFile", _, *_]:
                textures.append(raw.split(None, 2)[2].strip())
            case ["element", name, count] if _COUNT.fullmatch(count):
                elements.append((name, int(count), []))
            case ["property", *rest] if elements:
                _add_property(elements[-1][2], _parse_property(rest))
            case [] | ["ply"] | ["comment", *_] | ["obj_info", *_]:
                pass
            case _:
                raise unreadable("a line of its header is malformed")
    if not order:
        raise unreadable("its header names no known format")
    names = [name for name, _, _ in elements]
    if names.count("vertex") > 1 or names.count("face") > 1:
        raise unreadable("its header has vertices or faces twice")
    return _Header(
        order,
        tuple(Element(name, count, tuple(members)) for name, count, members in elements),
        tuple(textures),
        end.end(),
    )


def _add_property(known: list[Property], more: Property) -> None:
    if any(more.name == prop.name for prop in known):
        raise unreadable("its header has a property twice in one element")
    if len(known) >= _MOST_PROPERTIES:
        raise unreadable(f"its header has more than {_MOST_PROPERTIES} properties in one element")
    known.append(more)


def _parse_property(words: list[str]) -> Property:
    match words:
        case [kind, name] if kind in _TYPES:
            return Property(name, _TYPES[kind])
        case ["list", count, kind, name] if _TYPES.get(count, "f")[0] in "iu" and kind in _TYPES:
            return Property(name, _TYPES[kind], _TYPES[count])
    raise unreadable("a property in its header is malformed")


def _open_body(data: bytes, header: _Header) -> Body:
    if header.order != "=":
        return Body(
            np.frombuffer(data, np.uint8), header.elements, start=header.end, order=header.order
        )
    text = padded_text(data[header.end :])
    count, status = np.empty(1, np.int64), np.empty(2, np.int64)
    text_kernels.count_words(text, count)
    values = np.empty(int(count[0]))
    text_kernels.fill_numbers(text, values, status)
    if status[0]:
        line = line_number(padded_text(data), header.end + int(status[1]))
        raise unreadable(f"line {line} holds something that is not a number")
    return Body.of_numbers(values, header.elements)
