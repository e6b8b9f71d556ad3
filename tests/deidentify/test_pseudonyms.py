import numpy as np
import pytest

from tbp_extract.deidentify import lesion_pseudonym, shard_index, tombstone
from tbp_extract.deidentify.pseudonyms import SHIFT_DAYS, day_shift
from tbp_extract.types import ReleaseKey
from tests.releases import KEY

IDS = sorted(
    lesion_pseudonym(KEY, f"scan {scan}", str(k)) for scan in range(20) for k in range(100)
)


@pytest.mark.parametrize("shards", [1, 3, 7, 64])
def test_shards_are_ranges_of_ids_of_even_size(shards: int) -> None:
    index = [shard_index(name, shards) for name in IDS]
    assert index == sorted(index)
    counts = np.bincount(index, minlength=shards)
    assert len(counts) == shards
    # Binomial: five standard deviations.
    mean = len(IDS) / shards
    assert np.abs(counts - mean).max() <= 5 * np.sqrt(mean)


def test_first_and_last_id_lie_in_first_and_last_shard() -> None:
    assert shard_index("TBP_222222222222", 9) == 0
    assert shard_index("TBP_ZZZZZZZZZZZZ", 9) == 8


def test_shifts_are_spread_over_all_days_and_belong_to_the_key() -> None:
    shifts = np.array([day_shift(KEY, str(patient)) for patient in range(2000)])
    assert shifts.min() >= 0
    assert shifts.max() < SHIFT_DAYS
    # Mean of a uniform spread, four standard errors.
    assert abs(shifts.mean() / SHIFT_DAYS - 0.5) < 4 * np.sqrt(1 / 12 / 2000)
    assert day_shift(KEY, "1") == day_shift(KEY, "1") != day_shift(ReleaseKey(b"x" * 32), "1")


def test_tombstone_is_keyed_and_no_pseudonym() -> None:
    assert tombstone(KEY, "A") != tombstone(KEY, "B")
    assert tombstone(KEY, "A") != tombstone(ReleaseKey(b"x" * 32), "A")
