"""Odd files by name, each with what must become of it."""

import json
import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from tests.fuzz.mutate import WORDS
from tests.fuzz.seeds import LESIONS, SCANS, pack_glb, seeds_of, split_glb

__all__ = ["NAMES_OUTSIDE", "Odd", "odd_files"]

UNREADABLE = "mesh_unreadable"
BAD_INDEX = frozenset({"mesh_index_out_of_range"})
BAD_IMAGE = frozenset({"texture_unreadable", "texture_unsupported", "over_limit"})
OUTSIDE = frozenset({"path_outside_scan"})
LOADED = frozenset({"loaded"})

NAMES_OUTSIDE = (
    "../m_0.jpg", "..\\m_0.jpg", "sub/../../m_0.jpg", "/etc/passwd", "//host/share/m.jpg",
    "\\\\host\\share\\m.jpg", "C:\\m_0.jpg", "c:m_0.jpg", "C:/m_0.jpg", "\\m_0.jpg", "/m_0.jpg",
    "../../../../../../etc/passwd", "./../m_0.jpg", ".\\..\\m_0.jpg", "sub\\..\\..\\m_0.jpg",
    "\\\\?\\C:\\m.jpg", "\\\\.\\pipe\\x", "z:", "D:..\\m_0.jpg", "..",
)  # fmt: skip
"""Names that lead out of a scan's folder."""

NAMES_MISSING = (
    "M_0.JPG", "m_0.jpeg", "m_0.jpg ", "m_0", "M_0.jpg", "sub/m_0.jpg", "m_0.jpg/x",
    "~/m_0.jpg", "$HOME/m_0.jpg", "file:///etc/passwd", "http://x/m_0.jpg", "%2e%2e/m_0.jpg",
    "m%5F0.jpg", "m_0.jpg::$DATA", "m_0.jpg?v=1", "m_0.jpg#x", "m_*.jpg", "m_?.jpg", "...",
    "m_0.jpg;m_1.jpg", "CON", "nul", "m_0.jp\u0261", "m\u200b_0.jpg", "x" * 300, "x/" * 100 + "x",
)  # fmt: skip
"""Names of nothing, though other programs find something."""


class Odd(NamedTuple):
    """A file and its fate."""

    name: str
    target: str
    data: bytes
    expected: frozenset[str]


def odd_files() -> Iterator[Odd]:
    """All of them, the same each time."""
    for family in (_obj_indices, _obj_lines, _obj_dress, _obj_kinds, _mtl_names, _ply, _ply_indices,
                   _glb, _gltf_names, _jpeg, _png, _tiff, _lesions, _lesion_cells, _scans,
                   _toml):  # fmt: skip
        yield from family()


def _obj_indices() -> Iterator[Odd]:
    lines = seeds_of("obj")[0].decode().split("\n")
    faces = [k for k, line in enumerate(lines) if line.startswith("f ")]
    vertices = sum(line.startswith("v ") for line in lines)
    for k in faces:
        for corner in (1, 3):
            for bad in ("0", str(vertices + 1), str(-vertices - 1), "4294967297", "9" * 30):
                words = lines[k].split()
                words[corner] = f"{bad}/{words[corner].partition('/')[2]}"
                data = "\n".join([*lines[:k], " ".join(words), *lines[k + 1 :]])
                yield Odd(f"face {k} corner {corner} {bad[:12]}", "obj", data.encode(), BAD_INDEX)


def _obj_lines() -> Iterator[Odd]:
    lines = seeds_of("obj")[0].decode().split("\n")
    for k, line in enumerate(lines):
        keyword = line.partition(" ")[0]
        if keyword in ("v", "vt", "f"):
            data = "\n".join([*lines[:k], f"q{line}", *lines[k + 1 :]])
            yield Odd(f"line {k} unknown word", "obj", data.encode(), frozenset({UNREADABLE}))
        if keyword == "v":
            for word in ("nan", "inf", "-inf", "1e999"):
                data = "\n".join([*lines[:k], f"v 1 {word} 2", *lines[k + 1 :]])
                yield Odd(f"line {k} {word}", "obj", data.encode(), frozenset({"mesh_not_finite"}))
            for word in ("", "x", "1_0", "0x1", "1.2.3", "1,5", "--1", "1e", "٣"):
                data = "\n".join([*lines[:k], f"v 1 {word} ", *lines[k + 1 :]])
                yield Odd(f"line {k} '{word}'", "obj", data.encode(), frozenset({UNREADABLE}))


