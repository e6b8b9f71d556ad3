import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tbp_extract.errors import OutputError
from tbp_extract.io import claim
from tbp_extract.io.claim import claimed, holder_of

HOLD = (
    "import sys; from pathlib import Path; from tbp_extract.io.claim import claimed\n"
    "with claimed(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
)


def test_a_second_claim_is_refused_with_who_holds_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "PATIENCE_S", 0.0)
    with claimed(tmp_path / "lock") as dead:
        assert dead is None
        refusal = pytest.raises(OutputError, match=f"process {os.getpid()} on .+ since 20")
        with refusal, claimed(tmp_path / "lock"):
            pass
        holder = holder_of(tmp_path / "lock")
        assert holder is not None
        assert holder.pid == os.getpid()
    assert holder_of(tmp_path / "lock") is None
    with claimed(tmp_path / "lock") as dead:
        assert dead is None


def test_a_claim_is_let_go_of_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), claimed(tmp_path / "lock"):
        raise ZeroDivisionError
    with claimed(tmp_path / "lock") as dead:
        assert dead is None


def test_the_claim_of_a_killed_process_is_taken_over_and_told(tmp_path: Path) -> None:
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    process.kill()
    process.communicate()
    with claimed(tmp_path / "lock") as dead:
        assert dead is not None
        assert dead.pid == process.pid


def test_a_lock_file_with_other_text_is_no_holder(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(json.dumps(["nonsense"]))
    with claimed(tmp_path / "lock") as dead:
        assert dead is None
