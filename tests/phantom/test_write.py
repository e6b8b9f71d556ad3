from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import trimesh

from tbp_extract.config import JpegConfig
from tbp_extract.errors import OutputError
from tbp_extract.io.scan import read_scan, scan_ref
from tbp_extract.jpeg import decode_jpeg, encode_jpeg
from tbp_extract.phantom import MeshFormat, write_scan
from tbp_extract.phantom.plant import cover_bits
from tbp_extract.phantom.write import write_table
from tests.phantom.scenes import arm

FORMATS = pytest.mark.parametrize("mesh_format", MeshFormat)


@FORMATS
@pytest.mark.parametrize("pages", [1, 3])
def test_what_is_written_is_read_again(tmp_path: Path, mesh_format: MeshFormat, pages: int) -> None:
    scan = arm(512, pages)
    path = write_scan(tmp_path, "body", scan, mesh_format=mesh_format)
    again = read_scan(scan_ref(path, unit=mesh_format.unit))
    # The order of faces may change with the page, so faces are matched by page.
    assert len(again.faces) == len(scan.faces)
    for page in range(pages):
        ours, theirs = scan.face_page == page, again.face_page == page
        # OBJ has 5 decimals of a mm, GLB float32 metres.
        np.testing.assert_allclose(
            again.vertices_mm[again.faces[theirs]], scan.vertices_mm[scan.faces[ours]], atol=5e-5
        )
        # Seven decimals, a float32 turned over in GLB.
        np.testing.assert_allclose(again.wedge_uv[theirs], scan.wedge_uv[ours], atol=2e-7)
        jpeg = decode_jpeg(encode_jpeg(scan.atlas[page], JpegConfig()))
        # Beyond the charts the reader may put what it likes.
        skin = np.unpackbits(cover_bits(scan, page), axis=1, bitorder="little").astype(bool)
        np.testing.assert_array_equal(again.atlas[page][skin], jpeg[skin])


@FORMATS
def test_faces_without_texture_stay_without(tmp_path: Path, mesh_format: MeshFormat) -> None:
    scan = arm(512, 3)
    bare = np.arange(len(scan.faces)) % 7 == 0
    uv = scan.wedge_uv.copy()
    uv[bare] = np.nan
    partly = replace(
        scan, wedge_uv=uv, face_page=np.where(bare, -1, scan.face_page).astype(np.int16)
    )
    path = write_scan(tmp_path, "body", partly, mesh_format=mesh_format)
    again = read_scan(scan_ref(path, unit=mesh_format.unit))
    for page in range(-1, 3):
        ours, theirs = partly.face_page == page, again.face_page == page
        corners = again.vertices_mm[again.faces[theirs]]
        np.testing.assert_allclose(corners, scan.vertices_mm[scan.faces[ours]], atol=5e-5)
    assert np.isnan(again.wedge_uv[again.face_page < 0]).all()


@FORMATS
def test_trimesh_reads_the_mesh_too(tmp_path: Path, mesh_format: MeshFormat) -> None:
    scan = arm(512)
    path = write_scan(tmp_path, "body", scan, mesh_format=mesh_format)
    mesh = cast(Any, trimesh.load(path, process=False, force="mesh", skip_materials=True))
    extent = np.ptp(scan.vertices_mm, axis=0) * mesh_format.per_mm
    np.testing.assert_allclose(mesh.extents, extent, rtol=1e-5)
    assert len(mesh.faces) == len(scan.faces)


def test_glb_is_not_metallic(tmp_path: Path) -> None:
    path = write_scan(tmp_path, "body", arm(512), mesh_format=MeshFormat.GLB)
    mesh = cast(Any, trimesh.load(path, process=False, force="mesh"))
    assert mesh.visual.material.metallicFactor == 0.0
    assert path.stat().st_size % 4 == 0


@FORMATS
def test_same_scan_same_bytes(tmp_path: Path, mesh_format: MeshFormat) -> None:
    for name in ("a", "b"):
        write_scan(tmp_path / name, "body", arm(512, 3), mesh_format=mesh_format)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "b").iterdir())
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_jpeg_quality_is_that_asked_for(tmp_path: Path) -> None:
    sizes = []
    for quality in (60, 100):
        write_scan(tmp_path, "body", arm(512), jpeg=JpegConfig(quality=quality))
        sizes.append((tmp_path / "body.jpg").stat().st_size)
    assert sizes[1] > 3 * sizes[0]


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    astray = replace(arm(512), face_page=np.full(len(arm(512).faces), 7, np.int16))
    with pytest.raises(OutputError, match="page 7 of 1"):
        write_scan(tmp_path, "body", astray)
    with pytest.raises(OutputError, match="at least one row"):
        write_table(tmp_path / "table.csv", [])
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot make") as caught:
        write_scan(tmp_path / "file" / "below", "body", arm(512))
    assert str(tmp_path) not in str(caught.value)


def test_tables_hold_plain_numbers(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_table(path, [{"a": 1, "b": 0.25, "c": None}, {"a": 20, "b": float("nan"), "c": "x,y"}])
    assert path.read_text() == 'a,b,c\n1,0.25,\n20,,"x,y"\n'
