"""The gate's own test: releases with one leak each, every one caught by the check that owns it."""

from pathlib import Path

import pytest

from tbp_extract.verify import CHECKS, verify
from tests.verify import (  # noqa: F401 - each notes its leaks
    leaks_of_hdf5,
    leaks_of_jpeg,
    leaks_of_manifest,
    leaks_of_private,
    leaks_of_tables,
    leaks_of_tree,
)
from tests.verify.edits import checks_of, level, seal
from tests.verify.leaks import LEAKS, Leak

FEWEST_LEAKS = 60


def test_the_clean_release_passes(sound: Path) -> None:
    assert verify(sound) == ()


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.name)
def test_a_leak_is_caught_by_the_check_that_owns_it(out: Path, leak: Leak) -> None:
    leak.edit(out)
    if leak.sealed:
        seal(out)
    if leak.check != "times":
        level(out)
    found = checks_of(out)
    assert leak.check in found
    assert found <= {leak.check, *leak.also}, "another check cries wolf"


def test_there_are_leaks_enough_of_distinct_names() -> None:
    assert len({leak.name for leak in LEAKS}) == len(LEAKS) >= FEWEST_LEAKS


def test_every_check_owns_a_leak() -> None:
    assert {leak.check for leak in LEAKS} == CHECKS.keys()
