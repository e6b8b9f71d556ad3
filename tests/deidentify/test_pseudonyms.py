import hashlib
import hmac
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbp_extract.deidentify import (
    keyed_fingerprint,
    lesion_pseudonym,
    order_digest,
    patient_pseudonym,
    scan_pseudonym,
    shard_index,
    tombstone,
)
from tbp_extract.deidentify.pseudonyms import SHIFT_DAYS, day_shift
from tbp_extract.types import ReleaseKey
from tests.releases import KEY

OTHER_KEY = ReleaseKey(b"\x01" * 32)
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


def test_pseudonyms_have_their_form() -> None:
    assert re.fullmatch(r"TBP_[A-Z2-7]{12}", lesion_pseudonym(KEY, "scan", "1"))
    assert re.fullmatch(r"TBPP_[A-Z2-7]{12}", patient_pseudonym(KEY, "patient"))
    assert re.fullmatch(r"TBPS_[A-Z2-7]{12}", scan_pseudonym(KEY, "scan"))


def test_pseudonym_is_the_documented_hmac() -> None:
    parts = [b"tbp_extract 1", b"patient", b"MRN-1"]
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    digest = hmac.new(KEY.secret, message, hashlib.sha256).hexdigest()
    # 12 base32 characters are the first 60 bits.
    number = int(digest, 16) >> (256 - 60)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    expected = "".join(alphabet[number >> shift & 31] for shift in range(55, -1, -5))
    assert patient_pseudonym(KEY, "MRN-1") == f"TBPP_{expected}"


def test_domains_and_keys_give_different_tokens() -> None:
    tokens = {
        lesion_pseudonym(KEY, "1", "2").split("_")[1],
        lesion_pseudonym(KEY, "12", "").split("_")[1],
        lesion_pseudonym(KEY, "", "12").split("_")[1],
        lesion_pseudonym(OTHER_KEY, "1", "2").split("_")[1],
        patient_pseudonym(KEY, "1").split("_")[1],
        patient_pseudonym(OTHER_KEY, "1").split("_")[1],
        scan_pseudonym(KEY, "1").split("_")[1],
    }
    assert len(tokens) == 7
    assert order_digest(KEY, "1") != order_digest(OTHER_KEY, "1")
    assert keyed_fingerprint(KEY, "1") != keyed_fingerprint(OTHER_KEY, "1")


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_different_lesions_have_different_names(a: tuple[str, str], b: tuple[str, str]) -> None:
    assert (lesion_pseudonym(KEY, *a) == lesion_pseudonym(KEY, *b)) == (a == b)


def test_a_key_does_not_show_itself() -> None:
    assert repr(KEY) == "ReleaseKey()"
