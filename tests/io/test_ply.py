import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tbp_extract.config import LimitConfig
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.mesh import FileMesh
from tbp_extract.io.ply import read_ply
from tests.io.meshes import CORNERS, QUADS, UV, ScanFiles, cube_triangles, cube_wedge_uv

FORMATS = ("ascii", "binary_little_endian", "binary_big_endian")
CODES = {"char": "b", "uchar": "B", "short": "h", "ushort": "H", "int": "i", "uint": "I",
         "float": "f", "double": "d"}  # fmt: skip


@dataclass(frozen=True)
class Ply:
    """A PLY file in the making: an element is its name, properties and rows."""

    elements: tuple[tuple[str, tuple[str, ...], Sequence[Sequence[object]]], ...]
    kind: str = "ascii"
    comments: tuple[str, ...] = ("TextureFile skin.png",)
    ending: str = "\n"

    def encode(self) -> bytes:
        lines = ["ply", f"format {self.kind} 1.0", *(f"comment {line}" for line in self.comments)]
        for name, properties, rows in self.elements:
            lines += [f"element {name} {len(rows)}", *(f"property {p}" for p in properties)]
        head = self.ending.join([*lines, "end_header"]) + self.ending
        return head.encode() + b"".join(
            self._row(properties, row) for _, properties, rows in self.elements for row in rows
        )

    def _row(self, properties: tuple[str, ...], row: Sequence[object]) -> bytes:
        order = ">" if self.kind.endswith("big_endian") else "<"
        out, words = b"", []
        for declared, value in zip(properties, row, strict=True):
            kinds = declared.split()
            values = value if isinstance(value, list | tuple) else [value]
            if kinds[0] == "list":
                words.append(str(len(values)))
                out += struct.pack(order + CODES[kinds[1]], len(values))
            words += [str(v) for v in values]
            code = CODES[kinds[2] if kinds[0] == "list" else kinds[0]]
            out += b"".join(struct.pack(order + code, v) for v in values)
        return (" ".join(words) + self.ending).encode() if self.kind == "ascii" else out


VERTEX = ("float x", "float y", "float z")
FACE = ("list uchar int vertex_indices", "list uchar float texcoord")
VERTICES: list[list[object]] = [list(corner * 500) for corner in CORNERS]
FLAT_UV = [x for uv in UV for x in uv]
CUBE = Ply(
    (
        ("vertex", VERTEX, VERTICES),
        ("face", FACE, [[list(quad), FLAT_UV] for quad in QUADS]),
    )
)


def read(root: Path, ply: Ply | bytes, limits: LimitConfig | None = None) -> FileMesh:
    files = ScanFiles(root)
    files.write("m.ply", ply if isinstance(ply, bytes) else ply.encode())
    return read_ply(ScanFolder(root, limits or LimitConfig()), "m.ply")


def refusal(root: Path, ply: Ply | bytes) -> ScanError:
    with pytest.raises(ScanError) as caught:
        read(root, ply)
    return caught.value


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_cube_with_wedge_uv_is_read_exactly(tmp_path: Path, kind: str, ending: str) -> None:
    mesh = read(tmp_path, replace(CUBE, kind=kind, ending=ending))
    np.testing.assert_array_equal(mesh.vertices, CORNERS * 500)
    np.testing.assert_array_equal(mesh.faces, cube_triangles())
    np.testing.assert_array_equal(mesh.wedge_uv, cube_wedge_uv())
    assert mesh.face_page.tolist() == [0] * 12
    assert [page.name for page in mesh.pages] == ["skin.png"]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("names", [("s", "t"), ("u", "v"), ("texture_u", "texture_v")])
def test_vertex_uv_goes_to_the_corners(tmp_path: Path, kind: str, names: tuple[str, str]) -> None:
    uv = np.arange(16).reshape(8, 2) / 16
    vertex = ("double x", "uchar red", "double y", "double z", *(f"float {n}" for n in names))
    rows: list[list[object]] = [
        [c[0], 7, c[1], c[2], u, v] for c, (u, v) in zip(CORNERS, uv, strict=True)
    ]
    faces = ("face", ("list int uint vertex_index",), [[list(quad)] for quad in QUADS])
    mesh = read(tmp_path, Ply((("vertex", vertex, rows), faces), kind))
    np.testing.assert_array_equal(mesh.vertices, CORNERS)
    np.testing.assert_array_equal(mesh.wedge_uv, uv[cube_triangles()].astype(np.float32))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("length", ["char", "uchar", "short", "ushort", "int", "uint"])
