"""Train and test, by patient.

Each patient's place depends on the key, on the patient and on the others of the same centre: what
comes with a later centre moves nobody. Within a centre patients go, class by class, in an order
made by the key, and every so many-th is put into test, so that classes are shared out alike.

Patients who share a duplicate go together. A later centre's patient follows the earlier one; where
that cannot be (two earlier ones apart, or a held-out centre and a training patient), the later
crop is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.challenge.keyed import digest, uniform
from tbp_extract.types import ReleaseKey

__all__ = ["NOBODY", "TEST", "TRAIN", "SplitInput", "Splits", "share_out"]

NOBODY: Final = -1
TRAIN: Final = 0
TEST: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class SplitInput:
    """Who is to be shared out."""

    names: Sequence[tuple[str, str]]
    """(P,) centre and record number of each patient. Private."""

    centre: NDArray[np.int16]
    """(P,) centre, in the order in which centres came."""

    stratum: Sequence[str]
    """(P,) class to share out alike within a centre."""

    patient: NDArray[np.int32]
    """(N,) patient of each crop that takes part."""

    group: NDArray[np.int64]
    """(N,) group of each crop: those of one group have to stay in one split."""


@dataclass(frozen=True, slots=True, eq=False)
class Splits:
    """Where everybody goes."""

    of_patient: NDArray[np.int8]
    """(P,) ``TRAIN``, ``TEST``, or ``NOBODY`` for a patient without crops."""

    left_out: NDArray[np.bool_]
    """(N,) crops that would tie two splits together."""


def share_out(
    given: SplitInput, *, test_share: float, held_out: frozenset[int], key: ReleaseKey
) -> Splits:
    """Put every patient into train or test.

    Parameters
    ----------
    given : SplitInput
    test_share : float
        Of the patients of each centre that is not held out.
    held_out : frozenset of int
        Centres whose patients are all in test.
    key : ReleaseKey

    Returns
    -------
    Splits
        Of the crops that are not left out, no group is in two splits.
    """
    of_patient = np.full(len(given.names), NOBODY, np.int8)
    left_out = np.zeros(len(given.patient), np.bool_)
    of_group: dict[int, int] = {}
    led_by: dict[int, int] = {}
    centre_of = given.centre[given.patient]
    for centre in np.unique(centre_of).tolist():
        crops = np.flatnonzero(centre_of == centre)
        patients, groups = given.patient[crops].tolist(), given.group[crops].tolist()
        units = _units(patients, groups)
        chosen = _follow(units, patients, groups, led_by, of_patient)
        if centre in held_out:
            chosen = dict.fromkeys(units.values(), TEST)
        free = sorted(set(units.values()) - chosen.keys())
        chosen |= _systematic(free, given, test_share, key)
        for patient, unit in units.items():
            of_patient[patient] = chosen[unit]
        for crop, patient, group in zip(crops.tolist(), patients, groups, strict=True):
            split = int(of_patient[patient])
            left_out[crop] = of_group.setdefault(group, split) != split
            led_by.setdefault(group, patient)
    return Splits(of_patient, left_out)


def _units(patients: list[int], groups: list[int]) -> dict[int, int]:
    """Lowest patient of the unit that each patient is in: who shares a group shares a unit."""
    lowest = {patient: patient for patient in patients}

    def root(patient: int) -> int:
        while lowest[patient] != patient:
            lowest[patient] = lowest[lowest[patient]]
            patient = lowest[patient]
        return patient

    first_of: dict[int, int] = {}
    for patient, group in zip(patients, groups, strict=True):
        low, high = sorted((root(patient), root(first_of.setdefault(group, patient))))
        lowest[high] = low
    return {patient: root(patient) for patient in lowest}


def _follow(
    units: dict[int, int],
    patients: list[int],
    groups: list[int],
    led_by: dict[int, int],
    of_patient: NDArray[np.int8],
) -> dict[int, int]:
    """Find the split of units that share a group with an earlier patient: the lowest leads."""
    leaders: dict[int, int] = {}
    for patient, group in zip(patients, groups, strict=True):
        if group in led_by:
            unit, leader = units[patient], led_by[group]
            leaders[unit] = min(leaders.get(unit, leader), leader)
    return {unit: int(of_patient[leader]) for unit, leader in leaders.items()}


def _systematic(
    units: list[int], given: SplitInput, share: float, key: ReleaseKey
) -> dict[int, int]:
    """Every so many-th unit into test, class by class, from a start made by the key."""
    if not units:
        return {}
    order = sorted(units, key=lambda u: (given.stratum[u], digest(key, "split", *given.names[u])))
    start = uniform(key, "start", given.names[order[0]][0])
    steps = np.floor(start + share * np.arange(len(order) + 1))
    return {unit: int(steps[k + 1] > steps[k]) for k, unit in enumerate(order)}
