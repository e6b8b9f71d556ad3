"""Detectors that are simple enough to be right at a glance."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tbp_extract.detect import Found, nothing_found
from tbp_extract.types import Candidates, CandidateSource, EmptyReason, Scan, Surface


@dataclass(frozen=True, slots=True)
class EveryNth:
    """Finds the middle of every n-th textured face."""

    step: int = 40
    diameter_mm: float = 4.0

    def detect(self, scan: Scan, surface: Surface) -> Found:
        face = np.flatnonzero(scan.face_page >= 0)[:: self.step].astype(np.int32)
        if not len(face):
            return nothing_found(EmptyReason.NO_SKIN)
        n = len(face)
        candidates = Candidates(
            face=face,
            barycentric=np.full((n, 3), 1 / 3),
            diameter_mm=np.full(n, self.diameter_mm, np.float32),
            score=np.linspace(0, 1, n, dtype=np.float32),
            source=(CandidateSource.DETECTOR,) * n,
            lesion_id=tuple(str(i + 1) for i in range(n)),
            extra={},
        )
        nothing = nothing_found(EmptyReason.NO_FINDS)
        return Found(candidates, nothing.drops)


class Squinting:
    """Finds as `EveryNth`, and sees half of the skin."""

    def detect(self, scan: Scan, surface: Surface) -> Found:
        return replace(EveryNth(step=400).detect(scan, surface), seen_share=0.5)


class Nothing:
    """Never finds anything."""

    def detect(self, scan: Scan, surface: Surface) -> Found:
        return nothing_found(EmptyReason.NO_FINDS)


class Unmakeable:
    """Needs a file of weights that is not there."""

    def __init__(self) -> None:
        raise FileNotFoundError("/weights/of/Miller")

    def detect(self, scan: Scan, surface: Surface) -> Found:
        raise NotImplementedError


class Quitter:
    """Leaves the process as if all were done."""

    def __init__(self) -> None:
        sys.exit(0)

    def detect(self, scan: Scan, surface: Surface) -> Found:
        raise NotImplementedError


class NoDetector:
    """Has no method detect."""


class Failing:
    """Raises, with something private in its message."""

    def detect(self, scan: Scan, surface: Surface) -> Found:
        raise RuntimeError("no room beside Miller, John")


class Liar:
    """Finds a face that is not there."""

    def detect(self, scan: Scan, surface: Surface) -> Found:
        found = EveryNth().detect(scan, surface)
        found.candidates.face[0] = len(scan.faces)
        return found


@dataclass(slots=True)
class Hungry:
    """Runs out of memory as often as `times`, counted in a file, and then finds nothing."""

    counter: str
    times: int

    def detect(self, scan: Scan, surface: Surface) -> Found:
        path = Path(self.counter)
        tries = len(path.read_text()) if path.exists() else 0
        path.write_text("x" * (tries + 1))
        if tries < self.times:
            raise MemoryError
        return nothing_found(EmptyReason.NO_FINDS)
