import pytest

from tbp_extract.errors import ScanError
from tbp_extract.io.mtl import Material, parse_mtl
from tbp_extract.io.text import decode_text


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("map_Kd skin.jpg", "skin.jpg"),
        ("  map_Kd\tskin.jpg  ", "skin.jpg"),
        ("map_kd skin.jpg", "skin.jpg"),
        ("map_Kd my skin 1.jpg", "my skin 1.jpg"),
        ('map_Kd "my skin.jpg"', "my skin.jpg"),
        ("map_Kd -s 1 1 1 skin.jpg", "skin.jpg"),
        ("map_Kd -s 1 1 skin.jpg", "skin.jpg"),
        ("map_Kd -s 1 -o 0 0 0 -t 0 0 0 my skin.jpg", "my skin.jpg"),
        ("map_Kd -mm 0 1 -blendu on -blendv off -clamp on skin.jpg", "skin.jpg"),
        ("map_Kd -bm 1.0 -boost 2 -texres 512 -imfchan l -type sphere -cc off s.jpg", "s.jpg"),
        ("map_Kd sub\\skin.jpg", "sub/skin.jpg"),
        ("map_Kd -s 1 1 1 2", "2"),
        ("map_Kd -1.jpg", "-1.jpg"),
        ("map_Kd", None),
        ("map_Ka skin.jpg", None),
    ],
)
def test_the_file_of_a_texture_is_found(line: str, file: str | None) -> None:
    assert parse_mtl(f"newmtl skin\n{line}\n", "") == {"skin": Material(file)}


@pytest.mark.parametrize("option", ["-s 2 2", "-o 0.5", "-t 0 0.1 0", "-mm 0.2 1"])
def test_options_that_change_the_texture_are_noted(option: str) -> None:
    material = parse_mtl(f"newmtl a\nmap_Kd {option} x.jpg", "")["a"]
    assert material.texture == "x.jpg"
    assert material.changed_by == option.split()[0]


def test_materials_keep_apart_whatever_the_line_ends() -> None:
    text = "Kd 1 1 1\nmap_Kd lost.jpg\nnewmtl a b\nmap_Kd 1.jpg\nnewmtl c\nKd 0 0 0\n"
    expected = {"a b": Material("1.jpg"), "c": Material(None)}
    for ending in ("\n", "\r\n", "\r"):
        assert parse_mtl(text.replace("\n", ending), "") == expected


def test_files_lie_where_the_mtl_lies() -> None:
    assert parse_mtl("newmtl a\nmap_Kd ../x.jpg", "mats")["a"].texture == "x.jpg"
    assert parse_mtl("newmtl a\nmap_Kd x.jpg", "mats")["a"].texture == "mats/x.jpg"
    assert parse_mtl("newmtl a\nmap_Kd C:\\x.jpg", "mats")["a"].texture == "C:\\x.jpg"


def test_text_is_utf8_else_latin1() -> None:
    assert decode_text("\ufeffnewmtl ü".encode()) == "newmtl ü"
    assert decode_text("newmtl ü".encode("latin-1")) == "newmtl ü"


@pytest.mark.parametrize("line", ["-clamp on", "-s 1 1 1 -clamp on ", "-clamp \t m.jpg"])
def test_options_without_a_file_are_refused(line: str) -> None:
    with pytest.raises(ScanError, match="no file behind"):
        parse_mtl(f"newmtl a\nmap_Kd {line}\n", "")


def test_a_switch_that_is_neither_on_nor_off_is_noted() -> None:
    assert parse_mtl("newmtl a\nmap_Kd -clamp om m.jpg\n", "")["a"].changed_by == "-clamp"
