"""Each value of a small source is removed, replaced, made coarser, shifted or kept as it has to.

The full size is `python -m benchmarks.required_actions`.
"""

from pathlib import Path

import pytest

from benchmarks.required_actions import make_case, score
from tbp_extract.pipeline.run import run

FEWEST_ACTIONS = 250


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("required")
    run(place / "source", place / "out", make_case(place / "source", 3, 5), workers=0)
    return place / "source", place / "out"


def test_every_required_action_is_done(case: tuple[Path, Path]) -> None:
    found = score(*case)
    assert found.required.total() >= FEWEST_ACTIONS
    assert +found.missed == {}


def test_deleting_everything_and_releasing_everything_fail(case: tuple[Path, Path]) -> None:
    deleted, given = (score(*case, as_if=control) for control in ("deleted", "given"))
    assert deleted.share < 0.7
    assert deleted.missed["keep sex"] == deleted.required["keep sex"]
    assert given.share < 0.7
    assert given.missed["remove tag"] == given.required["remove tag"]
