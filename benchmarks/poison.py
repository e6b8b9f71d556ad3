"""Many small scans of which one in ten is poison; and what all the care costs.

    python -m benchmarks.poison [--scans 1000] [--workers 2] [--overhead-scans 200]

The poison is of five kinds: a mesh that is garbage, a mesh that is not there, and three on which a
detector of somebody else's (this file's `Poison`) hangs, takes memory without end, or crashes the
process. All good scans must be exported, all others quarantined under their own code.

What all the care costs is measured on good scans alone, each way warm, in turns: a plain loop over
`process_scan` that writes nothing; what a worker does, which writes record and crops; and what the
run itself spends on a scan while one worker works. Processor time is what counts on a machine that
others use as well; the wall's tells how long one worker takes from scan to scan.
"""

import argparse
import ctypes
import json
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.machine import machine_facts, write_result
from benchmarks.unattended import LESIONS, UNHURRIED, make_tiny_source
from tbp_extract.config import parse_config
from tbp_extract.detect import Found, nothing_found
from tbp_extract.errors import ScanReason
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.ledger import read_ledger
from tbp_extract.io.source import read_source
from tbp_extract.pipeline.plan import ScanPlan, plan_scans
from tbp_extract.pipeline.run import Progress, run
from tbp_extract.pipeline.scan import process_scan
from tbp_extract.pipeline.work import Context, Outcome, ScanDone, carry_out
from tbp_extract.types import EmptyReason, ReleaseKey, Scan, Surface
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
    """Poison, run, count; measure; print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--overhead-scans", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tbp_poison_") as folder:
        result = poisoned(Path(folder), scans=options.scans, workers=options.workers)
        result["overhead"] = overhead(Path(folder) / "plain", scans=options.overhead_scans)
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


class _Clock(Progress):
    """Wall and processor time of the run itself, at each finished scan."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def advanced(self, outcome: Outcome) -> None:
        if isinstance(outcome, ScanDone):
            self.wall.append(time.perf_counter())
            self.cpu.append(time.process_time())


def overhead(folder: Path, *, scans: int, rounds: int = 3) -> dict[str, float]:
    """Time a scan under supervision against a plain loop: on the wall, and of the processor."""
    folder.mkdir()
    source, config = make_tiny_source(folder / "source", scans), UNHURRIED
    refs, key = read_source(source, config), ReleaseKey(bytes(32))
    layout = OutLayout(folder / "kept")
    for place in (layout.work, layout.records):
        place.mkdir(parents=True)
    context, plans = Context(config, key, layout), plan_scans(refs, config, key)

    def plain(plan: ScanPlan) -> None:
        process_scan(plan.ref, config, key, folder=ScanFolder(plan.ref.root, config.limits))

    def kept(plan: ScanPlan) -> None:
        carry_out(plan, context)

    wall, cpu = Counter[str](), Counter[str]()
    for name in ("plain", "kept", "supervised", "run itself"):
        wall[name] = cpu[name] = 10**9
    for _ in range(rounds):
        for name, work in (("plain", plain), ("kept", kept)):
            _keep_least(wall, cpu, name, _looped(plans, work))
        clock = _Clock()
        run(source, folder / "out", config, workers=1, progress=clock)
        shutil.rmtree(folder / "out")
        _keep_least(wall, cpu, "supervised", (_median_step_us(clock.wall), 0))
        _keep_least(wall, cpu, "run itself", (0, _median_step_us(clock.cpu)))
    spent = cpu["kept"] + cpu["run itself"]
    return {
        "scans": scans,
        "wall_ms_plain_loop": wall["plain"] / 1e3,
        "wall_ms_supervised": wall["supervised"] / 1e3,
        "cpu_ms_plain_loop": cpu["plain"] / 1e3,
        "cpu_ms_worker": cpu["kept"] / 1e3,
        "cpu_ms_run_itself": cpu["run itself"] / 1e3,
        "cpu_ms_more": (spent - cpu["plain"]) / 1e3,
        "cpu_percent_more_of_this_scan": round(100 * (spent / cpu["plain"] - 1), 1),
        "cpu_percent_more_of_a_second": round((spent - cpu["plain"]) / 1e4, 2),
    }


def _looped(plans: Sequence[ScanPlan], work: Callable[[ScanPlan], None]) -> tuple[int, int]:
    """Wall and processor microseconds of a scan."""
    work(plans[0])
    wall, cpu = [], []
    for plan in plans:
        wall.append(time.perf_counter())
        cpu.append(time.process_time())
        work(plan)
    return _median_step_us([*wall, time.perf_counter()]), _median_step_us(
        [*cpu, time.process_time()]
    )


def _median_step_us(times: Sequence[float]) -> int:
    return round(1e6 * statistics.median(b - a for a, b in pairwise(times)))


def _keep_least(wall: Counter[str], cpu: Counter[str], name: str, found: tuple[int, int]) -> None:
    wall[name], cpu[name] = min(wall[name], found[0]), min(cpu[name], found[1])


if __name__ == "__main__":
    main()
