"""Let the disk fill up at many points of a run, and see whether it ends cleanly and goes on.

    python -m benchmarks.disk_full [--points 200] [--scans 8] [--mount FOLDER]

A child process works a run off in itself on a file system of limited size (``--mount``: a small
tmpfs; without it the largest file is limited instead, RLIMIT_FSIZE, which fails writes the same
way, with EFBIG). The room that is left grows from nothing to enough in equal steps. Each run must
end with one sentence and exit code 2, never by a signal; the same command with room must then give
the bytes of an undisturbed run.
"""

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import machine_facts, write_result
from benchmarks.unattended import bad_files, digest, make_key, make_tiny_source
from tbp_extract.config import parse_config
from tbp_extract.errors import TbpError
from tbp_extract.pipeline.run import run

CONFIG: Final = parse_config({"run": {"disk_reserve_gb": 0.0}})
ENDED_CLEANLY: Final = 2


def main() -> None:
    """Fill, resume, compare; print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--scans", type=int, default=8)
    parser.add_argument("--mount", type=Path)
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="tbp_full_") as folder:
        result = fill_many(
            Path(folder), points=options.points, scans=options.scans, mount=options.mount
        )
    result |= {"machine": machine_facts(), "seconds": round(time.perf_counter() - started)}
    print(json.dumps(result, indent=1))
    write_result("disk_full", result)


def fill_many(
    folder: Path, *, points: int, scans: int, mount: Path | None = None
) -> dict[str, Any]:
    """Run with ever more room."""
    source, key = make_tiny_source(folder / "source", scans), make_key(folder / "key")
    run(source, folder / "calm", CONFIG, workers=0, key_path=key)
    calm = digest(folder / "calm")
    needed = _room_needed(folder / "calm", whole=mount is not None)
    out = (mount or folder) / "out"
    codes: Counter[str] = Counter()
    bad: list[str] = []
    other = 0
    for point in range(points):
        room = needed * point // points
        _limit_mount(mount, room)
        codes[str(_run_in_child(source, out, key, None if mount else room))] += 1
        bad += bad_files(out)
        _limit_mount(mount, 1 << 30)
        run(source, out, CONFIG, workers=0, key_path=key)
        other += digest(out) != calm
        shutil.rmtree(out)
    return {
        "points": points,
        "how": "tmpfs" if mount else "RLIMIT_FSIZE",
        "bytes_needed": needed,
        "exit_codes": codes,
        "files_that_were_not_whole": Counter(bad),
        "releases_that_differ": other,
    }


def _room_needed(out: Path, *, whole: bool) -> int:
    """Bytes that a run writes in all, or of its largest file."""
    sizes = [path.stat().st_size for path in out.rglob("*") if path.is_file()]
    return 3 * sum(sizes) if whole else max(sizes) + 1


def _limit_mount(mount: Path | None, room: int) -> None:
    if mount is None:
        return
    # Whole pages; what is in use already stays.
    pages = room // 4096 + 1
    command = f"mount -o remount,size={pages * 4096} {mount}"
    if os.system(command):  # noqa: S605 - a number, and a folder of the caller's own
        raise SystemExit("expected --mount to be a tmpfs that may be remounted")


def _run_in_child(source: Path, out: Path, key: Path, file_bytes: int | None) -> int:
    process = multiprocessing.get_context("fork").Process(
        target=_child, args=(source, out, key, file_bytes)
    )
    with warnings.catch_warnings():
        # Idle threads of libraries are no harm to the child: they restart theirs.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    process.join(300)
    return process.exitcode if process.exitcode is not None else -1


def _child(source: Path, out: Path, key: Path, file_bytes: int | None) -> None:
    if file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    try:
        run(source, out, CONFIG, workers=0, key_path=key)
    except TbpError:
        os._exit(ENDED_CLEANLY)
    except BaseException:
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
