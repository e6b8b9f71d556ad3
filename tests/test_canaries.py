"""Texts planted in every channel of a source: none leaves, none is told.

The full size is `python -m benchmarks.canaries`.
"""

import pytest

from benchmarks.canaries import KEPT, Outcome, run_canaries
from benchmarks.planting import MIN_SCANS, PlantOptions

FEWEST_CHANNELS = 30


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    options = PlantOptions(scans=MIN_SCANS, lesions=3)
    return run_canaries(tmp_path_factory.mktemp("canaries"), options, ("run", "verify"))


def test_every_channel_carried_something_and_the_run_came_through(outcome: Outcome) -> None:
    assert outcome.exit_codes == {"run": 3, "verify": 0}
    assert len(outcome.planted) >= FEWEST_CHANNELS


def test_no_canary_is_in_the_release_in_any_guise(outcome: Outcome) -> None:
    assert outcome.in_release == set()
    assert outcome.failures == 0


def test_no_canary_is_in_the_log_the_report_or_on_the_terminal(outcome: Outcome) -> None:
    assert outcome.in_log == outcome.in_report == outcome.on_terminal == set()


def test_the_private_side_holds_what_it_should_and_no_more(outcome: Outcome) -> None:
    assert outcome.in_private == KEPT
