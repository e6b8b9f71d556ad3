"""Whole runs on small phantoms: counts, bytes, resuming, what stops one."""

import hashlib
import shutil
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tbp_extract import LesionDataset, ShardReader, read_metadata
from tbp_extract.columns import ISIC_TEST_COLUMNS, VOCABULARY
from tbp_extract.config import Config, parse_config
from tbp_extract.errors import OutputError, ReleaseError
from tbp_extract.io.layout import OutLayout
from tbp_extract.measure.location import simple_location
from tbp_extract.pipeline.result import ScanResult
from tbp_extract.pipeline.run import Progress, run
from tbp_extract.pipeline.scan import process_scan
from tbp_extract.pipeline.work import Outcome, ScanDone, ShardDone
from tbp_extract.types import ReleaseKey, ScanRef
from tbp_extract.verify import verify
from tests.sources import LESIONS, SCANS, copy_source, read_rows, write_rows

CONFIG = parse_config({})
KEY_TEXT = "00112233445566778899aabbccddeeff" * 2


@pytest.fixture(scope="session")
def key_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "key"
    path.touch(0o600)
    path.write_text(KEY_TEXT + "\n")
    return path


@pytest.fixture(scope="session")
def finished(source: Path, key_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("finished") / "out"
    run(source, out, CONFIG, workers=0, key_path=key_path)
    return out


class Count(Progress):
    def __init__(self) -> None:
        self.scans = self.finished = self.done = self.shards = 0
        self.sentences: list[str] = []

    def noticed(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def planned(self, scans: int, finished: int) -> None:
        self.scans, self.finished = scans, finished

    def advanced(self, outcome: Outcome) -> None:
        self.done += isinstance(outcome, ScanDone)
        self.shards += isinstance(outcome, ShardDone)


def digests(release: Path) -> dict[str, str]:
    return {
        path.relative_to(release).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(release.rglob("*"))
        if path.is_file()
    }


def test_every_listed_lesion_is_exported_and_the_release_verifies(finished: Path) -> None:
    metadata = read_metadata(finished / "release")
    assert len(metadata) == SCANS * LESIONS
    assert list(metadata.columns[:44]) == list(ISIC_TEST_COLUMNS)
    assert verify(finished) == ()


def test_crops_read_back_as_square_images(finished: Path) -> None:
    with ShardReader(finished / "release") as reader:
        assert all(reader[name].shape == (133, 133, 3) for name in reader)
    dataset = LesionDataset(finished / "release")
    assert len(dataset) == SCANS * LESIONS


def test_every_row_has_a_body_part_and_the_site_that_follows_from_it(finished: Path) -> None:
    rows = read_metadata(finished / "release")
    for part, simple in zip(rows["tbp_lv_location"], rows["tbp_lv_location_simple"], strict=True):
        assert part in VOCABULARY["tbp_lv_location"]
        assert simple == simple_location(part)
    unknown = rows["tbp_lv_location_simple"] == "Unknown"
    assert (rows["anatom_site_general"].isna() == unknown).all()


def test_linkage_leads_back_to_every_lesion_within_a_tenth_of_a_millimetre(
    finished: Path, source: Path
) -> None:
    linkage = pd.read_csv(finished / "private" / "linkage.csv")
    truth = pd.read_csv(source / "truth.csv")
    both = linkage.merge(truth, on=["scan_id", "lesion_id"], suffixes=("", "_true"))
    assert len(both) == len(truth)
    for axis in "xyz":
        # The list has the truth's own digits; snapping may only move a point onto its face.
        assert np.abs(both[f"{axis}_mm"] - both[f"{axis}_mm_true"]).max() < 0.1


def test_private_side_is_for_the_owner_alone(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "out", CONFIG, workers=0)
    layout = OutLayout(tmp_path / "out")
    assert stat.S_IMODE(layout.private.stat().st_mode) == 0o700
    files = [path for path in layout.private.rglob("*") if path.is_file()]
    assert layout.key in files
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_log_names_no_scan_and_no_path(finished: Path, source: Path) -> None:
    log = OutLayout(finished).log.read_text()
    assert "18" in log
    for private in ("arm_000", "arm_patient", str(source), "obj"):
        assert private not in log


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_and_folders_change_no_byte(
    source: Path, key_path: Path, finished: Path, tmp_path: Path, workers: int
) -> None:
    moved = copy_source(source, tmp_path / "elsewhere")
    run(moved, tmp_path / "out", CONFIG, workers=workers, key_path=key_path)
    assert digests(tmp_path / "out" / "release") == digests(finished / "release")


def test_order_of_the_scan_table_changes_no_byte(
    source: Path, key_path: Path, finished: Path, tmp_path: Path
) -> None:
    moved = copy_source(source, tmp_path / "elsewhere")
    write_rows(moved / "scans.csv", read_rows(moved / "scans.csv")[::-1])
    run(moved, tmp_path / "out", CONFIG, workers=0, key_path=key_path)
    assert digests(tmp_path / "out" / "release") == digests(finished / "release")


def test_stopped_run_goes_on_where_it_was(
    source: Path, key_path: Path, finished: Path, tmp_path: Path
) -> None:
    class Stop(Progress):
        def advanced(self, outcome: Outcome) -> None:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(source, out, CONFIG, workers=0, key_path=key_path, progress=Stop())
    assert not OutLayout(out).manifest.exists()
    count = Count()
    run(source, out, CONFIG, workers=0, key_path=key_path, progress=count)
    assert (count.scans, count.finished, count.done) == (SCANS, 1, SCANS - 1)
    assert digests(out / "release") == digests(finished / "release")


def test_complete_run_does_nothing_even_without_its_work_folder(
    source: Path, key_path: Path, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    shutil.rmtree(out / "work", ignore_errors=True)
    before, count = changed_at(out), Count()
    report = run(source, out, CONFIG, workers=0, key_path=key_path, progress=count)
    assert (count.finished, count.done, count.shards) == (SCANS, 0, 0)
    assert report.counts["lesions"]["exported"] == SCANS * LESIONS
    own = {"log.txt", "lock", "ledger.sqlite", "ledger.sha256"}
    assert {path.name for path, time in changed_at(out).items() if before[path] != time} <= own


def changed_at(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("damage", ["texture", "crop", "record"])
def test_changed_input_or_damaged_output_is_made_again(
    source: Path, key_path: Path, tmp_path: Path, damage: str
) -> None:
    moved, out = copy_source(source, tmp_path / "elsewhere"), tmp_path / "out"
    run(moved, out, CONFIG, workers=0, key_path=key_path)
    before = digests(out / "release")
    target = {
        "texture": next(moved.glob("arm_001/*.jpg")),
        "crop": next((out / "release" / "images").iterdir()),
        "record": next((out / "private" / "scans").glob("*.record")),
    }[damage]
    if damage == "texture":
        shutil.copy(next(moved.glob("arm_000/*.jpg")), target)
    else:
        content = bytearray(target.read_bytes())
        content[content.find(b"JFIF") + 40] ^= 1
        target.write_bytes(content)
    count = Count()
    run(moved, out, CONFIG, workers=0, key_path=key_path, progress=count)
    assert (count.finished, count.done) == (SCANS - 1, 1)
    assert (digests(out / "release") == before) is (damage != "texture")
    assert verify(out) == ()


def test_finished_release_is_not_replaced_by_other_settings(
    source: Path, key_path: Path, finished: Path
) -> None:
    other = parse_config({"crop": {"size_px": 64}})
    with pytest.raises(OutputError, match="the settings changed"):
        run(source, finished, other, workers=0, key_path=key_path)


def test_second_run_on_a_folder_is_refused_while_the_first_works(
    source: Path, tmp_path: Path
) -> None:
    class Second(Progress):
        def planned(self, scans: int, finished: int) -> None:
            run(source, tmp_path / "out", CONFIG, workers=0)

    with pytest.raises(OutputError, match="another run"):
        run(source, tmp_path / "out", CONFIG, workers=0, progress=Second())


@pytest.mark.parametrize("lost", ["linkage.csv", "quarantine.csv"])
def test_lost_private_file_is_written_anew(
    source: Path, key_path: Path, finished: Path, tmp_path: Path, lost: str
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    (out / "private" / lost).unlink()
    run(source, out, CONFIG, workers=0, key_path=key_path)
    assert (out / "private" / lost).read_bytes() == (finished / "private" / lost).read_bytes()
    assert digests(out / "release") == digests(finished / "release")


def test_lost_key_is_asked_for_and_not_replaced(source: Path, tmp_path: Path) -> None:
    layout = OutLayout(tmp_path / "out")
    run(source, layout.root, CONFIG, workers=0)
    layout.key.unlink()
    with pytest.raises(OutputError, match="key of the earlier run"):
        run(source, layout.root, CONFIG, workers=0)
    assert not layout.key.exists()


def test_leftovers_of_a_killed_run_do_not_reach_the_release(
    source: Path, key_path: Path, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    (out / "release" / "manifest.json").unlink()
    (out / "release" / ".metadata.csv.0123abcd.part").write_text("half")
    run(source, out, CONFIG, workers=0, key_path=key_path)
    assert digests(out / "release") == digests(finished / "release")


def test_what_a_killed_worker_left_half_written_goes_when_its_run_ends(
    source: Path, tmp_path: Path
) -> None:
    layout = OutLayout(tmp_path / "out")

    class Killed(Progress):
        def advanced(self, outcome: Outcome) -> None:
            for folder in (layout.records, layout.work):
                (folder / ".TBPS_X.record.0a1b2c3d.part").write_bytes(b"half a reco")

    run(source, tmp_path / "out", CONFIG, workers=0, progress=Killed())
    assert not list((tmp_path / "out").rglob("*.part"))
    assert not layout.work.exists()


def test_key_in_the_published_folder_is_refused(
    source: Path, key_path: Path, tmp_path: Path
) -> None:
    inside = tmp_path / "out" / "release" / "key"
    inside.parent.mkdir(parents=True)
    inside.touch(0o600)
    inside.write_text(KEY_TEXT)
    with pytest.raises(OutputError, match="published"):
        run(source, tmp_path / "out", CONFIG, workers=0, key_path=inside)


def test_folder_with_other_things_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(OutputError, match="1 other entries"):
        run(source, tmp_path, CONFIG, workers=0)


@pytest.mark.parametrize("place", [".", "out"])
def test_output_into_the_source_is_refused(source: Path, place: str) -> None:
    with pytest.raises(OutputError, match="outside the source"):
        run(source, source / place, CONFIG, workers=0)


def test_every_dropped_lesion_is_named_on_the_private_side(source: Path, tmp_path: Path) -> None:
    moved = copy_source(source, tmp_path / "elsewhere")
    path = moved / "arm_001" / "lesions.csv"
    rows = read_rows(path)
    rows.append({**rows[0], "lesion_id": "twin"})
    rows.append({**rows[0], "lesion_id": "far", "x": "900"})
    write_rows(path, rows)
    report = run(moved, tmp_path / "out", CONFIG, workers=0)
    assert report.counts["lesions"]["dropped"] == {"duplicate_position": 1, "off_surface": 1}
    dropped = read_rows(OutLayout(tmp_path / "out").dropped)
    assert {(row["scan_id"], row["lesion_id"], row["reason"]) for row in dropped} == {
        ("arm_001", "twin", "duplicate_position"),
        ("arm_001", "far", "off_surface"),
    }


def test_folder_without_a_table_takes_the_list_beside_each_mesh(
    source: Path, tmp_path: Path
) -> None:
    moved = copy_source(source, tmp_path / "elsewhere")
    (moved / "scans.csv").unlink()
    config = parse_config({"scan": {"unit": "mm"}})
    report = run(moved, tmp_path / "out", config, workers=0)
    assert report.counts["lesions"]["exported"] == SCANS * LESIONS


def test_damaged_table_of_a_finished_release_is_written_anew(
    source: Path, key_path: Path, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    table = out / "release" / "metadata.csv"
    table.write_bytes(table.read_bytes()[:-40])
    run(source, out, CONFIG, workers=0, key_path=key_path)
    assert digests(out / "release") == digests(finished / "release")


def test_fault_of_the_program_costs_one_scan_and_leaves_its_trace(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(ref: ScanRef, config: Config, key: ReleaseKey, **more: Any) -> ScanResult:
        if ref.scan_id == "arm_001":
            raise ZeroDivisionError
        return process_scan(ref, config, key, **more)

    monkeypatch.setattr("tbp_extract.pipeline.work.process_scan", faulty)
    report = run(source, tmp_path / "out", CONFIG, workers=0)
    assert report.counts["scans"]["quarantined"] == {"internal": 1}
    assert report.counts["lesions"]["exported"] == (SCANS - 1) * LESIONS
    row = read_rows(OutLayout(tmp_path / "out").quarantine)[0]
    assert row["scan_id"] == "arm_001"
    assert "ZeroDivisionError" in row["trace"]


def test_privacy_failure_stops_the_run_before_anything_is_published(
    source: Path, tmp_path: Path
) -> None:
    config = parse_config({"release": {"attribution": "=cmd|calc"}})
    moved = copy_source(source, tmp_path / "elsewhere")
    rows = read_rows(moved / "scans.csv")
    rows[0]["attribution"] = "Phantoms"
    write_rows(moved / "scans.csv", rows)
    with pytest.raises(ReleaseError):
        run(moved, tmp_path / "out", config, workers=0)
    assert not OutLayout(tmp_path / "out").manifest.exists()
    assert not list(OutLayout(tmp_path / "out").images.glob("*"))
