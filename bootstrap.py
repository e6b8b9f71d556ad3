"""Start here on a fresh machine: ``python3 bootstrap.py demo`` or ``python3 bootstrap.py check``.

Makes a virtual environment in .venv (about 1.2 GB), installs the locked dependencies and this
package, then runs the main job on data_samples/ (demo) or all checks (check). Needs Python 3.11 or
newer, nothing else.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
BIN = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / "python"


def main() -> int:
    """Run what the command line asks for."""
    jobs = {"demo": demo, "check": check}
    if sys.version_info < (3, 11):  # noqa: UP036 - this file meets any Python
        return _refuse(f"expected Python 3.11 or newer, got {sys.version.split()[0]}")
    if len(sys.argv) != 2 or sys.argv[1] not in jobs:
        return _refuse("usage: python3 bootstrap.py demo|check")
    return jobs[sys.argv[1]]()


def demo() -> int:
    """Turn the sample scans into a release and verify it."""
    install("requirements.lock")
    out = ROOT / "out" / "demo"
    shutil.rmtree(out, ignore_errors=True)
    command = str(BIN / "tbp-extract")
    done = run(command, "run", str(ROOT / "data_samples"), "--out", str(out))
    return done or run(command, "verify", str(out))


def check() -> int:
    """Lint, types, tests."""
    install("requirements-dev.lock")
    return (
        run(str(PYTHON), "-m", "ruff", "check", ".")
        or run(str(PYTHON), "-m", "ruff", "format", "--check", ".")
        or run(str(PYTHON), "-m", "mypy")
        or run(str(PYTHON), "-m", "pytest", "-q")
    )


def install(lock: str) -> None:
    """Bring the environment to what the lock file says."""
    if not PYTHON.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    for arguments in (["--require-hashes", "-r", lock], ["--no-deps", "-e", "."]):
        if run(*pip, "install", *arguments):
            raise SystemExit("the installation failed: see the lines above")


def run(*command: str) -> int:
    """Run a command in the project's folder and give its exit code."""
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - our own


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"bootstrap.py: {sentence}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
