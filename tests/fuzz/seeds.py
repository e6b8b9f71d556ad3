"""Good files to damage: small scans in every format, textures, tables, settings."""

import io
import json
import struct
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image

from tbp_extract.phantom.write import MeshFormat, write_scan
from tbp_extract.types import Scan
from tests.io.test_ply import Ply

__all__ = ["TARGETS", "ball", "pack_glb", "seeds_of", "split_glb", "write_frame"]

TARGETS = (
    "obj", "mtl", "ply", "glb", "gltf", "jpeg", "png", "tiff", "scans", "lesions", "toml",
)  # fmt: skip

LESIONS = (
    "lesion_id,x,y,z,diameter_mm,tag,tbp_lv_A\n"
    "a,0,0,300,3.5,t1,12.5\nb,0,300,0,,,\nc,-299.5,1.25,0.5,5,t 2,-1e-1\nd,0,0,-300,2,,0\n"
)
SCANS = (
    "scan_id,patient_id,mesh,unit,up,front,lesions,capture_date,birth_date,age,sex,"
    "tbp_tile_type,attribution,copyright_license\n"
    "s1,p1,m.obj,mm,+y,+z,l.csv,2024-02-29,1980-01-01,,male,3D: XP,Centre,CC-BY\n"
    "s2,p1,sub/m.glb,,,,,,,47.5,female,3D: white,\"Müller, Basel\",CC-0\n"
)  # fmt: skip
TOML = (
    '[scan]\nunit = "mm"\nup = "+z"\nfront = "-y"\n[limits]\npage_px = 4096\nfaces = 1000\n'
    '[crop]\nextent_mm = 15.0\nsize_px = 133\n[jpeg]\nquality = 95\n[lesions.columns]\nx = "X mm"\n'
)


def ball(pages: int = 2) -> Scan:
    """A ball of 600 mm with a chart of its own for each quarter of it."""
    mesh = trimesh.creation.icosphere(subdivisions=1, radius=300.0)
    corners = np.asarray(mesh.vertices)[mesh.faces]
    uv = 0.1 + 0.8 * (corners[:, :, :2] / 600.0 + 0.5)
    rng = np.random.default_rng(1)
    page = (corners.mean(axis=1)[:, 2] > 0).astype(np.int16) % pages
    return Scan(
        vertices_mm=np.array(np.round(mesh.vertices, 3), np.float64),
        faces=np.asarray(mesh.faces, np.int32),
        wedge_uv=np.round(uv, 4).astype(np.float32),
        face_page=page,
        atlas=tuple(rng.integers(0, 256, (24, 32, 3), np.uint8) for _ in range(pages)),
    )


def write_frame(folder: Path) -> None:
    """Write what surrounds the file that is damaged: a scan in each format, and its lists."""
    for kind in MeshFormat:
        write_scan(folder, "m", ball(), mesh_format=kind)
    (folder / "l.csv").write_text(LESIONS)
    (folder / "l_m.csv").write_text("x,y,z\n0,0,0.3\n0,0.3,0\n")


@cache
def seeds_of(target: str) -> tuple[bytes, ...]:
    """Return the good files of a target."""
    return tuple(_MAKERS[target]())


