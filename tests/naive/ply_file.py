"""PLY files, read value by value with `struct` and `str.split`."""

import re
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

CODES = {"char": "b", "uchar": "B", "short": "h", "ushort": "H", "int": "i", "uint": "I",
         "float": "f", "double": "d", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H",
         "int32": "i", "uint32": "I", "float32": "f", "float64": "d"}  # fmt: skip


@dataclass
class PlyFile:
    textures: list[str] = field(default_factory=list)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def parse(data: bytes) -> PlyFile:
    found = re.search(rb"\bend_header[ \t]*(\r\n|\n|\r)", data)
    assert found is not None
    out, kind = PlyFile(), ""
    elements: list[tuple[str, int, list[list[str]]]] = []
    for line in re.split(r"\r\n|\n|\r", data[: found.start()].decode("utf-8", "replace")):
        words = line.split()
        if words[:1] == ["format"]:
            kind = words[1]
        elif words[:1] == ["element"]:
            elements.append((words[1], int(words[2]), []))
        elif words[:1] == ["property"]:
            elements[-1][2].append(words[1:])
        elif words[:2] == ["comment", "TextureFile"] and len(words) > 2:
            out.textures.append(line.split(None, 2)[2].strip())
    take = _words(data[found.end() :]) if kind == "ascii" else _values(data[found.end() :], kind)
    for name, count, properties in elements:
        out.rows[name] = [{p[-1]: _take(take, p) for p in properties} for _ in range(count)]
    return out


def _take(take: Any, words: list[str]) -> Any:
    if words[0] != "list":
        return take(words[0])
    return [take(words[2]) for _ in range(int(take(words[1])))]


def _words(body: bytes) -> Any:
    words = iter(re.split(rb"[ \t\r\n]+", body.strip(b" \t\r\n")))
    return lambda kind: float(next(words))


def _values(body: bytes, kind: str) -> Any:
    order, at = (">" if kind == "binary_big_endian" else "<"), 0

    def take(name: str) -> float:
        nonlocal at
        (value,) = struct.unpack_from(order + CODES[name], body, at)
        at += struct.calcsize(CODES[name])
        return float(value)

    return take


@dataclass
class Triangles:
    vertices: list[list[float]]
    faces: list[list[float]]
    wedge_uv: list[list[list[float]]]
    textures: list[str | None]


def triangles(file: PlyFile) -> Triangles:
    """Fans of the polygons of a file that has its texture coordinates at the corners."""
    vertices = [[row[axis] for axis in "xyz"] for row in file.rows["vertex"]]
    out = Triangles(vertices, [], [], [])
    for row in file.rows["face"]:
        corners = row["vertex_indices"]
        uv = row.get("texcoord", [])
        page = int(row.get("texnumber", 0 if file.textures else -1))
        for k in range(1, len(corners) - 1):
            fan = (0, k, k + 1)
            out.faces.append([corners[c] for c in fan])
            out.wedge_uv.append([uv[2 * c : 2 * c + 2] if uv else [np.nan] * 2 for c in fan])
            out.textures.append(file.textures[page] if page >= 0 and file.textures else None)
    return out
