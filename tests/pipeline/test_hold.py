from pathlib import Path
from typing import Any

import pytest

from tbp_extract.config import parse_config
from tbp_extract.errors import ConfigError
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.shards import ShardReader
from tbp_extract.pipeline.run import Progress, RunReport, run
from tbp_extract.verify import verify
from tests.sources import LESIONS, SCANS, copy_source, read_rows, write_rows

# A crop as wide as this shows what lies beside an arm.
SETTINGS: dict[str, Any] = {
    "crop": {"extent_mm": 60.0},
    "gate": {"max_uncovered_share": 0.05, "stitched": "allow"},
}


@pytest.fixture(scope="module")
def narrow(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source of which some crops show no skin at their rims."""
    return copy_source(source, tmp_path_factory.mktemp("narrow") / "source")


def held_run(source: Path, out: Path) -> tuple[RunReport, list[dict[str, str]]]:
    report = run(source, out, parse_config(SETTINGS), workers=0)
    return report, read_rows(OutLayout(out).review)


def test_held_crops_are_counted_queued_and_not_released(narrow: Path, tmp_path: Path) -> None:
    report, queue = held_run(narrow, tmp_path / "out")
    lesions = report.counts["lesions"]
    assert len(queue) == lesions["dropped"]["held_background"] > 0
    assert lesions["exported"] + sum(lesions["dropped"].values()) == SCANS * LESIONS
    layout = OutLayout(tmp_path / "out")
    assert all((layout.attachments / f"{row['isic_id']}.jpg").is_file() for row in queue)
    assert all("background" in row["reasons"].split() for row in queue)
    with ShardReader(layout.release) as reader:
        assert not {row["isic_id"] for row in queue} & set(reader.ids)
    assert verify(tmp_path / "out") == ()


def test_reviewer_decides_what_the_next_run_releases(narrow: Path, tmp_path: Path) -> None:
    report, queue = held_run(narrow, tmp_path / "out")
    layout = OutLayout(tmp_path / "out")
    assert len(queue) >= 2
    words = ["approve", "reject", *[""] * (len(queue) - 2)]
    decided = [{**row, "decision": word} for row, word in zip(queue, words, strict=True)]
    write_rows(layout.decisions, decided)
    after, again = held_run(narrow, tmp_path / "out")
    before, now = report.counts["lesions"], after.counts["lesions"]
    assert now["exported"] == before["exported"] + 1
    assert now["dropped"]["refused"] == 1
    assert now["dropped"].get("held_background", 0) == before["dropped"]["held_background"] - 2
    assert [row["decision"] for row in again] == words
    with ShardReader(layout.release) as reader:
        assert queue[0]["isic_id"] in reader
        assert queue[1]["isic_id"] not in reader
    resumed = run(narrow, tmp_path / "out", parse_config(SETTINGS), workers=0)
    assert resumed.resumed == SCANS


class Listening(Progress):
    """Keeps what a run tells."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def noticed(self, sentence: str) -> None:
        self.told.append(sentence)


def test_decisions_on_crops_that_nobody_held_are_told(narrow: Path, tmp_path: Path) -> None:
    layout, progress = OutLayout(tmp_path / "out"), Listening()
    layout.private.mkdir(parents=True)
    ids = [f"TBP_{letter * 12}" for letter in "AB"]
    layout.decisions.write_text("isic_id,decision\n" + "".join(f"{i},reject\n" for i in ids))
    run(narrow, tmp_path / "out", parse_config(SETTINGS), workers=0, progress=progress)
    (sentence,) = progress.told
    assert sentence.startswith("warning: 2 rows of private/decisions.csv decide on crops")
    assert not any(i in sentence for i in ids)


def test_a_wrong_word_of_a_reviewer_stops_the_run(narrow: Path, tmp_path: Path) -> None:
    layout = OutLayout(tmp_path / "out")
    layout.private.mkdir(parents=True)
    layout.decisions.write_text("isic_id,decision\nTBP_AAAAAAAAAAAA,yes\n")
    with pytest.raises(ConfigError, match="row 2: expected approve, reject or nothing"):
        held_run(narrow, tmp_path / "out")


@pytest.mark.parametrize("policy", ["allow", "drop"])
def test_policy_releases_or_bars(narrow: Path, tmp_path: Path, policy: str) -> None:
    config = parse_config({**SETTINGS, "gate": {**SETTINGS["gate"], "background": policy}})
    lesions = run(narrow, tmp_path / "out", config, workers=0).counts["lesions"]
    assert ("barred_background" in lesions["dropped"]) is (policy == "drop")
    assert "held_background" not in lesions["dropped"]
    assert read_rows(OutLayout(tmp_path / "out").review) == []
