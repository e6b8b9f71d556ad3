"""Small scans for the tests of the readers."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import Config, LimitConfig
from tbp_extract.io.folder import ScanFolder
from tbp_extract.types import ScanRef

CORNERS = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], np.float64)
QUADS = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))
"""The sides of a cube, counter-clockwise seen from outside."""

UV = ((0.125, 0.25), (0.875, 0.25), (0.875, 0.75), (0.125, 0.75))
"""Texture coordinates of each side's corners; float32 holds them exactly."""


def cube_triangles() -> NDArray[np.int64]:
    """Fans of the sides, in order."""
    return np.array([t for a, b, c, d in QUADS for t in ((a, b, c), (a, c, d))])


def cube_wedge_uv() -> NDArray[np.float32]:
    a, b, c, d = UV
    return np.array([(a, b, c), (a, c, d)] * 6, np.float32)


def cube_obj(side: float = 500.0) -> str:
    lines = ["mtllib cube.mtl"]
    lines += ["v " + " ".join(f"{x:g}" for x in corner * side) for corner in CORNERS]
    lines += [f"vt {u} {v}" for u, v in UV]
    lines += ["usemtl skin"]
    lines += ["f " + " ".join(f"{v + 1}/{k}" for k, v in enumerate(quad, 1)) for quad in QUADS]
    return "\n".join(lines) + "\n"


def picture(size: int = 8, value: int = 100) -> bytes:
    pixels = np.full((size, size, 3), value, np.uint8)
    pixels[3, 4] = (10, 20, 30)
    return cv2.imencode(".png", pixels[:, :, ::-1])[1].tobytes()


@dataclass(frozen=True)
class ScanFiles:
    """A folder with one scan, to be changed by a test."""

    root: Path
    mesh: str = "cube.obj"

    @property
    def ref(self) -> ScanRef:
        return ScanRef("scan", "patient", self.root, self.mesh, unit="mm")

    @property
    def folder(self) -> ScanFolder:
        return ScanFolder(self.root, LimitConfig())

    def write(self, name: str, data: bytes | str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path


def cube_files(root: Path) -> ScanFiles:
    files = ScanFiles(root)
    files.write("cube.obj", cube_obj())
    files.write("cube.mtl", "newmtl skin\nmap_Kd skin.png\n")
    files.write("skin.png", picture())
    return files


def limits(**values: int) -> Config:
    return Config(limits=LimitConfig(**values))