def test_polygons_become_fans_whatever_counts_them(tmp_path: Path, kind: str, length: str) -> None:
    face = (f"list {length} short vertex_indices", f"list {length} double texcoord")
    rows: list[list[object]] = [
        [[0, 1, 2], [0, 0, 1, 0, 1, 1]],
        [[0, 1, 2, 3, 4], [k / 16 for k in range(10)]],
        [[5, 6, 7], []],
        [[4, 5, 6, 7], [k / 8 for k in range(8)]],
    ]
    mesh = read(tmp_path, Ply((("vertex", VERTEX, VERTICES), ("face", face, rows)), kind))
    assert mesh.faces.tolist() == [
        [0, 1, 2], [0, 1, 2], [0, 2, 3], [0, 3, 4], [5, 6, 7], [4, 5, 6], [4, 6, 7]
    ]  # fmt: skip
    assert (mesh.wedge_uv[3] * 16).tolist() == [[0, 1], [6, 7], [8, 9]]
    assert (mesh.wedge_uv[6] * 8).tolist() == [[0, 1], [4, 5], [6, 7]]
    assert np.isnan(mesh.wedge_uv[4]).all()
    assert np.isfinite(np.delete(mesh.wedge_uv, 4, axis=0)).all()


@pytest.mark.parametrize("kind", FORMATS)
def test_texnumber_chooses_among_texture_files(tmp_path: Path, kind: str) -> None:
    comments = ("made by hand", "TextureFile a b.png", "TextureFile sub\\c.png")
    rows: list[list[object]] = [
        [list(quad), FLAT_UV, k] for quad, k in zip(QUADS, (1, 0, 0, 1, -1, 1), strict=True)
    ]
    face = ("face", (*FACE, "int texnumber"), rows)
    mesh = read(tmp_path, Ply((CUBE.elements[0], face), kind, comments))
    assert [page.name for page in mesh.pages] == ["a b.png", "sub/c.png"]
    assert mesh.face_page.tolist() == [1, 1, 0, 0, 0, 0, 1, 1, -1, -1, 1, 1]


@pytest.mark.parametrize("kind", FORMATS)
def test_unknown_elements_and_properties_are_skipped(tmp_path: Path, kind: str) -> None:
    junk = ("junk", ("list uchar float values", "uchar flag"), [[[1.0, 2.0], 1], [[], 0]])
    camera = ("camera", ("float view", "double far"), [[1.0, 2.0]])
    rows = [[1, list(quad), FLAT_UV, [1, 2, 3][: k % 3]] for k, quad in enumerate(QUADS)]
    face = ("face", ("uchar flags", *FACE, "list int int more"), rows)
    mesh = read(tmp_path, Ply((junk, CUBE.elements[0], camera, face, junk), kind))
    np.testing.assert_array_equal(mesh.faces, cube_triangles())
    np.testing.assert_array_equal(mesh.wedge_uv, cube_wedge_uv())


@pytest.mark.parametrize("kind", FORMATS)
def test_faces_may_come_before_vertices(tmp_path: Path, kind: str) -> None:
    mesh = read(tmp_path, replace(CUBE, elements=CUBE.elements[::-1], kind=kind))
    np.testing.assert_array_equal(mesh.vertices, CORNERS * 500)
    np.testing.assert_array_equal(mesh.faces, cube_triangles())


@pytest.mark.parametrize("kind", FORMATS)
def test_truncated_data_are_refused_wherever_they_end(tmp_path: Path, kind: str) -> None:
    data = replace(CUBE, kind=kind).encode()
    start = data.index(b"end_header")
    # The last value of a text may lose digits and its line end unseen.
    spare = 6 if kind == "ascii" else 1
    for cut in range(0, len(data) - spare, 7):
        error = refusal(tmp_path, data[:cut])
        assert error.reason is ScanReason.MESH_UNREADABLE
        if cut > start + 12 and kind != "ascii":
            assert "its data end within" in str(error)


@pytest.mark.parametrize(
    ("old", "new"),
    [("format ascii 1.0", "format morse 1.0"), ("format ascii 1.0\n", ""),
     ("element face 6", "element face many"), ("list uchar int", "list float int"),
     ("property float x", "property real x"), ("property float x", "property float w"),
     ("vertex_indices", "corners"), ("element face 6", "element face 7"),
     ("element face 6", "element face 99999999999999"), ("3 0 2 3", "3 0 2"),
     ("500.0", "5OO.0"), ("ply\n", "pli\n")],
)  # fmt: skip
def test_malformed_files_are_refused(tmp_path: Path, old: str, new: str) -> None:
    triangles = Ply((CUBE.elements[0], ("face", FACE[:1], [[[0, 2, 3]] for _ in range(6)])))
    text = triangles.encode().decode()
    assert old in text
    assert refusal(tmp_path, text.replace(old, new, 1).encode()).reason in (
        ScanReason.MESH_UNREADABLE, ScanReason.OVER_LIMIT
    )  # fmt: skip


