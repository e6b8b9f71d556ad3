"""Any valid mesh, written in any dress, is read as it was."""

import struct
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tbp_extract.config import LimitConfig
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.gltf import read_gltf
from tbp_extract.io.mesh import FileMesh
from tbp_extract.io.obj import read_obj
from tbp_extract.io.ply import read_ply
from tests.io.gltf_files import Builder

# A file is read in milliseconds, but kernels may be compiled on the way.
FEW = settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip

FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)
UV = st.floats(0, 1, width=32)
NAMES = ("a.jpg", "b c.jpg", "\u00fc.jpg")


class Mesh(NamedTuple):
    """Triangles with a texture each, or none."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    uv: NDArray[np.float32]
    page: NDArray[np.int32]
    """-1 for a face without texture, whose `uv` do not count."""

    @property
    def wedge_uv(self) -> NDArray[np.float32]:
        return np.where(self.page[:, None, None] < 0, np.float32(np.nan), self.uv)


@st.composite
def meshes(draw: st.DrawFn) -> Mesh:
    count = draw(st.integers(1, 9))
    rows = draw(st.integers(1, 8))
    floats = st.lists(FLOATS, min_size=3 * count, max_size=3 * count)
    vertices = np.array(draw(floats), np.float32).reshape(-1, 3)
    index = st.lists(st.integers(0, count - 1), min_size=3 * rows, max_size=3 * rows)
    uv = st.lists(UV, min_size=6 * rows, max_size=6 * rows)
    pages = st.lists(st.integers(-1, len(NAMES) - 1), min_size=rows, max_size=rows)
    return Mesh(
        vertices,
        np.array(draw(index), np.int32).reshape(-1, 3),
        np.array(draw(uv), np.float32).reshape(-1, 3, 2),
        np.array(draw(pages), np.int32),
    )


def read(
    reader: Callable[[ScanFolder, str], FileMesh], files: dict[str, bytes], name: str
) -> FileMesh:
    with TemporaryDirectory() as folder:
        for file, data in files.items():
            (Path(folder) / file).write_bytes(data)
        return reader(ScanFolder(Path(folder), LimitConfig()), name)


def check(found: FileMesh, mesh: Mesh, order: NDArray[np.intp] | None = None) -> None:
    """Compare all numbers exactly, faces in the order in which they were written."""
    order = np.arange(len(mesh.faces)) if order is None else order
    np.testing.assert_array_equal(found.vertices, mesh.vertices)
    np.testing.assert_array_equal(found.faces, mesh.faces[order])
    np.testing.assert_array_equal(found.wedge_uv, mesh.wedge_uv[order])
    names = [None if k < 0 else found.pages[k].name for k in found.face_page]
    assert names == [None if k < 0 else NAMES[k] for k in mesh.page[order]]


NUMBERS: tuple[Callable[[float], str], ...] = (
    repr, lambda x: f"{x:.17g}", lambda x: f"{x:+.17e}", lambda x: f"{x:.17E}",
)  # fmt: skip


class Dress(NamedTuple):
    """Liberties of an OBJ file."""

    ending: str
    gap: str
    number: Callable[[float], str]
    backwards: bool
    early: bool
    """Whether all vertices come before all faces."""
    bom: bool
    remarks: bool


DRESSES = st.builds(
    Dress, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from([" ", "\t", "  ", " \t"]),
    st.sampled_from(NUMBERS), st.booleans(), st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip


def obj_text(mesh: Mesh, order: NDArray[np.intp], dress: Dress) -> str:
    def vertex_line(row: NDArray[np.float32]) -> str:
        return dress.gap.join(["v", *(dress.number(float(x)) for x in row)])

    lines = ["mtllib m.mtl"]
    # An index backwards counts from its line; one forwards may point ahead.
    first = [vertex_line(row) for row in mesh.vertices]
    lines += first if dress.early or dress.backwards else []
    texture, used = 0, "none"
    for face in order.tolist():
        page = int(mesh.page[face])
        material = "bare" if page < 0 else f"m{page}"
        lines += [] if material == used else [f"usemtl {material}"]
        used = material
        lines += [f"vt{dress.gap}{u!r} {v!r}" for u, v in mesh.uv[face].tolist()]
        texture += 3
        corners = []
        for k, vertex in enumerate(mesh.faces[face].tolist()):
            v = vertex - len(mesh.vertices) if dress.backwards else vertex + 1
            t = k - 3 if dress.backwards else texture - 2 + k
            corners.append(f"{v}/{t}" if page >= 0 else f"{v}")
        lines.append(dress.gap.join(["f", *corners]))
        lines += ["# f 1 1 1", "", "g x", "vn 0 0 1"] if dress.remarks else []
    lines += [] if dress.early or dress.backwards else first
    return ("\ufeff" if dress.bom else "") + dress.ending.join(lines) + dress.ending


@FEW
@given(meshes(), DRESSES, st.randoms(use_true_random=False))
def test_obj(mesh: Mesh, dress: Dress, shuffler: Any) -> None:
    """Faces in any order, so with groups in any order and often torn apart."""
    order = list(range(len(mesh.faces)))
    shuffler.shuffle(order)
    text = obj_text(mesh, np.array(order), dress)
    mtl = ["newmtl bare", *(f"newmtl m{k}\nmap_Kd {name}" for k, name in enumerate(NAMES))]
    shuffler.shuffle(mtl)
    files = {"m.obj": text.encode(), "m.mtl": "\n".join(mtl).encode()}
    check(read(read_obj, files, "m.obj"), mesh, np.array(order))


def ply_bytes(mesh: Mesh, kind: str, ending: str) -> bytes:
    lines = ["ply", f"format {kind} 1.0", *(f"comment TextureFile {name}" for name in NAMES)]
    lines += [f"element vertex {len(mesh.vertices)}", *(f"property float {a}" for a in "xyz")]
    lines += [f"element face {len(mesh.faces)}", "property list uchar int vertex_indices"]
    lines += ["property list uchar float texcoord", "property int texnumber", "end_header"]
    out = (ending.join(lines) + ending).encode()
    if kind == "ascii":
        rows = [" ".join(map(repr, row)) for row in mesh.vertices.tolist()]
        for face, uv, page in zip(mesh.faces, mesh.uv.reshape(-1, 6), mesh.page, strict=True):
            words = ["3", *map(str, face), *(["6", *map(repr, uv.tolist())] if page >= 0 else "0")]
            rows.append(" ".join([*words, str(page)]))
        return out + (ending.join(rows) + ending).encode()
    order = ">" if kind.endswith("big_endian") else "<"
    out += mesh.vertices.astype(f"{order}f4").tobytes()
    for face, uv, page in zip(mesh.faces, mesh.uv.reshape(-1, 6), mesh.page, strict=True):
        out += struct.pack(f"{order}B3i", 3, *face)
        out += struct.pack(f"{order}B6f", 6, *uv) if page >= 0 else b"\0"
        out += struct.pack(f"{order}i", page)
    return out


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
@FEW
@given(mesh=meshes(), ending=st.sampled_from(["\n", "\r\n", "\r"]))
def test_ply(kind: str, mesh: Mesh, ending: str) -> None:
    check(read(read_ply, {"m.ply": ply_bytes(mesh, kind, ending)}, "m.ply"), mesh)


@FEW
@given(meshes())
def test_glb(mesh: Mesh) -> None:
    """One primitive a texture; within it, faces keep their order."""
    builder = Builder()
    builder.buffer = b""
    document = builder.document
    document["accessors"], document["bufferViews"], primitives = [], [], []
    order: list[int] = []
    down = mesh.uv.copy()
    down[..., 1] = 1 - down[..., 1]
    for page in range(-1, len(NAMES)):
        member = np.flatnonzero(mesh.page == page)
        order += member.tolist()
        corners = mesh.faces[member].reshape(-1)
        attributes = {"POSITION": builder.add(mesh.vertices[corners])}
        if page >= 0:
            attributes["TEXCOORD_0"] = builder.add(down[member].reshape(-1, 2))
        index = builder.add(np.arange(len(corners), dtype=np.uint32))
        primitive = {"attributes": attributes, "indices": index}
        primitives.append(primitive if page < 0 else {**primitive, "material": page})
    document["meshes"] = [{"primitives": primitives}]
    document["materials"] = [
        {"pbrMetallicRoughness": {"baseColorTexture": {"index": k}}} for k in range(len(NAMES))
    ]
    document["textures"] = [{"source": k} for k in range(len(NAMES))]
    document["images"] = [{"uri": name} for name in NAMES]
    found = read(read_gltf, {"m.glb": builder.glb()}, "m.glb")
    np.testing.assert_array_equal(found.vertices[found.faces], mesh.vertices[mesh.faces[order]])
    textured = mesh.page[order] >= 0
    assert np.isnan(found.wedge_uv[~textured]).all()
    # 1 - (1 - v) costs the last bit.
    np.testing.assert_allclose(
        found.wedge_uv[textured], mesh.uv[order][textured], rtol=0, atol=2.0**-23
    )
    names = [None if k < 0 else found.pages[k].name for k in found.face_page]
    assert names == [None if k < 0 else NAMES[k] for k in mesh.page[order]]
