import time
from pathlib import Path

import numpy as np
import pytest

from tbp_extract.config import Config, LesionConfig, LimitConfig
from tbp_extract.errors import ConfigError, ScanError, ScanReason
from tbp_extract.io.lesions import check_mapping, read_lesions
from tbp_extract.types import LesionList, Scan, ScanRef

PAGE = np.zeros((2, 2, 3), np.uint8)


def scan(pages: tuple[str, ...] = ("skin.png",), to_body: object = None) -> Scan:
    return Scan(
        vertices_mm=np.zeros((3, 3)),
        faces=np.array([[0, 1, 2]], np.int32),
        wedge_uv=np.zeros((1, 3, 2), np.float32),
        face_page=np.zeros(1, np.int16),
        atlas=(PAGE,) * len(pages),
        page_names=pages,
        to_body=None if to_body is None else np.array(to_body, float),
    )


def read(
    root: Path, text: str | bytes, the_scan: Scan | None = None, config: Config | None = None
) -> LesionList:
    (root / "list.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    ref = ScanRef("s", "p", root, "m.obj", lesions="list.csv")
    return read_lesions(ref, the_scan or scan(), config)


def refusal(
    root: Path, text: str | bytes, the_scan: Scan | None = None, config: Config | None = None
) -> ScanError:
    with pytest.raises(ScanError) as caught:
        read(root, text, the_scan, config)
    assert caught.value.reason is ScanReason.LESION_LIST_UNUSABLE
    assert caught.value.file == "list.csv"
    assert "list.csv" not in str(caught.value)
    return caught.value


def mapped(**columns: str) -> Config:
    return Config(lesions=LesionConfig(columns=columns))


def test_positions_come_to_body_space(tmp_path: Path) -> None:
    turn = [[0, 10, 0], [0, 0, 10], [10, 0, 0]]
    lesions = read(tmp_path, "x,y,z\n1,2,3\n-4,5.5,6\n", scan(to_body=turn))
    assert lesions.xyz_mm is not None
    assert lesions.xyz_mm.tolist() == [[20, 30, 10], [55, 60, -40]]
    assert lesions.uv is None
    assert lesions.page is None
    assert lesions.lesion_id == ("2", "3")
    assert np.isnan(lesions.diameter_mm).all()
    assert len(lesions) == 2


def test_texture_positions_name_their_page(tmp_path: Path) -> None:
    pages = scan(("sub/a.png", "b.png"))
    text = "u;v;page\n0,5;0,25;0\n0,1;0,2;b.png\n0;0;a.png\n1;1;sub\\a.png\n"
    lesions = read(tmp_path, text, pages)
    assert lesions.xyz_mm is None
    assert lesions.uv is not None
    assert lesions.page is not None
    assert lesions.uv.tolist() == [[0.5, 0.25], [0.1, 0.2], [0, 0], [1, 1]]
    assert lesions.page.tolist() == [0, 1, 0, 0]
    assert "0 to 1" in str(refusal(tmp_path, "u,v,page\n0,0,2\n", pages))
    assert "column page" in str(refusal(tmp_path, "u,v\n0,0\n", pages))
    only = read(tmp_path, "u,v\n0.5,0.5\n")
    assert only.page is not None
    assert only.page.tolist() == [0]


def test_other_known_columns_are_carried_and_the_rest_left(tmp_path: Path) -> None:
    text = (
        "Lesion_ID,X,Y,Z,DIAMETER_MM,tag,TBP_LV_A,tbp_lv_location,age,notes\n"
        "a7, 1,2,3,4.5,,12.5,Torso Back,50,none\nb,1,2,3,,t2,,,,\n"
    )
    lesions = read(tmp_path, text)
    assert lesions.lesion_id == ("a7", "b")
    np.testing.assert_array_equal(lesions.diameter_mm, np.array([4.5, np.nan], np.float32))
    assert sorted(lesions.extra) == ["tag", "tbp_lv_A", "tbp_lv_location"]
    assert lesions.extra["tag"].tolist() == [None, "t2"]
    assert lesions.extra["tbp_lv_location"].tolist() == ["Torso Back", None]
    np.testing.assert_array_equal(lesions.extra["tbp_lv_A"], [12.5, np.nan])


def test_columns_can_be_mapped(tmp_path: Path) -> None:
    config = mapped(x="Pos X", y="pos y", z="x", lesion_id="UUID")
    lesions = read(tmp_path, "uuid,pos x,Pos Y ,x,z\nq,1,2,3,9\n", config=config)
    assert lesions.xyz_mm is not None
    assert lesions.xyz_mm.tolist() == [[1, 2, 3]]
    assert lesions.lesion_id == ("q",)
    error = refusal(tmp_path, "x,y,z\n1,2,3\n", config=mapped(diameter_mm="size"))
    assert "lesions.columns.diameter_mm" in str(error)


def test_a_mapping_of_no_column_names_the_nearest() -> None:
    check_mapping({"diameter_mm": "size"})
    with pytest.raises(ConfigError, match=r"lesions\.columns\.diameter:.*diameter_mm"):
        check_mapping({"diameter": "size"})


def test_space_goes_before_texture(tmp_path: Path) -> None:
    lesions = read(tmp_path, "u,v,x,y,z\n0,0,1,2,3\n")
    assert lesions.xyz_mm is not None
    assert lesions.uv is None


def test_a_list_without_rows_is_valid(tmp_path: Path) -> None:
    lesions = read(tmp_path, "x,y,z,tag,tbp_lv_A\n")
    assert len(lesions) == 0
    assert lesions.xyz_mm is not None
    assert lesions.xyz_mm.shape == (0, 3)
    assert lesions.extra["tbp_lv_A"].shape == (0,)
    empty = read(tmp_path, "u,v\n")
    assert empty.uv is not None
    assert empty.uv.shape == (0, 2)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "empty"),
        ("a,b,c\n1,2,3\n", "expected the columns x, y, z or u, v"),
        ("x,y\n1,2\n", "expected the columns x, y, z or u, v"),
        ("x,y,z\n1,2,3\n1,secret,3\n", "row 3, column y: expected a number"),
        ("x,y,z\n1,2,\n", "row 2, column z"),
        ("x,y,z\n1,2,nan\n", "row 2, column z"),
        ("x,y,z\n1,inf,3\n", "row 2, column y"),
        ("u,v\nx,1\n", "row 2, column u"),
        ("x,y,z,diameter_mm\n1,2,3,0\n", "row 2, column diameter_mm"),
        ("x,y,z,diameter_mm\n1,2,3,big\n", "row 2, column diameter_mm"),
        ("x,y,z,diameter_mm\n1,2,3,12345678\n", "row 2, column diameter_mm"),
        ("x,y,z,tbp_lv_L\n1,2,3,12345678\n", "row 2, column tbp_lv_L: expected 0..100"),
        ("x,y,z,tbp_lv_A\n1,2,3,red\n", "row 2, column tbp_lv_A"),
        ("lesion_id,x,y,z\na,1,2,3\nb,1,2,3\na,1,2,3\n", "row 4, column lesion_id"),
        ("lesion_id,x,y,z\n,1,2,3\n", "row 2, column lesion_id"),
        ("x,y,z\n1,2\n", "row 2 has 2 cells"),
        ("x,y,x\n1,2,3\n", "columns 1 and 3"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not text"),
    ],
)
def test_unusable_lists_are_refused_with_row_and_column(
    tmp_path: Path, text: str | bytes, sentence: str
) -> None:
    message = str(refusal(tmp_path, text))
    assert sentence in message
    assert "secret" not in message


