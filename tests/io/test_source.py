import logging
import os
from pathlib import Path
from typing import Any

import pytest

from tbp_extract.config import Config, ScanConfig
from tbp_extract.errors import ScanError, ScanReason, SourceError
from tbp_extract.io.scan import read_scan
from tbp_extract.io.source import read_source
from tbp_extract.types import ScanRef
from tests.io.meshes import cube_files, cube_obj

HEAD = "scan_id,patient_id,mesh"


def read(root: Path, table: str | bytes) -> tuple[ScanRef, ...]:
    (root / "scans.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    return read_source(root)


def refusal(root: Path, table: str) -> str:
    with pytest.raises(SourceError) as caught:
        read(root, table)
    assert str(root) not in str(caught.value)
    assert "secret" not in str(caught.value)
    return str(caught.value)


def test_a_full_table_is_read(tmp_path: Path) -> None:
    table = (
        f"{HEAD},unit,up,front,lesions,capture_date,birth_date,sex,tbp_tile_type,attribution,"
        "copyright_license\n"
        "s1,p1,a/b.obj,CM,+Z,-y,a/l.csv,2024-03-01,1980-03-02,Female,3d: xp,A Clinic,CC-0\n"
        "s2,p1,c.glb,,,,,,,,,,\n"
    )
    assert read(tmp_path, table) == (
        ScanRef(
            scan_id="s1",
            patient_id="p1",
            root=tmp_path,
            mesh="a/b.obj",
            lesions="a/l.csv",
            unit="cm",
            up="+z",
            front="-y",
            capture_date="2024-03-01",
            age_years=43.0,
            sex="female",
            tile_type="3D: XP",
            attribution="A Clinic",
            copyright_license="CC-0",
        ),
        ScanRef("s2", "p1", tmp_path, "c.glb"),
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tables_of_any_dress_are_read(tmp_path: Path, encoding: str, separator: str) -> None:
    table = " Scan_ID ,PATIENT_ID,Mesh\r\nsé,p,m.obj\r\n".replace(",", separator)
    refs = read(tmp_path, table.encode(encoding))
    assert refs == (ScanRef("sé", "p", tmp_path, "m.obj"),)


@pytest.mark.parametrize(
    ("capture", "birth", "age", "years"),
    [
        ("2024-03-01", "1980-03-01", "", 44),
        ("2024-02-29", "1980-03-01", "", 43),
        ("2024-03-01", "1980-03-01", "61.5", 61.5),
        ("2024-03-01", "", "", None),
        ("", "1980-03-01", "", None),
        ("", "", "0", 0),
    ],
)
def test_age_is_given_or_follows_from_the_dates(
    tmp_path: Path, capture: str, birth: str, age: str, years: float | None
) -> None:
    table = f"{HEAD},capture_date,birth_date,age\ns,p,m.obj,{capture},{birth},{age}\n"
    assert read(tmp_path, table)[0].age_years == years


@pytest.mark.parametrize(
    ("column", "cell", "sentence"),
    [
        ("unit", "secret", "one of mm, cm, m, in"),
        ("up", "z", "one of +x, -x"),
        ("front", "+y", "another axis than up has"),
        ("sex", "secret", "one of male, female"),
        ("tbp_tile_type", "secret", "one of 3D: XP, 3D: white"),
        ("capture_date", "01.03.2024", "YYYY-MM-DD"),
        ("capture_date", "2024-13-01", "YYYY-MM-DD"),
        ("birth_date", "20240301", "YYYY-MM-DD"),
        ("age", "secret", "years from 0 to 130"),
        ("age", "131", "years from 0 to 130"),
        ("age", "-1", "years from 0 to 130"),
        ("age", "nan", "years from 0 to 130"),
    ],
)
def test_a_wrong_cell_is_named_with_what_is_allowed(
    tmp_path: Path, column: str, cell: str, sentence: str
) -> None:
    message = refusal(tmp_path, f"{HEAD},{column}\ns1,p,m.obj,\ns2,p,m.obj,{cell}\n")
    assert f"row 3, column {column}" in message
    assert sentence in message


def test_a_birth_after_the_capture_is_refused(tmp_path: Path) -> None:
    table = f"{HEAD},capture_date,birth_date\ns,p,m.obj,2024-01-01,2024-01-02\n"
    assert "row 2, column birth_date" in refusal(tmp_path, table)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("", "empty"),
        (HEAD, "lists no scan"),
        ("scan_id,mesh\na,b\n", "lacks the column patient_id"),
        ("id\n1\n", "lacks the column scan_id, patient_id, mesh"),
        (f"{HEAD}\ns1,p,m.obj\ns2,,m.obj\n", "row 3, column patient_id"),
        (f"{HEAD}\ns1,p,m.obj\ns2,p,\n", "row 3, column mesh"),
        (f"{HEAD}\nsecret,p,m.obj\nb,p,n.obj\nsecret,q,o.obj\n", "row 4, column scan_id"),
        (f"{HEAD}\ns1,p\n", "row 2 has 2 cells"),
        (f"{HEAD},mesh\ns1,p,m,n\n", "columns 3 and 4"),
    ],
)
def test_a_wrong_table_is_refused_as_a_whole(tmp_path: Path, table: str, sentence: str) -> None:
    assert sentence in refusal(tmp_path, table)


