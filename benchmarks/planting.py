"""Canaries: texts that stand nowhere else, planted in every field and channel of a source.

Each canary is named by the channel that carries it, so that one that is found tells where it came
from. Nothing here judges: `benchmarks.canaries` runs the program on such a source and looks.
"""

import base64
import csv
import hashlib
import io
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, PngImagePlugin, TiffImagePlugin

from tbp_extract.phantom import MeshFormat, PhantomOptions, make_phantoms

__all__ = ["Canaries", "PlantOptions", "jpeg_with_segments", "plant_source", "write_rows"]

BODIES = ("obj-jpeg", "obj-png", "obj-tiff", "ply", "glb", "obj-trailing", "obj-missing", "obj-bad")
"""Kinds of scans in turn; the last three are ones that a reader may refuse."""

MIN_SCANS = len(BODIES)


@dataclass(slots=True)
class Canaries:
    """All canaries that were planted, by channel."""

    texts: dict[str, list[str]] = field(default_factory=dict)

    def new(self, channel: str) -> str:
        """Make the next canary of a channel: letters and digits, told apart by the first ten."""
        number = len(self.texts.setdefault(channel, []))
        digest = hashlib.sha256(f"{channel} {number}".encode()).digest()
        canary = "Q" + base64.b32encode(digest).decode()[:13] + "x"
        self.texts[channel].append(canary)
        return canary

    def add(self, channel: str, text: str) -> str:
        """Note a canary of another form, such as a date."""
        self.texts.setdefault(channel, []).append(text)
        return text

    @property
    def mapped_column(self) -> str:
        """Name that the lists give to the column of tags; the settings say so."""
        return (self.texts.get("column mapping") or [self.new("column mapping")])[0]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self.texts.values()))


@dataclass(frozen=True, slots=True)
class PlantOptions:
    """How large a source is to be."""

    scans: int = MIN_SCANS
    lesions: int = 6


def plant_source(folder: Path, canaries: Canaries, options: PlantOptions) -> None:
    """Make a source with canaries in every channel.

    Parameters
    ----------
    folder : Path
        Made here; its own name should hold a canary too.
    canaries : Canaries
        Gets what is planted.
    options : PlantOptions
    """
    rows = []
    for number in range(options.scans):
        kind = BODIES[number % len(BODIES)]
        rows.append(_plant_scan(folder, kind, number, canaries, options))
    names = sorted({name for row in rows for name in row})
    write_rows(folder / "scans.csv", [dict.fromkeys(names, "") | row for row in rows])
    (folder / f"{canaries.new('file beside the source')}.txt").write_text(
        canaries.new("text beside the source")
    )


def _plant_scan(
    folder: Path, kind: str, number: int, canaries: Canaries, options: PlantOptions
) -> dict[str, str]:
    """One arm in a folder of its own; returns its row of the scan table."""
    raw = folder / "raw"
    mesh_format = {"ply": MeshFormat.PLY, "glb": MeshFormat.GLB}.get(kind, MeshFormat.OBJ)
    make_phantoms(
        raw,
        PhantomOptions(
            body="arm", seed=number, faces=3000, page_px=512, lesions=options.lesions,
            diameter_mm=(3.0, 6.0), name="arm", mesh_format=mesh_format,
        ),
    )  # fmt: skip
    (row,) = _read_rows(raw / "scans.csv")
    place = folder / canaries.new("folder name")
    (raw / "arm_000").rename(place)
    for stray in raw.iterdir():
        stray.unlink()
    raw.rmdir()
    mesh = _DRESS[kind](place, canaries)
    lesions = _dress_lesions(place, canaries)
    texts = ("scan_id", "patient_id", "attribution", "copyright_license", "operator", "comment")
    row |= {name: canaries.new(f"scan table: {name}") for name in texts}
    day = f"19{30 + number % 60}-07-{13 + number % 15}"
    row["capture_date"] = canaries.add("scan table: capture_date", day)
    row["birth_date"] = canaries.add("scan table: birth_date", f"1911-{1 + number % 12:02d}-23")
    row |= {"mesh": f"{place.name}/{mesh}", "lesions": f"{place.name}/{lesions}", "age": ""}
    return row


