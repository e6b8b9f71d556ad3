"""glTF, read value by value: triangle lists of the default scene with their textures."""

import json
import struct
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

FORMATS = {5120: "b", 5121: "B", 5122: "h", 5123: "H", 5125: "I", 5126: "f"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


@dataclass
class Triangles:
    vertices: list[list[float]] = field(default_factory=list)
    faces: list[list[int]] = field(default_factory=list)
    wedge_uv: list[list[list[float]]] = field(default_factory=list)
    images: list[bytes | str | None] = field(default_factory=list)
    """Of each face: bytes, or the name of a file."""


class Unknown(Exception):  # noqa: N818 - not an error of the file
    """The file uses what this reader does not know."""


def parse(data: bytes) -> Triangles:
    if data[:4] == b"glTF":
        (length,) = struct.unpack_from("<I", data, 12)
        document, chunk = json.loads(data[20 : 20 + length]), data[28 + length :]
    else:
        document, chunk = json.loads(data), b""
    if document.get("extensionsUsed") or document.get("extensionsRequired"):
        raise Unknown
    out = Triangles()
    scene = document["scenes"][document.get("scene", 0)] if "scenes" in document else None
    if scene is None:
        raise Unknown
    for node in scene.get("nodes", []):
        _place(document, chunk, document["nodes"][node], out)
    return out


def _place(document: dict[str, Any], chunk: bytes, node: dict[str, Any], out: Triangles) -> None:
    if node.keys() - {"mesh", "name"}:
        raise Unknown
    if "mesh" not in node:
        return
    for primitive in document["meshes"][node["mesh"]].get("primitives", []):
        _add(document, chunk, primitive, out)


def _add(document: dict[str, Any], chunk: bytes, primitive: dict[str, Any], out: Triangles) -> None:
    mode = primitive.get("mode", 4)
    if mode in (0, 1, 2, 3) or "POSITION" not in primitive["attributes"]:
        return
    if mode != 4:
        raise Unknown
    start = len(out.vertices)
    points = _values(document, chunk, primitive["attributes"]["POSITION"])
    out.vertices += points
    index = (
        [int(row[0]) for row in _values(document, chunk, primitive["indices"])]
        if "indices" in primitive
        else list(range(len(points)))
    )
    image, coordinates = _image(document, chunk, primitive)
    name = f"TEXCOORD_{coordinates}"
    uv = None
    if image is not None and name in primitive["attributes"]:
        uv = _values(document, chunk, primitive["attributes"][name])
    for k in range(0, len(index), 3):
        corners = index[k : k + 3]
        out.faces.append([start + c for c in corners])
        out.wedge_uv.append(
            [[float("nan")] * 2 if uv is None else [uv[c][0], 1.0 - uv[c][1]] for c in corners]
        )
        out.images.append(None if uv is None else image)


def _image(document: dict[str, Any], chunk: bytes, primitive: dict[str, Any]) -> Any:
    if "material" not in primitive:
        return None, 0
    material = document["materials"][primitive["material"]]
    info = material.get("pbrMetallicRoughness", {}).get("baseColorTexture", {})
    if not info:
        return None, 0
    if "extensions" in info or "extensions" in material:
        raise Unknown
    image = document["images"][document["textures"][info["index"]]["source"]]
    if "bufferView" in image:
        return _view(document, chunk, image["bufferView"]), info.get("texCoord", 0)
    if image["uri"].startswith("data:"):
        raise Unknown
    return unquote(image["uri"]), info.get("texCoord", 0)


def _view(document: dict[str, Any], chunk: bytes, number: int) -> bytes:
    view = document["bufferViews"][number]
    buffer = document["buffers"][view["buffer"]]
    data = b64decode(buffer["uri"].partition(",")[2]) if "uri" in buffer else chunk
    start = view.get("byteOffset", 0)
    return data[start : start + view["byteLength"]]


def _values(document: dict[str, Any], chunk: bytes, number: int) -> list[list[float]]:
    accessor = document["accessors"][number]
    if accessor.get("normalized") or "sparse" in accessor:
        raise Unknown
    view = document["bufferViews"][accessor["bufferView"]]
    width = WIDTHS[accessor["type"]]
    code = f"<{width}{FORMATS[accessor['componentType']]}"
    step = view.get("byteStride", struct.calcsize(code))
    data = _view(document, chunk, accessor["bufferView"])
    first = accessor.get("byteOffset", 0)
    return [
        list(map(float, struct.unpack_from(code, data, first + k * step)))
        for k in range(accessor["count"])
    ]