def split_glb(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the JSON and the buffer of a GLB as it should be."""
    (length,) = struct.unpack_from("<I", data, 12)
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def pack_glb(text: bytes, body: bytes) -> bytes:
    """Put a GLB together; lengths are right whatever the parts are."""
    text += b" " * (-len(text) % 4)
    body += bytes(-len(body) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", len(body), b"BIN\0") + body
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _written(kind: MeshFormat, ending: str) -> bytes:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        write_scan(Path(folder), "m", ball(), mesh_format=kind)
        return (Path(folder) / f"m.{ending}").read_bytes()


def _obj() -> Iterator[bytes]:
    text = _written(MeshFormat.OBJ, "obj").decode()
    yield text.encode()
    yield ("\ufeff# ä\ng body\ns off\n" + text.replace("\n", "\r\n")).encode()
    # Indices backwards, blanks, comments, normals, several groups.
    lines = [f"v {x} {y} {z} 0.5 0.5 0.5" for x, y, z in ball().vertices_mm]
    for k, (face, uv) in enumerate(zip(ball().faces, ball().wedge_uv, strict=True)):
        lines += [f"vt {u} {v}" for u, v in uv]
        lines += [f"usemtl page_{k % 2}  "] if k % 7 == 0 else []
        words = [f"{v - len(ball().vertices_mm)}/{t - 3}/1" for t, v in enumerate(face)]
        lines.append("f\t" + "  ".join(words) + (" # fan" if k % 5 == 0 else ""))
    yield ("vn 0 0 1\nmtllib m.mtl\n" + "\n".join(lines) + "\n").encode()


def _mtl() -> Iterator[bytes]:
    text = _written(MeshFormat.OBJ, "mtl").decode()
    yield text.encode()
    yield text.replace("map_Kd ", "Kd 1 1 1\nmap_Kd -s 1 1 1 -clamp on ").encode()
    yield text.replace("\n", "\r\n").replace("map_Kd ", "map_Ka x.jpg\r\nMAP_KD ").encode()


def _ply() -> Iterator[bytes]:
    yield _written(MeshFormat.PLY, "ply")
    scan = ball()
    vertex = ("vertex", ("float x", "float y", "double z"), scan.vertices_mm.tolist())
    rows: list[list[object]] = [
        [face, uv, int(page)]
        for face, uv, page in zip(
            scan.faces.tolist(), scan.wedge_uv.reshape(-1, 6).tolist(), scan.face_page, strict=True
        )
    ]
    face = (
        "face",
        ("list uchar int vertex_indices", "list int float texcoord", "uchar texnumber"),
        rows,
    )
    for kind in ("ascii", "binary_big_endian"):
        yield Ply((vertex, face), kind, ("TextureFile m_0.jpg", "TextureFile m_1.jpg")).encode()


def _glb() -> Iterator[bytes]:
    yield _written(MeshFormat.GLB, "glb")


def _gltf() -> Iterator[bytes]:
    document, body = split_glb(_written(MeshFormat.GLB, "glb"))
    encoded = b64encode(body).decode()
    document["buffers"] = [{"byteLength": len(body), "uri": f"data:;base64,{encoded}"}]
    document["images"] = [{"uri": "m_0.jpg"}, {"uri": "m%5F1.jpg"}]
    yield json.dumps(document).encode()


def _picture(seed: int = 3) -> NDArray[np.uint8]:
    rough = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return np.asarray(Image.fromarray(rough).resize((32, 24), Image.Resampling.BICUBIC))


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _jpeg() -> Iterator[bytes]:
    image = Image.fromarray(_picture())
    for options in (
        {"quality": 90, "subsampling": 0},
        {"quality": 75},
        {"progressive": True},
        {"quality": 60, "restart_marker_blocks": 2},
        {"quality": 95, "keep_rgb": True},
    ):
        yield _encoded(image, "JPEG", **options)
    yield _encoded(image.convert("L"), "JPEG")


def _png() -> Iterator[bytes]:
    image = Image.fromarray(_picture())
    for mode in ("RGB", "RGBA", "L", "LA", "P", "1"):
        yield _encoded(image.convert(mode), "PNG")
    deep = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) * 80
    yield _encoded(Image.fromarray(deep), "PNG")


def _tiff() -> Iterator[bytes]:
    image = Image.fromarray(_picture())
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield _encoded(image, "TIFF", compression=compression)
    yield _encoded(image.convert("L"), "TIFF")
    yield _encoded(image.convert("P"), "TIFF")


def _scans() -> Iterator[bytes]:
    yield SCANS.encode()
    yield SCANS.replace(",", ";").replace("Müller; Basel", "Müller, Basel").encode("latin-1")
    yield SCANS.replace("\n", "\r\n").encode("utf-16")


def _lesions() -> Iterator[bytes]:
    yield LESIONS.encode()
    yield LESIONS.replace(",", ";").replace(".", ",").encode("utf-8-sig")
    yield LESIONS.replace(",", "\t").replace("\n", "\r\n").encode("utf-16")
    yield b"u,v,page\n0.5,0.5,0\n0.25,0.75,m_1.jpg\n"


def _toml() -> Iterator[bytes]:
    yield TOML.encode()


_MAKERS: dict[str, Callable[[], Iterator[bytes]]] = {
    "obj": _obj, "mtl": _mtl, "ply": _ply, "glb": _glb, "gltf": _gltf, "jpeg": _jpeg, "png": _png,
    "tiff": _tiff, "scans": _scans, "lesions": _lesions, "toml": _toml,
}  # fmt: skip
