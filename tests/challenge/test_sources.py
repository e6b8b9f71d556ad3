"""From sources to a challenge: a centre of scans and two of vendor tile exports."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from tbp_extract.challenge.build import Challenge, build_challenge
from tbp_extract.config import ChallengeConfig, parse_settings
from tests.challenge.planted import SETTINGS
from tests.challenge.sources import PlantedSources, plant_sources

VISITS = 2


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> PlantedSources:
    folder = tmp_path_factory.mktemp("sources")
    return plant_sources(folder, patients=30, visits=VISITS, scanned=5, tiles=6)


@pytest.fixture(scope="module")
def made(
    planted: PlantedSources, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Challenge]:
    out = tmp_path_factory.mktemp("challenge") / "out"
    return out, build_challenge(planted.source, out, parse_settings(SETTINGS, ChallengeConfig))


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_what_was_planted_in_the_sources_is_found_and_nothing_else(
    made: tuple[Path, Challenge], planted: PlantedSources
) -> None:
    private = made[0] / "private"
    errors: dict[int, set[str]] = {}
    for row in read(private / "label_problems.csv"):
        errors.setdefault(int(row["row"]), set()).add(row["code"])
    assert errors == planted.errors
    pairs = [
        frozenset((row["source_isic_id_1"], row["source_isic_id_2"]))
        for row in read(private / "duplicates.csv")
    ]
    assert len(set(pairs)) == len(pairs)
    assert set(pairs) == planted.duplicates
    assert made[1].audit.crossings == dict.fromkeys(made[1].audit.crossings, 0)


def test_tiles_that_are_no_weak_labels_or_wait_for_a_reviewer_take_no_part(
    made: tuple[Path, Challenge], planted: PlantedSources
) -> None:
    fates = {row["source_isic_id"]: row["fate"] for row in read(made[0] / "private" / "fates.csv")}
    assert len(fates) == planted.crops
    exports = 2 * 10 * VISITS
    assert planted.crops == 10 * VISITS * 5 + exports * (6 + 2)
    of_tags = Counter(fates[name] for name in planted.never)
    assert of_tags.total() == 2 * exports
    # A patient of one export is in doubt as a whole, the other captures are not the index.
    assert of_tags["tag_unmatched"] == of_tags["tag_status"] == 19
    assert "taken" not in of_tags
    assert planted.held == exports


def test_rows_of_all_centres_stand_in_the_one_table(made: tuple[Path, Challenge]) -> None:
    public = made[0] / "public"
    rows = read(public / "train-metadata.csv") + read(public / "test-metadata.csv")
    centres = Counter(row["attribution"] for row in rows)
    assert set(centres) == {f"Hospital of {name}" for name in ("Basel", "Athens", "Vienna")}
    assert {row["tbp_lv_location_simple"] for row in rows} >= {"Left Arm"}
