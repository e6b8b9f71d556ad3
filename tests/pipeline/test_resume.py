"""What a run takes up of an earlier one, what it makes anew, and what it says of it."""

import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from tbp_extract.config import parse_config
from tbp_extract.deidentify import patient_pseudonym
from tbp_extract.errors import OutputError
from tbp_extract.io.keys import read_key
from tbp_extract.io.layout import OutLayout
from tbp_extract.pipeline.rebuild import leave_out_patients
from tbp_extract.pipeline.run import Progress, run
from tbp_extract.pipeline.status import read_status, retry_quarantined
from tbp_extract.pipeline.work import Outcome, ScanDone, ScanFailed, ShardDone
from tbp_extract.verify import verify
from tests.sources import LESIONS, SCANS, copy_source, read_rows, write_rows

CONFIG = parse_config({})


class Told(Progress):
    """Keeps what a run tells; may stop it after so many scans."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.sentences: list[str] = []
        self.finished = self.done = self.failed = self.shards = 0
        self._stop_after = stop_after

    def noticed(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def planned(self, scans: int, finished: int) -> None:
        self.finished = finished

    def advanced(self, outcome: Outcome) -> None:
        self.done += isinstance(outcome, ScanDone)
        self.failed += isinstance(outcome, ScanFailed)
        self.shards += isinstance(outcome, ShardDone)
        if self.done == self._stop_after:
            raise KeyboardInterrupt


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text("5a" * 32)
    return path


@pytest.fixture
def moved(source: Path, tmp_path: Path) -> Path:
    return copy_source(source, tmp_path / "source")


def without(source: Path, scan: str) -> Path:
    """The same source, of which the table does not name one scan."""
    rows = read_rows(source / "scans.csv")
    write_rows(source / "scans.csv", [row for row in rows if row["scan_id"] != scan])
    return source


def patient_of(source: Path, scan: str) -> str:
    rows = read_rows(source / "scans.csv")
    return next(row["patient_id"] for row in rows if row["scan_id"] == scan)


def contents(release: Path) -> dict[str, bytes]:
    return {
        path.relative_to(release).as_posix(): path.read_bytes()
        for path in release.rglob("*")
        if path.is_file()
    }


def test_scans_that_come_later_are_added_and_the_others_not_done_again(
    source: Path, moved: Path, key: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(without(moved, "arm_001"), out, CONFIG, workers=0, key_path=key)
    told = Told()
    run(source, out, CONFIG, workers=0, key_path=key, progress=told)
    assert (told.finished, told.done) == (SCANS - 1, 1)
    assert any("put together anew" in sentence for sentence in told.sentences)
    run(source, tmp_path / "fresh", CONFIG, workers=0, key_path=key)
    assert contents(out / "release") == contents(tmp_path / "fresh" / "release")
    assert verify(out) == ()


def test_a_finished_release_does_not_lose_scans_that_left_the_source(
    source: Path, moved: Path, key: Path, tmp_path: Path
) -> None:
    run(source, tmp_path / "out", CONFIG, workers=0, key_path=key)
    with pytest.raises(OutputError, match="1 are no longer in the source"):
        run(without(moved, "arm_001"), tmp_path / "out", CONFIG, workers=0, key_path=key)


def test_an_unfinished_run_forgets_scans_that_left_the_source(
    moved: Path, key: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(moved, out, CONFIG, workers=0, key_path=key, progress=Told(stop_after=2))
    told = Told()
    report = run(without(moved, "arm_001"), out, CONFIG, workers=0, key_path=key, progress=told)
    assert report.counts["scans"]["planned"] == SCANS - 1
    assert any("no longer in the source" in sentence for sentence in told.sentences)
    assert len(list(OutLayout(out).records.iterdir())) == SCANS - 1
    assert verify(out) == ()


def test_changed_settings_of_an_unfinished_run_are_told_and_followed(
    source: Path, key: Path, tmp_path: Path
) -> None:
    out, other = tmp_path / "out", parse_config({"crop": {"size_px": 64}})
    with pytest.raises(KeyboardInterrupt):
        run(source, out, CONFIG, workers=0, key_path=key, progress=Told(stop_after=2))
    told = Told()
    run(source, out, other, workers=0, key_path=key, progress=told)
    assert told.done == SCANS
    assert any("settings, program or scan table" in sentence for sentence in told.sentences)
    run(source, tmp_path / "fresh", other, workers=0, key_path=key)
    assert contents(out / "release") == contents(tmp_path / "fresh" / "release")


def test_limits_of_a_run_may_change_at_any_time(source: Path, key: Path, tmp_path: Path) -> None:
    told = Told()
    run(source, tmp_path / "out", CONFIG, workers=0, key_path=key)
    other = parse_config({"run": {"scan_seconds": 5.0, "worker_memory_gb": 2.0}})
    run(source, tmp_path / "out", other, workers=0, key_path=key, progress=told)
    assert (told.done, told.shards) == (0, 0)


@pytest.mark.parametrize("stop_after", [2, None], ids=["unfinished", "finished"])
def test_a_damaged_key_is_noticed_before_any_id_changes(
    source: Path, key: Path, tmp_path: Path, stop_after: int | None
) -> None:
    out = tmp_path / "out"
    with suppress(KeyboardInterrupt):
        run(source, out, CONFIG, workers=0, progress=Told(stop_after=stop_after))
    own = OutLayout(out).key
    kept = own.read_text()
    own.write_text(key.read_text())
    with pytest.raises(OutputError, match="not the one of the earlier run"):
        run(source, out, CONFIG, workers=0)
    own.write_text(kept)
    run(source, out, CONFIG, workers=0)
    assert verify(out) == ()


def test_other_shards_are_put_together_from_finished_scans(
    source: Path, key: Path, tmp_path: Path
) -> None:
    told = Told()
    run(source, tmp_path / "out", CONFIG, workers=0, key_path=key)
    # No more than a mebibyte of crops a shard still gives one shard here.
    small = parse_config({"shards": {"max_mb": 1}})
    run(source, tmp_path / "out", small, workers=0, key_path=key, progress=told)
    assert told.done == 0
    assert verify(tmp_path / "out") == ()


def test_a_quarantined_scan_waits_until_something_changes_or_somebody_asks(
    source: Path, moved: Path, key: Path, tmp_path: Path
) -> None:
    out, page = tmp_path / "out", moved / "arm_001" / "arm_001.jpg"
    page.unlink()
    first = run(moved, out, CONFIG, workers=0, key_path=key)
    assert first.counts["scans"]["quarantined"] == {"texture_missing": 1}
    told = Told()
    again = run(moved, out, CONFIG, workers=0, key_path=key, progress=told)
    assert (told.done, told.failed, told.shards) == (0, 0, 0)
    assert again.counts == first.counts
    assert retry_quarantined(out, ["mesh_missing"]) == 0
    assert retry_quarantined(out) == 1
    told = Told()
    run(moved, out, CONFIG, workers=0, key_path=key, progress=told)
    assert told.failed == 1
    shutil.copy(source / "arm_001" / "arm_001.jpg", page)
    told = Told()
    mended = run(moved, out, CONFIG, workers=0, key_path=key, progress=told)
    assert (told.done, told.failed) == (1, 0)
    assert mended.counts["lesions"]["exported"] == SCANS * LESIONS
    assert verify(out) == ()


def test_status_tells_where_a_run_stands(moved: Path, key: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (moved / "arm_001" / "arm_001.jpg").unlink()

    class Look(Told):
        def advanced(self, outcome: Outcome) -> None:
            super().advanced(outcome)
            status = read_status(out)
            assert status.holder is not None
            assert status.states.total() == SCANS
            assert not status.complete

    run(moved, out, CONFIG, workers=0, key_path=key, progress=Look())
    status = read_status(out)
    assert status.holder is None
    assert status.complete
    assert status.states == {"done": SCANS - 1, "quarantined": 1}
    assert status.reasons == {"texture_missing": 1}
    assert status.found == status.exported == (SCANS - 1) * LESIONS
    assert status.seconds_left is None


def test_patients_left_out_are_gone_as_if_they_had_never_been_there(
    source: Path, moved: Path, key: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(source, out, CONFIG, workers=0, key_path=key)
    secret, patient = read_key(key), patient_of(source, "arm_001")
    assert leave_out_patients(out, {patient_pseudonym(secret, patient)}, secret) == 1
    without(moved, "arm_001")
    run(moved, tmp_path / "fresh", CONFIG, workers=0, key_path=key)
    assert contents(out / "release") == contents(tmp_path / "fresh" / "release")
    linkage = (out / "private" / "linkage.csv").read_text()
    assert "arm_001" not in linkage
    assert verify(out) == ()


def test_a_disk_that_is_nearly_full_is_noticed_before_a_scan_is_started(
    source: Path, key: Path, tmp_path: Path
) -> None:
    greedy = parse_config({"run": {"disk_reserve_gb": 1e9}})
    with pytest.raises(OutputError, match="nearly full"):
        run(source, tmp_path / "out", greedy, workers=0, key_path=key)
    told = Told()
    run(source, tmp_path / "out", CONFIG, workers=0, key_path=key, progress=told)
    assert (told.finished, told.done) == (0, SCANS)
