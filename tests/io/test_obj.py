import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.config import LimitConfig
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.mesh import FileMesh
from tbp_extract.io.obj import read_obj
from tbp_extract.kernels.obj import WORDS
from tests.io.meshes import CORNERS, ScanFiles, cube_files, cube_triangles, cube_wedge_uv

HEAD = "mtllib m.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
MTL = "newmtl a\nmap_Kd a.jpg\nnewmtl b\nmap_Kd b.jpg\nnewmtl again\nmap_Kd ./a.jpg\nnewmtl plain\n"


@pytest.fixture
def files(tmp_path: Path) -> ScanFiles:
    files = ScanFiles(tmp_path, "m.obj")
    files.write("m.mtl", MTL)
    return files


def read(files: ScanFiles, text: str | bytes) -> FileMesh:
    files.write("m.obj", text)
    return read_obj(files.folder, "m.obj")


def refusal(files: ScanFiles, text: str | bytes) -> ScanError:
    with pytest.raises(ScanError) as caught:
        read(files, text)
    return caught.value


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_cube_is_read_exactly(tmp_path: Path, ending: str, bom: bytes) -> None:
    files = cube_files(tmp_path)
    text = (tmp_path / "cube.obj").read_text().replace("\n", ending)
    files.write("cube.obj", bom + text.encode())
    mesh = read_obj(files.folder, "cube.obj")
    np.testing.assert_array_equal(mesh.vertices, CORNERS * 500)
    np.testing.assert_array_equal(mesh.faces, cube_triangles())
    np.testing.assert_array_equal(mesh.wedge_uv, cube_wedge_uv())
    np.testing.assert_array_equal(mesh.face_page, np.zeros(12))
    assert [page.name for page in mesh.pages] == ["skin.png"]


def test_pages_are_numbered_by_first_use_and_shared_by_file(files: ScanFiles) -> None:
    face = "f 1/1 2/2 3/3\n"
    uses = ("b", "a", "again", "plain", "b")
    mesh = read(files, HEAD + face + "".join(f"usemtl {name}\n{face}" for name in uses))
    assert [page.name for page in mesh.pages] == ["b.jpg", "a.jpg"]
    assert mesh.face_page.tolist() == [-1, 0, 1, 1, -1, 0]


def test_materials_without_faces_need_no_definition(files: ScanFiles) -> None:
    mesh = read(files, HEAD + "usemtl nowhere\nusemtl a\nf 1/1 2/2 3/3\n")
    assert mesh.face_page.tolist() == [0]


def test_a_face_with_a_corner_without_uv_has_none(files: ScanFiles) -> None:
    mesh = read(files, HEAD + "usemtl a\nf 1/1 2 3/3\nf 1/1 2/2/ 3/3\nf 1 2 3\nf 1//1 2//1 3//1\n")
    assert np.isnan(mesh.wedge_uv).all(axis=(1, 2)).tolist() == [True, False, True, True]


def test_a_seam_keeps_vertices_joined_and_wedges_apart(files: ScanFiles) -> None:
    mesh = read(files, HEAD + "usemtl a\nf 1/1 2/2 3/3\nf 1/2 3/4 4/1\n")
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.wedge_uv.tolist() == [[[0, 0], [1, 0], [1, 1]], [[1, 0], [0, 1], [0, 0]]]


def test_colours_weights_and_third_texture_numbers_are_passed_over(files: ScanFiles) -> None:
    text = "v 1 2 3 1\nv 4 5 6 0.1 0.2 0.3\nv 7 8 10\nvt 0.5\nvt 0.5 0.25 0.125\nf 1/1 2/2 -1/-1\n"
    mesh = read(files, text)
    assert mesh.vertices.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 10]]
    assert mesh.wedge_uv.tolist() == [[[0.5, 0], [0.5, 0.25], [0.5, 0.25]]]


