"""Candidates from a scan: what a detector is, and the detectors that come with the package."""

from dataclasses import dataclass
from typing import Protocol

from tbp_extract.types import Candidates, Drops, Scan, Surface

__all__ = ["Detector", "Found"]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """All that a detector came upon: what goes on, and what it dropped and why."""

    candidates: Candidates
    drops: Drops


class Detector(Protocol):
    """Finds lesions on a scan.

    An implementation gives the same answer for the same input, leaves its input alone, and takes
    a scan on which there is nothing to find.
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
            Every find is in ``candidates`` or in ``drops``.
        """
        ...
