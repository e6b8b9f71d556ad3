"""Many small scans of which one in ten is poison.

    python -m benchmarks.poison [--scans 1000] [--workers 2]

The poison is of five kinds: a mesh that is garbage, a mesh that is not there, and three on which a
detector of somebody else's (this file's `Poison`) hangs, takes memory without end, or crashes the
process. All good scans must be exported, all others quarantined under their own code.
"""

import argparse
import ctypes
import json
import tempfile
import time
from collections import Counter
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.machine import machine_facts, write_result
from benchmarks.unattended import LESIONS, make_tiny_source
from tbp_extract.config import parse_config
from tbp_extract.detect import Found, nothing_found
from tbp_extract.errors import ScanReason
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.ledger import read_ledger
from tbp_extract.pipeline.run import run
from tbp_extract.types import EmptyReason, Scan, Surface
from tbp_extract.verify import verify

KINDS: Final = {
    "garbage": None,
    "absent": ScanReason.MESH_MISSING,
    "hang": ScanReason.TIMED_OUT,
    "memory": ScanReason.OUT_OF_MEMORY,
    "crash": ScanReason.WORKER_CRASHED,
}
"""What is wrong with a scan -> the code under which it must be quarantined; any mesh code."""

SETTINGS: Final = {
    "detect": {"detector": "benchmarks.poison:Poison"},
    "run": {"scan_seconds": 8.0, "worker_memory_gb": 0.5, "disk_reserve_gb": 0.0},
}


class Poison:
    """A detector that does to a scan what the name of its texture says."""

    def detect(self, scan: Scan, surface: Surface) -> Found:
        """Hang, grow or crash; otherwise find nothing."""
        kind = scan.page_names[0].partition("_")[0]
        if kind == "hang":
            time.sleep(3600)
        if kind == "crash":
            ctypes.string_at(0)
        hoard = []
        while kind == "memory":
            hoard.append(np.ones(1 << 23))
        return nothing_found(EmptyReason.NO_FINDS)


def main() -> None:
    """Poison, run, count; print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tbp_poison_") as folder:
        result = poisoned(Path(folder), scans=options.scans, workers=options.workers)
    result["machine"] = machine_facts()
    print(json.dumps(result, indent=1))
    write_result("poison", result)


def poisoned(folder: Path, *, scans: int, workers: int, every: int = 10) -> dict[str, Any]:
    """Run on scans of which one in so many is poisoned, and say what became of them."""
    source = make_tiny_source(folder / "source", scans)
    kinds = cycle(KINDS)
    expected = {f"s{number:04d}": next(kinds) for number in range(0, scans, every)}
    for name, kind in expected.items():
        _spoil(source / name, kind)
    _unlist(source, expected)
    started = time.perf_counter()
    report = run(source, folder / "out", parse_config(SETTINGS), workers=workers)
    seconds = time.perf_counter() - started
    found = {scan.scan_id: scan.reason for scan in report.quarantined}
    wrong = {
        f"{kind} as {found.get(name)}": name
        for name, kind in expected.items()
        if not _is_right(kind, found.get(name))
    }
    rows, _ = read_ledger(OutLayout(folder / "out").ledger)
    return {
        "scans": scans,
        "poisoned": Counter(expected.values()),
        "quarantined": Counter(found.values()),
        "under_another_code": wrong,
        "good_scans_quarantined": sorted(found.keys() - expected.keys()),
        "crops_expected": (scans - len(expected)) * LESIONS,
        "crops_exported": report.counts["lesions"]["exported"],
        "tries": Counter(str(row.tries) for row in rows.values()),
        "verify_failures": len(verify(folder / "out")),
        "seconds": round(seconds, 1),
    }


def _is_right(kind: str, reason: str | None) -> bool:
    wanted = KINDS[kind]
    return reason == wanted if wanted else (reason or "").startswith("mesh_")


def _spoil(scan: Path, kind: str) -> None:
    mesh = scan / "arm_000.obj"
    if kind == "garbage":
        mesh.write_bytes(np.random.default_rng(0).bytes(5000))
    elif kind == "absent":
        mesh.unlink()
    else:
        (scan / "arm_000.jpg").rename(scan / f"{kind}_000.jpg")
        material = scan / "arm_000.mtl"
        material.write_text(material.read_text().replace("arm_000.jpg", f"{kind}_000.jpg"))


def _unlist(source: Path, expected: dict[str, str]) -> None:
    """Take the lesion lists from scans that a detector is to look at."""
    lines = (source / "scans.csv").read_text(encoding="utf-8").splitlines()
    seen = {name for name, kind in expected.items() if kind in ("hang", "memory", "crash")}
    kept = [
        line.replace(f"{line.partition(',')[0]}/lesions.csv", "")
        if line.partition(",")[0] in seen
        else line
        for line in lines
    ]
    (source / "scans.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
