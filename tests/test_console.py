"""What a run shows while it goes."""

import pytest

from tbp_extract.console import RunProgress
from tbp_extract.pipeline.work import ScanDone


def done(crops: int, seconds: float) -> ScanDone:
    return ScanDone("s", {"exported": crops}, {}, seconds)


def test_speed_is_that_of_the_work_however_long_workers_took_to_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr("tbp_extract.console.time.monotonic", lambda: now)
    with RunProgress() as progress:
        progress.planned(12, 2)
        now = 300.0
        progress.advanced(done(crops=50, seconds=2.0))
        now = 302.0
        progress.advanced(done(crops=0, seconds=2.0))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "12 scans, 2 of them finished before"
    assert lines[-2:] == [
        "3 of 12 scans, 25 crops/s, 18 s left",
        "4 of 12 scans, 12 crops/s, 16 s left",
    ]
