"""Small, seeded versions of the benchmarks on what a run survives; the commands do them in full."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.bit_flips import flip_many
from benchmarks.disk_full import fill_many
from benchmarks.kills import kill_many
from benchmarks.poison import poisoned

ROOT = Path(__file__).resolve().parents[2]

STARVE = """
import json, sys
from pathlib import Path
from benchmarks.memory_full import starve_many

print(json.dumps(starve_many(Path(sys.argv[1]), points=24)["outcomes"]))
"""


def test_killed_processes_cost_nothing_but_time(tmp_path: Path) -> None:
    tally = kill_many(tmp_path, kills=4, scans=8, workers=4, a_run=4, seed=5)
    assert tally.kills.total() == 4
    assert (tally.bad, tally.other_releases, tally.verify_failures) == ([], 0, 0)
    assert (tally.leftovers, tally.finished_and_done_again) == (0, 0)
    # At most one scan a worker for each kill.
    assert tally.redone <= 4 * 4


def test_a_full_disk_ends_a_run_cleanly_and_it_goes_on(tmp_path: Path) -> None:
    told = fill_many(tmp_path, points=5, scans=2)
    assert set(told["exit_codes"]) <= {"0", "2"}
    assert told["exit_codes"]["2"] >= 3
    assert not told["files_that_were_not_whole"]
    assert told["releases_that_differ"] == 0


def test_no_flipped_bit_goes_unnoticed(tmp_path: Path) -> None:
    assert flip_many(tmp_path, flips=16, scans=2, seed=3)["unnoticed"] == 0


def test_poisoned_scans_are_quarantined_under_their_codes_and_no_others(tmp_path: Path) -> None:
    told = poisoned(tmp_path, scans=12, workers=2, every=2)
    assert not told["under_another_code"]
    assert not told["good_scans_quarantined"]
    assert told["crops_exported"] == told["crops_expected"] > 0
    assert told["verify_failures"] == 0


def test_want_of_memory_at_any_point_is_called_so_and_changes_no_byte(tmp_path: Path) -> None:
    # In a process of its own: what this one's heap has kept from other tests would serve the scan.
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", STARVE, str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    for outcomes in json.loads(done.stdout).values():
        assert set(outcomes) == {"out of memory", "finished"}


@pytest.fixture(autouse=True)
def _importable_from_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers find what this process finds."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2]))
