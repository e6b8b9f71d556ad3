"""The container of glTF: JSON, buffers and accessors."""

import base64
import json
import struct
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.folder import ScanFolder, join_name, parent_name
from tbp_extract.io.magic import check_mesh_kind

__all__ = [
    "GltfFile",
    "check_uncompressed",
    "data_uri",
    "dict_of",
    "list_of",
    "numbers_of",
    "unreadable",
    "unsupported",
]

_DTYPES = {
    "5120": "<i1",
    "5121": "<u1",
    "5122": "<i2",
    "5123": "<u2",
    "5125": "<u4",
    "5126": "<f4",
}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_COMPRESSED = {
    "KHR_draco_mesh_compression": "Draco",
    "EXT_meshopt_compression": "meshopt",
    "KHR_meshopt_compression": "meshopt",
}
_UNDERSTOOD = frozenset({"KHR_texture_transform", "KHR_mesh_quantization"})
_MOST_VALUES = 5_000_000
"""In the JSON of a file: each takes ten times its bytes once it is read."""

_MOST_CODED = 1 << 20
"""Characters of a data URI that may hold percent codes."""

_HARMLESS = "KHR_materials_"
"""Extensions that change how light falls on a surface, not where its texture lies."""


class GltfFile:
    """A parsed glTF or GLB file; values are checked where they are used.

    Parameters
    ----------
    folder : ScanFolder
    name : str
        Relative to the folder; sidecar files lie in the file's own folder or below.

    Raises
    ------
    ScanError
    """

    def __init__(self, folder: ScanFolder, name: str) -> None:
        self._folder = folder
        self._parent = parent_name(name)
        self.limits = folder.limits
        data = folder.read(name, role="the mesh", missing=ScanReason.MESH_MISSING, kind="mesh")
        check_mesh_kind(data, ".gltf")
        text, self._chunk = _split_glb(data) if data.startswith(b"glTF") else (data, None)
        if sum(map(text.count, (b"{", b"[", b","))) > _MOST_VALUES:
            raise unreadable(f"its JSON holds more than {_MOST_VALUES} values")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise unreadable("its JSON is malformed") from error
        if not isinstance(document, dict):
            raise unreadable("its JSON is not an object")
        self.document: dict[str, Any] = document
        self._buffers: dict[int, bytes] = {}
        _check_extensions(document)

    def item(self, kind: str, index: Any) -> dict[str, Any]:
        """Return an entry of one of the document's arrays."""
        entries = list_of(self.document, kind)
        if type(index) is not int or not 0 <= index < len(entries):
            raise unreadable(f"it refers to an entry of {kind} that it does not have")
        if not isinstance(entries[index], dict):
            raise unreadable(f"an entry of {kind} is malformed")
        entry: dict[str, Any] = entries[index]
        return entry

    def accessor(self, index: Any, *, normalise: bool = True) -> NDArray[Any]:
        """Return the values of an accessor.

        Returns
        -------
        (N, K)
            float64 if normalised integers or floats, else the stored integers.
        """
        entry = self.item("accessors", index)
        dtype = _DTYPES.get(str(entry.get("componentType")))
        width = _WIDTHS.get(str(entry.get("type")))
        count = entry.get("count")
        if dtype is None or width is None or type(count) is not int or count < 0:
            raise unreadable("an accessor is malformed")
        if "sparse" in entry or "bufferView" not in entry:
            raise unsupported("a sparse accessor: export plain ones")
        values = self._strided(entry, np.dtype(dtype), width, count)
        if values.dtype.kind == "f":
            return values.astype(np.float64)
        if normalise and entry.get("normalized", False):
            return np.maximum(values / float(np.iinfo(values.dtype).max), -1.0)
        return values

    def uri_name(self, uri: str) -> str:
        """Return the file that a URI names, relative to the folder of the mesh."""
        return join_name("", unquote(uri))

    def view(self, index: Any) -> bytes:
        """Return the bytes of a buffer view."""
        entry = self.item("bufferViews", index)
        check_uncompressed(entry)
        start, length = entry.get("byteOffset", 0), entry.get("byteLength")
        data = self._buffer(entry.get("buffer"))
        if type(start) is not int or type(length) is not int or min(start, length) < 0:
            raise unreadable("a buffer view is malformed")
        if start + length > len(data):
            raise unreadable("a buffer ends before its data do")
        return data[start : start + length]

    def _strided(
        self, entry: dict[str, Any], dtype: np.dtype[Any], width: int, count: int
    ) -> NDArray[Any]:
        data, start = self.view(entry["bufferView"]), entry.get("byteOffset", 0)
        tight = width * dtype.itemsize
        stride = self.item("bufferViews", entry["bufferView"]).get("byteStride", tight)
        if type(start) is not int or type(stride) is not int or start < 0 or stride < tight:
            raise unreadable("an accessor is malformed")
        if count and start + stride * (count - 1) + tight > len(data):
            raise unreadable("a buffer ends before its data do")
        if not count:
            return np.empty((0, width), dtype)
        return np.ndarray((count, width), dtype, data, start, (stride, dtype.itemsize))

    def _buffer(self, index: Any) -> bytes:
        entry = self.item("buffers", index)
        if index not in self._buffers:
            data = self._load_buffer(entry.get("uri"))
            claimed = entry.get("byteLength")
            if type(claimed) is not int or not 0 <= claimed <= len(data):
                raise unreadable("a buffer is shorter than its length says")
            self._buffers[index] = data
        return self._buffers[index]

    def _load_buffer(self, uri: Any) -> bytes:
        if uri is None and self._chunk is not None:
            return self._chunk
        if not isinstance(uri, str):
            raise unreadable("a buffer names no data")
        embedded = data_uri(uri)
        if embedded is not None:
            return embedded
        # The name is relative to the mesh's folder, which bounds it.
        return self._folder.read(
            unquote(uri),
            role="a buffer of the mesh",
            missing=ScanReason.MESH_UNREADABLE,
            within=self._parent,
            kind="mesh",
        )


