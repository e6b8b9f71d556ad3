"""Flip single bits all over an output, finished and half-done, and see whether it is noticed.

    python -m benchmarks.bit_flips [--flips 1000] [--scans 12] [--seed 1]

Half of the flips hit a finished output: `verify` must fail, or the next run must bring every file
back to what it was. The other half hit an output whose run was stopped half-way: the run that goes
on must end with the bytes of an undisturbed one. Each flip hits one bit of one file, drawn evenly
over files, then over their bits; the log and the lock are left out, for nothing follows from them.
"""

import argparse
import json
import random
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import machine_facts, write_result
from benchmarks.unattended import digest, make_key, make_tiny_source
from tbp_extract.config import parse_config
from tbp_extract.errors import TbpError
from tbp_extract.io.files import make_private_folder
from tbp_extract.pipeline.run import Progress, run
from tbp_extract.pipeline.work import Outcome, ScanDone
from tbp_extract.verify import verify

CONFIG: Final = parse_config({"run": {"disk_reserve_gb": 0.0}})
LEFT_OUT: Final = frozenset({"log.txt", "lock"})


class StopHalfway(Progress):
    """Interrupts a run after so many scans."""

    def __init__(self, scans: int) -> None:
        self._left = scans

    def advanced(self, outcome: Outcome) -> None:
        """Count down."""
        self._left -= isinstance(outcome, ScanDone)
        if not self._left:
            raise KeyboardInterrupt


def main() -> None:
    """Flip, look, compare; print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--scans", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="tbp_flips_") as folder:
        result = flip_many(
            Path(folder), flips=options.flips, scans=options.scans, seed=options.seed
        )
    result |= {"machine": machine_facts(), "seconds": round(time.perf_counter() - started)}
    print(json.dumps(result, indent=1))
    write_result("bit_flips", result)


def flip_many(folder: Path, *, flips: int, scans: int, seed: int) -> dict[str, Any]:
    """Flip bits and count what came of it, by kind of file."""
    source = make_tiny_source(folder / "source", scans)
    calm, half = folder / "calm", folder / "half"
    for out in (calm, half):
        # Where a run keeps a key of its own making, which is to be hit as well.
        make_private_folder(out / "private")
        make_key(out / "private" / "key")
    run(source, calm, CONFIG, workers=0)
    with suppress(KeyboardInterrupt):
        run(source, half, CONFIG, workers=0, progress=StopHalfway(scans // 2))
    rng, wanted = random.Random(seed), digest(calm)  # noqa: S311
    told: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for number in range(flips):
        out = folder / "out"
        finished = number % 2 == 0
        shutil.copytree(calm if finished else half, out)
        if number % 4 == 1:
            # As a kill leaves it: without its seal.
            (out / "private" / "ledger.sha256").unlink()
        hit = _flip(out, rng)
        told[f"{'finished' if finished else 'half-done'}: {hit}"][
            _consequence(source, out, wanted, finished=finished)
        ] += 1
        shutil.rmtree(out)
    return {
        "flips": flips,
        "by_file": {name: dict(counts) for name, counts in sorted(told.items())},
        "unnoticed": sum(counts["unnoticed"] for counts in told.values()),
    }


def _flip(out: Path, rng: random.Random) -> str:
    """Flip one bit; what kind of file it was in."""
    files = sorted(p for p in out.rglob("*") if p.is_file() and p.name not in LEFT_OUT)
    path = rng.choice([file for file in files if file.stat().st_size])
    content = bytearray(path.read_bytes())
    bit = rng.randrange(8 * len(content))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    return path.suffix.lstrip(".") or path.name


def _consequence(source: Path, out: Path, wanted: str, *, finished: bool) -> str:
    if finished and verify(out):
        return "verify fails"
    before = _contents(out)
    try:
        run(source, out, CONFIG, workers=0)
    except TbpError:
        return "the run refuses"
    if digest(out) != wanted or verify(out):
        return "unnoticed"
    if finished and _contents(out) == before:
        return "unnoticed"
    return "the run puts it right"


def _contents(out: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.name not in LEFT_OUT
    }


if __name__ == "__main__":
    main()
