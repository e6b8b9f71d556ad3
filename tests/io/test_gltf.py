import base64
import copy
import json
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.config import LimitConfig
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.gltf import read_gltf
from tbp_extract.io.mesh import FileMesh
from tests.io.meshes import ScanFiles, picture

POINTS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
UV = np.array([[0, 0], [1, 0], [1, 0.75], [0, 0.75]], np.float32)
INDEX = np.array([0, 1, 2, 0, 2, 3], np.uint16)
PNG = picture()


class Builder:
    """A glTF document with one quad; tests change ``document`` or add accessors."""

    def __init__(self) -> None:
        self.buffer = b""
        self.document: dict[str, Any] = {
            "asset": {"version": "2.0"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "accessors": [],
            "bufferViews": [],
            "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
            "textures": [{"source": 0}],
            "images": [{"mimeType": "image/png"}],
        }
        primitive = {
            "attributes": {"POSITION": self.add(POINTS), "TEXCOORD_0": self.add(UV)},
            "indices": self.add(INDEX),
            "material": 0,
        }
        self.document["meshes"] = [{"primitives": [primitive]}]
        self.document["images"][0]["bufferView"] = self.add_view(PNG)

    @property
    def primitive(self) -> dict[str, Any]:
        primitive: dict[str, Any] = self.document["meshes"][0]["primitives"][0]
        return primitive

    @property
    def base(self) -> dict[str, Any]:
        base: dict[str, Any] = self.document["materials"][0]["pbrMetallicRoughness"]
        return base["baseColorTexture"]  # type: ignore[no-any-return]  # JSON has no types

    def add_view(self, data: bytes, **extra: Any) -> int:
        self.buffer += b"\0" * (-len(self.buffer) % 4)
        view = {"buffer": 0, "byteOffset": len(self.buffer), "byteLength": len(data), **extra}
        self.document["bufferViews"].append(view)
        self.buffer += data
        return len(self.document["bufferViews"]) - 1

    def add(self, values: NDArray[Any], **extra: Any) -> int:
        codes = {"int8": 5120, "uint8": 5121, "int16": 5122, "uint16": 5123, "uint32": 5125,
                 "float32": 5126}  # fmt: skip
        width = 1 if values.ndim == 1 else values.shape[1]
        kind = {1: "SCALAR", 2: "VEC2", 3: "VEC3"}[width]
        entry = {
            "bufferView": self.add_view(values.tobytes()),
            "componentType": codes[str(values.dtype)],
            "count": len(values),
            "type": kind,
            **extra,
        }
        self.document["accessors"].append(entry)
        return len(self.document["accessors"]) - 1

    def glb(self) -> bytes:
        document = {**self.document, "buffers": [{"byteLength": len(self.buffer)}]}
        text = json.dumps(document).encode()
        text += b" " * (-len(text) % 4)
        body = self.buffer + b"\0" * (-len(self.buffer) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text
        chunks += struct.pack("<I4s", len(body), b"BIN\0") + body
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


@pytest.fixture
def files(tmp_path: Path) -> ScanFiles:
    return ScanFiles(tmp_path, "m.glb")


def read(files: ScanFiles, builder: Builder | bytes) -> FileMesh:
    files.write("m.glb", builder if isinstance(builder, bytes) else builder.glb())
    return read_gltf(files.folder, "m.glb")


def refusal(files: ScanFiles, builder: Builder | bytes) -> ScanError:
    with pytest.raises(ScanError) as caught:
        read(files, builder)
    return caught.value


def up(uv: NDArray[Any]) -> NDArray[Any]:
    return np.stack((uv[..., 0], 1 - uv[..., 1]), axis=-1)


def test_a_quad_is_read_exactly_with_v_up(files: ScanFiles) -> None:
    mesh = read(files, Builder())
    np.testing.assert_array_equal(mesh.vertices, POINTS)
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    np.testing.assert_array_equal(mesh.wedge_uv, up(UV)[mesh.faces])
    assert mesh.face_page.tolist() == [0, 0]
    assert [page.data for page in mesh.pages] == [PNG]
    assert (mesh.unit, mesh.up, mesh.front) == ("m", "+y", "+z")


def test_buffers_and_textures_may_be_sidecars_or_data_uris(files: ScanFiles) -> None:
    builder = Builder()
    document = builder.document
    for sidecar in (True, False):
        encoded = base64.b64encode(builder.buffer).decode()
        picture_uri = "data:image/png;base64," + base64.b64encode(PNG).decode()
        document["buffers"] = [
            {
                "byteLength": len(builder.buffer),
                "uri": "sub/my%20data.bin" if sidecar else f"data:x;base64,{encoded}",
            }
        ]
        document["images"] = [{"uri": "skin%20%C3%BC.png" if sidecar else picture_uri}]
        files.write("sub/my data.bin", builder.buffer)
        mesh = read(files, json.dumps(document).encode())
        np.testing.assert_array_equal(mesh.wedge_uv, up(UV)[mesh.faces])
        assert mesh.pages[0].data == (None if sidecar else PNG)
        assert not sidecar or mesh.pages[0].name == "skin ü.png"


def test_sidecars_outside_the_folder_are_refused(files: ScanFiles) -> None:
    builder = Builder()
    for uri in ("../x.bin", "%2e%2e/x.bin", "/etc/passwd", "file:///etc/passwd"):
        builder.document["buffers"] = [{"uri": uri}]
        error = refusal(files, json.dumps(builder.document).encode())
        assert error.reason in (ScanReason.PATH_OUTSIDE_SCAN, ScanReason.MESH_UNREADABLE)


def test_nested_transforms_place_the_mesh(files: ScanFiles) -> None:
    builder = Builder()
    half = np.sqrt(0.5)
    builder.document["nodes"] = [
        {"children": [1], "translation": [10, 0, 0], "rotation": [0, 0, half, half]},
        {"mesh": 0, "matrix": [2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 4, 0, 1, 1, 1, 1]},
    ]
    mesh = read(files, builder)
    local = POINTS * [2, 3, 4] + 1
    # A quarter turn about z takes x to y; its quaternion is rounded.
    expected = np.stack((10 - local[:, 1], local[:, 0], local[:, 2]), axis=-1)
    np.testing.assert_allclose(mesh.vertices, expected, atol=1e-12)


def test_a_mirrored_node_keeps_faces_outward(files: ScanFiles) -> None:
    builder = Builder()
    builder.document["nodes"] = [{"mesh": 0, "scale": [-1, 1, 1]}]
    mesh = read(files, builder)
    a, b, c = mesh.vertices[mesh.faces[0]]
    assert np.cross(b - a, c - a)[2] > 0
    np.testing.assert_array_equal(mesh.vertices, POINTS * [-1, 1, 1])
    np.testing.assert_array_equal(mesh.wedge_uv, up(UV)[mesh.faces])


def test_several_primitives_meshes_and_places_are_joined(files: ScanFiles) -> None:
    builder = Builder()
    document = builder.document
    other = builder.add_view(picture(value=50))
    document["images"].append({"bufferView": other})
    document["textures"] += [{"source": 1}, {"source": 0}]
    for texture in (1, 2):
        base = {"baseColorTexture": {"index": texture}}
        document["materials"].append({"pbrMetallicRoughness": base})
    second = {**builder.primitive, "material": 1}
    bare = {k: v for k, v in builder.primitive.items() if k != "material"}
    lines = {**builder.primitive, "mode": 1}
    document["meshes"][0]["primitives"] = [second, lines, builder.primitive]
    document["meshes"].append({"primitives": [bare, {**builder.primitive, "material": 2}]})
    document["nodes"] = [{"mesh": 0}, {"mesh": 1, "translation": [5, 0, 0]}, {"mesh": 0}]
    document["scenes"] = [{"nodes": [0, 1]}]
    mesh = read(files, builder)
    assert mesh.faces.tolist() == [[k, k + i, k + i + 1] for k in range(0, 16, 4) for i in (1, 2)]
    assert mesh.face_page.tolist() == [0, 0, 1, 1, -1, -1, 1, 1]
    assert mesh.vertices[:, 0].max() == 6
    assert len(mesh.pages) == 2


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32"])
def test_indices_of_any_type(files: ScanFiles, dtype: str) -> None:
    builder = Builder()
    builder.primitive["indices"] = builder.add(INDEX.astype(dtype))
    assert read(files, builder).faces.tolist() == [[0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize(
    ("mode", "faces"), [(4, [[0, 1, 2]]), (5, [[0, 1, 2], [1, 3, 2]]), (6, [[1, 2, 0], [2, 3, 0]])]
)
def test_lists_strips_and_fans_without_indices(
    files: ScanFiles, mode: int, faces: list[list[int]]
) -> None:
    builder = Builder()
    del builder.primitive["indices"]
    builder.primitive["mode"] = mode
    if mode == 4:
        attributes = {"POSITION": builder.add(POINTS[:3]), "TEXCOORD_0": builder.add(UV[:3])}
        builder.primitive["attributes"] = attributes
    assert read(files, builder).faces.tolist() == faces


@pytest.mark.parametrize(("dtype", "top"), [("uint8", 255), ("uint16", 65535)])
def test_normalised_uv(files: ScanFiles, dtype: str, top: int) -> None:
    builder = Builder()
    stored = np.round(UV * top).astype(dtype)
    builder.primitive["attributes"]["TEXCOORD_0"] = builder.add(stored, normalized=True)
    mesh = read(files, builder)
    expected = up((stored / top).astype(np.float64))
    np.testing.assert_array_equal(mesh.wedge_uv, expected[mesh.faces].astype(np.float32))


def test_interleaved_attributes(files: ScanFiles) -> None:
    builder = Builder()
    both = np.concatenate((POINTS, UV), axis=1).astype(np.float32)
    view = builder.add_view(both.tobytes(), byteStride=20)
    plain = {"bufferView": view, "componentType": 5126, "count": 4}
    builder.document["accessors"] += [
        {**plain, "type": "VEC3"}, {**plain, "type": "VEC2", "byteOffset": 12}
    ]  # fmt: skip
    count = len(builder.document["accessors"])
    builder.primitive["attributes"] = {"POSITION": count - 2, "TEXCOORD_0": count - 1}
    mesh = read(files, builder)
    np.testing.assert_array_equal(mesh.vertices, POINTS)
    np.testing.assert_array_equal(mesh.wedge_uv, up(UV)[mesh.faces])


def test_quantised_positions_are_scaled_by_their_node(files: ScanFiles) -> None:
    builder = Builder()
    builder.document["extensionsRequired"] = ["KHR_mesh_quantization"]
    builder.primitive["attributes"]["POSITION"] = builder.add((POINTS * 1000).astype(np.int16))
    builder.document["nodes"] = [{"mesh": 0, "scale": [0.001] * 3}]
    np.testing.assert_allclose(read(files, builder).vertices, POINTS, rtol=1e-12)


def test_the_texture_names_its_coordinates(files: ScanFiles) -> None:
    builder = Builder()
    builder.primitive["attributes"]["TEXCOORD_1"] = builder.add(UV / 2)
    builder.base["texCoord"] = 1
    mesh = read(files, builder)
    np.testing.assert_array_equal(mesh.wedge_uv, up(UV / 2)[mesh.faces])
    builder.base["texCoord"] = 2
    assert read(files, builder).face_page.tolist() == [-1, -1]


def test_texture_transform_scales_turns_and_shifts(files: ScanFiles) -> None:
    builder = Builder()
    # The example of the extension: one quarter of the image, turned by 90 degrees.
    transform = {"offset": [0, 1], "rotation": np.pi / 2, "scale": [0.5, 0.5]}
    builder.base["extensions"] = {"KHR_texture_transform": transform}
    builder.document["extensionsRequired"] = ["KHR_texture_transform"]
    mesh = read(files, builder)
    expected = up(np.stack((UV[:, 1] / 2, 1 - UV[:, 0] / 2), axis=-1))
    np.testing.assert_allclose(mesh.wedge_uv, expected[mesh.faces], atol=1e-6)


@pytest.mark.parametrize("extension", ["KHR_draco_mesh_compression", "EXT_meshopt_compression"])
@pytest.mark.parametrize("required", [True, False])
def test_compression_is_refused_with_the_way_out(
    files: ScanFiles, extension: str, required: bool
) -> None:
    builder = Builder()
    if required:
        builder.document["extensionsRequired"] = [extension]
    elif "draco" in extension:
        builder.primitive["extensions"] = {extension: {}}
    else:
        builder.document["bufferViews"][0]["extensions"] = {extension: {}}
    assert "without compression" in str(refusal(files, builder))


def test_unknown_required_extensions_are_refused_and_material_ones_not(files: ScanFiles) -> None:
    builder = Builder()
    builder.document["extensionsRequired"] = ["KHR_materials_unlit"]
    assert len(read(files, builder).faces) == 2
    builder.document["extensionsRequired"] = ["VENDOR_secret"]
    assert "extension" in str(refusal(files, builder))


@pytest.mark.parametrize("extension", ["EXT_texture_webp", "KHR_texture_basisu"])
def test_other_texture_formats_are_refused(files: ScanFiles, extension: str) -> None:
    builder = Builder()
    builder.document["textures"] = [{"extensions": {extension: {"source": 0}}}]
    assert refusal(files, builder).reason is ScanReason.TEXTURE_UNSUPPORTED


def test_poses_and_morphs_are_refused(files: ScanFiles) -> None:
    builder = Builder()
    builder.document["nodes"] = [{"mesh": 0, "skin": 0}]
    assert "skinned" in str(refusal(files, builder))
    builder.document["nodes"] = [{"mesh": 0, "weights": [0.5]}]
    assert "morphed" in str(refusal(files, builder))
    builder.document["nodes"] = [{"mesh": 0, "weights": [0]}]
    assert len(read(files, builder).faces) == 2


def test_nodes_in_a_circle_are_refused(files: ScanFiles) -> None:
    builder = Builder()
    builder.document["nodes"] = [{"children": [1]}, {"children": [0]}]
    assert "circle" in str(refusal(files, builder))


def test_without_scenes_all_root_nodes_count(files: ScanFiles) -> None:
    builder = Builder()
    for key in ("scene", "scenes"):
        del builder.document[key]
    builder.document["nodes"] = [{"mesh": 0}, {"children": [0], "translation": [0, 7, 0]}]
    assert read(files, builder).vertices[:, 1].max() == 8


def test_an_index_out_of_range_is_refused(files: ScanFiles) -> None:
    builder = Builder()
    builder.primitive["indices"] = builder.add(np.array([0, 1, 4], np.uint8))
    assert refusal(files, builder).reason is ScanReason.MESH_INDEX_OUT_OF_RANGE


def test_truncated_files_are_refused_wherever_they_end(files: ScanFiles) -> None:
    data = Builder().glb()
    for cut in range(0, len(data) - 4, 13):
        assert refusal(files, data[:cut]).reason is ScanReason.MESH_UNREADABLE


def test_any_wrong_value_in_the_json_is_a_scan_error(files: ScanFiles) -> None:
    """Every value of the document in turn becomes something else."""
    rubbish: tuple[Any, ...] = (None, -1, 10**12, 1.5, "x", [], {}, [[]], True)

    def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        found = []
        for key, member in items:
            found.append((*path, key))
            if isinstance(member, dict | list):
                found += places(member, (*path, key))
        return found

    builder = Builder()
    builder.base["extensions"] = {"KHR_texture_transform": {"rotation": 0.5, "offset": [0, 0]}}
    builder.document["nodes"] = [{"mesh": 0, "rotation": [0, 0, 0, 1]}]
    original = builder.document
    for path in places(original):
        for value in rubbish:
            builder.document = copy.deepcopy(original)
            owner: Any = builder.document
            for key in path[:-1]:
                owner = owner[key]
            owner[path[-1]] = value
            try:
                mesh = read(files, builder)
            except ScanError:
                continue
            assert len(mesh.faces) == len(mesh.wedge_uv) == len(mesh.face_page)


def test_faces_are_counted_over_all_places(files: ScanFiles) -> None:
    builder = Builder()
    builder.document["nodes"] = [{"mesh": 0}] * 3
    builder.document["scenes"] = [{"nodes": [0, 1, 2]}]
    files.write("m.glb", builder.glb())
    folder = files.folder
    folder.limits = LimitConfig(faces=5)
    with pytest.raises(ScanError, match=r"limits\.faces allows 5"):
        read_gltf(folder, "m.glb")


def test_a_file_of_trimesh_comes_back(files: ScanFiles) -> None:
    from PIL import Image

    trimesh: Any = pytest.importorskip("trimesh")

    rng = np.random.default_rng(8)
    sphere = trimesh.creation.icosphere(subdivisions=2, radius=0.5)
    uv = rng.uniform(size=(len(sphere.vertices), 2))
    material = trimesh.visual.material.PBRMaterial(
        baseColorTexture=Image.fromarray(np.zeros((4, 4, 3), np.uint8))
    )
    sphere.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    scene = trimesh.Scene()
    turn = trimesh.transformations.rotation_matrix(0.7, [1, 2, 3])
    scene.add_geometry(sphere, transform=turn)
    mesh = read(files, scene.export(file_type="glb"))
    expected = trimesh.transform_points(sphere.vertices, turn)
    # The file holds positions and texture coordinates in single precision.
    np.testing.assert_allclose(mesh.vertices[mesh.faces], expected[sphere.faces], atol=1e-6)
    np.testing.assert_allclose(mesh.wedge_uv, uv[sphere.faces], atol=1e-6)
    assert mesh.pages[0].data is not None
    assert mesh.pages[0].data.startswith(b"\x89PNG")


def test_a_glb_whose_size_differs_from_its_header_is_refused(files: ScanFiles) -> None:
    data = Builder().glb()
    for changed in (data[:-4], data + bytes(4)):
        assert "truncated or damaged" in str(refusal(files, changed))


def test_a_buffer_shorter_than_it_says_is_refused(files: ScanFiles) -> None:
    claim = f'"byteLength": {len(Builder().buffer)}}}]'.encode()
    more = re.sub(rb"\d", b"9", claim)
    changed = Builder().glb().replace(claim, more)
    assert "shorter than its length" in str(refusal(files, changed))


def test_a_mesh_placed_very_often_is_refused_before_it_is_joined(files: ScanFiles) -> None:
    builder = Builder()
    builder.document["nodes"] = [{"mesh": 0}] * 40
    builder.document["scenes"] = [{"nodes": list(range(40))}]
    files.write(files.mesh, builder.glb())
    folder = ScanFolder(files.root, LimitConfig(vertices=100))
    with pytest.raises(ScanError, match=r"limits\.vertices"):
        read_gltf(folder, files.mesh)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"a": ' + "9" * 5000 + "}",
        "[" + "{}," * 5_000_001 + "{}]",
    ],
    ids=["deep lists", "deep objects", "many digits", "many values"],
)
def test_json_bombs_are_refused(files: ScanFiles, text: str) -> None:
    files.write("m.gltf", '{"a": ' + text + "}")
    with pytest.raises(ScanError, match="JSON"):
        read_gltf(files.folder, "m.gltf")


def test_percent_codes_without_end_are_refused(files: ScanFiles) -> None:
    builder = Builder()
    builder.document["buffers"] = [{"byteLength": 9, "uri": "data:;base64," + "%41" * 400_000}]
    files.write("m.gltf", json.dumps(builder.document))
    with pytest.raises(ScanError, match="percent codes"):
        read_gltf(files.folder, "m.gltf")


@pytest.mark.parametrize("body", ["ä", "AAA", "A*==", "=AAA"])
def test_embedded_data_that_are_no_base64_are_refused(files: ScanFiles, body: str) -> None:
    builder = Builder()
    builder.document["buffers"] = [{"byteLength": 9, "uri": f"data:;base64,{body}"}]
    files.write("m.gltf", json.dumps(builder.document))
    with pytest.raises(ScanError, match="embedded data"):
        read_gltf(files.folder, "m.gltf")
