"""Time and memory of the built-in detector on a whole body, stage by stage.

    python -m benchmarks.detection_speed [--rounds 5]

A real body with its faces split twice (428,096 faces) and its skin enlarged to 8192 px, planted
with 300 lesions; from the decoded texture and the built surface to the candidates, on one core.
The same body cut to a half and a quarter of its skin shows how cost grows. Medians over rounds of
processor time, which other work on the machine sways less than the clock on the wall.
"""

import argparse
import ctypes
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import tbp_extract.detect.blob as package
from benchmarks.bodies import quartered
from benchmarks.detection_scenes import bare_body, photos_of, plant
from benchmarks.machine import machine_facts, write_result
from tbp_extract.config import Config
from tbp_extract.detect.blob import Blob, find, spots
from tbp_extract.detect.tiles import lay
from tbp_extract.detect.tiles.skin import read_skin
from tbp_extract.geometry import build_surface
from tbp_extract.testing import sample_scans
from tbp_extract.types import Scan

BODY = "mh_male_dark"

STAGES: dict[str, tuple[Any, str]] = {
    "prepare mesh and pages": (find, "read_skin"),
    "search tiles": (find, "find_spots"),
    "  lay tiles": (lay, "_laid"),
    "  draw tiles": (lay, "draw_views"),
    "  scale space": (spots, "_peaks"),
    "  merge": (spots, "merge_near"),
    "look twice and more": (find, "look_at"),
    "surroundings": (find, "features_of"),
    "score": (find, "score_looks"),
    "places of the body": (package, "places_of"),
}


def main() -> None:
    """Time, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    bare = bare_body(BODY)
    scan, _ = plant(bare, build_surface(bare), photos_of("test"), count=300, seed=5)
    del bare
    whole = quartered(quartered(scan))
    parts = {"whole": whole, "half": cut(whole, 0.5), "quarter": cut(whole, 0.25)}
    result: dict[str, Any] = {"machine": machine_facts()}
    for name, part in parts.items():
        result[name] = timed(part, options.rounds if name == "whole" else 2)
        print(json.dumps({name: result[name]}, indent=1), flush=True)
    result["seconds a m2"] = {
        name: round(result[name]["seconds"] / result[name]["skin m2"], 2) for name in parts
    }
    write_result("detection_speed", result)


def cut(scan: Scan, share: float) -> Scan:
    """Keep the lower part of a body with this share of its skin."""
    corner = scan.vertices_mm[scan.faces]
    cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    area = 0.5 * np.linalg.norm(cross, axis=1)
    height = scan.vertices_mm[scan.faces][:, :, 1].mean(axis=1)
    order = np.argsort(height)
    last = int(np.searchsorted(np.cumsum(area[order]), share * area.sum()))
    kept = np.sort(order[:last])
    return replace(
        scan,
        faces=scan.faces[kept],
        wedge_uv=scan.wedge_uv[kept],
        face_page=scan.face_page[kept],
    )


def timed(scan: Scan, rounds: int) -> dict[str, Any]:
    """Median seconds of the whole and of each stage."""
    detector = Blob(Config().detect.blob)
    # Compiled code is no part of what a scan takes.
    small = sample_scans()["a limb with spots"]
    detector.detect(small, build_surface(small))
    surface = build_surface(scan)
    # What was freed but is kept would be taken for memory that the detector needs no more.
    ctypes.CDLL(None).malloc_trim(0)
    before = held_bytes("VmRSS")
    # Forgets the peak so far.
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    found = detector.detect(scan, surface)
    peak = held_bytes("VmHWM")
    totals, stages = [], []
    for _ in range(rounds):
        with stopwatches() as clocks:
            started = time.process_time()
            detector.detect(scan, surface)
            totals.append(time.process_time() - started)
        stages.append(dict(clocks))
    return {
        "faces": len(scan.faces),
        "skin m2": round(float(read_skin(scan, surface, to_mm=1e-3).area_mm2.sum()) / 1e6, 3),
        "candidates": len(found.candidates),
        "spots": len(found.candidates) + len(found.drops),
        "seconds": round(float(np.median(totals)), 2),
        "least seconds": round(min(totals), 2),
        "stages": {
            name: round(float(np.median([stage[name] for stage in stages])), 3) for name in STAGES
        },
        "peak MB above scan and surface": round((peak - before) / 2**20),
    }


def held_bytes(field: str) -> int:
    """Memory that the process holds, or has held at most."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(status.partition(f"{field}:")[2].split()[0])


@contextmanager
def stopwatches() -> Iterator[dict[str, float]]:
    """Count the seconds that each stage takes while this is open."""
    clocks = dict.fromkeys(STAGES, 0.0)
    originals = {name: getattr(module, attribute) for name, (module, attribute) in STAGES.items()}

    def watched(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            started = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                clocks[name] += time.process_time() - started

        return call

    try:
        for name, (module, attribute) in STAGES.items():
            setattr(module, attribute, watched(name, originals[name]))
        yield clocks
    finally:
        for name, (module, attribute) in STAGES.items():
            setattr(module, attribute, originals[name])


if __name__ == "__main__":
    main()