@pytest.mark.parametrize(
    "line",
    ["v 1 2", "v 1 2 x", "v", "v 1 2 3x", "vt", "vt x", "f 1 2", "f", "f 1 2 a", "f 1/ 2/x 3",
     "f 1/1/1/1 2 3", "f 1 2 3.5", "f 1 2 3-", "f / 1 2", "v 1,5 2 3"],
)  # fmt: skip
def test_malformed_lines_are_named(files: ScanFiles, line: str) -> None:
    for ending in ("\n", "\r\n", "\r"):
        error = refusal(files, (HEAD + f"# note\n{line}\nf 1 2 3\n").replace("\n", ending))
        assert error.reason is ScanReason.MESH_UNREADABLE
        assert "line 11 " in str(error)


@pytest.mark.parametrize(
    "face", ["0 1 2", "1 2 5", "-5 1 2", "1/0 2/1 3/1", "1/5 2/1 3/1", "1/-5 2/1 3/1",
             "1 2 99999999999999999999"],
)  # fmt: skip
def test_indices_out_of_range_are_named(files: ScanFiles, face: str) -> None:
    error = refusal(files, HEAD + f"f {face}\n")
    assert error.reason is ScanReason.MESH_INDEX_OUT_OF_RANGE
    assert "line 10 " in str(error)


def test_a_negative_index_counts_from_its_own_line(files: ScanFiles) -> None:
    mesh = read(files, "v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1\nv 9 9 9\nf -4 -3 -1\nf 4 1 2\n")
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 1, 3], [3, 0, 1]]
    assert refusal(files, "v 0 0 0\nv 1 0 0\nf -3 1 2\nv 0 1 0\n").reason is (
        ScanReason.MESH_INDEX_OUT_OF_RANGE
    )


@pytest.mark.parametrize("line", ["mtllib one.mtl two.mtl", "mtllib one.mtl\nmtllib two.mtl",
                                  "mtllib\ttwo.mtl\n# one\nmtllib one.mtl"])  # fmt: skip
def test_several_mtl_files_add_up(files: ScanFiles, line: str) -> None:
    files.write("one.mtl", "newmtl a\nmap_Kd 1.jpg\n")
    files.write("two.mtl", "newmtl b\nmap_Kd 2.jpg\n")
    body = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nusemtl a\nf 1/1 2/1 3/1\nusemtl b\nf 1/1 2/1 3/1\n"
    assert [page.name for page in read(files, f"{line}\n{body}").pages] == ["1.jpg", "2.jpg"]


def test_file_names_may_hold_blanks_and_other_letters(files: ScanFiles) -> None:
    files.write("my skin ü.mtl", "newmtl my mat\nmap_Kd my skin ü.jpg\n".encode("latin-1"))
    text = HEAD.replace("m.mtl", "my skin ü.mtl") + "usemtl my mat\nf 1/1 2/2 3/3\n"
    assert read(files, text).pages[0].name == "my skin ü.jpg"


@pytest.mark.parametrize("line", ["mtllib ../../secret", "mtllib ..\\m.mtl", "mtllib /etc/passwd",
                                  "mtllib C:\\m.mtl"])  # fmt: skip
def test_mtl_files_outside_are_refused(tmp_path: Path, line: str) -> None:
    inside = ScanFiles(tmp_path / "scan" / "deep")
    inside.write("m.obj", f"{line}\nv 0 0 0\n")
    (tmp_path / "secret").write_text("newmtl a")
    (tmp_path / "scan" / "m.mtl").write_text("newmtl a")
    for root, name in ((inside.root, "m.obj"), (tmp_path, "scan/deep/m.obj")):
        with pytest.raises(ScanError) as caught:
            read_obj(ScanFolder(root, LimitConfig()), name)
        assert caught.value.reason is ScanReason.PATH_OUTSIDE_SCAN


