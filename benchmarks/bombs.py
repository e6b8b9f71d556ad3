"""Whether small or hostile files can make a reader take endless time or memory.

Each bomb is read in a child of its own under a memory limit. ``python -m benchmarks.bombs``
"""

import argparse
import io
import json
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from benchmarks.machine import machine_facts, write_result
from tests.fuzz.seeds import seeds_of, split_glb, write_frame

MEMORY_MB = 6144
TIME_S = 60.0
BILLION = 10**9


class Bomb(NamedTuple):
    """A file to be written over a good scan, and the outcomes that are right."""

    name: str
    file: str
    write: Callable[[Path], None]
    expected: frozenset[str]


def _long_line(head: bytes, unit: bytes, size: int = BILLION) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        block = unit * (10**6 // len(unit))
        with path.open("wb") as file:
            file.write(head)
            for _ in range(size // len(block)):
                file.write(block)

    return write


def _bytes(make: Callable[[], bytes]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(make())

    return write


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(side: int, raw_bytes: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(raw_bytes))
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _black_page() -> bytes:
    return _png(16_384, 16_384 * (3 * 16_384 + 1))


def _jpeg_claim() -> bytes:
    seed = seeds_of("jpeg")[0]
    at = seed.index(b"\xff\xc0")
    return seed[: at + 5] + b"\xff\xff\xff\xff" + seed[at + 9 :]


def _many_scans() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((8192, 8192), np.uint8)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * 2000 + b"\xff\xd9"


def _tiff_claim() -> bytes:
    seed = bytearray(seeds_of("tiff")[0])
    (start,) = struct.unpack_from("<I", seed, 4)
    (count,) = struct.unpack_from("<H", seed, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from("<H", seed, at)[0] in (256, 257):
            struct.pack_into("<HII", seed, at + 2, 4, 1, 2**32 - 1)
    return bytes(seed)


def _gltf(**changes: Any) -> bytes:
    return json.dumps({**json.loads(seeds_of("gltf")[0]), **changes}).encode()


def _percent_codes() -> bytes:
    return _gltf(buffers=[{"byteLength": 9, "uri": "data:," + "%41" * 10**8}])


def _node_tree() -> bytes:
    nodes = [{"children": [k + 1] * 50} for k in range(40)] + [{"mesh": 0}]
    return _gltf(nodes=nodes)


def _many_images() -> bytes:
    document, _ = split_glb(seeds_of("glb")[0])
    size = 1 << 24
    document["buffers"] = [{"byteLength": size, "uri": "big.bin"}]
    document["bufferViews"] += [{"buffer": 0, "byteLength": size - k} for k in range(500)]
    document["images"] = [{"bufferView": len(document["bufferViews"]) - 1 - k} for k in range(500)]
    document["textures"] = [{"source": k} for k in range(500)]
    document["materials"] = [
        {"pbrMetallicRoughness": {"baseColorTexture": {"index": k}}} for k in range(500)
    ]
    primitive = document["meshes"][0]["primitives"][0]
    document["meshes"][0]["primitives"] = [{**primitive, "material": k} for k in range(500)]
    document["buffers"][0]["uri"] = "data:;base64," + "A" * (size // 3 * 4 + 4)
    return json.dumps(document).encode()


def _groups(count: int) -> bytes:
    lines = seeds_of("obj")[0].decode().split("\n")
    faces = [line for line in lines if line.startswith("f ")]
    head = [line for line in lines if not line.startswith(("f ", "usemtl"))]
    body = [f"usemtl page_{k % 2}\n{faces[k % len(faces)]}" for k in range(count)]
    return "\n".join([*head, *body]).encode()


def _ply_claim(count: int) -> bytes:
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {count}\nproperty float x\n"
    return (head + "property float y\nproperty float z\nend_header\n").encode() + bytes(100)


OVER = frozenset({"over_limit"})
LOADED = frozenset({"loaded"})
NO_LIST = frozenset({"lesion_list_unusable"})
NO_PAGE = frozenset({"texture_unreadable", "over_limit"})
REFUSED = frozenset({"mesh_unreadable", "over_limit"})
BOMBS = (
    Bomb("OBJ remark of 10^9 bytes", "m.obj", _long_line(b"# ", b"x"), OVER),
    Bomb("OBJ face of 10^9 bytes", "m.obj", _long_line(b"f ", b"1 "), OVER),
    Bomb(
        "OBJ of 10^8 empty lines", "m.obj", _long_line(b"", b"\n", 10**8), REFUSED | {"mesh_empty"}
    ),
    Bomb("OBJ of 10^9 digits", "m.obj", _long_line(b"v ", b"1"), OVER),
    Bomb("OBJ over the size limit", "m.obj", _long_line(b"# ", b"x\n", 3 * BILLION), OVER),
    Bomb("20,000 groups", "m.obj", _bytes(lambda: _groups(20_000)), LOADED),
    Bomb("200,000 groups", "m.obj", _bytes(lambda: _groups(200_000)), OVER),
    Bomb("MTL of 10^9 bytes", "m.mtl", _long_line(b"", b"newmtl x\n"), OVER),
    Bomb("list of 10^9 bytes", "l.csv", _long_line(b"x,y,z\n", b"1,2,3\n"), OVER),
    Bomb("list of empty lines", "l.csv", _long_line(b"x,y,z\n", b"\n", 6 * 10**7), NO_LIST),
    Bomb("list of empty cells", "l.csv", _long_line(b"x,y,z\n", b",", 6 * 10**7), NO_LIST),
    Bomb("PLY claims 4 * 10^9 vertices", "m.ply", _bytes(lambda: _ply_claim(4 * BILLION)), OVER),
    Bomb("PLY claims 2 * 10^7 vertices", "m.ply", _bytes(lambda: _ply_claim(20_000_000)), REFUSED),
    Bomb("PLY header of 10^9 bytes", "m.ply", _long_line(b"ply\n", b"comment x\n"), REFUSED),
    Bomb("JSON 10^6 deep", "m.gltf", _bytes(lambda: b'{"a":' * 10**6), REFUSED),
    Bomb("JSON of 10^8 values", "m.gltf", _long_line(b'{"a":[', b"0,", 2 * 10**8), REFUSED),
    Bomb("nodes placed 50^40 times", "m.gltf", _bytes(_node_tree), REFUSED),
    Bomb("500 textures of the same bytes", "m.gltf", _bytes(_many_images), OVER),
    Bomb("percent codes", "m.gltf", _bytes(_percent_codes), REFUSED),
    Bomb("PNG claims 65,535 px", "m_0.jpg", _bytes(lambda: _png(65_535, 10)), OVER),
    Bomb("PNG of 10^9 bytes in 24 px", "m_0.jpg", _bytes(lambda: _png(24, BILLION)), LOADED),
    Bomb("PNG of 16,384 px in 0.8 MB", "m_0.jpg", _bytes(_black_page), LOADED),
    Bomb("JPEG claims 65,535 px", "m_0.jpg", _bytes(_jpeg_claim), OVER),
    Bomb("JPEG of 2,000 scans", "m_0.jpg", _bytes(_many_scans), NO_PAGE),
    Bomb("TIFF claims 2^32 px", "m_0.jpg", _bytes(_tiff_claim), NO_PAGE),
)


def main() -> None:
    """Read all bombs, or in a child one that lies ready."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("MESH", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        _read_one(*options.one)
        return
    results = {bomb.name: _try(bomb) for bomb in BOMBS}
    for name, result in results.items():
        print(f"{name}: {result}")
    write_result("bombs", {"machine": machine_facts(), "memory_limit_mb": MEMORY_MB, **results})
    sys.exit(not all(result["right"] for result in results.values()))


def _try(bomb: Bomb) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_frame(folder)
        bomb.write(folder / bomb.file)
        mesh = bomb.file if bomb.file.endswith(("obj", "ply", "gltf")) else "m.obj"
        began = time.monotonic()
        command = [sys.executable, "-m", "benchmarks.bombs", "--one", mesh, name]
        done = subprocess.run(  # noqa: S603 - our own module
            command, capture_output=True, text=True, check=False, timeout=10 * TIME_S
        )
        wall_s = time.monotonic() - began
    if done.returncode:
        return {"outcome": done.stderr[-300:], "right": False}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    right = result["outcome"] in bomb.expected and result["seconds"] < TIME_S
    return {**result, "with_start_s": round(wall_s, 1), "right": right}


def _read_one(mesh: str, folder: str) -> None:
    from tbp_extract.config import Config, ScanConfig
    from tbp_extract.errors import ScanError
    from tbp_extract.io.lesions import read_lesions
    from tbp_extract.io.scan import read_scan
    from tbp_extract.types import ScanRef

    config = Config(scan=ScanConfig(unit="mm"))

    def read(place: Path, name: str) -> None:
        ref = ScanRef("s", "p", place, name, lesions="l.csv")
        read_lesions(ref, read_scan(ref, config), config)

    with tempfile.TemporaryDirectory() as good:
        # Kernels compile, or load, on their first use.
        write_frame(Path(good))
        read(Path(good), "m.glb" if mesh.endswith("gltf") else mesh)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MB << 20, MEMORY_MB << 20))
    began = time.perf_counter()
    try:
        read(Path(folder), mesh)
        outcome = "loaded"
    except ScanError as error:
        outcome = error.reason.value
    seconds = round(time.perf_counter() - began, 2)
    peak_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(json.dumps({"outcome": outcome, "seconds": seconds, "peak_mb": peak_mb}))


if __name__ == "__main__":
    main()
