"""What any detector's answer must be like, whoever wrote the detector."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np

from tbp_extract.detect import Found
from tbp_extract.types import Candidates, CandidateSource, DropReason, Drops, EmptyReason, Scan

__all__ = ["faults_of"]

SUM_SLACK: Final = 1e-6
"""How far three barycentric coordinates may add up from 1: float32 arithmetic stays within."""

MAX_DIAMETER_MM: Final = 300.0
"""Beyond the largest naevi of an adult: a size in another unit."""

_CANDIDATE_ARRAYS: Final = (
    ("face", np.int32, ()),
    ("barycentric", np.float64, (3,)),
    ("diameter_mm", np.float32, ()),
    ("score", np.float32, ()),
)


def faults_of(found: Found, scan: Scan) -> Iterator[str]:
    """Tell what is wrong with a detector's answer, one sentence a fault.

    Parameters
    ----------
    found : Found
        The answer.
    scan : Scan
        What the detector was asked about.

    Yields
    ------
    str
        Without any value of the scan.
    """
    if not isinstance(found, Found):
        yield f"expected a Found, got a {type(found).__name__}"
        return
    shapes = [*_shape_faults(found.candidates), *_drop_shape_faults(found.drops)]
    yield from shapes
    if shapes:
        return
    yield from _place_faults(found.candidates, scan)
    yield from _value_faults(found.candidates)
    yield from _id_faults(found)
    yield from _emptiness_faults(found)


def _shape_faults(candidates: Candidates) -> Iterator[str]:
    count = len(candidates.face)
    for name, dtype, tail in _CANDIDATE_ARRAYS:
        values = getattr(candidates, name)
        if not isinstance(values, np.ndarray) or values.dtype != dtype:
            got = getattr(values, "dtype", type(values).__name__)
            yield f"candidates.{name}: expected an array of {np.dtype(dtype)}, got {got}"
        elif values.shape != (count, *tail):
            yield f"candidates.{name}: expected shape {(count, *tail)}, got {values.shape}"
    for name in ("source", "lesion_id"):
        entries = getattr(candidates, name)
        if not isinstance(entries, tuple) or len(entries) != count:
            yield f"candidates.{name}: expected a tuple of {count} entries, one a candidate"
    for name, values in candidates.extra.items():
        if len(values) != count:
            yield f"candidates.extra[{name!r}]: expected {count} values, got {len(values)}"
    if any(not isinstance(source, CandidateSource) for source in candidates.source):
        yield "candidates.source: expected members of CandidateSource, got others"


def _drop_shape_faults(drops: Drops) -> Iterator[str]:
    count = len(drops.reason)
    if len(drops.lesion_id) != count:
        yield f"drops: expected as many ids as reasons, got {len(drops.lesion_id)} and {count}"
    if np.shape(drops.position_mm) != (count, 3):
        yield f"drops.position_mm: expected shape {(count, 3)}, got {np.shape(drops.position_mm)}"
    if any(not isinstance(reason, DropReason) for reason in drops.reason):
        yield "drops.reason: expected members of DropReason, got others"


def _place_faults(candidates: Candidates, scan: Scan) -> Iterator[str]:
    faces = len(scan.faces)
    outside = (candidates.face < 0) | (candidates.face >= faces)
    if outside.any():
        yield f"candidates.face: {outside.sum()} lie outside 0..{faces - 1}, the scan's faces"
        return
    bare = scan.face_page[candidates.face] < 0
    if bare.any():
        yield f"candidates.face: {bare.sum()} lie on faces without texture"
    off = ~(np.abs(candidates.barycentric.sum(axis=1) - 1) <= SUM_SLACK)
    if off.any():
        yield f"candidates.barycentric: {off.sum()} rows do not add up to 1"
    if (candidates.barycentric < 0).any():
        rows = (candidates.barycentric < 0).any(axis=1).sum()
        yield f"candidates.barycentric: {rows} rows have a part below 0, outside their face"


def _value_faults(candidates: Candidates) -> Iterator[str]:
    size = candidates.diameter_mm
    wrong = ~np.isnan(size) & ~((size > 0) & (size <= MAX_DIAMETER_MM))
    if wrong.any():
        yield (
            f"candidates.diameter_mm: {wrong.sum()} are neither NaN nor above 0 and up to "
            f"{MAX_DIAMETER_MM:g} mm"
        )
    unlikely = ~((candidates.score >= 0) & (candidates.score <= 1))
    if unlikely.any():
        yield f"candidates.score: {unlikely.sum()} are outside 0..1"


def _id_faults(found: Found) -> Iterator[str]:
    ids = found.candidates.lesion_id + found.drops.lesion_id
    if any(not isinstance(name, str) or not name for name in ids):
        yield "lesion_id: expected a text that is not empty for every find"
    repeated = sum(count > 1 for count in Counter(ids).values())
    if repeated:
        yield f"lesion_id: {repeated} ids stand for more than one find"


def _emptiness_faults(found: Found) -> Iterator[str]:
    if len(found.candidates) and found.empty is not None:
        yield f"empty: there are candidates, yet it says why there are none ({found.empty})"
    if not len(found.candidates) and not isinstance(found.empty, EmptyReason):
        yield "empty: there are no candidates, and it does not say why (EmptyReason)"
    if found.empty is EmptyReason.ALL_DROPPED and not len(found.drops):
        yield "empty: it says that all were dropped, and there are no drops"
