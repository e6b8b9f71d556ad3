import numpy as np
import pytest

from tbp_extract.config import GateConfig
from tbp_extract.gate import judge
from tbp_extract.types import Decision, DropReason, GateReason

FOUND = {
    GateReason.TATTOO: np.array([True, False, True]),
    GateReason.FACE: np.array([True, False, False]),
}


def test_every_reason_has_a_setting_and_two_codes() -> None:
    assert {str(reason) for reason in GateReason} <= set(GateConfig.model_fields)
    for reason in GateReason:
        assert DropReason(f"held_{reason}") != DropReason(f"barred_{reason}")


def test_the_weightiest_reason_is_counted_and_all_are_told() -> None:
    first, clean, second = judge(FOUND, GateConfig(), [None] * 3)
    assert first.drop is DropReason.HELD_FACE
    assert first.reasons == (GateReason.FACE, GateReason.TATTOO)
    assert (clean.drop, clean.reasons, clean.is_held) == (None, (), False)
    assert second.drop is DropReason.HELD_TATTOO


def test_a_reviewer_releases_or_refuses() -> None:
    said = [Decision.APPROVE, Decision.REJECT, Decision.REJECT]
    verdicts = judge(FOUND, GateConfig(), said)
    assert [v.drop for v in verdicts] == [None, None, DropReason.REFUSED]
    assert [v.is_held for v in verdicts] == [True, False, True]


def test_what_the_settings_bar_no_reviewer_releases() -> None:
    verdicts = judge(FOUND, GateConfig(face="drop"), [Decision.APPROVE] * 3)
    assert verdicts[0].drop is DropReason.BARRED_FACE
    assert not verdicts[0].is_held
    assert verdicts[2].drop is None


@pytest.mark.parametrize("reason", ["face", "tattoo"])
def test_what_the_settings_allow_is_no_reason(reason: str) -> None:
    allowed = GateConfig().model_copy(update={reason: "allow"})
    verdicts = judge(FOUND, allowed, [None] * 3)
    assert GateReason(reason) not in {r for v in verdicts for r in v.reasons}
