"""Moving finds to the drops loses none of them."""

import numpy as np
import pytest

from tbp_extract.detect import drop, nothing_found, without_small
from tbp_extract.geometry import build_surface, point_positions
from tbp_extract.types import DropReason, EmptyReason
from tests.detect.finds import EveryNth, Squinting
from tests.targets import FLAT_PAGE, plane_scan

SCAN = plane_scan(FLAT_PAGE, 10.0)
SURFACE = build_surface(SCAN)


def test_what_is_dropped_keeps_its_id_its_reason_and_its_place() -> None:
    found = EveryNth().detect(SCAN, SURFACE)
    places = point_positions(SURFACE, found.candidates.face, found.candidates.barycentric)
    reasons = [DropReason.REJECTED if row % 3 == 1 else None for row in range(len(places))]
    left = drop(found, reasons, SURFACE)
    assert left.drops.lesion_id == tuple(found.candidates.lesion_id[1::3])
    assert set(left.drops.reason) == {DropReason.REJECTED}
    np.testing.assert_array_equal(left.drops.position_mm, places[1::3])
    assert sorted(left.candidates.lesion_id + left.drops.lesion_id) == sorted(
        found.candidates.lesion_id
    )
    assert left.empty is None


def test_dropping_twice_keeps_both_rounds() -> None:
    found = EveryNth(step=100).detect(SCAN, SURFACE)
    n = len(found.candidates)
    once = drop(found, [DropReason.REJECTED, *[None] * (n - 1)], SURFACE)
    twice = drop(once, [DropReason.UNCOVERED] * (n - 1), SURFACE)
    assert twice.drops.reason == (DropReason.REJECTED, *[DropReason.UNCOVERED] * (n - 1))
    assert twice.drops.position_mm.shape == (n, 3)
    assert twice.empty is EmptyReason.ALL_DROPPED


def test_a_find_below_the_smallest_diameter_is_dropped_and_one_of_unknown_size_is_not() -> None:
    found = EveryNth(step=100).detect(SCAN, SURFACE)
    found.candidates.diameter_mm[:] = [2.49, 2.5, np.nan]
    left = without_small(found, 2.5, SURFACE)
    assert left.candidates.lesion_id == ("2", "3")
    assert left.drops.lesion_id == ("1",)
    assert left.drops.reason == (DropReason.BELOW_DIAMETER,)


def test_one_reason_a_candidate_or_none_is_dropped() -> None:
    found = EveryNth(step=100).detect(SCAN, SURFACE)
    with pytest.raises(ValueError, match="expected 3 reasons, got 1"):
        drop(found, [None], SURFACE)


def test_what_was_seen_of_the_skin_is_still_told_after_a_drop() -> None:
    found = Squinting().detect(SCAN, SURFACE)
    reasons = [DropReason.REJECTED, *[None] * (len(found.candidates) - 1)]
    assert drop(found, reasons, SURFACE).seen_share == 0.5


def test_dropping_nothing_leaves_an_empty_result_its_own_reason() -> None:
    found = without_small(nothing_found(EmptyReason.NO_SKIN), 2.5, SURFACE)
    assert found.empty is EmptyReason.NO_SKIN
