"""What any detector's answer must be like, whoever wrote the detector."""

from collections import Counter
from collections.abc import Iterator, Mapping
from numbers import Real
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from tbp_extract.columns import BY_NAME, GIVEN_COLUMNS, NOTED_COLUMNS, VOCABULARY
from tbp_extract.detect import Detector, Found
from tbp_extract.errors import ScanError, ScanReason, TbpError
from tbp_extract.types import (
    Candidates,
    CandidateSource,
    DropReason,
    Drops,
    EmptyReason,
    Scan,
    Surface,
    TagMatch,
)

__all__ = ["answer_of", "faults_of"]

SUM_SLACK: Final = 1e-6
"""How far three barycentric coordinates may add up from 1: float32 arithmetic stays within."""

MAX_DIAMETER_MM: Final = 300.0
"""Beyond the largest naevi of an adult: a size in another unit."""

MOST_ID_CHARACTERS: Final = 200
"""More are no name; and what reads tables stops at some length."""

_WORDS: Final = {**VOCABULARY, "tag_match": tuple(map(str, TagMatch))}

_OF_OTHERS: Final = ("tile_", "held_", "barred_", "refused")
"""How reasons begin that only vendors' tiles, the crop gate and its reviewer give."""

_CANDIDATE_ARRAYS: Final = (
    ("face", np.int32, ()),
    ("barycentric", np.float64, (3,)),
    ("diameter_mm", np.float32, ()),
    ("score", np.float32, ()),
)


