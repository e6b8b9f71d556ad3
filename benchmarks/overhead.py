"""What the care of a run costs: workers under limits, a ledger, whole files, hashes.

    python -m benchmarks.overhead [--scans 200] [--bodies 4] [--lesions 300]

Measured on two sizes of scan: tiny ones, which no scanner makes and on which any care weighs most,
and real bodies (428,096 faces, 8192 px) with a list of lesions. What a worker spends beside
`process_scan` and what the run itself spends on a scan is the care; taken off is what a plain loop
would need to write the same crops and rows with two plain calls. All of it is processor time, each
piece timed by itself: a difference of two long times would be noise.
"""

import argparse
import csv
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.bodies import NAME, scatter, write_body
from benchmarks.machine import machine_facts, write_result
from benchmarks.unattended import UNHURRIED, make_tiny_source
from tbp_extract.geometry import build_surface
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.scan import read_scan, scan_ref
from tbp_extract.io.source import read_source
from tbp_extract.io.tables import linkage_part, metadata_part
from tbp_extract.pipeline.plan import plan_scans
from tbp_extract.pipeline.result import ScanResult
from tbp_extract.pipeline.run import Progress, run
from tbp_extract.pipeline.scan import process_scan
from tbp_extract.pipeline.work import Context, Outcome, ScanDone, carry_out
from tbp_extract.types import ReleaseKey


def main() -> None:
    """Make scans of both sizes, time, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=200)
    parser.add_argument("--bodies", type=int, default=4)
    parser.add_argument("--lesions", type=int, default=300)
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine_facts()}
    with tempfile.TemporaryDirectory(prefix="tbp_overhead_") as name:
        tiny = make_tiny_source(Path(name) / "tiny", options.scans)
        result["tiny scan"] = measure(tiny, Path(name) / "out of tiny")
        bodies = make_bodies(Path(name) / "bodies", options.bodies, options.lesions)
        result["real body"] = measure(bodies, Path(name) / "out of bodies")
    print(json.dumps(result, indent=1))
    write_result("overhead", result)


def make_bodies(folder: Path, count: int, lesions: int) -> Path:
    """Write a source that lists the same body under several names."""
    first = folder / "b0"
    first.mkdir(parents=True)
    write_body(first)
    scan = read_scan(scan_ref(first / f"{NAME}.obj", unit="mm"))
    places = scatter(build_surface(scan), lesions)
    corners = scan.vertices_mm[scan.faces[places.face]]
    xyz_mm = np.einsum("nk,nkc->nc", places.barycentric, corners)
    with (first / "lesions.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("x", "y", "z"), *xyz_mm.tolist()])
    rows = ["scan_id,patient_id,mesh,unit,lesions"]
    for number in range(count):
        place = f"b{number}"
        if number:
            shutil.copytree(first, folder / place)
        rows.append(f"{place},p{number},{place}/{NAME}.obj,mm,{place}/lesions.csv")
    (folder / "scans.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def measure(source: Path, out: Path, *, rounds: int = 3) -> dict[str, float]:
    """Time the care of all scans of a source; medians over scans, the least of the rounds."""
    found: list[dict[str, float]] = []
    for _ in range(rounds):
        found.append(_in_a_worker(source, out) | _in_the_run(source, out))
    least = {name: min(times[name] for times in found) for name in found[0]}
    more = least["cpu_ms_worker_beside"] + least["cpu_ms_run_itself"]
    beyond = more - least["cpu_ms_plain_writing"]
    least |= {
        "cpu_ms_care": beyond,
        "percent_care": 100 * beyond / (least["cpu_ms_scan"] + least["cpu_ms_plain_writing"]),
        "percent_over_a_loop_that_writes_nothing": 100 * more / least["cpu_ms_scan"],
    }
    return {name: round(value, 3) for name, value in least.items()}


def _in_a_worker(source: Path, out: Path) -> dict[str, float]:
    """Do what a worker does with every other scan, in this process, and the plain way between."""
    config, key, layout = UNHURRIED, ReleaseKey(bytes(32)), OutLayout(out)
    plans = plan_scans(read_source(source, config), config, key)
    context = Context(config, key, layout)
    beside, plain, whole = [], [], []
    for folder in (layout.work, layout.records, out / "plain"):
        folder.mkdir(parents=True)
    for cared_for, left_alone in zip(plans[::2], plans[1::2], strict=True):
        with _watched_scan() as watch:
            started = time.process_time()
            outcome = carry_out(cared_for, context)
            beside.append(time.process_time() - started - watch[0])
        assert isinstance(outcome, ScanDone)
        whole += watch
        ref = left_alone.ref
        result = process_scan(ref, config, key, folder=ScanFolder(ref.root, config.limits))
        started = time.process_time()
        _write_plainly(result, out / "plain" / left_alone.scan)
        plain.append(time.process_time() - started)
    shutil.rmtree(out)
    return {
        "cpu_ms_scan": _median_ms(whole),
        "cpu_ms_worker_beside": _median_ms(beside),
        "cpu_ms_plain_writing": _median_ms(plain),
    }


@contextmanager
def _watched_scan() -> Iterator[list[float]]:
    """Tell the time that `process_scan` takes."""
    watch: list[float] = []

    def watched(*args: Any, **more: Any) -> ScanResult:
        started = time.process_time()
        result = process_scan(*args, **more)
        watch.append(time.process_time() - started)
        return result

    with patch("tbp_extract.pipeline.work.process_scan", watched):
        yield watch


def _write_plainly(result: ScanResult, path: Path) -> None:
    rows, links = metadata_part(result.release), linkage_part(result.linkage)
    path.with_suffix(".crops").write_bytes(b"".join(result.release.jpegs))
    path.with_suffix(".rows").write_bytes(rows + links)


class _Clock(Progress):
    """Clocks of the run itself at each finished scan."""

    def __init__(self) -> None:
        self.cpu: list[float] = []
        self.wall: list[float] = []

    def advanced(self, outcome: Outcome) -> None:
        if isinstance(outcome, ScanDone):
            self.cpu.append(time.process_time())
            self.wall.append(time.perf_counter())


def _in_the_run(source: Path, out: Path) -> dict[str, float]:
    """Time what the run spends on a scan while one worker works."""
    clock = _Clock()
    run(source, out, UNHURRIED, workers=1, progress=clock)
    shutil.rmtree(out)
    return {
        # The mean: what comes once a second must not fall out of a median.
        "cpu_ms_run_itself": 1e3 * (clock.cpu[-1] - clock.cpu[0]) / (len(clock.cpu) - 1),
        "wall_ms_from_scan_to_scan": _median_ms([b - a for a, b in pairwise(clock.wall)]),
    }


def _median_ms(seconds: Sequence[float]) -> float:
    return 1e3 * statistics.median(seconds)


if __name__ == "__main__":
    main()
