"""glTF files that are refused, and with which reason."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tbp_extract.config import LimitConfig
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.gltf import read_gltf
from tests.io.gltf_files import Builder, read, refusal
from tests.io.meshes import ScanFiles


@pytest.fixture
def files(tmp_path: Path) -> ScanFiles:
    return ScanFiles(tmp_path, "m.glb")


def test_sidecars_outside_the_folder_are_refused(files: ScanFiles) -> None:
    builder = Builder()
    for uri in ("../x.bin", "%2e%2e/x.bin", "/etc/passwd", "file:///etc/passwd"):
        builder.document["buffers"] = [{"uri": uri}]
        error = refusal(files, json.dumps(builder.document).encode())
        assert error.reason in (ScanReason.PATH_OUTSIDE_SCAN, ScanReason.MESH_UNREADABLE)


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
