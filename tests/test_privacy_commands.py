"""``risk`` and ``forget`` as a user calls them, and what a crash may leave."""

import subprocess
import sys
from pathlib import Path

import pytest

from tbp_extract.cli import main
from tbp_extract.io.layout import OutLayout
from tests.releases import make_out


def code_of(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


def test_risk_writes_a_private_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = make_out(tmp_path / "out")
    assert code_of("risk", out) == 0
    assert "patients" in capsys.readouterr().out
    path = OutLayout(out).risk
    assert path.stat().st_mode & 0o077 == 0
    assert path.read_text().startswith("# What this release still tells")


def test_forget_needs_the_folder_of_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = make_out(tmp_path / "out")
    assert code_of("forget", out, "MRN-000000") == 2
    assert "MRN-000000" not in capsys.readouterr().err


def test_a_crash_leaves_no_core_file() -> None:
    script = (
        "import resource\nfrom tbp_extract.cli import main\n"
        "try:\n    main(['--version'])\nexcept SystemExit:\n    pass\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE)[0])"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and our own script
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split()[-1] == "0"
