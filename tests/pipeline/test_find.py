"""Scans without a list in a whole run: found by a detector, counted, or empty with a reason."""

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from tbp_extract import read_metadata
from tbp_extract.cli.run import run as run_command
from tbp_extract.cli.status import status as status_command
from tbp_extract.config import parse_config
from tbp_extract.errors import ConfigError, OutputError
from tbp_extract.io.layout import OutLayout
from tbp_extract.pipeline.preflight import check_source
from tbp_extract.pipeline.run import run
from tbp_extract.verify import verify
from tests.sources import LESIONS, SCANS, copy_source, read_rows, write_rows

FINDS = "tests.detect.finds"


def without_list(source: Path, to: Path, *scans: int) -> Path:
    """A copy in which some scans have no lesion list."""
    copy = copy_source(source, to)
    rows = read_rows(copy / "scans.csv")
    for number in scans:
        rows[number]["lesions"] = ""
    write_rows(copy / "scans.csv", rows)
    return copy


def detect(name: str, **options: Any) -> Any:
    return parse_config({"detect": {"detector": f"{FINDS}:{name}", "options": options}})


def counts_of(out: Path) -> dict[str, Any]:
    counts: dict[str, Any] = json.loads((out / "release" / "manifest.json").read_text())["counts"]
    return counts


def test_a_scan_without_list_gets_what_the_detector_finds_and_the_others_their_list(
    source: Path, tmp_path: Path
) -> None:
    copy = without_list(source, tmp_path / "source", 1)
    report = run(copy, tmp_path / "out", detect("EveryNth", step=200), workers=0)
    links = pd.read_csv(tmp_path / "out" / "private" / "linkage.csv")
    by_scan = links.groupby("scan_id").size()
    scans = [row["scan_id"] for row in read_rows(copy / "scans.csv")]
    assert by_scan[scans[0]] == by_scan[scans[2]] == LESIONS
    assert by_scan[scans[1]] > LESIONS
    assert report.counts["lesions"]["found"] >= by_scan.sum()
    score = read_metadata(tmp_path / "out" / "release").set_index("isic_id")["tbp_ex_find_score"]
    has_score = score.loc[links["isic_id"]].notna().to_numpy()
    np.testing.assert_array_equal(has_score, links["scan_id"] == scans[1])
    assert len(read_metadata(tmp_path / "out" / "release")) == by_scan.sum()
    assert verify(tmp_path / "out") == ()


def test_small_finds_are_counted_by_name_and_listed_privately(source: Path, tmp_path: Path) -> None:
    copy = without_list(source, tmp_path / "source", 0)
    run(copy, tmp_path / "out", detect("EveryNth", step=400, diameter_mm=1.0), workers=0)
    dropped = pd.read_csv(tmp_path / "out" / "private" / "dropped.csv")
    small = dropped[dropped["reason"] == "below_diameter"]
    assert len(small) >= 5
    counts = counts_of(tmp_path / "out")
    assert counts["lesions"]["dropped"]["below_diameter"] == len(small)
    assert counts["scans"]["empty"] == {"all_dropped": 1}


def test_a_scan_with_nothing_on_it_is_done_with_its_reason(source: Path, tmp_path: Path) -> None:
    copy = without_list(source, tmp_path / "source", 2)
    report = run(copy, tmp_path / "out", detect("Nothing"), workers=0)
    assert report.quarantined == ()
    assert report.counts["scans"] == {
        "planned": SCANS, "done": SCANS, "empty": {"no_finds": 1}, "quarantined": {},
    }  # fmt: skip
    assert report.counts["lesions"]["exported"] == (SCANS - 1) * LESIONS
    assert verify(tmp_path / "out") == ()


def test_a_run_on_skin_of_one_colour_ends_without_a_release_and_says_why(
    source: Path, tmp_path: Path
) -> None:
    copy = without_list(source, tmp_path / "source", 0)
    write_rows(copy / "scans.csv", read_rows(copy / "scans.csv")[:1])
    for page in (copy / "arm_000").glob("*.jpg"):
        cv2.imwrite(str(page), np.full((512, 512, 3), (140, 165, 206), np.uint8))
    out = tmp_path / "out"
    for _ in range(2):
        command = [str(copy), "--out", str(out), "--workers", "0"]
        done = CliRunner().invoke(run_command, command, standalone_mode=False)
        assert done.return_value == 1
        assert "scans without a lesion: 1 one_colour\nnothing was produced" in done.output
        assert not (out / "release").exists()
        told = CliRunner().invoke(status_command, [str(out)], standalone_mode=False).output
        assert "finished, and no lesion was left to release" in told
        assert "scans without a lesion: 1 one_colour" in told


def test_a_detector_that_breaks_its_contract_costs_its_scan_only(
    source: Path, tmp_path: Path
) -> None:
    copy = without_list(source, tmp_path / "source", 0)
    report = run(copy, tmp_path / "out", detect("Liar"), workers=0)
    assert [row.reason for row in report.quarantined] == ["detector_fault"]
    assert "candidates.face: 1 lie outside" in report.quarantined[0].message


