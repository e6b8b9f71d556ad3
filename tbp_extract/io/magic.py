"""What a file is by its first bytes, whatever its name says."""

from tbp_extract.errors import ScanError, ScanReason

__all__ = ["ARCHIVE_SUFFIXES", "MESH_NAMES", "check_mesh_kind", "is_archive", "packed"]

ARCHIVE_SUFFIXES = frozenset({".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst"})
"""Endings of archives, in lower case."""

MESH_NAMES = {".obj": "OBJ", ".ply": "PLY", ".glb": "GLB", ".gltf": "glTF"}
"""Kinds of meshes that are read, by their endings in lower case."""

_ARCHIVES = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x07\x08",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
)
_FOREIGN = {
    b"version https://git-lfs": "a Git LFS pointer: fetch the file itself",
    b"Kaydara FBX": "FBX",
    b"<?xml": "XML",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
    b"solid ": "STL",
    b"OFF": "OFF",
    b"#VRML": "VRML",
    b"%PDF": "PDF",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89HDF": "HDF5",
}
_BOMS = (b"\xff\xfe", b"\xfe\xff")


def is_archive(data: bytes) -> bool:
    """Whether a file begins as ZIP, 7z, RAR, gzip, bzip2, xz, zstd or tar."""
    return data.startswith(_ARCHIVES) or data[257:262] == b"ustar"


def packed(what: str) -> str:
    """Make the sentence on a file that is an archive."""
    return (
        f"{what} is an archive: expected unpacked files, unpack it into a folder of its own (one "
        "scan with its MTL and textures a folder) and point SOURCE there"
    )


def check_mesh_kind(data: bytes, suffix: str) -> None:
    """Refuse a mesh whose content is of another kind than its ending says.

    Parameters
    ----------
    data : bytes
    suffix : str
        In lower case.

    Raises
    ------
    ScanError
        ``SCAN_PACKED`` or ``MESH_UNREADABLE``.
    """
    if is_archive(data):
        raise ScanError(ScanReason.SCAN_PACKED, packed("the mesh"))
    found = _told(data)
    if found in (None, MESH_NAMES[suffix]) or {found, MESH_NAMES[suffix]} == {"GLB", "glTF"}:
        return
    raise ScanError(
        ScanReason.MESH_UNREADABLE,
        f"the mesh ends in {suffix}, and its content is {found}: expected {MESH_NAMES[suffix]}, "
        "export it again or mend its name",
    )


def _told(data: bytes) -> str | None:
    if data.startswith((b"ply\n", b"ply\r")):
        return "PLY"
    if data.startswith(b"glTF"):
        return "GLB"
    if data.startswith(_BOMS):
        return "text in UTF-16"
    head = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"{"):
        return "glTF"
    return next((name for magic, name in _FOREIGN.items() if head.startswith(magic)), None)
