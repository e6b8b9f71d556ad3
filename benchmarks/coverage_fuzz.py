"""Whether readers survive mutants that are bred by what they reach in our code.

    pip install 'tbp-extract[fuzz]'
    python -m benchmarks.coverage_fuzz [--seconds 60] [--targets obj mtl ...]

`benchmarks.fuzz` mutates blindly and in large number; here atheris keeps each mutant that takes a
new way through our code and goes on from it. What the seeds have loaded before it watches is not
seen: it knows the ways through tables and lists, and mutates all other kinds blindly. Each target
runs in a child of its own: a crash, an error that is none of ours, a load that an independent
reader contradicts, a minute without an answer or too much memory end the child, and the mutant is
told as hex.
"""

import argparse
import importlib.util
import pkgutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import tbp_extract.kernels
from benchmarks.machine import machine_facts, write_result
from tests.fuzz.seeds import TARGETS, seeds_of, write_frame

TIMEOUT_S = 60
MEMORY_MB = 4096
LONGEST_BYTES = 1 << 16


def main() -> None:
    """Breed for every target, write the result, end with 1 on any find; or be a child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--targets", nargs="*", default=list(TARGETS))
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        _breed(*options.child)
        return
    if importlib.util.find_spec("atheris") is None:
        raise SystemExit("needs atheris: pip install 'tbp-extract[fuzz]'")
    told = {target: fuzz(target, options.seconds) for target in options.targets}
    for target, result in told.items():
        print(target, result)
    result = {"machine": machine_facts(), "seconds_a_target": options.seconds, "targets": told}
    write_result("coverage_fuzz", result)
    sys.exit(any("find" in result for result in told.values()))


def fuzz(target: str, seconds: int) -> dict[str, Any]:
    """Breed mutants of a target in a child for so long; what it reached, and what broke it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for place in ("corpus", "frame/t"):
            (folder / place).mkdir(parents=True)
        write_frame(folder / "frame")
        for number, seed in enumerate(seeds_of(target)):
            (folder / "corpus" / str(number)).write_bytes(seed)
        command = [sys.executable, "-m", "benchmarks.coverage_fuzz", "--child"]
        done = subprocess.run(  # noqa: S603 - our own module
            [*command, target, name, str(seconds)], capture_output=True, text=True, check=False
        )
        finds = [path.read_bytes() for path in folder.glob("find-*")]
    counts = [line for line in done.stderr.splitlines() if line.startswith("stat::")]
    result: dict[str, Any] = dict(line.removeprefix("stat::").split(": ", 1) for line in counts)
    result = {key: int(value) for key, value in result.items()}
    if done.returncode or finds:
        result["find"] = {"data": [data.hex() for data in finds], "said": done.stdout[-1000:]}
    return result


def _breed(target: str, name: str, seconds: str) -> None:
    """Hand the process over to atheris."""
    import atheris

    # What is there already stays as it is: numba cannot compile instrumented functions.
    for kernels in pkgutil.iter_modules(tbp_extract.kernels.__path__):
        importlib.import_module(f"tbp_extract.kernels.{kernels.name}")
    with atheris.instrument_imports(include=["tbp_extract.io", "tbp_extract.jpeg"]):
        from tests.fuzz.judge import judge
        from tests.fuzz.worker import restore

    frame = Path(name) / "frame"

    def look(data: bytes) -> None:
        judge(target, frame, data)
        restore(target, frame)

    settings = {
        "max_total_time": seconds,
        "timeout": TIMEOUT_S,
        "rss_limit_mb": MEMORY_MB,
        "max_len": LONGEST_BYTES,
        "artifact_prefix": f"{name}/find-",
        "print_final_stats": 1,
        "seed": 1,
        "verbosity": 0,
    }
    arguments = [f"-{key}={value}" for key, value in settings.items()]
    atheris.Setup([sys.argv[0], *arguments, f"{name}/corpus"], look)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
