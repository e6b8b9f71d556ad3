"""OBJ, read line by line with Python's own means."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass
class ParsedObj:
    vertices: list[list[float]] = field(default_factory=list)
    texcoords: list[list[float]] = field(default_factory=list)
    faces: list[list[int]] = field(default_factory=list)
    face_texcoord: list[list[int]] = field(default_factory=list)
    face_group: list[int] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)


def parse(text: str) -> ParsedObj:
    out = ParsedObj()
    for line in _joined(re.split(r"\r\n|\n|\r", text)):
        words = line.split("#")[0].split()
        if words[:1] == ["v"]:
            out.vertices.append([float(word) for word in words[1:4]])
        elif words[:1] == ["vt"]:
            out.texcoords.append([float(word) for word in [*words[1:3], "0"][:2]])
        elif words[:1] == ["usemtl"]:
            out.groups.append(line.strip()[len("usemtl") :].strip())
        elif words[:1] == ["mtllib"]:
            out.libraries.append(line.split(None, 1)[1].strip())
        elif words[:1] == ["f"]:
            _add_polygon(out, words[1:])
    return out


def _joined(lines: list[str]) -> Iterator[str]:
    """Lines of numbers go on after a backslash; remarks and names may just end in one."""
    whole = ""
    for line in lines:
        whole += line
        if line.endswith("\\") and whole.split()[:1] in (["v"], ["vt"], ["f"]):
            whole = whole[:-1] + " "
            continue
        yield whole
        whole = ""


def _add_polygon(out: ParsedObj, words: list[str]) -> None:
    corners = [[int(part or 0) for part in f"{word}//".split("/")[:2]] for word in words]
    vertex = [_place(v, len(out.vertices)) for v, _ in corners]
    texture = [_place(t, len(out.texcoords)) for _, t in corners]
    for k in range(1, len(words) - 1):
        out.faces.append([vertex[0], vertex[k], vertex[k + 1]])
        out.face_texcoord.append([texture[0], texture[k], texture[k + 1]])
        out.face_group.append(len(out.groups) - 1)


def _place(index: int, seen: int) -> int:
    if index == 0:
        return -1
    return index - 1 if index > 0 else seen + index


def wedges(texcoords: NDArray[np.float64], face_texcoord: NDArray[np.int32]) -> NDArray[np.float32]:
    out = np.full((len(face_texcoord), 3, 2), np.nan, np.float32)
    whole = (face_texcoord >= 0).all(axis=1)
    out[whole] = texcoords[face_texcoord[whole]]
    return out