def answer_of(detector: Detector, scan: Scan, surface: Surface) -> Found:
    """Ask a detector, and take no answer that breaks the contract.

    Raises
    ------
    ScanError
        ``DETECTOR_FAULT`` if it does, or if a detector that is not of this package fails.
    """
    try:
        found = detector.detect(scan, surface)
    except (TbpError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        ours = type(detector).__module__.startswith("tbp_extract.")
        if ours or getattr(error, "code", None) == cv2.Error.StsNoMem:
            raise
        raise ScanError(
            ScanReason.DETECTOR_FAULT,
            f"the detector raised {type(error).__name__}: the quarantine table tells where",
        ) from error
    fault = next(faults_of(found, scan), None)
    if fault is not None:
        raise ScanError(ScanReason.DETECTOR_FAULT, f"the detector breaks its contract: {fault}")
    return found


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
    yield from _extra_faults(found.candidates.extra)
    yield from _drop_faults(found.drops)
    yield from _id_faults(found)
    yield from _emptiness_faults(found)
    share = found.seen_share
    if share is not None and not (isinstance(share, Real) and 0 <= share <= 1):
        yield "seen_share: expected None or a share from 0 to 1, got another value"


def _shape_faults(candidates: Candidates) -> Iterator[str]:
    if not isinstance(candidates, Candidates):
        yield f"candidates: expected a Candidates, got a {type(candidates).__name__}"
        return
    count = np.shape(candidates.face)[0] if np.ndim(candidates.face) else 0
    for name, dtype, tail in _CANDIDATE_ARRAYS:
        where = f"candidates.{name}"
        yield from _array_faults(where, getattr(candidates, name), dtype, (count, *tail))
    yield from _tuple_faults("candidates.source", candidates.source, CandidateSource, count)
    yield from _tuple_faults("candidates.lesion_id", candidates.lesion_id, str, count)
    yield from _extra_shape_faults(candidates.extra, count)


def _extra_shape_faults(extra: Mapping[str, NDArray[Any]], count: int) -> Iterator[str]:
    if not isinstance(extra, Mapping):
        yield f"candidates.extra: expected a mapping, got a {type(extra).__name__}"
        return
    if unknown := extra.keys() - set(GIVEN_COLUMNS):
        yield (
            f"candidates.extra: expected names of columns that a lesion list may have "
            f"({', '.join(NOTED_COLUMNS)}, tbp_lv_*), got {len(unknown)} others"
        )
    for name in GIVEN_COLUMNS:
        if name in extra:
            yield from _array_faults(f"candidates.extra[{name!r}]", extra[name], None, (count,))


def _array_faults(
    where: str, values: object, dtype: DTypeLike | None, shape: tuple[int, ...]
) -> Iterator[str]:
    """Fault an array of another shape, or of another type than one that is given."""
    wanted = "an array" if dtype is None else f"an array of {np.dtype(dtype)}"
    if not isinstance(values, np.ndarray):
        yield f"{where}: expected {wanted}, got a {type(values).__name__}"
    elif dtype is not None and values.dtype != dtype:
        yield f"{where}: expected {wanted}, got {values.dtype}"
    elif values.shape != shape:
        yield f"{where}: expected shape {shape}, got {values.shape}"


def _tuple_faults(where: str, entries: object, kind: type, count: int) -> Iterator[str]:
    if not isinstance(entries, tuple):
        yield f"{where}: expected a tuple, got a {type(entries).__name__}"
    elif len(entries) != count:
        yield f"{where}: expected {count} entries, got {len(entries)}"
    elif not all(isinstance(entry, kind) for entry in entries):
        yield f"{where}: expected entries of type {kind.__name__}, got others"


def _drop_shape_faults(drops: Drops) -> Iterator[str]:
    if not isinstance(drops, Drops):
        yield f"drops: expected a Drops, got a {type(drops).__name__}"
        return
    count = len(drops.reason) if isinstance(drops.reason, tuple) else 0
    yield from _tuple_faults("drops.reason", drops.reason, DropReason, count)
    yield from _tuple_faults("drops.lesion_id", drops.lesion_id, str, count)
    yield from _array_faults("drops.position_mm", drops.position_mm, np.float64, (count, 3))


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


def _extra_faults(extra: Mapping[str, NDArray[Any]]) -> Iterator[str]:
    for name, values in extra.items():
        if name in BY_NAME and BY_NAME[name].dtype == "float":
            yield from _number_faults(name, values)
        elif not all(_is_word(name, value) for value in values):
            words = ", ".join(_WORDS.get(name, ("texts",)))
            yield f"candidates.extra[{name!r}]: expected {words} or None, got others"


def _number_faults(name: str, values: NDArray[Any]) -> Iterator[str]:
    low, high = BY_NAME[name].limits
    if values.dtype.kind not in "fiu":
        yield f"candidates.extra[{name!r}]: expected an array of numbers, got {values.dtype}"
    elif np.isinf(values).any() or ((values < low) | (values > high)).any():
        yield f"candidates.extra[{name!r}]: expected {BY_NAME[name].range} or NaN, got others"


def _is_word(name: str, value: object) -> bool:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return True
    return isinstance(value, str) and (name not in _WORDS or value in _WORDS[name])


def _drop_faults(drops: Drops) -> Iterator[str]:
    others = sum(reason.startswith(_OF_OTHERS) for reason in drops.reason)
    if others:
        yield f"drops.reason: {others} are reasons of tiles or of the crop gate, not of a detector"
    if np.isinf(drops.position_mm).any():
        yield "drops.position_mm: expected finite places, or NaN where there is none"


def _id_faults(found: Found) -> Iterator[str]:
    ids = found.candidates.lesion_id + found.drops.lesion_id
    if not all(0 < len(name) <= MOST_ID_CHARACTERS and name.isprintable() for name in ids):
        yield (
            f"lesion_id: expected a text of 1 to {MOST_ID_CHARACTERS} printable characters for "
            "every find"
        )
    repeated = sum(count > 1 for count in Counter(ids).values())
    if repeated:
        yield f"lesion_id: {repeated} ids stand for more than one find"


def _emptiness_faults(found: Found) -> Iterator[str]:
    if len(found.candidates):
        if found.empty is not None:
            yield "empty: there are candidates, yet it says why there are none"
        return
    if not isinstance(found.empty, EmptyReason):
        yield "empty: there are no candidates, and it does not say why (EmptyReason)"
    elif len(found.drops) and found.empty is not EmptyReason.ALL_DROPPED:
        yield f"empty: expected all_dropped, since there are drops, got {found.empty}"
    elif not len(found.drops) and found.empty is EmptyReason.ALL_DROPPED:
        yield "empty: it says that all were dropped, and there are no drops"
