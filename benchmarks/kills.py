"""Kill processes of a run at random moments, and see whether anything is lost.

    python -m benchmarks.kills [--kills 1000] [--scans 150] [--workers 8] [--a-run 50] [--seed 1]

Each run works on a fresh output folder. While it works, one of its processes after another, drawn
at random from the run itself, the process that starts workers and the workers, gets SIGKILL; a run
that is dead is started again by the same command. After its share of kills it may finish. Whenever
the run itself was killed, every file in the output must be whole; in the end the release must equal
one that nobody disturbed, to the byte.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.machine import machine_facts, write_result
from benchmarks.unattended import (
    ForkedRun,
    bad_files,
    digest,
    make_key,
    make_tiny_source,
    processes_of,
)
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.ledger import read_ledger
from tbp_extract.verify import verify

Start = Callable[[], ForkedRun]

AT_WORK = 0.9
WITH_WORKERS = 3
"""Processes: the run, the one that starts workers, a worker."""


@dataclass(slots=True)
class Tally:
    """What happened in all runs."""

    kills: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    redone: int = 0
    finished_and_done_again: int = 0
    bad: list[str] = field(default_factory=list)
    other_releases: int = 0
    verify_failures: int = 0
    leftovers: int = 0


def main() -> None:
    """Kill, compare, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--scans", type=int, default=150)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--a-run", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="tbp_kills_") as folder:
        tally = kill_many(
            Path(folder),
            kills=options.kills,
            scans=options.scans,
            workers=options.workers,
            a_run=options.a_run,
            seed=options.seed,
        )
    result = describe(tally) | {
        "machine": machine_facts(),
        "scans_a_run": options.scans,
        "workers": options.workers,
        "seconds": round(time.perf_counter() - started),
    }
    print(json.dumps(result, indent=1))
    write_result("kills", result)


def kill_many(
    folder: Path, *, kills: int, scans: int, workers: int, a_run: int, seed: int
) -> Tally:
    """Disturb runs until there were so many kills."""
    source, key = make_tiny_source(folder / "source", scans), make_key(folder / "key")
    assert ForkedRun(source, folder / "calm", key, workers=workers).finish() == 0
    calm, tally, rng = digest(folder / "calm"), Tally(), random.Random(seed)  # noqa: S311
    while tally.kills.total() < kills:
        out = folder / "out"
        share = min(a_run, kills - tally.kills.total())
        start = partial(ForkedRun, source, out, key, workers=workers)
        _disturb(start, out, share, rng, tally)
        tally.other_releases += digest(out) != calm
        tally.verify_failures += len(verify(out))
        tally.leftovers += len(list(out.rglob("*.part"))) + (out / "work").exists()
        print(f"{tally.kills.total()} kills, {tally.starts} starts", file=sys.stderr, flush=True)
        rows, _ = read_ledger(OutLayout(out).ledger)
        tally.redone += sum(row.tries for row in rows.values()) - scans
        shutil.rmtree(out)
    return tally


def _disturb(start: Start, out: Path, share: int, rng: random.Random, tally: Tally) -> None:
    """Kill so often within one run, then let it finish."""
    run, finished = _started(start, tally), dict[str, tuple[int, int]]()
    for _ in range(share):
        _wait(run, rng)
        if run.ended():
            # It was done before its share: take the manifest away, and there is work again.
            run.finish()
            (out / "release" / "manifest.json").unlink(missing_ok=True)
            run = _started(start, tally)
            continue
        _kill_one(run, rng, tally)
        if run.ended():
            run.finish()
            tally.bad += bad_files(out) if out.exists() else []
            finished = _compared(finished, out, tally)
            run = _started(start, tally)
    for _ in range(5):
        code = run.finish()
        if code == 0:
            _compared(finished, out, tally)
            return
        # Quarantined as killed from outside once too often: the next run tries again.
        assert code == 3, f"the run ended with {code}"
        run = _started(start, tally)
    raise AssertionError("the run does not come to its end")


def _compared(
    before: dict[str, tuple[int, int]], out: Path, tally: Tally
) -> dict[str, tuple[int, int]]:
    """Count records of finished scans that are not the files that they were; give those now."""
    now = {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in OutLayout(out).records.glob("*.record")
    }
    tally.finished_and_done_again += sum(now.get(name) != file for name, file in before.items())
    return now


def _wait(run: ForkedRun, rng: random.Random) -> None:
    """Wait for a random moment: mostly while there are workers, else at any, the start included."""
    if rng.random() < AT_WORK:
        while not run.ended() and len(processes_of(run.pid)) < WITH_WORKERS:
            time.sleep(0.01)
    else:
        time.sleep(rng.uniform(0.0, 4.0))
    time.sleep(rng.uniform(0.0, 0.5))


def _kill_one(run: ForkedRun, rng: random.Random, tally: Tally) -> None:
    pids = processes_of(run.pid)
    target = rng.randrange(len(pids))
    with suppress(ProcessLookupError):
        os.kill(pids[target], 9)
        tally.kills[("run", "nursery", "worker")[min(target, 2)]] += 1
    if target == 0:
        run.finish()


def _started(start: Start, tally: Tally) -> ForkedRun:
    tally.starts += 1
    return start()


def describe(tally: Tally) -> dict[str, Any]:
    """Say what is to be said of all runs."""
    return {
        "kills": dict(tally.kills) | {"all": tally.kills.total()},
        "starts": tally.starts,
        "files_that_were_not_whole": Counter(tally.bad),
        "releases_that_differ": tally.other_releases,
        "verify_failures": tally.verify_failures,
        "leftovers": tally.leftovers,
        "finished_scans_done_again": tally.finished_and_done_again,
        "tries_beyond_one_a_scan": tally.redone,
        "tries_beyond_one_a_kill": round(tally.redone / max(tally.kills.total(), 1), 3),
    }


if __name__ == "__main__":
    main()
