"""glTF and GLB: the triangles of a scene, where they stand, with their base colour textures."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.gltf_file import (
    GltfFile,
    check_uncompressed,
    data_uri,
    dict_of,
    list_of,
    numbers_of,
    unreadable,
    unsupported,
)
from tbp_extract.io.mesh import FileMesh, PageSource, check_count, check_triangles

__all__ = ["read_gltf"]

_POINTS_AND_LINES = (0, 1, 2, 3)
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_OTHER_TEXTURES = ("KHR_texture_basisu", "EXT_texture_webp", "EXT_texture_avif")
_MOST_PLACES = 10_000
"""Nodes that one scene may place: a short file can place the same mesh without end."""


def read_gltf(folder: ScanFolder, name: str) -> FileMesh:
    """Read a glTF or GLB file.

    All triangles of the default scene, in the order of its nodes, as they stand there. Points and
    lines are passed over.

    Parameters
    ----------
    folder : ScanFolder
    name : str
        Relative to the folder. Sidecar files lie in the file's own folder or below.

    Returns
    -------
    FileMesh
        In metres, +y up, +z to the front, as glTF fixes them.

    Raises
    ------
    ScanError
    """
    file = GltfFile(folder, name)
    pages = _Pages(file)
    parts: list[_Part] = []
    faces = vertices = 0
    for mesh, matrix in _placed_meshes(file):
        for primitive in list_of(file.item("meshes", mesh), "primitives"):
            # One that is placed often is counted as often, before it is read again.
            vertices += _vertex_count(file, primitive)
            check_count(vertices, folder.limits, "vertices")
            part = _read_primitive(file, primitive, matrix, pages)
            if part is not None:
                parts.append(part)
                faces += len(part.faces)
                check_count(faces, folder.limits, "faces")
                check_count(len(parts), folder.limits, "groups")
    return _join(parts, pages)


def _vertex_count(file: GltfFile, primitive: Any) -> int:
    attributes = primitive.get("attributes") if isinstance(primitive, dict) else None
    if not isinstance(attributes, dict) or "POSITION" not in attributes:
        return 0
    count = file.item("accessors", attributes["POSITION"]).get("count")
    return count if type(count) is int else 0


class _Part(NamedTuple):
    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    wedge_uv: NDArray[np.float32]
    page: int


class _Pages:
    """Numbers the images that faces use, each once."""

    def __init__(self, file: GltfFile) -> None:
        self._file = file
        self._numbers: dict[int, int] = {}
        self._embedded = 0
        self.sources: list[PageSource] = []

    def number(self, texture: Any) -> int:
        entry = self._file.item("textures", texture)
        if "source" not in entry:
            if any(name in dict_of(entry, "extensions") for name in _OTHER_TEXTURES):
                raise ScanError(
                    ScanReason.TEXTURE_UNSUPPORTED,
                    "a texture is WebP, AVIF or KTX: export JPEG or PNG",
                )
            raise unreadable("a texture names no image")
        image = entry["source"]
        self._file.item("images", image)
        if image not in self._numbers:
            source = self._source(image)
            known = [k for k, other in enumerate(self.sources) if other == source]
            self._numbers[image] = known[0] if known else len(self.sources)
            if not known:
                self.sources.append(source)
                check_count(len(self.sources), self._file.limits, "pages", what="textures")
        return self._numbers[image]

    def _source(self, image: Any) -> PageSource:
        entry = self._file.item("images", image)
        name = str(entry.get("name", image))
        if "bufferView" in entry:
            data = self._file.view(entry["bufferView"])
            # Images may share bytes, but not make many gigabytes of few.
            self._embedded += len(data)
            check_count(self._embedded, self._file.limits, "mesh_bytes", what="bytes of textures")
            return PageSource(name, data)
        uri = entry.get("uri")
        if not isinstance(uri, str):
            raise unreadable("an image names no data")
        embedded = data_uri(uri)
        return (
            PageSource(name, embedded)
            if embedded is not None
            else PageSource(self._file.uri_name(uri))
        )


def _placed_meshes(file: GltfFile) -> Iterator[tuple[Any, NDArray[np.float64]]]:
    """Walk the nodes of the default scene, parents before children, in order."""
    stack = [(node, np.eye(4)) for node in reversed(_roots(file))]
    places = 0
    while stack:
        index, parent = stack.pop()
        node = file.item("nodes", index)
        places += 1
        if places > _MOST_PLACES:
            raise unreadable("its nodes refer to each other in a circle, or are too many")
        matrix = parent @ _node_matrix(node)
        if "mesh" in node:
            if "skin" in node:
                raise unsupported("a skinned mesh: export the pose as plain vertices")
            _check_weights(node, file.item("meshes", node["mesh"]))
            yield node["mesh"], matrix
        stack.extend((child, matrix) for child in reversed(list_of(node, "children")))


def _roots(file: GltfFile) -> list[Any]:
    if "scenes" in file.document:
        return list_of(file.item("scenes", file.document.get("scene", 0)), "nodes")
    nodes = list_of(file.document, "nodes")
    children = [c for k in range(len(nodes)) for c in list_of(file.item("nodes", k), "children")]
    named = {child for child in children if isinstance(child, int)}
    return [k for k in range(len(nodes)) if k not in named]


def _node_matrix(node: dict[str, Any]) -> NDArray[np.float64]:
    if "matrix" in node:
        return numbers_of(node, "matrix", np.eye(4).ravel()).reshape(4, 4).T
    x, y, z, w = numbers_of(node, "rotation", [0, 0, 0, 1])
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn * numbers_of(node, "scale", [1, 1, 1])
    matrix[:3, 3] = numbers_of(node, "translation", [0, 0, 0])
    return matrix


def _check_weights(*owners: dict[str, Any]) -> None:
    for owner in owners:
        if any(weight != 0 for weight in list_of(owner, "weights")):
            raise unsupported("a morphed mesh: export the shape as plain vertices")


def _read_primitive(
    file: GltfFile, primitive: Any, matrix: NDArray[np.float64], pages: _Pages
) -> _Part | None:
    if not isinstance(primitive, dict) or not isinstance(primitive.get("attributes"), dict):
        raise unreadable("a primitive is malformed")
    mode = primitive.get("mode", _TRIANGLES)
    if mode in _POINTS_AND_LINES:
        return None
    check_uncompressed(primitive)
    attributes = primitive["attributes"]
    if "POSITION" not in attributes:
        return None
    points = file.accessor(attributes["POSITION"]).astype(np.float64)
    if points.shape[1] != 3:
        raise unreadable("positions have not three coordinates")
    faces = _triangles(_indices(file, primitive, len(points)), mode)
    check_triangles(faces, len(points))
    if np.linalg.det(matrix[:3, :3]) < 0:
        faces = faces[:, ::-1]
    texture = _base_texture(file, primitive)
    uv = None if texture is None else _texture_uv(file, attributes, texture, len(points))
    return _Part(
        vertices=points @ matrix[:3, :3].T + matrix[:3, 3],
        faces=faces,
        wedge_uv=np.full((len(faces), 3, 2), np.nan, np.float32) if uv is None else uv[faces],
        page=-1 if uv is None or texture is None else pages.number(texture.index),
    )


def _indices(file: GltfFile, primitive: dict[str, Any], points: int) -> NDArray[np.int64]:
    if "indices" not in primitive:
        return np.arange(points)
    values = file.accessor(primitive["indices"], normalise=False)
    if values.shape[1] != 1 or values.dtype.kind != "u":
        raise unreadable("indices are not whole numbers")
    return values[:, 0].astype(np.int64)


def _triangles(index: NDArray[np.int64], mode: Any) -> NDArray[np.int64]:
    """Corners of the triangles of a list, strip or fan."""
    if mode == _TRIANGLES:
        if len(index) % 3:
            raise unreadable("a list of triangles ends within a triangle")
        return index.reshape(-1, 3)
    first = np.arange(max(len(index) - 2, 0))
    if mode == _STRIP:
        odd = first % 2
        return index[np.stack((first, first + 1 + odd, first + 2 - odd), axis=-1)]
    if mode == _FAN:
        return index[np.stack((first + 1, first + 2, np.zeros_like(first)), axis=-1)]
    raise unreadable("a primitive has an unknown mode")


@dataclass(frozen=True, slots=True)
class _Texture:
    index: Any
    coordinates: Any
    transform: dict[str, Any]


def _base_texture(file: GltfFile, primitive: dict[str, Any]) -> _Texture | None:
    if "material" not in primitive:
        return None
    material = file.item("materials", primitive["material"])
    info = dict_of(dict_of(material, "pbrMetallicRoughness"), "baseColorTexture")
    if not info:
        return None
    transform = dict_of(dict_of(info, "extensions"), "KHR_texture_transform")
    return _Texture(
        info.get("index"), transform.get("texCoord", info.get("texCoord", 0)), transform
    )


def _texture_uv(
    file: GltfFile, attributes: dict[str, Any], texture: _Texture, points: int
) -> NDArray[np.float32] | None:
    """Texture coordinates of the vertices, v up; ``None`` if there are none."""
    name = f"TEXCOORD_{texture.coordinates}"
    if name not in attributes:
        return None
    uv = file.accessor(attributes[name]).astype(np.float64)
    if uv.shape != (points, 2):
        raise unreadable("texture coordinates do not match the vertices")
    if texture.transform:
        uv = _transform_uv(uv, texture.transform)
    uv[:, 1] = 1.0 - uv[:, 1]
    return uv.astype(np.float32)


def _transform_uv(uv: NDArray[np.float64], transform: dict[str, Any]) -> NDArray[np.float64]:
    """Apply KHR_texture_transform: scale, then turn, then shift, v down."""
    angle = float(numbers_of(transform, "rotation", [0])[0])
    c, s = np.cos(angle), np.sin(angle)
    scaled = uv * numbers_of(transform, "scale", [1, 1])
    turned: NDArray[np.float64] = scaled @ np.array([[c, -s], [s, c]])
    return turned + numbers_of(transform, "offset", [0, 0])


def _join(parts: list[_Part], pages: _Pages) -> FileMesh:
    counts = [len(part.vertices) for part in parts]
    first = np.cumsum([0, *counts])
    faces = [part.faces + start for part, start in zip(parts, first[:-1], strict=True)]
    page = [np.full(len(part.faces), part.page, np.int32) for part in parts]
    return FileMesh(
        vertices=np.concatenate([np.empty((0, 3)), *(part.vertices for part in parts)]),
        faces=np.concatenate([np.empty((0, 3), np.int32), *faces]).astype(np.int32),
        wedge_uv=np.concatenate(
            [np.empty((0, 3, 2), np.float32), *(part.wedge_uv for part in parts)]
        ),
        face_page=np.concatenate([np.empty(0, np.int32), *page]),
        pages=tuple(pages.sources),
        unit="m",
        up="+y",
        front="+z",
    )