def test_unknown_columns_are_counted_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        read(tmp_path, f"{HEAD},secret,other\ns,p,m.obj,x,y\n")
    assert "2 columns are not read" in caplog.text
    assert "secret" not in caplog.text


def test_a_mesh_outside_the_source_is_refused_when_it_is_read(tmp_path: Path) -> None:
    cube_files(tmp_path / "outside")
    inside = tmp_path / "source"
    inside.mkdir()
    refs = read(inside, f"{HEAD},unit\na,p,../outside/cube.obj,mm\nb,p,/etc/passwd,mm\n")
    for ref in refs:
        with pytest.raises(ScanError) as caught:
            read_scan(ref)
        assert caught.value.reason in (ScanReason.PATH_OUTSIDE_SCAN, ScanReason.MESH_UNREADABLE)


def test_a_folder_without_a_table_is_searched(tmp_path: Path) -> None:
    for name in ("b/scan.obj", "a/x.glb", "a/notes.txt", "c/deep/m.PLY", "d/m.gltf", ".git/x.obj",
                 "a/._x.obj", "top.obj"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(cube_obj())
    refs = read_source(tmp_path)
    found = {ref.mesh: ref.scan_id for ref in refs}
    assert found == {
        "a/x.glb": "a",
        "b/scan.obj": "b",
        "c/deep/m.PLY": "deep",
        "d/m.gltf": "d",
        "top.obj": tmp_path.name,
    }
    assert all(ref.patient_id == ref.scan_id and ref.unit is None for ref in refs)


def test_scans_of_one_name_are_told_apart_by_more_of_their_path(tmp_path: Path) -> None:
    names = ("p1/scan/a.obj", "p1/scan/b.obj", "p2/scan/b.obj", "p3/x.obj", "p3/x.ply", "p4/x.obj")
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    ids = [ref.scan_id for ref in read_source(tmp_path)]
    assert ids == ["scan-a", "p1/scan/b", "p2/scan/b", "p3/x.obj", "p3/x.ply", "p4"]


def test_what_is_no_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not a folder"):
        read_source(tmp_path / "none")
    with pytest.raises(SourceError, match=r"neither scans\.csv nor a mesh"):
        read_source(tmp_path)
    (tmp_path / "patients.csv").write_text("Patient ID\n")
    with pytest.raises(SourceError, match="lacks the column mrn, capture id"):
        read_source(tmp_path)


def test_axes_of_the_configuration_count_where_the_table_is_silent(tmp_path: Path) -> None:
    (tmp_path / "scans.csv").write_text(f"{HEAD},up\na,p,m.obj,-z\n")
    with pytest.raises(SourceError, match="row 2, column front"):
        read_source(tmp_path)
    config = Config(scan=ScanConfig(up="+z", front="-y"))
    assert read_source(tmp_path, config)[0].up == "-z"


def test_real_bodies_are_found(data: Path) -> None:
    refs = read_source(data / "bodies")
    assert len(refs) == 4
    assert all(ref.mesh == f"{ref.scan_id}/{ref.scan_id}.obj" for ref in refs)


def test_an_archive_as_source_is_refused_with_the_way_out(tmp_path: Path) -> None:
    packed = tmp_path / "export.zip"
    packed.write_bytes(b"PK\x03\x04" + bytes(30))
    with pytest.raises(SourceError, match="unpack"):
        read_source(packed)


def test_an_archive_where_a_scan_is_expected_is_listed_and_one_beside_a_mesh_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("one/body.zip", "two/body.obj", "two/body.zip"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"PK\x03\x04")
    assert [ref.mesh for ref in read_source(tmp_path)] == ["one/body.zip", "two/body.obj"]
    assert "1 archives beside meshes" in caplog.text


def test_a_linked_folder_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.obj").write_text("")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.obj").write_text("")
    (tmp_path / "source" / "more").symlink_to(tmp_path / "real")
    with pytest.raises(SourceError, match="symbolic link"):
        read_source(tmp_path / "source")


def test_a_folder_that_cannot_be_listed_is_not_passed_over_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.obj").write_text("")
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def refuse(path: str) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SourceError, match="cannot be read"):
        read_source(tmp_path)


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"b\xfc.obj")).write_text("")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(SourceError, match="UTF-8"):
        read_source(tmp_path)


def test_a_scan_table_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "table").write_text("scan_id,patient_id,mesh\na,b,c.obj\n")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "scans.csv").symlink_to(tmp_path / "table")
    with pytest.raises(SourceError, match="symbolic link"):
        read_source(tmp_path / "source")


def test_a_lesion_list_that_is_a_link_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("")
    (tmp_path / "lesions.csv").symlink_to(tmp_path / "gone.csv")
    assert read_source(tmp_path)[0].lesions == "lesions.csv"
