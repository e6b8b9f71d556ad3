"""The kernel tests once more: as plain Python, and compiled with bounds checks.

Plain Python shows overflow, division by zero and reads of what was never set; bounds checks show
reads and writes beside an array, which compiled code does in silence.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FILES = sorted(str(path) for path in HERE.glob("test_*.py") if path != Path(__file__).resolve())


@pytest.mark.slow
@pytest.mark.parametrize("switch", ["NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"])
def test_kernels_pass_their_tests_in_every_mode(switch: str, tmp_path: Path) -> None:
    if os.environ.get(switch) == "1":
        pytest.skip("this is that mode")
    done = subprocess.run(  # noqa: S603 - our own interpreter on our own tests
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *FILES],
        env={**os.environ, switch: "1", "NUMBA_CACHE_DIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