def _dress_lesions(place: Path, canaries: Canaries) -> str:
    rows = _read_rows(place / "lesions.csv")
    names = {"tag": canaries.mapped_column}
    (place / "lesions.csv").unlink()
    for row in rows:
        for name in ("lesion_id", "tag", "tag_status", "note", "pathologist"):
            row[names.get(name, name)] = canaries.new(f"lesion list: {name}")
    # One that is dropped.
    rows.append(rows[0] | {"lesion_id": canaries.new("dropped lesion"), "x": "900", "y": "900"})
    unknown = canaries.new("lesion list: column name")
    name = f"{canaries.new('file name: lesion list')}.csv"
    write_rows(place / name, [row | {unknown: canaries.new("lesion list: cell")} for row in rows])
    return name


def _dress_obj(place: Path, canaries: Canaries, texture: bytes, suffix: str) -> str:
    """Rename what an OBJ consists of and fill its comments and names."""
    obj = (place / "arm_000.obj").read_text()
    old = (place / "arm_000.mtl").read_text()
    for path in place.glob("arm_000.*"):
        path.unlink()
    page = f"{canaries.new('file name: texture')}.{suffix}"
    library = f"{canaries.new('file name: MTL')}.mtl"
    material = canaries.new("OBJ material name")
    (place / page).write_bytes(texture)
    head = f"# {canaries.new('OBJ comment')}\no {canaries.new('OBJ object name')}\n"
    obj = obj.replace("arm_000.mtl", library).replace("usemtl page_0", f"usemtl {material}")
    obj = obj.replace("\nf ", f"\ng {canaries.new('OBJ group name')}\ns off\nf ", 1)
    tail = f"# {canaries.new('OBJ comment at the end')}\n"
    mesh = f"{canaries.new('file name: mesh')}.obj"
    (place / mesh).write_text(head + obj + tail)
    mtl = old.replace("page_0", material).replace("arm_000.jpg", page)
    unknown = f"# {canaries.new('MTL comment')}\nx_operator {canaries.new('MTL unknown field')}\n"
    other = f"newmtl {canaries.new('MTL unused material')}\nKd 1 1 1\n"
    (place / library).write_text(unknown + mtl + "\n" + other)
    return mesh


def _pixels(place: Path) -> Image.Image:
    (page,) = place.glob("*.jpg")
    return Image.open(io.BytesIO(page.read_bytes()))


def _obj_jpeg(place: Path, canaries: Canaries) -> str:
    return _dress_obj(place, canaries, jpeg_with_segments(_pixels(place), canaries), "jpg")


def _obj_trailing(place: Path, canaries: Canaries) -> str:
    jpeg = jpeg_with_segments(_pixels(place), canaries) + canaries.new("bytes after EOI").encode()
    return _dress_obj(place, canaries, jpeg, "jpg")


def _obj_missing(place: Path, canaries: Canaries) -> str:
    mesh = _dress_obj(place, canaries, b"", "jpg")
    for page in place.glob("*.jpg"):
        page.unlink()
    return mesh


def _obj_bad(place: Path, canaries: Canaries) -> str:
    mesh = _dress_obj(place, canaries, jpeg_with_segments(_pixels(place), canaries), "jpg")
    with (place / mesh).open("a") as file:
        file.write(f"f {canaries.new('OBJ malformed face')} 2 3\n")
    return mesh


def _obj_png(place: Path, canaries: Canaries) -> str:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", canaries.new("PNG tEXt"))
    info.add_text("Packed", canaries.new("PNG zTXt"), zip=True)
    info.add_itxt("Title", canaries.new("PNG iTXt"), lang="en")
    info.add(b"prVt", canaries.new("PNG private chunk").encode())
    exif = Image.Exif()
    exif[0x010E] = canaries.new("PNG eXIf")
    file = io.BytesIO()
    _pixels(place).save(
        file, "PNG", pnginfo=info, exif=exif, icc_profile=_profile(canaries.new("PNG ICC profile"))
    )
    return _dress_obj(place, canaries, file.getvalue(), "png")


def _obj_tiff(place: Path, canaries: Canaries) -> str:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    names = {270: "ImageDescription", 305: "Software", 315: "Artist", 316: "HostComputer"}
    for tag, name in names.items():
        tags[tag] = canaries.new(f"TIFF {name}")
    tags[700] = canaries.new("TIFF XMP").encode()
    tags[65000] = canaries.new("TIFF private tag")
    file = io.BytesIO()
    _pixels(place).save(file, "TIFF", tiffinfo=tags)
    return _dress_obj(place, canaries, file.getvalue(), "tif")


