"""Tags beside finds: one to one, in four outcomes, with nothing lost on either side."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.config import LesionConfig
from tbp_extract.detect import Found, drop, nothing_found, without_small
from tbp_extract.detect.listed import Listed
from tbp_extract.detect.tags import match_tags, pair_up
from tbp_extract.detect.valid import faults_of
from tbp_extract.geometry import build_surface, point_positions
from tbp_extract.testing import check_detector
from tbp_extract.types import (
    CandidateSource,
    DropReason,
    EmptyReason,
    LesionList,
    Scan,
    Surface,
    TagMatch,
)
from tests.detect.finds import EveryNth, Squinting
from tests.targets import FLAT_PAGE, candidates_at, plane_scan

SCAN = plane_scan(FLAT_PAGE, 10.0)
SURFACE = build_surface(SCAN)
FAR = 5.0


def finds(
    accepted: list[tuple[float, float]],
    rejected: list[tuple[float, float]] | None = None,
    *,
    diameter_mm: float = 4.0,
    reason: DropReason = DropReason.REJECTED,
) -> Found:
    """A detector's answer: ids count from 1 over accepted, then rejected finds."""
    places = np.array([*accepted, *(rejected or [])], np.float64).reshape(-1, 2)
    found = candidates_at(SURFACE, np.column_stack((places, np.zeros(len(places)))))
    found.diameter_mm[:] = diameter_mm
    n = len(places)
    found = replace(
        found,
        source=(CandidateSource.DETECTOR,) * n,
        lesion_id=tuple(str(i + 1) for i in range(n)),
    )
    whole = Found(found, nothing_found(EmptyReason.NO_FINDS).drops)
    return drop(whole, [None] * len(accepted) + [reason] * (n - len(accepted)), SURFACE)


def tags(
    places: list[tuple[float, float]],
    *,
    ids: tuple[str, ...] | None = None,
    diameter_mm: float = float("nan"),
    height_mm: float = 0.0,
) -> Found:
    n = len(places)
    lesions = LesionList(
        xyz_mm=np.array([(x, y, height_mm) for x, y in places]).reshape(-1, 3),
        uv=None,
        page=None,
        lesion_id=ids or tuple(f"T{i}" for i in range(n)),
        diameter_mm=np.full(n, diameter_mm, np.float32),
        extra={
            "tag": np.array([f"tag {i}" for i in range(n)], object),
            "tbp_lv_nevi_confidence": np.arange(n, dtype=np.float64),
        },
    )
    return Listed(lesions, LesionConfig(max_off_surface_share=1.0)).detect(SCAN, SURFACE)


def outcomes(found: Found) -> dict[str, str]:
    matches = found.candidates.extra["tag_match"]
    return dict(zip(found.candidates.lesion_id, matches, strict=True))


def test_the_four_outcomes_and_where_each_crop_will_be() -> None:
    found = finds([(0, 0), (20, 0)], [(-20, 0), (-30, 10)])
    listed = tags([(1, 1), (-21, 0), (0, 30)])
    joined = match_tags(found, listed, SURFACE, distance_mm=FAR)
    assert outcomes(joined) == {
        "T0": "tagged", "find:2": "untagged", "T1": "tagged_nl", "T2": "unmatched",
    }  # fmt: skip
    places = point_positions(SURFACE, joined.candidates.face, joined.candidates.barycentric)
    # The detector's middle where it found a lesion, the tag's own place elsewhere.
    np.testing.assert_allclose(places[:, :2], [(0, 0), (20, 0), (-21, 0), (0, 30)], atol=1e-9)
    assert joined.candidates.source == (
        CandidateSource.BOTH, CandidateSource.DETECTOR, CandidateSource.LIST, CandidateSource.LIST,
    )  # fmt: skip
    assert joined.drops.lesion_id == ("find:4",)
    assert joined.candidates.extra["tag"].tolist() == ["tag 0", None, "tag 1", "tag 2"]
    np.testing.assert_array_equal(
        joined.candidates.extra["tbp_lv_nevi_confidence"], [0, np.nan, 1, 2]
    )
    assert joined.empty is None
    assert next(faults_of(joined, SCAN), None) is None


