"""Nobody crosses a split, whoever shares what with whom."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tbp_extract.challenge.splits import NOBODY, TEST, TRAIN, SplitInput, Splits, share_out
from tbp_extract.types import ReleaseKey

KEY = ReleaseKey(bytes(range(32)))


def people(
    centres: Sequence[int], patient: Sequence[int], group: Sequence[int], strata: Sequence[str] = ()
) -> SplitInput:
    """Patients by centre; crops by patient and group."""
    return SplitInput(
        names=[(f"centre {c}", f"mrn {p}") for p, c in enumerate(centres)],
        centre=np.array(centres, np.int16),
        stratum=strata or [""] * len(centres),
        patient=np.array(patient, np.int32),
        group=np.array(group, np.int64),
    )


def split(who: SplitInput, share: float = 0.3, held_out: frozenset[int] = frozenset()) -> Splits:
    return share_out(who, test_share=share, held_out=held_out, key=KEY)


@st.composite
def anything(draw: st.DrawFn) -> tuple[SplitInput, float, frozenset[int]]:
    centre_count = draw(st.integers(1, 4))
    centres = sorted(draw(st.lists(st.integers(0, centre_count - 1), min_size=1, max_size=25)))
    crops = draw(st.integers(1, 60))
    patient = draw(
        st.lists(st.integers(0, len(centres) - 1), min_size=crops, max_size=crops).map(sorted)
    )
    group = draw(st.lists(st.integers(0, 40), min_size=crops, max_size=crops))
    strata = draw(st.lists(st.sampled_from("ab"), min_size=len(centres), max_size=len(centres)))
    held_out = draw(st.frozensets(st.integers(0, centre_count - 1)))
    return people(centres, patient, group, strata), draw(st.floats(0, 1)), held_out


@settings(max_examples=300, deadline=None)
@given(anything())
def test_no_patient_and_no_duplicate_group_ever_crosses(
    case: tuple[SplitInput, float, frozenset[int]],
) -> None:
    who, share, held_out = case
    found = split(who, share, held_out)
    of_crop = found.of_patient[who.patient]
    sides: dict[int, set[int]] = defaultdict(set)
    for group, side, out in zip(who.group, of_crop, found.left_out, strict=True):
        if not out:
            sides[int(group)].add(int(side))
    assert all(len(side) == 1 for side in sides.values())
    assert set(of_crop.tolist()) <= {TRAIN, TEST}
    absent = np.setdiff1d(np.arange(len(who.names)), who.patient)
    assert (found.of_patient[absent] == NOBODY).all()
    for centre in held_out:
        present = np.unique(who.patient[who.centre[who.patient] == centre])
        assert (found.of_patient[present] == TEST).all()


@settings(max_examples=150, deadline=None)
@given(anything())
def test_what_comes_with_a_later_centre_moves_nobody(
    case: tuple[SplitInput, float, frozenset[int]],
) -> None:
    who, share, held_out = case
    whole = split(who, share, held_out)
    earlier = who.centre < who.centre.max()
    if not earlier.any():
        return
    crops = earlier[who.patient]
    count = int(earlier.sum())
    before = split(
        people(
            who.centre[:count].tolist(),
            who.patient[crops].tolist(),
            who.group[crops].tolist(),
            list(who.stratum[:count]),
        ),
        share,
        held_out,
    )
    np.testing.assert_array_equal(whole.of_patient[:count], before.of_patient)
    np.testing.assert_array_equal(whole.left_out[crops], before.left_out)


def test_only_crops_that_tie_two_splits_are_left_out() -> None:
    who = people([0] * 20, range(20), range(20))
    assert not split(who).left_out.any()


def test_each_class_of_each_centre_gets_its_share() -> None:
    centres = [c for c in range(3) for _ in range(100)]
    strata = [("malignant", "benign")[p % 4 > 0] for p in range(300)]
    found = split(people(centres, range(300), range(300), strata), 0.3)
    for centre in range(3):
        for word, size in (("malignant", 25), ("benign", 75)):
            inside = [p for p in range(300) if centres[p] == centre and strata[p] == word]
            assert len(inside) == size
            # Systematic sampling: each class is off by less than one patient at either end.
            assert abs(int((found.of_patient[inside] == TEST).sum()) - 0.3 * size) < 2


def test_patients_who_share_a_picture_go_together() -> None:
    who = people([0] * 40, range(40), [k // 2 for k in range(40)])
    found = split(who, 0.5)
    assert (found.of_patient[::2] == found.of_patient[1::2]).all()
    assert 0.3 < found.of_patient.mean() < 0.7


def test_a_held_out_centre_keeps_its_patients_and_loses_the_shared_crop() -> None:
    # Patients 0..9 train (share 0), patient 10 of a held-out centre shares a picture with one.
    who = people([0] * 10 + [1], [*range(10), 10, 10], [*range(10), 3, 99])
    found = split(who, 0.0, frozenset({1}))
    assert found.of_patient.tolist() == [TRAIN] * 10 + [TEST]
    assert found.left_out.tolist() == [False] * 10 + [True, False]


def test_another_key_shares_out_otherwise() -> None:
    who = people([0] * 200, range(200), range(200))
    other = share_out(who, test_share=0.3, held_out=frozenset(), key=ReleaseKey(bytes(32)))
    assert (other.of_patient != split(who).of_patient).any()