def test_a_missing_mtl_file_or_material_is_refused(files: ScanFiles) -> None:
    for text in (
        "mtllib none.mtl\nv 0 0 0\n",
        HEAD + "usemtl none\nf 1/1 2/2 3/3\n",
        HEAD.replace("mtllib m.mtl", "") + "usemtl a\nf 1/1 2/2 3/3\n",
    ):
        assert refusal(files, text).reason is ScanReason.MATERIAL_MISSING


def test_a_scaled_texture_is_refused(files: ScanFiles) -> None:
    files.write("m.mtl", "newmtl a\nmap_Kd -o 0.5 0 0 a.jpg\n")
    error = refusal(files, HEAD + "usemtl a\nf 1/1 2/2 3/3\n")
    assert error.reason is ScanReason.TEXTURE_UNSUPPORTED
    assert "option -o" in str(error)


def test_other_formats_are_no_obj(files: ScanFiles) -> None:
    for data in (b"ply\nformat ascii 1.0\n", b"glTF\x02\0\0\0", b"\0" * 50, b"v 0 0 0\n\0"):
        assert refusal(files, data).reason is ScanReason.MESH_UNREADABLE


def test_too_many_faces_are_refused_before_they_are_read(tmp_path: Path) -> None:
    files = cube_files(tmp_path)
    folder = ScanFolder(files.root, LimitConfig(faces=11))
    with pytest.raises(ScanError, match=r"12 faces, limits\.faces allows 11"):
        read_obj(folder, "cube.obj")


def test_rubbish_never_escapes_as_another_error(files: ScanFiles) -> None:
    rng = np.random.default_rng(2)
    letters = np.frombuffer(b"vvtfn 0123456789.-+e/\\\n\r\t#umtlib", np.uint8)
    for _ in range(300):
        text = rng.choice(letters, int(rng.integers(1, 200))).tobytes()
        try:
            mesh = read(files, text)
        except ScanError:
            continue
        assert len(mesh.faces) == len(mesh.wedge_uv) == len(mesh.face_page)
        assert not len(mesh.faces) or mesh.faces.max() < len(mesh.vertices)


def test_many_material_groups_cost_little(files: ScanFiles) -> None:
    face = "usemtl a\nf 1/1 2/2 3/3\nusemtl b\nf 1/1 3/3 4/4\n"
    read(files, HEAD + face)
    begin = time.perf_counter()
    mesh = read(files, HEAD + face * 10_000)
    # 20,000 groups take 0.1 s; anything that grows with their square would take far longer.
    assert time.perf_counter() - begin < 2
    assert mesh.face_page.tolist() == [0, 1] * 10_000


def in_one_order(corners: NDArray[Any]) -> NDArray[np.float64]:
    """Triangles (F, 3, K) by content: trimesh puts quads last and starts them elsewhere."""
    out = []
    for triangle in corners.tolist():
        first = triangle.index(min(triangle))
        out.append(triangle[first:] + triangle[:first])
    return np.array(sorted(out))


def test_real_bodies_are_as_trimesh_reads_them(data: Path) -> None:
    import trimesh

    bodies = sorted(path for path in (data / "bodies").iterdir() if path.is_dir())
    assert len(bodies) == 4
    for body in bodies:
        name = f"{body.name}.obj"
        mesh = read_obj(ScanFolder(body, LimitConfig()), name)
        # Without its material, so that no texture is loaded.
        with (body / name).open() as file:
            oracle: Any = trimesh.load(file, file_type="obj", process=False, skip_materials=True)
        assert len(mesh.faces) == 26_756
        ours = np.concatenate((mesh.vertices[mesh.faces], mesh.wedge_uv), axis=-1)
        uv = np.asarray(oracle.visual.uv, np.float32)
        corners = np.asarray(oracle.vertices, np.float64)[oracle.faces]
        theirs = np.concatenate((corners, uv[oracle.faces]), axis=-1)
        np.testing.assert_array_equal(in_one_order(ours), in_one_order(theirs))
        assert mesh.pages[0].name.endswith(".png")
        assert mesh.wedge_uv.min() >= 0
        assert mesh.wedge_uv.max() <= 1