def test_a_given_diameter_stands_and_a_detectors_does_not_pose_as_one() -> None:
    found = finds([(0, 0), (20, 0)])
    joined = match_tags(found, tags([(0, 1)], diameter_mm=7.0), SURFACE, distance_mm=FAR)
    assert joined.candidates.diameter_mm.tolist() == [7.0, 4.0]
    joined = match_tags(found, tags([(0, 1)]), SURFACE, distance_mm=FAR)
    assert np.isnan(joined.candidates.diameter_mm[0])


def test_the_nearer_of_two_tags_means_the_lesion_and_the_other_stands_alone() -> None:
    joined = match_tags(finds([(0, 0)]), tags([(2, 0), (-1, 0)]), SURFACE, distance_mm=FAR)
    assert outcomes(joined) == {"T1": "tagged", "T0": "unmatched"}


def test_a_lesion_is_preferred_to_a_nearer_rejected_find() -> None:
    found = finds([(3, 0)], [(0.5, 0)])
    joined = match_tags(found, tags([(0, 0)]), SURFACE, distance_mm=FAR)
    assert outcomes(joined) == {"T0": "tagged"}
    assert joined.drops.lesion_id == ("find:2",)


def test_a_large_lesion_is_met_anywhere_within_it() -> None:
    found = finds([(0, 0)], diameter_mm=16.0)
    assert outcomes(match_tags(found, tags([(7.5, 0)]), SURFACE, distance_mm=FAR)) == {
        "T0": "tagged"
    }
    assert outcomes(match_tags(found, tags([(8.5, 0)]), SURFACE, distance_mm=FAR)) == {
        "find:1": "untagged", "T0": "unmatched",
    }  # fmt: skip


def test_the_distance_is_the_one_given() -> None:
    found, listed = finds([(0, 0)]), tags([(3, 0)])
    assert outcomes(match_tags(found, listed, SURFACE, distance_mm=2.9))["T0"] == "unmatched"
    assert outcomes(match_tags(found, listed, SURFACE, distance_mm=3.1))["T0"] == "tagged"


def test_a_tag_keeps_a_lesion_that_is_too_small_to_be_exported_by_itself() -> None:
    found = finds([(0, 0), (20, 0)], diameter_mm=2.0)
    joined = match_tags(found, tags([(0, 1)]), SURFACE, distance_mm=FAR)
    left = without_small(joined, 2.5, SURFACE)
    assert left.candidates.lesion_id == ("T0",)
    assert left.drops.reason == (DropReason.BELOW_DIAMETER,)


def test_a_repeat_of_another_find_is_no_find_that_a_tag_could_mean() -> None:
    found = finds([], [(0, 0)], reason=DropReason.DUPLICATE_POSITION)
    joined = match_tags(found, tags([(0, 1)]), SURFACE, distance_mm=FAR)
    assert outcomes(joined) == {"T0": "unmatched"}
    assert joined.drops.lesion_id == ("find:1",)


def test_tags_off_the_skin_stay_dropped_under_their_reason() -> None:
    joined = match_tags(finds([(0, 0)]), tags([(0, 0)], height_mm=40.0), SURFACE, distance_mm=FAR)
    assert outcomes(joined) == {"find:1": "untagged"}
    assert joined.drops.lesion_id == ("T0",)
    assert joined.drops.reason == (DropReason.OFF_SURFACE,)


def test_where_all_tags_lie_off_the_skin_and_nothing_was_found_all_were_dropped() -> None:
    joined = match_tags(finds([]), tags([(0, 0)], height_mm=40.0), SURFACE, distance_mm=FAR)
    assert joined.empty is EmptyReason.ALL_DROPPED
    assert next(faults_of(joined, SCAN), None) is None


def test_what_was_seen_of_the_skin_is_still_told_beside_tags() -> None:
    found = Squinting().detect(SCAN, SURFACE)
    assert match_tags(found, tags([(0, 0)]), SURFACE, distance_mm=FAR).seen_share == 0.5


def test_ids_of_finds_never_meet_ids_of_the_list() -> None:
    found = finds([(0, 0), (20, 0), (-20, 0)])
    listed = tags([(0, 30), (0, -30)], ids=("find:2", "3"))
    joined = match_tags(found, listed, SURFACE, distance_mm=FAR)
    assert len(set(joined.candidates.lesion_id)) == 5
    assert next(faults_of(joined, SCAN), None) is None


