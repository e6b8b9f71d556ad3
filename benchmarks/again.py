"""How long a run takes that has nothing to do, and whether it changes anything.

    python -m benchmarks.again [--scans 1000]

Many small scans are run to the end; then the same command is given again, twice, the second time
with ``--rehash``. Every file of the output must be as it was, by bytes and by time of change.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import machine_facts, write_result
from benchmarks.unattended import UNHURRIED, make_tiny_source
from tbp_extract.pipeline.run import run

CHANGING = frozenset({"log.txt", "lock", "ledger.sqlite", "ledger.sha256"})
"""What tells of every run, that it was there."""


def main() -> None:
    """Run, run again, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tbp_again_") as folder:
        source, out = make_tiny_source(Path(folder) / "source", options.scans), Path(folder) / "out"
        result: dict[str, Any] = {"machine": machine_facts(), "scans": options.scans}
        result["first"] = _timed(source, out)
        before = _state(out)
        result["again"] = _timed(source, out)
        result["again, --rehash"] = _timed(source, out, rehash=True)
        now = _state(out)
    result["files_that_changed"] = sorted(
        name for name in before.keys() | now.keys() if before.get(name) != now.get(name)
    )
    print(json.dumps(result, indent=1))
    write_result("again", result)


def _timed(source: Path, out: Path, *, rehash: bool = False) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    report = run(source, out, UNHURRIED, workers=2, rehash=rehash)
    return {
        "resumed": report.resumed,
        "wall_seconds": round(time.perf_counter() - wall, 2),
        "cpu_seconds_of_the_run_itself": round(time.process_time() - cpu, 2),
    }


def _state(out: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(out)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in out.rglob("*")
        if path.is_file() and path.name not in CHANGING
    }


if __name__ == "__main__":
    main()