def _obj_dress() -> Iterator[Odd]:
    for number, seed in enumerate(seeds_of("obj")):
        text = seed.decode("utf-8-sig").replace("\r\n", "\n")
        for ending in ("\n", "\r\n", "\r"):
            for bom in ("", "\ufeff"):
                for gap in (" ", "\t", "   ", " \t "):
                    dressed = bom + re.sub("(?m)^(v|vt|f) ", rf"\1{gap}", text)
                    data = dressed.replace("\n", ending).encode()
                    yield Odd(f"seed {number} {ending!r} {bom!r} {gap!r}", "obj", data, LOADED)
        for line in (
            "# remark",
            "",
            "   ",
            "g part",
            "o \u00e4",
            "s 1",
            "vn 0 0 1",
            "l 1 2",
            "p 1",
        ):
            data = text.replace("\nf", f"\n{line}\nf").encode()
            yield Odd(f"seed {number} among {line!r}", "obj", data, LOADED)


def _obj_kinds() -> Iterator[Odd]:
    seed = seeds_of("obj")[0]
    for at in range(100, len(seed), len(seed) // 60):
        data = seed[:at] + bytes(len(seed) - at)
        yield Odd(f"zeros from {at}", "obj", data, frozenset({UNREADABLE}))
    for target, ending in (("obj", "OBJ"), ("ply", "PLY"), ("glb", "GLB"), ("gltf", "glTF")):
        for other in ("obj", "ply", "glb", "jpeg", "png", "tiff", "scans", "toml"):
            if other != target and {other, target} != {"glb", "gltf"}:
                for number, data in enumerate(seeds_of(other)):
                    yield Odd(
                        f"{other} {number} as {ending}", target, data,
                        frozenset({UNREADABLE, "mesh_empty"}),
                    )  # fmt: skip
        for magic in (b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b", b"Rar!\x1a\x07", b"BZh9"):
            packed = frozenset({"scan_packed"})
            yield Odd(f"archive {magic!r} as {ending}", target, magic + bytes(300), packed)


def _mtl_names() -> Iterator[Odd]:
    text = seeds_of("mtl")[0].decode()
    for name in NAMES_OUTSIDE:
        data = text.replace("map_Kd m_0.jpg", f"map_Kd {name}").encode()
        yield Odd(f"map_Kd {name}", "mtl", data, OUTSIDE)
        mesh = seeds_of("obj")[0].replace(b"mtllib m.mtl", f"mtllib {name}".encode())
        yield Odd(f"mtllib {name}", "obj", mesh, OUTSIDE)
    for name in NAMES_MISSING:
        if name.strip() != name:
            continue
        data = text.replace("map_Kd m_0.jpg", f"map_Kd {name}").encode()
        yield Odd(f"map_Kd {name[:40]}", "mtl", data, frozenset({"texture_missing"}))
        mesh = seeds_of("obj")[0].replace(b"mtllib m.mtl", f"mtllib {name}".encode())
        yield Odd(f"mtllib {name[:40]}", "obj", mesh, frozenset({"material_missing"}))
    for word in WORDS:
        if not word.strip(b" \t\x0c\x1a\xc2\xa0\x00#") or b"\x00" in word:
            continue
        data = text.encode().replace(b"newmtl page_0", b"newmtl " + word)
        yield Odd(f"newmtl {word!r}", "mtl", data, frozenset({"material_missing"}))


def _ply() -> Iterator[Odd]:
    unreadable = frozenset({UNREADABLE})
    for number, seed in enumerate(seeds_of("ply")):
        # The last value of a text may lose digits unseen.
        end = len(seed) - (1 if number != 1 else 12)
        for at in range(3, end, max(len(seed) // 120, 1)):
            yield Odd(f"seed {number} cut at {at}", "ply", seed[:at], unreadable)
        for extra in (b"0", b"\0\0\0\0", b"1 2 3\n", b"\n\n\n\n", seed):
            if not (number == 1 and not extra.strip()):
                yield Odd(f"seed {number} and {extra[:9]!r}", "ply", seed + extra, unreadable)
        for old, new in ((b"float", b"flaot"), (b"format ", b"fromat "), (b"1.0", b"2.0"),
                         (b"element vertex", b"element vertx"), (b"end_header", b"end_haeder"),
                         (b"property list uchar int", b"property list float int"),
                         (b"ply", b"PLY")):  # fmt: skip
            yield Odd(f"seed {number} {new!r}", "ply", seed.replace(old, new, 1), unreadable)
        for count in ("4294967295", "99999999999", "9" * 18):
            data = re.sub(rb"element (vertex|face) \d+", rb"element \1 " + count.encode(), seed)
            yield Odd(f"seed {number} claims {count}", "ply", data, frozenset({"over_limit"}))
        for name in NAMES_OUTSIDE:
            data = seed.replace(b"TextureFile m_0.jpg", f"TextureFile {name}".encode())
            yield Odd(f"seed {number} names {name}", "ply", data, OUTSIDE)


def _ply_indices() -> Iterator[Odd]:
    lines = seeds_of("ply")[1].decode().split("\n")
    for k, line in enumerate(lines):
        if line.startswith("3 "):
            for bad in ("-1", "42", "4000000000", "1e30"):
                words = line.split()
                words[2] = bad
                data = "\n".join([*lines[:k], " ".join(words), *lines[k + 1 :]]).encode()
                yield Odd(f"line {k} {bad}", "ply", data, BAD_INDEX)
            words = line.split()
            words[2] = "1.5"
            data = "\n".join([*lines[:k], " ".join(words), *lines[k + 1 :]]).encode()
            yield Odd(f"line {k} 1.5", "ply", data, frozenset({UNREADABLE}))


def _glb() -> Iterator[Odd]:
    (seed,) = seeds_of("glb")
    unreadable = frozenset({UNREADABLE})
    for at in range(4, len(seed), len(seed) // 150):
        yield Odd(f"cut at {at}", "glb", seed[:at], unreadable)
    for at in (4, 8, 12, 16):
        for value in (0, 1, 3, 255, 2**31, 2**32 - 1):
            data = seed[:at] + struct.pack("<I", value) + seed[at + 4 :]
            yield Odd(f"word {at} is {value}", "glb", data, unreadable)
    document, body = split_glb(seed)
    others: tuple[object, ...] = ([], {}, None, "x", [None], 0)
    for key in ("accessors", "bufferViews", "buffers", "meshes", "nodes", "materials", "textures",
                "images"):  # fmt: skip
        for other in others:
            changed = json.dumps({**document, key: other}).encode()
            yield Odd(f"{key} is {other!r}", "glb", pack_glb(changed, body), unreadable)
    faults: tuple[tuple[str, object], ...] = (
        ("count", -1), ("count", 10**12), ("componentType", 5130), ("type", "X"),
        ("bufferView", 99), ("byteOffset", 10**9), ("count", 1.5),
    )  # fmt: skip
    for k, accessor in enumerate(document["accessors"]):
        for key, fault in faults:
            accessors = [*document["accessors"]]
            accessors[k] = {**accessor, key: fault}
            data = pack_glb(json.dumps({**document, "accessors": accessors}).encode(), body)
            yield Odd(f"accessor {k} {key} {fault}", "glb", data, unreadable | {"over_limit"})


def _gltf_names() -> Iterator[Odd]:
    document = json.loads(seeds_of("gltf")[0])
    for name in (*NAMES_OUTSIDE, "%2e%2e/m_0.jpg", "%2Fetc%2Fpasswd", "..%5Cm_0.jpg", "%43:m.jpg"):
        images = [{"uri": name}, document["images"][1]]
        data = json.dumps({**document, "images": images}).encode()
        yield Odd(f"image {name}", "gltf", data, OUTSIDE)
        buffers = [{**document["buffers"][0], "uri": name}]
        data = json.dumps({**document, "buffers": buffers}).encode()
        yield Odd(f"buffer {name}", "gltf", data, OUTSIDE)
    for name in ("M_0.JPG", "%252e%252e/m_0.jpg", "file:///etc/passwd", "\ud800", "m_0.jpg\u0000"):
        images = [{"uri": name}, document["images"][1]]
        data = json.dumps({**document, "images": images}).encode()
        yield Odd(f"image {name!r}", "gltf", data, OUTSIDE | {"texture_missing"})


def _jpeg() -> Iterator[Odd]:
    for number, seed in enumerate(seeds_of("jpeg")):
        for at in range(2, len(seed) - 3, max(len(seed) // 25, 1)):
            for tail in (b"", b"\xff\xd9", bytes(len(seed) - at), b"\0\0\xff\xd8\xff\xd9"):
                name = f"seed {number} cut at {at} and {len(tail)}"
                yield Odd(name, "jpeg", seed[:at] + tail, BAD_IMAGE)


def _png() -> Iterator[Odd]:
    for number, seed in enumerate(seeds_of("png")):
        for at in range(8, len(seed), max(len(seed) // 40, 1)):
            data = seed[:at] + bytes([seed[at] ^ 4]) + seed[at + 1 :]
            yield Odd(f"seed {number} flipped at {at}", "png", data, BAD_IMAGE)
            yield Odd(f"seed {number} cut at {at}", "png", seed[:at], BAD_IMAGE)


def _tiff() -> Iterator[Odd]:
    for number, seed in enumerate(seeds_of("tiff")):
        for at in range(4, len(seed) - 60, max(len(seed) // 25, 1)):
            yield Odd(f"seed {number} cut at {at}", "tiff", seed[:at], BAD_IMAGE)


def _lesions() -> Iterator[Odd]:
    refused = frozenset({"lesion_list_unusable"})
    for separator in (",", ";", "\t"):
        for ending in ("\n", "\r\n", "\r"):
            for encoding in ("utf-8", "utf-8-sig", "utf-16", "latin-1"):
                text = LESIONS.replace("t 2", "t\u00e4").replace(",", separator)
                data = text.replace("\n", ending).encode(encoding)
                yield Odd(f"{separator!r} {ending!r} {encoding}", "lesions", data, LOADED)
            for encoding in ("utf-16-le", "utf-16-be", "utf-32", "cp037"):
                data = LESIONS.replace(",", separator).replace("\n", ending).encode(encoding)
                yield Odd(f"{separator!r} {ending!r} {encoding}", "lesions", data, refused)
    lines = LESIONS.rstrip("\n").split("\n")
    for k in range(1, len(lines)):
        for change in (",9", ";9", '"', ",,9"):
            data = "\n".join([*lines[:k], lines[k] + change, *lines[k + 1 :]]).encode()
            yield Odd(f"row {k} and {change}", "lesions", data, refused)
        short = lines[k].rpartition(",")[0]
        data = "\n".join([*lines[:k], short, *lines[k + 1 :]]).encode()
        yield Odd(f"row {k} short", "lesions", data, refused)


def _lesion_cells() -> Iterator[Odd]:
    refused = frozenset({"lesion_list_unusable"})
    for column in range(3):
        for word in ("", "nan", "inf", "-inf", "1e999", "1_0", "x", "0x1", "1.2.3", "1 2", "--1",
                     '"1,5"', "1;5", "\u00bd", "1e", "true"):  # fmt: skip
            cells = ["1", "2", "3"]
            cells[column] = word
            data = ("x,y,z\n4,5,6\n" + ",".join(cells) + "\n").encode()
            yield Odd(f"column {column} {word!r}", "lesions", data, refused)
    for text in (
        "x\ty\tz\n1\t1,234\t0\n",
        "x;y;z\n1.5;2,5;0\n",
        "x,y;z\n1,2;3\n",
        "x,y\n1,2\n",
        "x,y,z,x\n1,2,3,4\n",
        "u,v\n.5,.5\n",
        "",
        "\n\n",
        "\x00",
        "x,y,z\n1,2,3\n1,2",
    ):
        yield Odd(f"table {text!r}", "lesions", text.encode(), refused)


def _scans() -> Iterator[Odd]:
    refused = frozenset({"SourceError"})
    lines = SCANS.rstrip("\n").split("\n")
    header = lines[0].split(",")
    wrong = {
        "scan_id": ("", "s1"), "patient_id": ("",), "mesh": ("",), "unit": ("km", "mm2", "0"),
        "up": ("y", "up", "+w", "+z"), "front": ("z", "+y"), "birth_date": ("x", "2025-01-01"),
        "capture_date": ("29.02.2024", "2024-02-30", "2024", "20240229", "2024-2-9"),
        "age": ("-1", "131", "x", "1e1", "4 5"), "sex": ("m", "f", "x"), "tbp_tile_type": ("XP",),
    }  # fmt: skip
    for name, values in wrong.items():
        for value in values:
            row = 2 if (name, value) == ("scan_id", "s1") else 1
            cells = lines[row].split(",") if row == 1 else ["s1", *lines[2].split(",")[1:]]
            if row == 1:
                cells[header.index(name)] = value
            data = "\n".join([lines[0], *([lines[1]] if row == 2 else []), ",".join(cells)])
            yield Odd(f"{name} {value!r}", "scans", data.encode(), refused)
    for encoding in ("utf-16-le", "utf-16-be", "utf-32", "cp437", "mac-roman"):
        yield Odd(encoding, "scans", SCANS.encode(encoding), refused)
    for at in range(0, len(lines[0]), 3):
        yield Odd(f"header cut at {at}", "scans", lines[0][:at].encode(), refused)


def _toml() -> Iterator[Odd]:
    refused = frozenset({"ConfigError"})
    for section, names in (("limits", ("faces", "page_px", "mesh_bytes", "lesions")),
                           ("crop", ("size_px", "extent_mm")), ("jpeg", ("quality",)),
                           ("scan", ("unit", "up", "min_extent_m"))):  # fmt: skip
        for name in names:
            for value in ("-1", "0", "nan", "inf", "true", '"x"', "[]", "{}", "1e400", "9" * 5000,
                          "2020-01-01", "1_", "0x", "'''", "[[", "''"):  # fmt: skip
                data = f"[{section}]\n{name} = {value}\n".encode()
                yield Odd(f"{section}.{name} = {value[:12]}", "toml", data, refused)
        yield Odd(f"unknown in {section}", "toml", f"[{section}]\nxyz = 1\n".encode(), refused)
