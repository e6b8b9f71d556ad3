"""Measure how fast an OBJ is read, beside trimesh in the same run.

    python -m benchmarks.read_obj [--faces 500000] [--rounds 5]

A closed surface with texture coordinates and normals, written with six decimals. Both readers must
give the same corners before anything is timed; they then take turns. trimesh is spared materials
and textures. Our time includes hashing the file.
"""

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine_facts, write_result
from tbp_extract.config import LimitConfig
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.mesh import FileMesh
from tbp_extract.io.obj import read_obj

NAME = "body.obj"


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_obj(root, options.faces)
        result = measure(root, options.rounds)
    write_result("read_obj", result | {"machine": machine_facts()})
    for name, value in result.items():
        print(f"{name}: {value}")


def measure(root: Path, rounds: int) -> dict[str, Any]:
    """Seconds of both readers, in turns."""
    check_same(read_ours(root), read_trimesh(root))
    peak_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours, theirs = [], []
    for _ in range(rounds):
        begin = time.perf_counter()
        mesh = read_ours(root)
        middle = time.perf_counter()
        read_trimesh(root)
        ours.append(middle - begin)
        theirs.append(time.perf_counter() - middle)
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return {
        "faces": len(mesh.faces),
        "file_mb": round((root / NAME).stat().st_size / 1e6, 1),
        "ours_s": round(statistics.median(ours), 4),
        "trimesh_s": round(statistics.median(theirs), 4),
        "times_faster_median": round(statistics.median(ratios), 1),
        "times_faster_least": round(min(ratios), 1),
        "peak_mb": round(peak_before / 1024),
    }


def read_ours(root: Path) -> FileMesh:
    """Read as a run does: file, hash, mesh, material."""
    return read_obj(ScanFolder(root, LimitConfig()), NAME)


def read_trimesh(root: Path) -> Any:
    """Read without materials, so that no texture is looked for."""
    import trimesh

    with (root / NAME).open() as file:
        return trimesh.load(file, file_type="obj", process=False, skip_materials=True)


def check_same(ours: FileMesh, theirs: Any) -> None:
    """Compare all corners: positions to the last bit, texture coordinates as float32."""
    assert np.array_equal(ours.vertices[ours.faces], theirs.vertices[theirs.faces])
    uv = np.asarray(theirs.visual.uv, np.float32)
    assert np.array_equal(ours.wedge_uv, uv[theirs.faces])


def write_obj(root: Path, faces: int) -> None:
    """Write a ball of at least so many triangles, cut along one meridian."""
    side = int(np.ceil(np.sqrt(faces / 2)))
    u, v = (grid.ravel() for grid in np.meshgrid(*[np.linspace(0, 1, side + 1)] * 2))
    turn, rise = 2 * np.pi * u, np.pi * (v - 0.5) * 0.98
    normal = np.stack((np.cos(rise) * np.sin(turn), np.sin(rise), np.cos(rise) * np.cos(turn)), -1)
    index = np.arange(1, (side + 1) * side + 1).reshape(side, side + 1)[:, :side].ravel()
    lower = np.stack((index, index + 1, index + side + 2), -1)
    upper = np.stack((index, index + side + 2, index + side + 1), -1)
    with (root / NAME).open("w") as file:
        file.write("mtllib body.mtl\nusemtl skin\n")
        for word, rows in (("v", normal * 800), ("vt", np.stack((u, v), -1)), ("vn", normal)):
            write_rows(file, word + " %.6f" * rows.shape[1], rows)
        write_rows(
            file, "f %d/%d/%d %d/%d/%d %d/%d/%d", np.repeat(np.concatenate((lower, upper)), 3, 1)
        )
    (root / "body.mtl").write_text("newmtl skin\nmap_Kd skin.jpg\n")


def write_rows(file: Any, line: str, rows: NDArray[Any]) -> None:
    """Write a line for each row."""
    file.write("\n".join(line % tuple(row) for row in rows.tolist()) + "\n")


if __name__ == "__main__":
    main()