def jpeg_with_segments(image: Image.Image, canaries: Canaries) -> bytes:
    """Encode with every kind of segment that can carry text."""
    exif = Image.Exif()
    for tag, name in {0x010E: "description", 0x013B: "artist", 0x9286: "comment"}.items():
        exif[tag] = canaries.new(f"JPEG EXIF {name}")
    exif.get_ifd(0x8825)[0x001D] = canaries.new("JPEG EXIF GPS date")
    file = io.BytesIO()
    image.save(
        file, "JPEG", quality=95, exif=exif, comment=canaries.new("JPEG comment"),
        icc_profile=_profile(canaries.new("JPEG ICC profile")),
    )  # fmt: skip
    jpeg = file.getvalue()
    thumbnail = b"\xff\xd8\xff\xfe" + _sized(canaries.new("JPEG thumbnail").encode()) + b"\xff\xd9"
    segments = {
        0xE1: b"http://ns.adobe.com/xap/1.0/\0" + canaries.new("JPEG XMP").encode(),
        0xED: b"Photoshop 3.0\0" + canaries.new("JPEG IPTC").encode(),
        0xE0: b"JFXX\0\x10" + thumbnail,
        0xEF: canaries.new("JPEG APP15").encode(),
    }
    extra = b"".join(bytes([0xFF, m]) + _sized(payload) for m, payload in segments.items())
    return jpeg[:2] + jpeg[2:20] + extra + jpeg[20:]


def _sized(payload: bytes) -> bytes:
    return struct.pack(">H", len(payload) + 2) + payload


def _profile(text: str) -> bytes:
    """Bytes that stand for a colour profile; its text is packed, as it may be."""
    body = bytes(128) + zlib.compress(text.encode()) + text.encode()
    return struct.pack(">I", len(body) + 4) + body


def _ply(place: Path, canaries: Canaries) -> str:
    (old,) = place.glob("*.ply")
    content = old.read_bytes()
    old.unlink()
    (page,) = place.glob("*.jpg")
    texture = f"{canaries.new('file name: texture of a PLY')}.jpg"
    (place / texture).write_bytes(
        jpeg_with_segments(Image.open(io.BytesIO(page.read_bytes())), canaries)
    )
    content = content.replace(page.name.encode(), texture.encode())
    page.unlink()
    head, rest = content.split(b"\nelement", 1)
    notes = (
        f"\ncomment {canaries.new('PLY comment')}\nobj_info {canaries.new('PLY obj_info')}".encode()
    )
    mesh = f"{canaries.new('file name: PLY')}.ply"
    (place / mesh).write_bytes(head + notes + b"\nelement" + rest)
    return mesh


def _glb(place: Path, canaries: Canaries) -> str:
    (old,) = place.glob("*.glb")
    content = old.read_bytes()
    old.unlink()
    length = int.from_bytes(content[12:16], "little")
    scene, binary = json.loads(content[20 : 20 + length]), content[20 + length :]
    scene["asset"] |= {
        "generator": canaries.new("glTF asset generator"),
        "copyright": canaries.new("glTF asset copyright"),
        "extras": {"operator": canaries.new("glTF asset extras")},
    }
    scene["extras"] = {canaries.new("glTF key of extras"): canaries.new("glTF extras")}
    for group in ("nodes", "meshes", "materials", "images", "buffers", "accessors", "scenes"):
        for entry in scene.get(group, []):
            entry["name"] = canaries.new(f"glTF name in {group}")
            entry["extras"] = {"note": canaries.new(f"glTF extras in {group}")}
    text = json.dumps(scene).encode()
    text += b" " * (-len(text) % 4)
    packed = struct.pack("<I4s", len(text), b"JSON") + text + binary
    spare = canaries.new("glTF further chunk").encode().ljust(16)
    packed += struct.pack("<I4s", len(spare), b"XTRA") + spare
    mesh = f"{canaries.new('file name: GLB')}.glb"
    (place / mesh).write_bytes(content[:8] + struct.pack("<I", len(packed) + 12) + packed)
    return mesh


_DRESS: dict[str, Callable[[Path, Canaries], str]] = {
    "obj-jpeg": _obj_jpeg,
    "obj-png": _obj_png,
    "obj-tiff": _obj_tiff,
    "ply": _ply,
    "glb": _glb,
    "obj-trailing": _obj_trailing,
    "obj-missing": _obj_missing,
    "obj-bad": _obj_bad,
}


def _read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    """Write a CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
