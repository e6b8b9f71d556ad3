"""The bytes of a release for different numbers of workers, orders of input and folders.

python -m benchmarks.same_bytes [--scans 60] [--workers 1 2 4 8]
"""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import machine_facts, write_result
from benchmarks.unattended import RunProcess, digest, make_key, make_tiny_source


def main() -> None:
    """Run in all ways; print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=60)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="tbp_bytes_") as folder:
        digests = in_all_ways(Path(folder), scans=options.scans, workers=options.workers)
    result: dict[str, Any] = {
        "scans": options.scans,
        "sha256": digests,
        "different": len(set(digests.values())),
        "machine": machine_facts(),
        "seconds": round(time.perf_counter() - started),
    }
    print(json.dumps(result, indent=1))
    write_result("same_bytes", result)


def in_all_ways(folder: Path, *, scans: int, workers: list[int]) -> dict[str, str]:
    """SHA-256 of release and linkage by the way in which they were made."""
    source, key = make_tiny_source(folder / "source", scans), make_key(folder / "key")
    moved = folder / "another" / "place"
    shutil.copytree(source, moved)
    table = moved / "scans.csv"
    header, *rows = table.read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join([header, *reversed(rows)]) + "\n", encoding="utf-8")
    digests = {}
    for count in (*workers, 0):
        for place, order in ((source, "as listed"), (moved, "reversed, elsewhere")):
            out = folder / "out"
            code, said = RunProcess(place, out, key, workers=count).finish()
            assert code == 0, said
            digests[f"{count} workers, {order}"] = digest(out)
            shutil.rmtree(out)
    return digests


if __name__ == "__main__":
    main()
