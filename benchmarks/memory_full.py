"""Let memory run out at many points of a scan, and see whether that is what is said.

    python -m benchmarks.memory_full [--points 200]

A process that is warm, as workers are, forks a child for every point. The child may take so much
memory beyond what it holds, a little more at each point, and does what a worker does with a small
scan, with a lesion list and without. It must end with `MemoryError`, which costs the scan a retry
in another process, or leave the same crops and the same record as without a limit: never with a
scan that is called damaged, nor with other pixels.
"""

import argparse
import ctypes
import json
import os
import resource
import signal
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.machine import machine_facts, write_result
from benchmarks.unattended import UNHURRIED, make_tiny_source
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.source import read_source
from tbp_extract.pipeline.plan import ScanPlan, plan_scans
from tbp_extract.pipeline.warm import warm_up
from tbp_extract.pipeline.work import Context, ScanDone, ScanFailed, carry_out
from tbp_extract.types import ReleaseKey

KEY = ReleaseKey(bytes(32))
ENOUGH_MB = {"listed": 4.0, "found": 32.0}
"""What the scan takes beyond what a warm process holds, with some to spare."""


def main() -> None:
    """Starve scans, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200)
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="tbp_memory_") as folder:
        result: dict[str, Any] = starve_many(Path(folder), points=options.points)
    result |= {"machine": machine_facts(), "seconds": round(time.perf_counter() - started)}
    print(json.dumps(result, indent=1))
    write_result("memory_full", result)


def starve_many(folder: Path, *, points: int) -> dict[str, Any]:
    """Work on a scan with ever more memory, half of the points with a list and half without."""
    (ref,) = read_source(make_tiny_source(folder / "source", 1), UNHURRIED)
    warm_up(UNHURRIED)
    told = {}
    for name, one in (("listed", ref), ("found", replace(ref, lesions=None))):
        (plan,) = plan_scans((one,), UNHURRIED, KEY)
        calm = folder / f"{name} calm"
        _prepared(calm)
        assert isinstance(carry_out(plan, Context(UNHURRIED, KEY, OutLayout(calm))), ScanDone)
        step = ENOUGH_MB[name] * 2**20 * 2 / points
        outcomes = [
            _starve(plan, folder / f"{name} {k}", calm, int(k * step)) for k in range(points // 2)
        ]
        told[name] = dict(Counter(outcomes))
    return {"points": points, "outcomes": told}


def _prepared(out: Path) -> None:
    for place in (OutLayout(out).work, OutLayout(out).records):
        place.mkdir(parents=True)


def _starve(plan: ScanPlan, out: Path, calm: Path, room: int) -> str:
    """Say how a scan ends that has so much room."""
    _prepared(out)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        # A library that waits for memory for ever is an outcome, not the end of the benchmark.
        signal.alarm(60)
        try:
            os.write(writer, _ended(plan, out, room).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        word = said.read().decode()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        return f"the process ended with {code}"
    if word == "finished" and _files(out) != _files(calm):
        return "finished with other bytes"
    return word


def _ended(plan: ScanPlan, out: Path, room: int) -> str:
    silence = os.open(os.devnull, os.O_RDWR)
    os.dup2(silence, 2)
    # What the heap has kept from earlier would serve for a while.
    ctypes.CDLL(None).malloc_trim(0)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    held = int(status.partition("VmData:")[2].split()[0]) << 10
    resource.setrlimit(resource.RLIMIT_DATA, (held + room, held + room))
    try:
        outcome = carry_out(plan, Context(UNHURRIED, KEY, OutLayout(out)))
    except MemoryError:
        return "out of memory"
    if isinstance(outcome, ScanFailed):
        return f"quarantined as {outcome.quarantined.reason}"
    return "finished" if isinstance(outcome, ScanDone) else "the run stops"


def _files(out: Path) -> dict[str, bytes]:
    layout = OutLayout(out)
    return {p.name: p.read_bytes() for f in (layout.work, layout.records) for p in f.iterdir()}


if __name__ == "__main__":
    main()
