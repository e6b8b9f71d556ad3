"""When the ledger hears of scans."""

from pathlib import Path
from typing import Any

import pytest

from tbp_extract.config import parse_config
from tbp_extract.errors import ScanReason
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.ledger import ScanState, open_ledger, read_ledger
from tbp_extract.pipeline.drive import Driver
from tbp_extract.pipeline.plan import ScanPlan
from tbp_extract.pipeline.pool import Ended
from tbp_extract.pipeline.stop import StopRequest
from tbp_extract.pipeline.work import Context, ScanDone, Task, failed
from tbp_extract.types import ReleaseKey, ScanRef

ENTRY = {"found": 0, "exported": 0, "dropped": {}, "empty": "no_finds"}


class OneByOne:
    """Finishes every scan at once, but for those named bad."""

    def __init__(self) -> None:
        self._task: Task | None = None

    def free(self) -> int:
        return int(self._task is None)

    def submit(self, task: Task) -> None:
        self._task = task

    def collect(self, patience_s: float) -> list[Ended]:
        task, self._task = self._task, None
        assert isinstance(task, ScanPlan)
        if task.scan.startswith("bad"):
            return [(task, failed(task, ScanReason.MESH_EMPTY, "empty"))]
        return [(task, ScanDone(task.scan, ENTRY, {}, 0.1))]

    def close(self) -> None:
        pass


def states_as_they_come(folder: Path, scans: list[str]) -> list[dict[str, str]]:
    """What the ledger says each time that an outcome is handed out, and in the end."""
    layout, seen = OutLayout(folder), list[dict[str, str]]()
    layout.private.mkdir(parents=True)
    context = Context(parse_config({}), ReleaseKey(bytes(32)), layout)
    plans = [ScanPlan(ScanRef(s, s, folder, f"{s}.obj"), s, "p", "f") for s in scans]

    def look() -> None:
        rows, _ = read_ledger(layout.ledger)
        seen.append({scan: str(row.state) for scan, row in rows.items()})

    with open_ledger(layout.ledger) as ledger:
        with Driver(OneByOne(), context, ledger, StopRequest()) as driver:
            for _ in driver.carry_out(plans):
                look()
        look()
    return seen


def test_a_quarantined_scan_is_in_the_ledger_before_the_next_is_told_of(tmp_path: Path) -> None:
    seen = states_as_they_come(tmp_path, ["good1", "bad1", "good2", "good3"])
    assert seen[2]["bad1"] == ScanState.QUARANTINED


@pytest.mark.parametrize(("every_s", "writes"), [(3600.0, 0), (-1.0, 2)])
def test_finished_scans_wait_for_their_turn_and_never_beyond_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every_s: float, writes: int
) -> None:
    monkeypatch.setattr("tbp_extract.pipeline.drive.LEDGER_EVERY_S", every_s)
    seen: list[dict[str, Any]] = states_as_they_come(tmp_path, ["good1", "good2", "good3"])
    known = [list(rows.values()).count(ScanState.DONE) for rows in seen]
    assert known == [0, *([1, 2] if writes else [0, 0]), 3]