def test_a_line_that_begins_with_an_unknown_word_is_refused(files: ScanFiles) -> None:
    """A vertex whose letter is damaged would shift the indices of all faces."""
    error = refusal(files, "v 0 0 0\nw 1 0 0\nv 0 1 0\nv 5 5 5\nf 1 2 3\n")
    assert error.reason is ScanReason.MESH_UNREADABLE
    assert str(error).startswith("line 2 ")


def test_all_words_of_the_format_are_passed_over(files: ScanFiles) -> None:
    lines = "\n".join(f"{word} 1" for word in WORDS.split() if word not in ("usemtl", "mtllib"))
    mesh = read(files, f"{lines}\n  \n#x\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    assert mesh.faces.tolist() == [[0, 1, 2]]


def test_a_tail_of_zeros_is_refused(files: ScanFiles) -> None:
    """What copies ahead of the data leaves the end of a file empty."""
    text = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n" + "# so far\n" * 200
    files.write(files.mesh, text.encode() + bytes(4096))
    with pytest.raises(ScanError, match="NUL") as caught:
        read_obj(files.folder, files.mesh)
    assert caught.value.reason is ScanReason.MESH_UNREADABLE


@pytest.mark.parametrize("ending", ["\n", "\r", "\r\n"])
def test_long_lines_are_refused_whatever_ends_them(files: ScanFiles, ending: str) -> None:
    files.write(files.mesh, f"# short{ending}" * 9 + "# " + "x" * 100 + ending)
    folder = ScanFolder(files.root, LimitConfig(line_bytes=50))
    with pytest.raises(ScanError, match=r"limits\.line_bytes"):
        read_obj(folder, files.mesh)


def test_a_material_of_two_textures_is_refused(files: ScanFiles) -> None:
    """Two exports put together often give one name to two skins."""
    files.write("one.mtl", "newmtl a\nmap_Kd 1.jpg\n")
    body = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nusemtl a\nf 1/1 2/1 3/1\n"
    for more in ("newmtl a\nmap_Kd 2.jpg\n", "newmtl a\n", "newmtl a\nmap_Kd 1.jpg\nmap_Kd 2.jpg"):
        files.write("two.mtl", more)
        error = refusal(files, f"mtllib one.mtl two.mtl\n{body}")
        assert error.reason is ScanReason.MATERIAL_AMBIGUOUS
    files.write("two.mtl", "newmtl a\nmap_Kd 1.jpg\n")
    assert len(read(files, f"mtllib one.mtl two.mtl\n{body}").pages) == 1


@pytest.mark.parametrize("end", ["\\\n", " \\\r\n"])
def test_a_whole_line_that_ends_in_a_backslash_is_refused(files: ScanFiles, end: str) -> None:
    """Readers differ in whether the next vertex is then lost."""
    for line in ("v 0 0 0", "vt 0 0"):
        text = f"{line}{end}v 1 0 0\nv 0 1 0\nv 1 1 0\nf 1 2 3\n"
        assert refusal(files, text).reason is ScanReason.MESH_UNREADABLE
    remark = f"# D:\\scans\\{end}v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
    assert len(read(files, remark).vertices) == 3


@pytest.mark.parametrize("end", ["\\\n", "\\\r\n", "\\\r"])
def test_normals_and_lines_may_go_on_after_a_backslash(files: ScanFiles, end: str) -> None:
    text = f"vn 0 {end} 0 {end}.5\nv 0 0 0\nv 1 0 0\nv 0 1 0\nl 1 2 {end} 3\nf 1 2 3\n"
    assert read(files, text).faces.tolist() == [[0, 1, 2]]
    assert refusal(files, text.replace("vn", "vn 1 1 1\n0 2")).reason is ScanReason.MESH_UNREADABLE