def test_without_finds_tags_stand_alone_and_without_tags_nothing_changes_but_the_name() -> None:
    alone = match_tags(finds([]), tags([(0, 0)]), SURFACE, distance_mm=FAR)
    assert outcomes(alone) == {"T0": "unmatched"}
    assert alone.empty is None
    untagged = match_tags(finds([(0, 0)]), tags([]), SURFACE, distance_mm=FAR)
    assert outcomes(untagged) == {"find:1": "untagged"}
    neither = match_tags(finds([], [(0, 0)]), tags([]), SURFACE, distance_mm=FAR)
    assert neither.empty is EmptyReason.ALL_DROPPED
    assert len(neither.drops) == 1


@pytest.mark.parametrize("seed", range(4))
def test_every_tag_and_every_find_ends_in_exactly_one_place(seed: int) -> None:
    rng = np.random.default_rng(seed)
    place = rng.uniform(-35, 35, (120, 2)).tolist()
    found = finds(place[:50], place[50:80])
    listed = tags([*place[80:], *(np.array(place[:20]) + 0.7).tolist()])
    joined = match_tags(found, listed, SURFACE, distance_mm=FAR)
    count = Counter(outcomes(joined).values())
    met = count["tagged"] + count["tagged_nl"]
    total = len(found.candidates) + len(found.drops) + len(listed.candidates) + len(listed.drops)
    assert len(joined.candidates) + len(joined.drops) == total - met
    ids = joined.candidates.lesion_id + joined.drops.lesion_id
    assert {i for i in ids if not i.startswith("find:")} == set(
        listed.candidates.lesion_id + listed.drops.lesion_id
    )
    assert set(count) == {str(match) for match in TagMatch}
    assert count["tagged"] + count["untagged"] == 50


def brute_force(away: NDArray[np.float64], reach: NDArray[np.float64]) -> tuple[int, float]:
    """Most pairs, and the least distance of so many, by trying every order."""
    n, m = away.shape
    best = (0, 0.0)
    for order in itertools.permutations([*range(m), *([-1] * n)], n):
        pairs = [(i, j) for i, j in enumerate(order) if j >= 0]
        if all(away[i, j] <= reach[j] for i, j in pairs):
            best = min(best, (-len(pairs), sum(away[i, j] for i, j in pairs)))
    return -best[0], best[1]


@pytest.mark.parametrize("seed", range(8))
def test_pairs_are_as_many_as_possible_then_as_near_as_possible(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, two = rng.uniform(0, 4, (3, 3)), rng.uniform(0, 4, (4, 3))
    reach = rng.uniform(0.5, 3, 4)
    pair = pair_up(one, two, reach)
    away = np.linalg.norm(one[:, None] - two, axis=2)
    rows = np.flatnonzero(pair >= 0)
    count, total = brute_force(away, reach)
    assert len(rows) == count == len(set(pair[rows].tolist()))
    assert away[rows, pair[rows]].sum() == pytest.approx(total)


def test_two_tags_between_two_lesions_are_both_given_one() -> None:
    # Nearest first would give tag 1 lesion 0 and leave tag 0 without any.
    one = np.array([[0.0, 0, 0], [3.0, 0, 0]])
    two = np.array([[2.0, 0, 0], [6.5, 0, 0]])
    assert pair_up(one, two, np.full(2, 4.0)).tolist() == [0, 1]


def test_a_place_that_is_not_known_is_in_no_pair() -> None:
    assert pair_up(np.zeros((1, 3)), np.full((1, 3), np.nan), np.ones(1)).tolist() == [-1]
    assert pair_up(np.zeros((0, 3)), np.zeros((2, 3)), np.ones(2)).tolist() == []


def test_tags_beside_a_detector_keep_the_contract_of_detectors() -> None:
    lesions = LesionList(
        xyz_mm=np.array([[0.0, 80, 40], [0, 20, 40]]),
        uv=None,
        page=None,
        lesion_id=("1", "2"),
        diameter_mm=np.full(2, np.nan, np.float32),
        extra={},
    )
    listed = Listed(lesions, LesionConfig(max_off_surface_share=1.0))

    class Both:
        def detect(self, scan: Scan, surface: Surface) -> Found:
            found = EveryNth(step=70).detect(scan, surface)
            return match_tags(found, listed.detect(scan, surface), surface, distance_mm=FAR)

    check_detector(Both())