def test_a_detector_that_fails_costs_its_scan_only_and_its_writer_reads_where(
    source: Path, tmp_path: Path
) -> None:
    copy = without_list(source, tmp_path / "source", 0)
    report = run(copy, tmp_path / "out", detect("Failing"), workers=0)
    assert report.counts["scans"]["quarantined"] == {"detector_fault": 1}
    assert "raised RuntimeError" in report.quarantined[0].message
    assert "Miller" not in report.quarantined[0].message
    assert "finds.py" in read_rows(OutLayout(tmp_path / "out").quarantine)[0]["trace"]


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(("times", "reasons"), [(1, []), (9, ["out_of_memory"])])
def test_want_of_memory_costs_one_retry_and_then_the_scan(
    source: Path, tmp_path: Path, workers: int, times: int, reasons: list[str]
) -> None:
    copy = without_list(source, tmp_path / "source", 1)
    settings = detect("Hungry", counter=str(tmp_path / "tries"), times=times)
    report = run(copy, tmp_path / "out", settings, workers=workers)
    assert [scan.reason for scan in report.quarantined] == reasons
    assert (tmp_path / "tries").read_text() == "xx"
    assert report.counts["lesions"]["exported"] == (SCANS - 1) * LESIONS
    assert verify(tmp_path / "out") == ()


def test_a_changed_class_of_ones_own_is_noticed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = without_list(source, tmp_path / "source", 1)
    package = tmp_path / "theirs"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "finder.py").write_text("from tests.detect.finds import Nothing as Finder\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = parse_config({"detect": {"detector": "theirs.finder:Finder"}})
    run(copy, tmp_path / "out", settings, workers=0)
    run(copy, tmp_path / "out", settings, workers=0)
    (package / "helper.py").write_text("# what the class leans on\n")
    with pytest.raises(OutputError, match="the settings changed"):
        run(copy, tmp_path / "out", settings, workers=0)


def test_a_run_can_be_held_to_the_code_of_a_class_of_ones_own(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "out", detect("Nothing"), workers=0)
    manifest = json.loads((tmp_path / "out" / "release" / "manifest.json").read_text())
    sha256 = manifest["config"]["settings"]["detect"]["code_sha256"]
    pinned = {"detector": f"{FINDS}:Nothing", "code_sha256": sha256}
    run(source, tmp_path / "out", parse_config({"detect": pinned}), workers=0)
    other = parse_config({"detect": pinned | {"code_sha256": "0" * 64}})
    with pytest.raises(ConfigError, match=r"detect\.code_sha256"):
        run(source, tmp_path / "other", other, workers=0)


def test_without_a_detector_a_scan_without_list_is_quarantined_with_what_to_do(
    source: Path, tmp_path: Path
) -> None:
    copy = without_list(source, tmp_path / "source", 0)
    settings = parse_config({"detect": {"detector": "listed"}})
    report = run(copy, tmp_path / "out", settings, workers=0)
    assert [row.reason for row in report.quarantined] == ["lesion_list_missing"]
    assert "detect.detector" in report.quarantined[0].message


def test_a_detector_that_does_not_exist_stops_before_anything_is_written(
    source: Path, tmp_path: Path
) -> None:
    settings = detect("Nowhere")
    with pytest.raises(ConfigError, match="no class 'Nowhere'"):
        run(source, tmp_path / "out", settings, workers=0)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="no class 'Nowhere'"):
        next(iter(check_source(source, settings)))


def test_a_scan_of_which_little_was_seen_is_told(source: Path, tmp_path: Path) -> None:
    copy = without_list(source, tmp_path / "source", 0)
    run(copy, tmp_path / "out", detect("Squinting"), workers=0)
    log = (tmp_path / "out" / "private" / "log.txt").read_text()
    assert log.count("only 50 % of its skin could be looked at squarely") == 1
    first, second, _ = check_source(copy, detect("Squinting"))
    assert "50.0 % of the skin seen" in first.summary
    assert re.search(r"texture 512 x 512 px of 0\.\d+ mm a texel, ", first.summary)
    assert "skin seen" not in second.summary


def test_the_preflight_says_who_would_find_the_lesions(source: Path, tmp_path: Path) -> None:
    copy = without_list(source, tmp_path / "source", 0)
    first, second, _ = check_source(copy, detect("Nothing"))
    assert f"0 lesions by '{FINDS}:Nothing' (no_finds)" in first.summary
    assert f"{LESIONS} lesions by 'listed'" in second.summary


def test_options_of_a_detector_stay_out_of_the_release(source: Path, tmp_path: Path) -> None:
    copy = without_list(source, tmp_path / "source", 0)
    run(copy, tmp_path / "out", detect("EveryNth", step=321), workers=0)
    manifest = json.loads((tmp_path / "out" / "release" / "manifest.json").read_text())
    settings = manifest["config"]["settings"]["detect"]
    assert settings["detector"] == f"{FINDS}:EveryNth"
    assert "options" not in settings


def test_tags_beside_finds_are_linked_counted_and_told(source: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(
        f"[detect]\ndetector = '{FINDS}:EveryNth'\nwith_list = 'tags'\n"
        "tag_distance_mm = 3.0\noptions = {step = 97}\n"
    )
    out = tmp_path / "out"
    command = [str(source), "--out", str(out), "--config", str(settings), "--workers", "0"]
    done = CliRunner().invoke(run_command, command, standalone_mode=False)
    assert done.exception is None
    links = pd.read_csv(out / "private" / "linkage.csv")
    matches = links["tag_match"].value_counts().to_dict()
    assert set(matches) >= {"unmatched", "untagged"}
    # Every tag is there under its own id, met or not.
    met = links[links["tag_match"] != "untagged"]
    assert len(met) == SCANS * LESIONS
    assert not met["lesion_id"].str.startswith("find:").any()
    assert counts_of(out)["lesions"]["tags"] == matches
    assert all(f"{count} {match}" in done.output for match, count in matches.items()), done.output
    assert verify(out) == ()


def test_tags_without_a_detector_are_refused() -> None:
    with pytest.raises(ConfigError, match="with_list = 'tags' needs a detector"):
        parse_config({"detect": {"detector": "listed", "with_list": "tags"}})