def data_uri(uri: str) -> bytes | None:
    """Decode a data URI; ``None`` if it is another URI."""
    head, comma, body = uri.partition(",")
    if not head.startswith("data:") or not comma:
        return None
    if len(body) > _MOST_CODED and "%" in body:
        raise unreadable("embedded data hold percent codes: expected base64")
    try:
        if head.endswith(";base64"):
            return base64.b64decode(unquote(body), validate=True)
        return unquote(body).encode("latin-1")
    # Letters beyond ASCII are a plain ValueError, all else is one of its kinds.
    except ValueError as error:
        raise unreadable("embedded data are malformed") from error


def unreadable(why: str) -> ScanError:
    """Make the error for a file that breaks the format."""
    return ScanError(ScanReason.MESH_UNREADABLE, f"the mesh cannot be read as glTF: {why}")


def unsupported(what: str) -> ScanError:
    """Make the error for a file that uses what is not read."""
    return ScanError(ScanReason.MESH_UNREADABLE, f"the mesh uses what is not read in glTF: {what}")


def _split_glb(data: bytes) -> tuple[bytes, bytes | None]:
    """Find the JSON and the binary chunk of a GLB file."""
    if len(data) < 20 or struct.unpack_from("<I", data, 4) != (2,):
        raise unreadable("it is not GLB of version 2")
    if struct.unpack_from("<I", data, 8) != (len(data),):
        raise unreadable("its size is another than its header says: it is truncated or damaged")
    chunks: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        length, kind = struct.unpack_from("<I4s", data, at)
        if at + 8 + length > len(data):
            raise unreadable("it is truncated")
        chunks.setdefault(kind, data[at + 8 : at + 8 + length])
        at += 8 + length
    if b"JSON" not in chunks:
        raise unreadable("it has no JSON")
    return chunks[b"JSON"], chunks.get(b"BIN\0")


def _check_extensions(document: dict[str, Any]) -> None:
    for extension in map(str, list_of(document, "extensionsRequired")):
        if extension in _COMPRESSED:
            raise _compressed(_COMPRESSED[extension])
        if extension in ("KHR_texture_basisu", "EXT_texture_webp", "EXT_texture_avif"):
            continue  # refused where a face uses such a texture
        if extension not in _UNDERSTOOD and not extension.startswith(_HARMLESS):
            raise unsupported("an extension that it requires: export without extensions")


def check_uncompressed(owner: dict[str, Any]) -> None:
    """Refuse a primitive or buffer view that holds compressed data."""
    for extension in dict_of(owner, "extensions"):
        if extension in _COMPRESSED:
            raise _compressed(_COMPRESSED[extension])


def list_of(owner: dict[str, Any], key: str) -> list[Any]:
    """Return a property that is a list, empty if absent."""
    value = owner.get(key, [])
    if not isinstance(value, list):
        raise unreadable(f"{key} is not a list")
    return value


def dict_of(owner: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a property that is an object, empty if absent."""
    value = owner.get(key, {})
    if not isinstance(value, dict):
        raise unreadable(f"{key} is not an object")
    return value


def numbers_of(owner: dict[str, Any], key: str, default: Any) -> NDArray[np.float64]:
    """Return the numbers of a property, as many as its default has."""
    length = len(default)
    value = owner.get(key, default)
    value = value if isinstance(value, list | np.ndarray) or length > 1 else [value]
    try:
        numbers = np.array(value, np.float64)
    except (TypeError, ValueError) as error:
        raise unreadable(f"{key} does not hold numbers") from error
    if numbers.shape != (length,) or not np.isfinite(numbers).all():
        raise unreadable(f"{key} does not hold {length} numbers")
    return numbers


def _compressed(name: str) -> ScanError:
    return unsupported(f"{name} compression: export again without compression")
