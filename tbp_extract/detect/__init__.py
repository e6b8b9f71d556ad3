"""Candidates from a scan: what a detector is, and the detectors that come with the package."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tbp_extract.geometry import point_positions
from tbp_extract.types import (
    Candidates,
    CandidateSource,
    DropReason,
    Drops,
    EmptyReason,
    Scan,
    Surface,
)

__all__ = ["Detector", "Found", "chosen", "drop", "nothing_found", "without_small"]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """All that a detector came upon: what goes on, and what it dropped and why."""

    candidates: Candidates
    drops: Drops

    empty: EmptyReason | None = None
    """Why there are no candidates; ``None`` exactly where there are some."""

    seen_share: float | None = None
    """Share of the skin's area that was looked at, at 60 degrees or better; ``None`` where the
    detector does not measure it."""


class Detector(Protocol):
    """Finds lesions on a scan.

    An implementation gives the same answer for the same input, leaves its input alone, and takes
    a scan on which there is nothing to find. `tbp_extract.testing.check_detector` tells whether it
    does.
    """

    def detect(self, scan: Scan, surface: Surface) -> Found:
        """Find lesions.

        Parameters
        ----------
        scan : Scan
        surface : Surface
            Of that scan.

        Returns
        -------
        Found
            Every find is in ``candidates`` or in ``drops``, under an id of its own; numbers as
            ids count from 1 without a gap.
        """
        ...


def nothing_found(reason: EmptyReason) -> Found:
    """Say that there is nothing, and why."""
    candidates = Candidates(
        face=np.empty(0, np.int32),
        barycentric=np.empty((0, 3)),
        diameter_mm=np.empty(0, np.float32),
        score=np.empty(0, np.float32),
        source=(),
        lesion_id=(),
        extra={},
    )
    return Found(candidates, Drops((), (), np.empty((0, 3))), reason)


def drop(found: Found, reasons: Sequence[DropReason | None], surface: Surface) -> Found:
    """Move candidates to the drops.

    Parameters
    ----------
    found : Found
        With N candidates.
    reasons : sequence of DropReason or None
        N; ``None`` keeps the candidate.
    surface : Surface
        Tells where the dropped ones lie.

    Returns
    -------
    Found
        Candidates and drops in their order, the newly dropped ones last.

    Raises
    ------
    ValueError
        If there is not one reason a candidate.
    """
    if len(reasons) != len(found.candidates):
        raise ValueError(f"expected {len(found.candidates)} reasons, got {len(reasons)}")
    gone = [row for row, reason in enumerate(reasons) if reason is not None]
    if not gone:
        return found
    kept = np.setdiff1d(np.arange(len(reasons)), gone)
    old, drops = found.candidates, found.drops
    places = point_positions(surface, old.face[gone], old.barycentric[gone])
    return replace(
        found,
        candidates=chosen(old, kept),
        drops=Drops(
            lesion_id=drops.lesion_id + tuple(old.lesion_id[row] for row in gone),
            reason=drops.reason + tuple(reason for reason in reasons if reason is not None),
            position_mm=np.concatenate((drops.position_mm, places)),
        ),
        empty=None if len(kept) else EmptyReason.ALL_DROPPED,
    )


def without_small(found: Found, min_diameter_mm: float, surface: Surface) -> Found:
    """Drop finds smaller than the smallest that is exported.

    One of unknown size stays, and so does what a person listed or tagged.
    """
    alone = np.array([s is CandidateSource.DETECTOR for s in found.candidates.source], np.bool_)
    small = alone & (found.candidates.diameter_mm < min_diameter_mm)
    return drop(found, [DropReason.BELOW_DIAMETER if s else None for s in small], surface)


def chosen(candidates: Candidates, rows: NDArray[np.intp]) -> Candidates:
    """Take some of the candidates, in the order of ``rows``."""
    return replace(
        candidates,
        face=candidates.face[rows],
        barycentric=candidates.barycentric[rows],
        diameter_mm=candidates.diameter_mm[rows],
        score=candidates.score[rows],
        source=tuple(candidates.source[row] for row in rows),
        lesion_id=tuple(candidates.lesion_id[row] for row in rows),
        extra={name: values[rows] for name, values in candidates.extra.items()},
    )