def test_too_many_rows_are_refused(tmp_path: Path) -> None:
    config = Config(limits=LimitConfig(lesions=2))
    assert len(read(tmp_path, "x,y,z\n1,2,3\n1,2,3\n", config=config)) == 2
    error = refusal(tmp_path, "x,y,z\n" + "1,2,3\n" * 3, config=config)
    assert "limits.lesions allows (2)" in str(error)


def test_a_missing_list_is_refused(tmp_path: Path) -> None:
    for name, reason in (
        (None, ScanReason.LESION_LIST_MISSING),
        ("none.csv", ScanReason.LESION_LIST_MISSING),
        ("../list.csv", ScanReason.PATH_OUTSIDE_SCAN),
    ):
        with pytest.raises(ScanError) as caught:
            read_lesions(ScanRef("s", "p", tmp_path, "m.obj", lesions=name), scan())
        assert caught.value.reason is reason


def test_a_hundred_thousand_rows_take_little_time(tmp_path: Path) -> None:
    values = np.random.default_rng(1).uniform(-1000, 1000, (100_000, 3))
    rows = [f"l{k},{x:.3f},{y:.3f},{z:.3f},4.5" for k, (x, y, z) in enumerate(values.tolist())]
    begin = time.perf_counter()
    lesions = read(tmp_path, "\n".join(["lesion_id,x,y,z,diameter_mm", *rows]))
    # It takes 0.3 s; row by row through pandas or float() with checks takes several.
    assert time.perf_counter() - begin < 2
    assert lesions.xyz_mm is not None
    # Written with three decimals.
    np.testing.assert_allclose(lesions.xyz_mm, values, atol=6e-4)
