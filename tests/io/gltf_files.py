"""glTF files made by hand, for the tests of the reader."""

import json
import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.errors import ScanError
from tbp_extract.io.gltf import read_gltf
from tbp_extract.io.mesh import FileMesh
from tests.io.meshes import ScanFiles, picture

POINTS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
UV = np.array([[0, 0], [1, 0], [1, 0.75], [0, 0.75]], np.float32)
INDEX = np.array([0, 1, 2, 0, 2, 3], np.uint16)
PNG = picture()


class Builder:
    """A glTF document with one quad; tests change ``document`` or add accessors."""

    def __init__(self) -> None:
        self.buffer = b""
        self.document: dict[str, Any] = {
            "asset": {"version": "2.0"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "accessors": [],
            "bufferViews": [],
            "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
            "textures": [{"source": 0}],
            "images": [{"mimeType": "image/png"}],
        }
        primitive = {
            "attributes": {"POSITION": self.add(POINTS), "TEXCOORD_0": self.add(UV)},
            "indices": self.add(INDEX),
            "material": 0,
        }
        self.document["meshes"] = [{"primitives": [primitive]}]
        self.document["images"][0]["bufferView"] = self.add_view(PNG)

    @property
    def primitive(self) -> dict[str, Any]:
        primitive: dict[str, Any] = self.document["meshes"][0]["primitives"][0]
        return primitive

    @property
    def base(self) -> dict[str, Any]:
        base: dict[str, Any] = self.document["materials"][0]["pbrMetallicRoughness"]
        return base["baseColorTexture"]  # type: ignore[no-any-return]  # JSON has no types

    def add_view(self, data: bytes, **extra: Any) -> int:
        self.buffer += b"\0" * (-len(self.buffer) % 4)
        view = {"buffer": 0, "byteOffset": len(self.buffer), "byteLength": len(data), **extra}
        self.document["bufferViews"].append(view)
        self.buffer += data
        return len(self.document["bufferViews"]) - 1

    def add(self, values: NDArray[Any], **extra: Any) -> int:
        codes = {"int8": 5120, "uint8": 5121, "int16": 5122, "uint16": 5123, "uint32": 5125,
                 "float32": 5126}  # fmt: skip
        width = 1 if values.ndim == 1 else values.shape[1]
        kind = {1: "SCALAR", 2: "VEC2", 3: "VEC3"}[width]
        entry = {
            "bufferView": self.add_view(values.tobytes()),
            "componentType": codes[str(values.dtype)],
            "count": len(values),
            "type": kind,
            **extra,
        }
        self.document["accessors"].append(entry)
        return len(self.document["accessors"]) - 1

    def glb(self) -> bytes:
        document = {**self.document, "buffers": [{"byteLength": len(self.buffer)}]}
        text = json.dumps(document).encode()
        text += b" " * (-len(text) % 4)
        body = self.buffer + b"\0" * (-len(self.buffer) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text
        chunks += struct.pack("<I4s", len(body), b"BIN\0") + body
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def read(files: ScanFiles, builder: Builder | bytes) -> FileMesh:
    files.write("m.glb", builder if isinstance(builder, bytes) else builder.glb())
    return read_gltf(files.folder, "m.glb")


def refusal(files: ScanFiles, builder: Builder | bytes) -> ScanError:
    with pytest.raises(ScanError) as caught:
        read(files, builder)
    return caught.value


def up(uv: NDArray[Any]) -> NDArray[Any]:
    return np.stack((uv[..., 0], 1 - uv[..., 1]), axis=-1)
