"""Texts planted in every channel of a source: none leaves, none is told.

The full size is `python -m benchmarks.canaries`.
"""

import pytest

from benchmarks.canaries import (
    KEPT,
    Outcome,
    run_canaries,
    run_fault_canaries,
    run_tile_canaries,
)
from benchmarks.planting import MIN_SCANS, PlantOptions

FEWEST_CHANNELS = 30


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    options = PlantOptions(scans=MIN_SCANS, lesions=3)
    commands = ("run", "verify")
    scans, tiles, faults = (tmp_path_factory.mktemp(name) for name in ("scans", "tiles", "faults"))
    return (
        run_canaries(scans, options, commands)
        | run_tile_canaries(tiles, captures=5, lesions=4, commands=commands)
        | run_fault_canaries(faults, ("Raises", "Exits"))
    )


def test_every_channel_carried_something_and_the_run_came_through(outcome: Outcome) -> None:
    runs = {"run": 3, "verify": 0, "tiles: run": 3, "tiles: verify": 0}
    # Nothing comes of scans at which the detector breaks.
    broken = {"Raises: run": 1, "Raises: status": 0, "Exits: run": 1, "Exits: status": 0}
    assert outcome.exit_codes == runs | broken
    assert len(outcome.planted) >= FEWEST_CHANNELS


def test_no_canary_is_in_the_release_in_any_guise(outcome: Outcome) -> None:
    assert outcome.in_release == set()
    assert outcome.failures == 0


def test_no_canary_is_in_the_log_the_report_or_on_the_terminal(outcome: Outcome) -> None:
    assert outcome.in_log == outcome.in_report == outcome.on_terminal == set()


def test_the_private_side_holds_what_it_should_and_no_more(outcome: Outcome) -> None:
    assert outcome.in_private == KEPT