def test_a_bad_number_is_named_by_line(tmp_path: Path) -> None:
    text = CUBE.encode().decode().replace("500.0 500.0 500.0", "500.0 x 500.0")
    line = text[: text.index(" x ")].count("\n") + 1
    assert f"line {line} " in str(refusal(tmp_path, text.encode()))


@pytest.mark.parametrize("index", [8, -1])
def test_indices_out_of_range_are_refused(tmp_path: Path, index: int) -> None:
    for kind in FORMATS:
        face = ("face", FACE[:1], [[[0, 1, 2]], [[0, 1, index]]])
        error = refusal(tmp_path, Ply((CUBE.elements[0], face), kind))
        assert error.reason is ScanReason.MESH_INDEX_OUT_OF_RANGE
        assert "triangle 1 " in str(error)


def test_faces_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    two = ("face", FACE[:1], [[[0, 1]]])
    assert "fewer than three" in str(refusal(tmp_path, Ply((CUBE.elements[0], two))))
    short = ("face", FACE, [[[0, 1, 2], [0, 0, 1, 1]]])
    assert "do not match" in str(refusal(tmp_path, Ply((CUBE.elements[0], short))))


def test_textures_that_no_face_can_choose_are_refused(tmp_path: Path) -> None:
    comments = ("TextureFile a.png", "TextureFile b.png")
    error = refusal(tmp_path, replace(CUBE, comments=comments))
    assert error.reason is ScanReason.TEXTURE_MISSING
    face = ("face", (*FACE, "int texnumber"), [[list(QUADS[0]), FLAT_UV, 2]])
    error = refusal(tmp_path, Ply((CUBE.elements[0], face), comments=comments))
    assert error.reason is ScanReason.TEXTURE_MISSING


def test_too_many_faces_are_refused(tmp_path: Path) -> None:
    for limit in (5, 11):
        with pytest.raises(ScanError, match=rf"limits\.faces allows {limit}"):
            read(tmp_path, CUBE, LimitConfig(faces=limit))


def test_rubbish_never_escapes_as_another_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    for kind in FORMATS:
        data = replace(CUBE, kind=kind).encode()
        for _ in range(100):
            broken = bytearray(data)
            for at in rng.integers(0, len(data), 3):
                broken[at] = rng.integers(256)
            try:
                mesh = read(tmp_path, bytes(broken))
            except ScanError:
                continue
            assert len(mesh.faces) == len(mesh.wedge_uv) == len(mesh.face_page)


@pytest.mark.parametrize("kind", FORMATS)
def test_data_after_the_last_row_are_refused(tmp_path: Path, kind: str) -> None:
    """A row with one number more than its header says would shift all that follow."""
    data = replace(CUBE, kind=kind).encode()
    files = ScanFiles(tmp_path, "m.ply")
    files.write("m.ply", data + (b"7\n" if kind == "ascii" else b"\n"))
    if kind == "ascii":
        with pytest.raises(ScanError, match="data follow"):
            read_ply(files.folder, "m.ply")
    else:
        assert len(read_ply(files.folder, "m.ply").faces) == 12
        files.write("m.ply", data + b"\0\0\0\0")
        with pytest.raises(ScanError, match="data follow"):
            read_ply(files.folder, "m.ply")


HEAD = "ply\nformat ascii 1.0\n"


@pytest.mark.parametrize(
    ("header", "sentence"),
    [("element vertex " + "9" * 5000, "malformed"),
     ("element vertex 4000000000", "limits.vertices"),
     ("element face 4000000000", "limits.faces"), ("element other 4000000000", "limits.faces"),
     ("element vertex ٣", "malformed"), ("element vertex 1\nelement vertex 1", "twice"),
     ("element vertex 1\nproperty float x\nproperty float x", "twice"),
     ("element e 0\n" + "".join(f"property int p{k}\n" for k in range(300)), "more than 256"),
     ("comment " + "x" * (1 << 20), "no PLY header")],
)  # fmt: skip
def test_claims_of_a_header_are_refused_before_anything_is_made(
    tmp_path: Path, header: str, sentence: str
) -> None:
    files = ScanFiles(tmp_path, "m.ply")
    files.write("m.ply", f"{HEAD}{header}\nend_header\n0\n")
    with pytest.raises(ScanError, match=sentence):
        read_ply(files.folder, "m.ply")


def test_an_index_that_is_no_whole_number_is_refused(tmp_path: Path) -> None:
    files = ScanFiles(tmp_path, "m.ply")
    data = CUBE.encode().replace(b"4 0 2 3 1", b"4 0 2.5 3 1")
    assert b"2.5" in data
    files.write("m.ply", data)
    with pytest.raises(ScanError, match="not whole"):
        read_ply(files.folder, "m.ply")
