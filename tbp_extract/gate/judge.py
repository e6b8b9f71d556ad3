"""From reasons to what becomes of a crop: settings first, then the reviewer's word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import GateConfig
from tbp_extract.types import Decision, DropReason, GateReason

__all__ = ["Verdict", "judge"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one crop."""

    drop: DropReason | None
    """``None``: it is released."""

    reasons: tuple[GateReason, ...] = ()
    """All that would hold or bar it, in order of weight; also of a crop that was approved."""

    decision: Decision | None = None
    """Of the reviewer, where one was asked for."""

    @property
    def is_held(self) -> bool:
        """Whether a reviewer is to look at it, or has."""
        return bool(self.reasons) and not str(self.drop).startswith("barred_")


def judge(
    found: Mapping[GateReason, NDArray[np.bool_]],
    config: GateConfig,
    decisions: Sequence[Decision | None],
) -> list[Verdict]:
    """Apply the settings and the reviewer's decisions to N crops.

    Parameters
    ----------
    found : mapping
        (N,) bool by reason; a reason that is not there holds for none.
    config : GateConfig
        What is set to ``drop`` is barred whatever a reviewer says.
    decisions : sequence
        N decisions; ``None`` where there is none yet.
    """
    active = [(r, found[r]) for r in GateReason if r in found and _policy(config, r) != "allow"]
    return [
        _verdict(tuple(r for r, rows in active if rows[k]), config, decision)
        for k, decision in enumerate(decisions)
    ]


def _policy(config: GateConfig, reason: GateReason) -> str:
    return str(getattr(config, reason.value))


def _verdict(
    reasons: tuple[GateReason, ...], config: GateConfig, decision: Decision | None
) -> Verdict:
    if not reasons:
        return Verdict(None)
    barred = next((r for r in reasons if _policy(config, r) == "drop"), None)
    if barred is not None:
        return Verdict(DropReason(f"barred_{barred}"), reasons)
    if decision is Decision.APPROVE:
        return Verdict(None, reasons, decision)
    if decision is Decision.REJECT:
        return Verdict(DropReason.REFUSED, reasons, decision)
    return Verdict(DropReason(f"held_{reasons[0]}"), reasons)
