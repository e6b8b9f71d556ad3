import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tbp_extract.cli import main
from tbp_extract.config import Config
from tbp_extract.deidentify import patient_pseudonym
from tbp_extract.errors import OutputError, ReleaseError
from tbp_extract.io.keys import read_key
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.ledger import ScanState, open_ledger
from tbp_extract.io.shards import ShardReader
from tbp_extract.io.tables import read_metadata
from tbp_extract.io.traces import Traces, find_traces
from tbp_extract.pipeline.forget import forget_patient
from tbp_extract.pipeline.run import run
from tbp_extract.verify import verify
from tests.sources import LESIONS, SCANS, copy_source, read_rows, write_rows

PATIENT = "arm_patient_001"


@pytest.fixture(scope="module")
def finished(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("forget") / "out"
    run(source, out, Config(), workers=0)
    return out


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


def contents(out: Path) -> dict[str, tuple[bytes, str]]:
    """Image and row of every crop."""
    rows = (out / "release" / "metadata.csv").read_text().splitlines()[1:]
    with ShardReader(out / "release") as reader:
        return {row.split(",")[0]: (reader.jpeg(row.split(",")[0]), row) for row in rows}


def test_patient_is_gone_and_all_others_stay_to_the_byte(out: Path) -> None:
    before = contents(out)
    layout = OutLayout(out)
    key = read_key(layout.key)
    pseudonym = patient_pseudonym(key, PATIENT)
    mine = set(read_metadata(layout.release).query("patient_id == @pseudonym")["isic_id"])
    done = forget_patient(out, PATIENT, key)
    assert (done.scans, done.crops) == (1, LESIONS)
    assert done.files_searched > 5
    assert contents(out) == {name: row for name, row in before.items() if name not in mine}
    assert verify(out) == ()
    texts = {PATIENT, pseudonym, "arm_001", *mine}
    besides = (layout.key, layout.lock, layout.tombstones)
    assert find_traces(out, Traces(texts), besides=besides) == []


def test_patient_stays_out_of_later_runs_without_being_named(source: Path, out: Path) -> None:
    layout = OutLayout(out)
    forget_patient(out, PATIENT, read_key(layout.key))
    assert PATIENT not in layout.tombstones.read_text()
    before = contents(out)
    report = run(source, out, Config(), workers=0)
    assert report.counts["scans"]["planned"] == SCANS - 1
    assert contents(out) == before


def test_patient_unknown_to_the_folder_is_kept_out_of_later_runs(
    source: Path, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    small = copy_source(source, tmp_path / "small")
    rows = read_rows(small / "scans.csv")
    write_rows(small / "scans.csv", rows[:1])
    run(small, out, Config(), workers=0)
    assert forget_patient(out, PATIENT, read_key(OutLayout(out).key)).scans == 0
    write_rows(small / "scans.csv", rows[:2])
    assert run(small, out, Config(), workers=0).counts["scans"]["planned"] == 1


def test_a_trace_that_stays_is_an_error(out: Path) -> None:
    stray = out / "private" / "notes.txt"
    stray.write_text(f"call {PATIENT} back")
    with pytest.raises(ReleaseError, match="1 files in private") as caught:
        forget_patient(out, PATIENT, read_key(OutLayout(out).key))
    assert PATIENT not in str(caught.value)


def test_folder_without_a_run_is_refused(tmp_path: Path, out: Path) -> None:
    with pytest.raises(OutputError):
        forget_patient(tmp_path / "nothing", PATIENT, read_key(OutLayout(out).key))


def test_a_patient_whom_nobody_knows_is_said_and_not_called_done(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["forget", str(out), "no-such-patient"])
    assert stopped.value.code == 1
    told = capsys.readouterr().out
    assert "no scan of this patient is known here" in told
    assert "no-such-patient" not in told


def test_status_says_that_scans_wait_beside_a_finished_release(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = OutLayout(out)
    with open_ledger(layout.ledger) as ledger:
        first = next(iter(ledger.rows().values()))
        ledger.put(replace(first, state=ScanState.QUEUED))
    with pytest.raises(SystemExit) as stopped:
        main(["status", str(out)])
    assert stopped.value.code == 0
    assert "1 scans wait for the next run" in capsys.readouterr().out
