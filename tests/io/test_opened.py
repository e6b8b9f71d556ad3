"""No file outside a scan's folder is opened: by the word of the operating system."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.traced import BEGIN, END, named, opened_outside

STRACE = shutil.which("strace")


@pytest.mark.skipif(STRACE is None, reason="no strace here: Debian has it in the package strace")
def test_names_that_lead_elsewhere_open_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "scan").mkdir()
    trace = tmp_path / "trace"
    calls = "trace=open,openat,openat2,readlink,readlinkat"
    done = subprocess.run(  # noqa: S603 - strace and our own module
        [str(STRACE), "-f", "-s", "4096", "-e", calls, "-o", str(trace), sys.executable, "-m",
         "tests.fuzz.traced", str(tmp_path / "scan")],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if "ptrace" in done.stderr and done.returncode:
        pytest.skip("strace may not watch here: the system forbids ptrace")
    assert done.returncode == 0, done.stderr[-2000:]
    text = trace.read_text(errors="replace")
    assert text.count(BEGIN) == text.count(END) == len(named()) > 150
    assert opened_outside(text, tmp_path / "scan") == []


def test_the_watch_tells_a_step_from_a_leap() -> None:
    """Or it could not fail."""
    folder = Path("/scan")
    begin, end = f'1 openat(AT_FDCWD, "{BEGIN}", O_RDONLY) = -1', f'1 openat(AT_FDCWD, "{END}"'
    good = [
        '1 openat(AT_FDCWD, "/scan", O_RDONLY|O_CLOEXEC|O_DIRECTORY) = 5',
        '1 openat(5, "a.jpg", O_RDONLY|O_NONBLOCK|O_NOFOLLOW|O_CLOEXEC) = 6',
    ]
    bad = [
        '1 openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 5',
        '1 openat(5, "a.jpg", O_RDONLY|O_CLOEXEC) = 6',
        '1 openat(5, "..", O_RDONLY|O_NOFOLLOW) = 6',
        '1 openat(5, "x/a.jpg", O_RDONLY|O_NOFOLLOW) = 6',
        '1 readlink("/scan/link", "/etc/passwd", 4095) = 11',
    ]
    assert opened_outside("\n".join([begin, *good, end, *bad]), folder) == []
    assert len(opened_outside("\n".join([begin, *bad, end]), folder)) == len(bad)
