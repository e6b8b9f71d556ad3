from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.config import Config, LimitConfig, ScanConfig
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.scan import read_scan, scan_ref
from tbp_extract.types import Scan, ScanRef
from tests.io.gltf_files import Builder
from tests.io.meshes import (
    CORNERS,
    UV,
    ScanFiles,
    cube_files,
    cube_obj,
    cube_triangles,
    cube_wedge_uv,
    limits,
    picture,
)
from tests.io.test_ply import CUBE
from tests.io.test_texture import jpeg_claiming, png_claiming


@pytest.fixture
def files(tmp_path: Path) -> ScanFiles:
    return cube_files(tmp_path)


def read(
    files: ScanFiles, unit: str | None = "mm", up: str | None = None, front: str | None = None
) -> Scan:
    return read_scan(scan_ref(files.root / files.mesh, unit=unit, up=up, front=front))


def refusal(files: ScanFiles, config: Config | None = None, **ref: str | None) -> ScanError:
    given = scan_ref(files.root / files.mesh, **{"unit": "mm", **ref})
    with pytest.raises(ScanError) as caught:
        read_scan(given, config)
    message = str(caught.value)
    assert str(files.root) not in message
    assert "cube" not in message
    assert "skin.png" not in message
    return caught.value


def test_a_cube_is_read_exactly(files: ScanFiles) -> None:
    scan = read(files)
    np.testing.assert_array_equal(scan.vertices_mm, CORNERS * 500)
    np.testing.assert_array_equal(scan.faces, cube_triangles())
    np.testing.assert_array_equal(scan.wedge_uv, cube_wedge_uv())
    assert scan.face_page.tolist() == [0] * 12
    assert scan.page_names == ("skin.png",)
    assert scan.atlas[0].shape == (8, 8, 3)
    assert scan.atlas[0][3, 4].tolist() == [10, 20, 30]
    kinds = {
        "vertices_mm": np.float64,
        "faces": np.int32,
        "wedge_uv": np.float32,
        "face_page": np.int16,
    }
    for field, dtype in kinds.items():
        assert getattr(scan, field).dtype == dtype
        assert getattr(scan, field).flags.c_contiguous


@pytest.mark.parametrize("name", ["cube.ply", "cube.PLY"])
def test_formats_are_told_apart_by_their_ending(files: ScanFiles, name: str) -> None:
    files.write(name, CUBE.encode())
    scan = read(ScanFiles(files.root, name))
    np.testing.assert_array_equal(scan.wedge_uv, cube_wedge_uv())
    assert scan.atlas[0].shape == (8, 8, 3)


def test_glb_is_in_metres_unless_the_scan_table_says_otherwise(files: ScanFiles) -> None:
    files.write("m.glb", Builder().glb())
    glb = ScanFiles(files.root, "m.glb")
    assert read(glb, unit=None).vertices_mm.max() == 1000
    assert refusal(glb, unit="mm").reason is ScanReason.SCALE_IMPLAUSIBLE
    config = Config(scan=ScanConfig(unit="mm", up="+z", front="-y"))
    ref = scan_ref(glb.root / "m.glb")
    np.testing.assert_array_equal(
        read_scan(ref, config).vertices_mm, read(glb, unit=None).vertices_mm
    )


@pytest.mark.parametrize(("unit", "mm"), [("mm", 1), ("cm", 10), ("m", 1000), ("in", 25.4)])
def test_units(files: ScanFiles, unit: str, mm: float) -> None:
    side = 1200 / mm
    files.write("cube.obj", cube_obj(side))
    # The file holds six digits.
    assert read(files, unit=unit).vertices_mm.max() == pytest.approx(1200, rel=1e-5)


