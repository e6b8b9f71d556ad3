"""What all benchmarks share: where data lies, what the machine is, where results go."""

import json
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["data_folder", "machine_facts", "write_result"]

ROOT = Path(__file__).resolve().parent.parent

_LIBRARIES = ("numpy", "numba", "opencv-python-headless", "h5py", "trimesh", "embreex", "open3d")


def data_folder() -> Path:
    """Folder with real bodies and lesion patches; the benchmark ends where there is none."""
    folder = Path(os.environ.get("TBP_EXTRACT_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        raise SystemExit("no real data: point TBP_EXTRACT_DATA at the data folder")
    return folder


def machine_facts() -> dict[str, Any]:
    """Processor, cores, versions and commit; nothing that names the machine."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "versions": {name: found for name in _LIBRARIES if (found := _version(name))},
        "commit": _commit(),
    }


def write_result(name: str, result: dict[str, Any]) -> None:
    """Keep a result as ``benchmarks/results/NAME.json``."""
    folder = ROOT / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    text = json.dumps(result, indent=1, sort_keys=True) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - git, found by name
    return done.stdout.strip() or "unknown"
