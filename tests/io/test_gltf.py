"""What a glTF file says is what is read."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.io.gltf_files import INDEX, PNG, POINTS, UV, Builder, read, up
from tests.io.meshes import ScanFiles, picture


@pytest.fixture
def files(tmp_path: Path) -> ScanFiles:
    return ScanFiles(tmp_path, "m.glb")


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


def test_without_scenes_all_root_nodes_count(files: ScanFiles) -> None:
    builder = Builder()
    for key in ("scene", "scenes"):
        del builder.document[key]
    builder.document["nodes"] = [{"mesh": 0}, {"children": [0], "translation": [0, 7, 0]}]
    assert read(files, builder).vertices[:, 1].max() == 8


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