AXES = [
    ("+y", "+z", np.eye(3)),
    ("+z", "-y", [[1, 0, 0], [0, 0, 1], [0, -1, 0]]),
    ("+z", "+x", [[0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    ("-x", "+z", [[0, 1, 0], [-1, 0, 0], [0, 0, 1]]),
    ("+y", "-z", [[-1, 0, 0], [0, 1, 0], [0, 0, -1]]),
]


@pytest.mark.parametrize(("up", "front", "matrix"), AXES)
def test_axes_turn_into_body_space(
    files: ScanFiles, up: str, front: str, matrix: NDArray[np.float64]
) -> None:
    files.write("cube.obj", cube_obj(50))
    scan = read(files, up=up, front=front, unit="cm")
    assert scan.to_body is not None
    np.testing.assert_array_equal(scan.to_body, 10 * np.array(matrix, float))
    assert np.linalg.det(scan.to_body) == pytest.approx(1000)
    np.testing.assert_array_equal(scan.vertices_mm, CORNERS * 50 @ scan.to_body.T)


def test_left_of_the_patient_is_plus_x(files: ScanFiles) -> None:
    """Head to +z, face to -y, as many modelling programs have it: the left hand is at +x."""
    scan = read(files, up="+z", front="-y")
    assert scan.to_body is not None
    np.testing.assert_array_equal(scan.to_body @ [1, 0, 0], [1, 0, 0])
    np.testing.assert_array_equal(scan.to_body @ [0, 0, 1], [0, 1, 0])
    np.testing.assert_array_equal(scan.to_body @ [0, -1, 0], [0, 0, 1])


def test_up_and_front_on_one_axis_are_refused(files: ScanFiles) -> None:
    assert refusal(files, up="+z").reason is ScanReason.SCALE_UNKNOWN


def test_an_unknown_unit_is_refused_with_the_way_out(files: ScanFiles) -> None:
    error = refusal(files, unit=None)
    assert error.reason is ScanReason.SCALE_UNKNOWN
    assert "scans.csv" in str(error)
    assert "scan.unit" in str(error)


@pytest.mark.parametrize(
    ("side", "unit", "hint"),
    [(1.8, "mm", "in m it would"), (1800, "m", "in mm it would"),
     (50, "mm", "in cm or in it would"), (180, "m", "in mm or cm it would"),
     (1e-6, "m", "in no unit"), (1e9, "mm", "in no unit")],
)  # fmt: skip
def test_an_implausible_size_is_refused_with_the_unit_that_would_do(
    files: ScanFiles, side: float, unit: str, hint: str
) -> None:
    files.write("cube.obj", cube_obj(side))
    error = refusal(files, unit=unit)
    assert error.reason is ScanReason.SCALE_IMPLAUSIBLE
    assert hint in str(error)
    assert f"read in {unit}" in str(error)


@pytest.mark.parametrize("side", [100, 2600])
def test_sizes_at_the_bounds_pass(files: ScanFiles, side: float) -> None:
    files.write("cube.obj", cube_obj(side))
    assert read(files).vertices_mm.max() == side


def test_vertices_without_faces_do_not_count_for_the_size(files: ScanFiles) -> None:
    files.write("cube.obj", cube_obj() + "v 1e6 0 0\n")
    assert len(read(files).vertices_mm) == 9


def test_an_inside_out_mesh_is_refused(files: ScanFiles) -> None:
    text = "\n".join(
        " ".join(["f", *reversed(line.split()[1:])]) if line.startswith("f ") else line
        for line in cube_obj().splitlines()
    )
    files.write("cube.obj", text)
    assert refusal(files).reason is ScanReason.MESH_INSIDE_OUT


def test_a_mirrored_mesh_is_refused_and_an_open_sheet_passes(files: ScanFiles) -> None:
    mirrored = cube_obj().replace("v 500", "v -500")
    files.write("cube.obj", mirrored)
    assert refusal(files).reason is ScanReason.MESH_INSIDE_OUT
    sheet = [line for line in cube_obj().splitlines() if not line.startswith("f ")]
    files.write("cube.obj", "\n".join([*sheet, "f 1/1 3/2 4/3 2/4"]))
    assert len(read(files).faces) == 2


def test_no_faces_are_refused(files: ScanFiles) -> None:
    for text in ("", "v 0 0 0\n", "# remark\n" * 20):
        files.write("cube.obj", text)
        assert refusal(files).reason is ScanReason.MESH_EMPTY


def test_faces_without_area_are_refused(files: ScanFiles) -> None:
    lines = [line for line in cube_obj().splitlines() if not line.startswith("v ")]
    corners = [f"v {500 * x:g} 0 0" for x in CORNERS[:, 0]]
    files.write("cube.obj", "\n".join([*corners, *lines]))
    assert refusal(files).reason is ScanReason.MESH_WITHOUT_AREA


@pytest.mark.parametrize("name", ["cube.zip", "cube.obj", "cube.TGZ"])
def test_an_archive_is_refused_with_the_way_out(files: ScanFiles, name: str) -> None:
    files.write(name, b"PK\x03\x04" + bytes(100))
    error = refusal(ScanFiles(files.root, name))
    assert error.reason is ScanReason.SCAN_PACKED
    assert "unpack" in str(error)


@pytest.mark.parametrize(
    ("content", "found"),
    [(CUBE.encode(), "PLY"), (b"glTF\2\0\0\0", "GLB"), (b'\xef\xbb\xbf {"asset": 1}', "glTF"),
     (b"solid cube\n", "STL"), (b"\xff\xd8\xff\xe0", "a JPEG"), (b"<html>", "a web page"),
     (cube_obj().encode("utf-16"), "UTF-16"), (b"version https://git-lfs.github.com", "Git LFS")],
)  # fmt: skip
def test_content_of_another_kind_than_the_ending_is_refused(
    files: ScanFiles, content: bytes, found: str
) -> None:
    files.write("cube.obj", content)
    error = refusal(files)
    assert error.reason is ScanReason.MESH_UNREADABLE
    assert found in str(error)


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "1e999"])
def test_what_is_not_finite_is_refused(files: ScanFiles, word: str) -> None:
    files.write("cube.obj", cube_obj().replace("v 500 0 0", f"v {word} 0 0"))
    error = refusal(files)
    assert error.reason is ScanReason.MESH_NOT_FINITE
    assert "vertex 1 from 0" in str(error)
    files.write("cube.obj", cube_obj().replace("vt 0.875 0.25", f"vt {word} 0.25"))
    error = refusal(files)
    assert error.reason is ScanReason.MESH_NOT_FINITE
    assert "texture coordinates" in str(error)


def test_faces_without_texture_are_marked(files: ScanFiles) -> None:
    text = cube_obj().replace("usemtl skin\n", "")
    head, _, faces = text.partition("f ")
    lines = ("f " + faces).splitlines()
    bare = lines[1].replace("/1", "").replace("/2", "").replace("/3", "").replace("/4", "")
    files.write("cube.obj", "\n".join([head, lines[0], "usemtl skin", bare, *lines[2:]]))
    scan = read(files)
    assert scan.face_page.tolist() == [-1] * 4 + [0] * 8
    assert np.isnan(scan.wedge_uv[:4]).all()
    np.testing.assert_array_equal(scan.wedge_uv[4:], cube_wedge_uv()[4:])


def test_a_mesh_without_any_texture_is_refused(files: ScanFiles) -> None:
    for mtl in ("newmtl skin\n", "newmtl skin\nmap_Kd\n"):
        files.write("cube.mtl", mtl)
        assert refusal(files).reason is ScanReason.TEXTURE_MISSING


def test_pages_are_read_once_and_only_if_used(files: ScanFiles) -> None:
    files.write(
        "cube.mtl",
        "newmtl none\nmap_Kd gone.png\nnewmtl skin\nmap_Kd skin.png\n"
        "newmtl twin\nmap_Kd ./skin.png\nnewmtl other\nmap_Kd other.png\n",
    )
    files.write("other.png", picture(16))
    lines = cube_obj().splitlines()
    uses = ("usemtl twin", "usemtl other", "usemtl none", "usemtl skin")
    sides = [lines[k] for k in range(-6, 0)]
    body = [uses[0], sides[0], uses[1], *sides[1:3], uses[2], uses[3], *sides[3:]]
    files.write("cube.obj", "\n".join([*lines[:-7], *body]))
    folder = files.folder
    scan = read_scan(files.ref, folder=folder)
    assert scan.page_names == ("skin.png", "other.png")
    assert [page.shape[0] for page in scan.atlas] == [8, 16]
    assert scan.face_page.tolist() == [0, 0, 1, 1, 1, 1, *[0] * 6]
    assert sorted(folder.sha256) == ["cube.mtl", "cube.obj", "other.png", "skin.png"]


@pytest.mark.parametrize("shift", [(1, 0), (0, -2), (3, -1)])
def test_faces_in_another_tile_are_brought_back(files: ScanFiles, shift: tuple[int, int]) -> None:
    text = cube_obj()
    for u, v in UV:
        text = text.replace(f"vt {u} {v}\n", f"vt {u + shift[0]} {v + shift[1]}\n")
    files.write("cube.obj", text)
    np.testing.assert_array_equal(read(files).wedge_uv, cube_wedge_uv())


@pytest.mark.parametrize("u", [-0.0005, 1.0, 1.0005])
def test_faces_at_the_edge_of_their_texture_stay(files: ScanFiles, u: float) -> None:
    files.write("cube.obj", cube_obj().replace("vt 0.125 0.25", f"vt {u} 0.25"))
    assert read(files).wedge_uv[0, 0, 0] == np.float32(u)


@pytest.mark.parametrize("u", [-0.5, 1.5, 1e18, -1e30])
def test_a_texture_that_repeats_within_a_face_is_refused(files: ScanFiles, u: float) -> None:
    files.write("cube.obj", cube_obj().replace("vt 0.125 0.25", f"vt {u} 0.25"))
    assert refusal(files).reason is ScanReason.TEXTURE_UNSUPPORTED


def test_limits_are_kept(files: ScanFiles) -> None:
    for config in (
        limits(faces=11),
        limits(page_px=7),
        limits(mesh_bytes=100),
        limits(atlas_px=63),
    ):
        assert refusal(files, config).reason is ScanReason.OVER_LIMIT
    assert len(read_scan(files.ref, limits(faces=12, page_px=8)).faces) == 12
    two = cube_obj() + "usemtl other\nf 1/1 3/2 4/3\n"
    files.write("cube.obj", two)
    files.write("cube.mtl", "newmtl skin\nmap_Kd skin.png\nnewmtl other\nmap_Kd o.png\n")
    assert "limits.pages" in str(refusal(files, limits(pages=1)))


def test_other_endings_are_refused(files: ScanFiles) -> None:
    files.write("cube.stl", b"solid")
    error = refusal(ScanFiles(files.root, "cube.stl"))
    assert error.reason is ScanReason.MESH_UNREADABLE


def test_the_private_table_learns_the_file(files: ScanFiles) -> None:
    files.write("skin.png", "text")
    assert refusal(files).file == "skin.png"
    files.write("cube.obj", "f 1 2 3\n")
    assert refusal(files).file == "cube.obj"


def test_real_bodies_are_read(data: Path) -> None:
    for body in sorted(path for path in (data / "bodies").iterdir() if path.is_dir()):
        scan = read_scan(scan_ref(body / f"{body.name}.obj", unit="mm"))
        assert len(scan.faces) == 26_756
        height = np.ptp(scan.vertices_mm[:, 1])
        assert 1400 < height < 1900
        assert abs(scan.vertices_mm[:, 1].min()) < 1
        assert (scan.face_page == 0).all()
        assert scan.wedge_uv.min() >= 0
        assert scan.wedge_uv.max() <= 1
        assert scan.atlas[0].shape == (2048, 2048, 3)


def test_a_bad_body_is_refused_before_its_textures_are_decoded(
    files: ScanFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tbp_extract.io.scan.read_page", lambda *_, **__: pytest.fail("decoded"))
    files.write("cube.obj", cube_obj(5))
    assert refusal(files).reason is ScanReason.SCALE_IMPLAUSIBLE


def test_a_mesh_in_a_subfolder_finds_its_files_there(tmp_path: Path) -> None:
    files = cube_files(tmp_path / "patient one" / "visit")
    (files.root / "cube.mtl").write_text("newmtl skin\nmap_Kd sub/skin.png\n")
    files.write("sub/skin.png", picture())
    ref = ScanRef("s", "p", tmp_path, "patient one\\visit/cube.obj", unit="mm")
    assert read_scan(ref, Config(limits=LimitConfig())).page_names == ("sub/skin.png",)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("cube.obj", ScanReason.MESH_MISSING), ("cube.mtl", ScanReason.MATERIAL_MISSING),
     ("skin.png", ScanReason.TEXTURE_MISSING)],
)  # fmt: skip
def test_a_missing_file_is_named_by_its_role(
    files: ScanFiles, name: str, reason: ScanReason
) -> None:
    (files.root / name).unlink()
    error = refusal(files)
    assert error.reason is reason
    assert "is missing" in str(error)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<html>not found</html>", ScanReason.TEXTURE_UNREADABLE),
        (picture()[:-9], ScanReason.TEXTURE_UNREADABLE),
        (jpeg_claiming(64, 48)[:-300], ScanReason.TEXTURE_UNREADABLE),
        (png_claiming(40_000, 40_000), ScanReason.OVER_LIMIT),
        (b"RIFF0000WEBP", ScanReason.TEXTURE_UNSUPPORTED),
    ],
)
def test_a_bad_texture_is_named_by_its_page(
    files: ScanFiles, data: bytes, reason: ScanReason
) -> None:
    files.write("skin.png", data)
    error = refusal(files)
    assert error.reason is reason
    assert str(error).startswith("the texture of page 0 ")


def test_a_texture_outside_the_folder_is_refused(files: ScanFiles) -> None:
    (files.root.parent / "skin.png").write_bytes(picture())
    for name in ("../skin.png", "C:\\skin.png", "/skin.png"):
        files.write("cube.mtl", f"newmtl skin\nmap_Kd {name}\n")
        assert refusal(files).reason is ScanReason.PATH_OUTSIDE_SCAN
