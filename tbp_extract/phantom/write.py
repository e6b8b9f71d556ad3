"""Scans as files: OBJ with MTL and JPEG, GLB, PLY; lesion lists, truth tables, scan tables."""

import csv
import io
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import JpegConfig
from tbp_extract.errors import OutputError
from tbp_extract.io.files import write_whole
from tbp_extract.jpeg import encode_jpeg
from tbp_extract.types import Scan

__all__ = ["MeshFormat", "write_mask_pages", "write_scan", "write_table"]

_GLTF_FLOAT, _GLTF_UINT = 5126, 5125
_GLTF_ARRAY, _GLTF_INDEX = 34962, 34963


class MeshFormat(StrEnum):
    """File formats of meshes."""

    OBJ = "obj"
    GLB = "glb"
    PLY = "ply"

    @property
    def unit(self) -> str:
        """Unit of length in files that we write."""
        return "m" if self is MeshFormat.GLB else "mm"

    @property
    def per_mm(self) -> float:
        """Length of a millimetre in that unit."""
        return 1e-3 if self is MeshFormat.GLB else 1.0


def write_scan(
    folder: Path,
    name: str,
    scan: Scan,
    *,
    mesh_format: MeshFormat = MeshFormat.OBJ,
    jpeg: JpegConfig | None = None,
) -> Path:
    """Write a scan with its pages.

    Parameters
    ----------
    folder : Path
        Made if missing.
    name : str
        Stem of the files.
    scan : Scan
        Faces without texture stay without.
    mesh_format : MeshFormat
        OBJ and PLY in millimetres with pages beside; GLB in metres with pages inside.
    jpeg : JpegConfig, optional
        Quality 95, 4:4:4 by default.

    Returns
    -------
    Path
        The mesh file.

    Raises
    ------
    OutputError
        If a face lies on a page that is not there, or the folder cannot be written.
    """
    if (scan.face_page >= len(scan.atlas)).any():
        raise OutputError(f"a face lies on page {scan.face_page.max()} of {len(scan.atlas)}")
    make_folder(folder)
    pages = [encode_jpeg(page, jpeg or JpegConfig()) for page in scan.atlas]
    path = folder / f"{name}.{mesh_format.value}"
    if mesh_format is MeshFormat.GLB:
        write_whole(path, _glb_bytes(scan, pages))
        return path
    names = [f"{name}{'' if len(pages) == 1 else f'_{k}'}.jpg" for k in range(len(pages))]
    for page_name, data in zip(names, pages, strict=True):
        write_whole(folder / page_name, data)
    if mesh_format is MeshFormat.PLY:
        write_whole(path, _ply_bytes(scan, names))
        return path
    write_whole(folder / f"{name}.mtl", _mtl_text(names).encode())
    write_whole(path, _obj_text(scan, name).encode())
    return path


def write_mask_pages(folder: Path, name: str, masks: Sequence[NDArray[np.uint8]]) -> None:
    """Write mask pages as 8-bit PNG, ``NAME_mask_0.png`` and on.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    make_folder(folder)
    for number, mask in enumerate(masks):
        done, data = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_COMPRESSION, 3])
        if not done:
            raise OutputError("a mask page cannot be encoded as PNG")
        write_whole(folder / f"{name}_mask_{number}.png", data.tobytes())


def write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows of equal keys as CSV; floats with up to 6 decimals, None empty.

    Raises
    ------
    OutputError
        If there is no row, or the folder cannot be written.
    """
    if not rows:
        raise OutputError("a table needs at least one row")
    make_folder(path.parent)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    write_whole(path, text.getvalue().encode())


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises
    ------
    OutputError
        If the system refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make an output folder: {error.strerror}") from None


def _cell(value: object) -> object:
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.6f}".rstrip("0").rstrip(".")
    return "" if value is None else value


@dataclass(frozen=True, slots=True, eq=False)
class _Corners:
    """Distinct pairs of vertex and texture coordinate."""

    vertex: NDArray[np.int64]
    uv: NDArray[np.float32]
    index: NDArray[np.int64]

    @classmethod
    def of(cls, faces: NDArray[np.int32], wedge_uv: NDArray[np.float32]) -> "_Corners":
        vertex = faces.reshape(-1).astype(np.int64)
        bits = np.ascontiguousarray(wedge_uv.reshape(-1, 2)).view(np.uint32).astype(np.int64)
        key = bits[:, 0] << 32 | bits[:, 1]
        order = np.lexsort((key, vertex))
        new = np.r_[True, (np.diff(vertex[order]) != 0) | (np.diff(key[order]) != 0)]
        index = np.empty(len(order), np.int64)
        index[order] = np.cumsum(new) - 1
        first = order[new]
        return cls(vertex[first], wedge_uv.reshape(-1, 2)[first], index.reshape(-1, 3))


def _mtl_text(names: Sequence[str]) -> str:
    return "".join(
        f"newmtl page_{k}\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {name}\n\n"
        for k, name in enumerate(names)
    )


