"""The scans of a patient share the bound on joined views, whatever came first."""

import hashlib
from pathlib import Path

import pytest

from tbp_extract.config import Config, parse_config
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.scan_record import read_scan_record
from tbp_extract.pipeline.hold import bound_stands
from tbp_extract.pipeline.run import RunReport, run
from tests.sources import LESIONS, copy_source, read_rows, write_rows

KEY = "5b" * 32 + "\n"


class Place:
    """A source of one or two visits of one patient, the second of the same arm, and a key."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.source = copy_source(source, folder / "source")
        self.folder = folder
        self.rows = read_rows(self.source / "scans.csv")[:1]
        self.key = folder / "key"
        self.key.touch(0o600)
        self.key.write_text(KEY)

    def run(self, visits: int, out: str, share: float, workers: int = 0) -> RunReport:
        rows = [{**self.rows[0], "scan_id": f"visit {k}"} for k in range(visits)]
        write_rows(self.source / "scans.csv", rows[::-1] if workers else rows)
        return run(
            self.source, self.folder / out, settings(share), workers=workers, key_path=self.key
        )

    def digest(self, out: str) -> dict[str, str]:
        release = self.folder / out / "release"
        return {
            str(path.relative_to(release)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in release.rglob("*")
            if path.is_file()
        }


def settings(share: float) -> Config:
    others = ("nail", "background", "unplaced", "clothing", "tattoo", "text", "jewellery")
    return parse_config({"gate": {"max_union_share": share, **dict.fromkeys(others, "allow")}})


@pytest.fixture
def place(source: Path, tmp_path: Path) -> Place:
    return Place(source, tmp_path)


def share_of_one(place: Place) -> float:
    """Of the arm, that one visit's crops may show."""
    assert place.run(1, "one", 0.9).counts["lesions"]["exported"] == LESIONS
    (path,) = OutLayout(place.folder / "one").records.glob("*.record")
    return read_scan_record(path).view_share


def test_a_later_visit_takes_its_share_as_if_it_had_always_been_there(place: Place) -> None:
    share = 1.4 * share_of_one(place)
    assert place.run(1, "out", share).counts["lesions"]["dropped"] == {}
    later = place.run(2, "out", share)
    assert later.resumed == 0
    assert later.counts["lesions"]["dropped"]["held_stitched"] >= 2
    place.run(2, "fresh", share, workers=2)
    assert place.digest("out") == place.digest("fresh")


def test_where_there_is_room_for_both_the_first_is_not_done_again(place: Place) -> None:
    share = 2.1 * share_of_one(place)
    place.run(1, "out", share)
    later = place.run(2, "out", share)
    assert later.resumed == 1
    assert later.counts["lesions"]["dropped"] == {}


def test_bound_stands_where_no_crop_could_have_been_held() -> None:
    config = settings(0.5).gate
    assert bound_stands(0.4, 2, 2, config)
    assert bound_stands(0.25, 1, 2, config)
    assert not bound_stands(0.26, 1, 2, config)
    assert not bound_stands(0.26, 2, 1, config)
    allowed = parse_config({"gate": {"stitched": "allow"}}).gate
    assert bound_stands(0.9, 1, 7, allowed)
