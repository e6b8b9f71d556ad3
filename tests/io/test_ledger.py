import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tbp_extract.errors import OutputError
from tbp_extract.io.ledger import ScanRow, ScanState, open_ledger, read_ledger

ROWS = [
    ScanRow(f"TBPS_{k}", ScanState.QUARANTINED, f"{k:064d}", reason="mesh_empty", tries=k)
    for k in range(40)
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.put(*ROWS)
        ledger.note({"settings": "abc"})
    return tmp_path / "ledger.sqlite"


def scans(path: Path) -> set[str]:
    with open_ledger(path) as ledger:
        return set(ledger.rows())


def test_rows_come_back_as_they_were(path: Path) -> None:
    with open_ledger(path) as ledger:
        row = ledger.rows()["TBPS_7"]
        assert ledger.facts() == {"settings": "abc"}
    assert (row.state, row.reason, row.tries) == (ScanState.QUARANTINED, "mesh_empty", 7)
    assert row.changed_at > 0


def test_the_last_word_on_a_scan_counts(path: Path) -> None:
    with open_ledger(path) as ledger:
        ledger.put(ScanRow("TBPS_7", ScanState.DONE, "0"))
        assert ledger.rows()["TBPS_7"].state is ScanState.DONE
        assert len(ledger.rows()) == len(ROWS)


def test_a_ledger_is_for_its_owner_alone(path: Path) -> None:
    with open_ledger(path) as ledger:
        ledger.put(ROWS[0])
        files = list(path.parent.glob("ledger*"))
        assert len(files) > 1
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_ledger_at_rest_is_one_file_and_its_seal(path: Path) -> None:
    assert sorted(file.name for file in path.parent.iterdir()) == ["ledger.sha256", path.name]


def test_it_can_be_read_while_it_is_written(path: Path) -> None:
    with open_ledger(path) as ledger:
        ledger.put(ScanRow("TBPS_new", ScanState.RUNNING, "0"))
        rows, _ = read_ledger(path)
        assert rows["TBPS_new"].state is ScanState.RUNNING


def test_any_flipped_bit_of_a_ledger_at_rest_lays_it_aside(path: Path) -> None:
    content = path.read_bytes()
    for place in range(0, len(content), 997):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        seal = path.with_suffix(".sha256").read_text()
        assert scans(path) == set()
        assert path.with_name("ledger.sqlite.damaged").exists()
        path.with_suffix(".sha256").write_text(seal)


def test_a_row_that_was_changed_behind_its_back_is_not_believed(path: Path) -> None:
    path.with_suffix(".sha256").unlink()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE scans SET row = replace(row, 'mesh_empty', 'mesh_broken')")
        file.execute("UPDATE scans SET scan = 'TBPS_x' WHERE scan = 'TBPS_3'")
    assert scans(path) == set()


def test_rows_that_were_removed_leave_no_trace_in_the_file(path: Path) -> None:
    with open_ledger(path) as ledger:
        ledger.put(ScanRow("TBPS_gone", ScanState.DONE, "CANARY"))
    assert b"CANARY" in path.read_bytes()
    with open_ledger(path) as ledger:
        ledger.remove(["TBPS_gone"])
    assert b"CANARY" not in path.read_bytes()
    assert len(scans(path)) == len(ROWS)


def test_a_folder_without_a_ledger_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="without a ledger"):
        read_ledger(tmp_path / "ledger.sqlite")