def _obj_text(scan: Scan, name: str) -> str:
    corners = _Corners.of(scan.faces, np.nan_to_num(scan.wedge_uv))
    parts = [
        f"# millimetres, y up, facing +z\nmtllib {name}.mtl\n",
        _lines("v %.5f %.5f %.5f\n", scan.vertices_mm),
        _lines("vt %.7f %.7f\n", corners.uv.astype(np.float64)),
    ]
    pairs = np.stack((scan.faces, corners.index), axis=2).reshape(-1, 6) + 1
    bare = scan.face_page < 0
    parts.append(_lines("f %d %d %d\n", scan.faces[bare] + 1))
    for page in range(len(scan.atlas)):
        member = scan.face_page == page
        parts.append(f"usemtl page_{page}\n")
        parts.append(_lines("f %d/%d %d/%d %d/%d\n", pairs[member]))
    return "".join(parts)


def _lines(form: str, rows: NDArray[Any]) -> str:
    return (form * len(rows)) % tuple(rows.ravel().tolist())


def _ply_bytes(scan: Scan, names: Sequence[str]) -> bytes:
    """Binary PLY, texture coordinates at the wedges."""
    row = np.dtype(
        [
            ("corners", "u1"),
            ("vertex", "<i4", (3,)),
            ("coordinates", "u1"),
            ("uv", "<f4", (6,)),
            ("page", "<i4"),
        ]
    )
    table = np.empty(len(scan.faces), row)
    table["corners"], table["coordinates"] = 3, 6
    table["vertex"], table["uv"] = scan.faces, np.nan_to_num(scan.wedge_uv).reshape(-1, 6)
    table["page"] = scan.face_page
    header = [
        "ply",
        "format binary_little_endian 1.0",
        "comment millimetres, y up, facing +z",
        *(f"comment TextureFile {name}" for name in names),
        f"element vertex {len(scan.vertices_mm)}",
        *(f"property double {axis}" for axis in "xyz"),
        f"element face {len(scan.faces)}",
        "property list uchar int vertex_indices",
        "property list uchar float texcoord",
        "property int texnumber",
        "end_header",
    ]
    vertices = np.ascontiguousarray(scan.vertices_mm, "<f8")
    return "\n".join(header).encode() + b"\n" + vertices.tobytes() + table.tobytes()


class _Buffer:
    """The binary chunk of a GLB in the making."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(self, data: bytes, target: int | None = None) -> int:
        """Append bytes; give the number of their view."""
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        self.data += data + bytes(-len(data) % 4)
        self.views.append(view)
        return len(self.views) - 1

    def add_array(self, values: NDArray[Any], kind: str) -> int:
        """Append an array; give the number of its accessor."""
        index = kind == "SCALAR"
        accessor: dict[str, Any] = {
            "bufferView": self.add(values.tobytes(), _GLTF_INDEX if index else _GLTF_ARRAY),
            "componentType": _GLTF_UINT if index else _GLTF_FLOAT,
            "count": len(values),
            "type": kind,
        }
        if kind == "VEC3":
            accessor["min"] = values.min(axis=0).tolist()
            accessor["max"] = values.max(axis=0).tolist()
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _primitive(scan: Scan, page: int, buffer: _Buffer) -> dict[str, Any]:
    """Faces of one page; page -1 has neither texture coordinates nor material."""
    member = np.flatnonzero(scan.face_page == page)
    corners = _Corners.of(scan.faces[member], np.nan_to_num(scan.wedge_uv[member]))
    metres = (scan.vertices_mm[corners.vertex] * MeshFormat.GLB.per_mm).astype("<f4")
    primitive: dict[str, Any] = {"attributes": {"POSITION": buffer.add_array(metres, "VEC3")}}
    if page >= 0:
        # glTF counts v downwards.
        uv = np.stack((corners.uv[:, 0], 1.0 - corners.uv[:, 1]), axis=1).astype("<f4")
        primitive["attributes"]["TEXCOORD_0"] = buffer.add_array(uv, "VEC2")
        primitive["material"] = page
    indices = corners.index.reshape(-1).astype("<u4")
    primitive["indices"] = buffer.add_array(indices, "SCALAR")
    return primitive


def _glb_bytes(scan: Scan, pages: Sequence[bytes]) -> bytes:
    """One primitive and one material a page, metres."""
    buffer = _Buffer()
    primitives = [
        _primitive(scan, page, buffer)
        for page in range(-1, len(pages))
        if (scan.face_page == page).any()
    ]
    images = [{"bufferView": buffer.add(data), "mimeType": "image/jpeg"} for data in pages]
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": primitives}],
        "materials": [
            {
                "pbrMetallicRoughness": {
                    "baseColorTexture": {"index": k},
                    "metallicFactor": 0.0,
                    "roughnessFactor": 1.0,
                }
            }
            for k in range(len(pages))
        ],
        "textures": [{"source": k, "sampler": 0} for k in range(len(pages))],
        "samplers": [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}],
        "images": images,
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return b"".join(
        (
            struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(buffer.data)),
            struct.pack("<I4s", len(text), b"JSON"),
            text,
            struct.pack("<I4s", len(buffer.data), b"BIN\0"),
            bytes(buffer.data),
        )
    )
