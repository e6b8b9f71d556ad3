"""A child process that reads mutants one after another under limits, and says how far it is.

``python -m tests.fuzz.worker TARGET SEED FIRST COUNT STATE MEMORY_MB`` writes the number that it
works on into the file STATE before it begins, so that whoever watches knows which one broke it.
What it found is printed as one line of JSON at its end.
"""

import json
import mmap
import resource
import struct
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from tests.fuzz.judge import FILES, WrongLoad, judge
from tests.fuzz.mutate import mutant
from tests.fuzz.seeds import seeds_of, write_frame

__all__ = ["restore", "run"]


def run(target: str, seed: int, first: int, count: int, state: Any) -> dict[str, Any]:
    """Read mutants; give counts by outcome, and what is to be mended."""
    seeds = seeds_of(target)
    outcomes: Counter[str] = Counter()
    finds: list[dict[str, Any]] = []
    slowest_s = 0.0
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as name:
        folder = Path(name)
        (folder / "t").mkdir()
        write_frame(folder)
        for data in seeds:
            assert judge(target, folder, data) == "loaded", f"a seed of {target} does not load"
        for number in range(first, first + count):
            state[:8] = struct.pack("<q", number)
            data = mutant(target, seeds, seed, number)
            began = time.perf_counter()
            outcome = _outcome(target, folder, data, number, finds)
            slowest_s = max(slowest_s, time.perf_counter() - began)
            outcomes[outcome] += 1
            restore(target, folder)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"outcomes": outcomes, "finds": finds, "slowest_s": slowest_s, "peak_mb": peak_mb}


def _outcome(
    target: str, folder: Path, data: bytes, number: int, finds: list[dict[str, Any]]
) -> str:
    try:
        return judge(target, folder, data)
    except WrongLoad as error:
        kind, what = "wrong load", str(error)
    except Exception as error:  # whatever escapes is a find
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "tbp_extract" in frame.filename]
        kind = "error of ours" if ours and frames[-1] in ours[-1:] else "error"
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
        what = f"{type(error).__name__} at {where}: {error}"[:300]
    finds.append({"target": target, "number": number, "kind": kind, "what": what})
    return kind


def restore(target: str, folder: Path) -> None:
    """Make a file good again that other targets lean on."""
    if target in ("obj", "mtl", "jpeg", "png", "tiff", "lesions"):
        name = "jpeg" if target in ("png", "tiff") else target
        (folder / FILES[target]).write_bytes(seeds_of(name)[0])


def _fast_folder() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - scratch of a test


def main() -> None:
    """Read the command line, set the limits, work."""
    target, seed, first, count, path, memory_mb = sys.argv[1:]
    limit = int(memory_mb) << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with Path(path).open("r+b") as file, mmap.mmap(file.fileno(), 8) as state:
        print(json.dumps(run(target, int(seed), int(first), int(count), state)))


if __name__ == "__main__":
    main()
