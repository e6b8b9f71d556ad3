"""A scan of nobody: a tube with two marks, which takes every kernel through its work once."""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from tbp_extract.config import Config
from tbp_extract.io.layout import OutLayout
from tbp_extract.pipeline.plan import ScanPlan
from tbp_extract.pipeline.work import Context, ShardTask, carry_out
from tbp_extract.types import ReleaseKey, ScanRef

__all__ = ["warm_up"]

RINGS: Final = 40
SIDES: Final = 24
HEIGHT_MM: Final = 400.0
RADIUS_MM: Final = 60.0


def warm_up(config: Config) -> None:
    """Compile or load all kernels and libraries that a scan needs, with a lesion list or without.

    Compiling takes a minute on a machine's first run; numba keeps the result on disk.
    """
    # Without it each worker is slower to start, and that is all.
    with suppress(Exception), tempfile.TemporaryDirectory(prefix="tbp_extract_") as name:
        root, layout = Path(name), OutLayout(Path(name) / "out")
        for folder in (layout.work, layout.records):
            folder.mkdir(parents=True)
        _write_tube(root)
        ref = ScanRef("tube", "tube", root, "tube.obj", "lesions.csv", unit="mm")
        context = Context(config, ReleaseKey(bytes(32)), layout)
        # Somebody else's detector is left to the workers: it may do anything.
        without_list = [replace(ref, lesions=None)] if config.detect.detector == "blob" else []
        for scan in (ref, *without_list):
            carry_out(ScanPlan(scan, scan="tube", patient="tube", fingerprint=""), context)
        carry_out(ShardTask(0, ()), context)


def _write_tube(root: Path) -> None:
    page = np.full((256, 256, 3), (150, 170, 200), np.uint8)
    for column in (64, 192):
        cv2.circle(page, (column, 128), 6, (60, 80, 110), -1)
    (root / "tube.png").write_bytes(cv2.imencode(".png", page)[1].tobytes())
    (root / "tube.mtl").write_text("newmtl skin\nmap_Kd tube.png\n", encoding="utf-8")
    (root / "tube.obj").write_text("\n".join(_tube_lines()) + "\n", encoding="utf-8")
    rows = (f"{k},{RADIUS_MM * c},{HEIGHT_MM / 2},0" for k, c in enumerate((-1, 1)))
    (root / "lesions.csv").write_text("\n".join(("lesion_id,x,y,z", *rows)), encoding="utf-8")


def _tube_lines() -> Iterator[str]:
    """Describe a closed tube; its first and last ring shrink to a point."""
    yield from ("mtllib tube.mtl", "usemtl skin")
    for ring in range(RINGS + 1):
        radius = RADIUS_MM if 0 < ring < RINGS else 0.0
        for side in range(SIDES + 1):
            turn = 2 * np.pi * side / SIDES
            x, z = radius * np.cos(turn), radius * np.sin(turn)
            yield f"v {x:.6f} {HEIGHT_MM * ring / RINGS:.6f} {z:.6f}"
            yield f"vt {side / SIDES:.6f} {ring / RINGS:.6f}"
    for ring in range(RINGS):
        for side in range(SIDES):
            a = ring * (SIDES + 1) + side + 1
            b, c, d = a + 1, a + SIDES + 2, a + SIDES + 1
            if ring < RINGS - 1:
                yield f"f {a}/{a} {d}/{d} {c}/{c}"
            if ring > 0:
                yield f"f {a}/{a} {c}/{c} {b}/{b}"
