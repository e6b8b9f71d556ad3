"""Whether readers survive damaged files and never load one wrongly without a word.

Children read mutants under a memory limit, say which one they are at, and are watched: one that
dies or hangs is named by its mutant, and the next goes on behind it. Every mutant is also read by
an independent reader; where both load it, they must agree.

``python -m benchmarks.fuzz [--mutants N] [--boundscheck]``
"""

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.machine import machine_facts, write_result
from tests.fuzz.seeds import TARGETS

HANG_S = 60.0
MEMORY_MB = 4096
BATCH = 2500
"""Mutants of one child."""


@dataclass
class Tally:
    """What all children of one target found."""

    mutants: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    finds: list[dict[str, Any]] = field(default_factory=list)
    slowest_s: float = 0.0
    peak_mb: float = 0.0

    def add(self, result: dict[str, Any], count: int) -> None:
        """Take in what a child printed."""
        self.mutants += count
        self.outcomes.update(result["outcomes"])
        self.finds += result["finds"]
        self.slowest_s = max(self.slowest_s, result["slowest_s"])
        self.peak_mb = max(self.peak_mb, result["peak_mb"])


def main() -> None:
    """Run all targets, write the result, end with 1 on any find."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=20_261_125)
    parser.add_argument("--targets", nargs="*", default=list(TARGETS))
    parser.add_argument("--boundscheck", action="store_true", help="kernels check their indices")
    options = parser.parse_args()
    each = -(-options.mutants // len(options.targets))
    began = time.monotonic()
    tallies = {}
    for target in options.targets:
        tallies[target] = fuzz(target, options.seed, each, boundscheck=options.boundscheck)
        print(target, tallies[target].mutants, dict(tallies[target].outcomes), flush=True)
    finds = [find for tally in tallies.values() for find in tally.finds]
    result = {
        "machine": machine_facts(),
        "mutants": sum(tally.mutants for tally in tallies.values()),
        "seconds": round(time.monotonic() - began),
        "memory_limit_mb": MEMORY_MB,
        "boundscheck": options.boundscheck,
        "finds": finds,
        "targets": {
            name: {
                "mutants": tally.mutants,
                "outcomes": dict(sorted(tally.outcomes.items())),
                "slowest_s": round(tally.slowest_s, 3),
                "peak_mb": round(tally.peak_mb),
            }
            for name, tally in tallies.items()
        },
    }
    write_result("fuzz_boundscheck" if options.boundscheck else "fuzz", result)
    for find in finds[:50]:
        print(find)
    print(f"{result['mutants']} mutants in {result['seconds']} s, {len(finds)} finds")
    sys.exit(bool(finds))


def fuzz(target: str, seed: int, count: int, *, boundscheck: bool = False) -> Tally:
    """Read `count` mutants of a target in children."""
    tally, first = Tally(), 0
    while first < count:
        batch = min(BATCH, count - first)
        first += _run_child(target, seed, first, batch, tally, boundscheck=boundscheck)
    return tally


def _run_child(
    target: str, seed: int, first: int, count: int, tally: Tally, *, boundscheck: bool
) -> int:
    """Watch a child; give how many mutants are behind it."""
    with tempfile.TemporaryDirectory() as folder:
        state, out = Path(folder, "state"), Path(folder, "out")
        state.write_bytes(struct.pack("<q", -1))
        command = [sys.executable, "-m", "tests.fuzz.worker"]
        numbers = map(str, (seed, first, count))
        with out.open("wb") as output, Path(folder, "err").open("wb") as errors:
            child = subprocess.Popen(  # noqa: S603 - our own module
                [*command, target, *numbers, str(state), str(MEMORY_MB)],
                stdout=output,
                stderr=errors,
                env=_environment(boundscheck=boundscheck),
            )
            hung = _watch(child, state)
        at = int.from_bytes(state.read_bytes(), "little", signed=True)
        if child.returncode == 0:
            tally.add(json.loads(out.read_bytes()), count)
            return count
        if at < first:
            raise SystemExit(f"a child for {target} does not start:\n{_last(Path(folder, 'err'))}")
    kind = f"hang of more than {HANG_S:g} s" if hung else f"crash ({child.returncode})"
    tally.finds.append({"target": target, "number": at, "kind": kind, "what": ""})
    # What came before it in the batch is read once more, so that its outcomes are counted.
    done = at - first
    if done:
        _run_child(target, seed, first, done, tally, boundscheck=boundscheck)
    tally.mutants += 1
    return done + 1


def _watch(child: "subprocess.Popen[bytes]", state: Path) -> bool:
    """Wait for a child; kill it if it stays at one mutant for too long."""
    seen, since = b"", time.monotonic()
    while child.poll() is None:
        time.sleep(0.05)
        now = state.read_bytes()
        if now != seen:
            seen, since = now, time.monotonic()
        # Before the first mutant kernels may have to be compiled.
        patience = HANG_S if struct.unpack("<q", now)[0] >= 0 else 20 * HANG_S
        if time.monotonic() - since > patience:
            child.kill()
            child.wait()
            return True
    return False


def _environment(*, boundscheck: bool) -> dict[str, str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if boundscheck:
        cache = Path(tempfile.gettempdir()) / "tbp_extract_numba_boundscheck"
        environment |= {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(cache)}
    return environment


def _last(errors: Path) -> str:
    return errors.read_text(encoding="utf-8", errors="replace")[-2000:]


if __name__ == "__main__":
    main()
