"""Every kind of faulty answer of a detector is told in one sentence."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tbp_extract.detect import Found, nothing_found
from tbp_extract.detect.valid import faults_of
from tbp_extract.geometry import build_surface
from tbp_extract.types import DropReason, EmptyReason, Scan
from tests.detect.finds import EveryNth
from tests.targets import FLAT_PAGE, plane_scan

SCAN = plane_scan(FLAT_PAGE, 10.0)
SURFACE = build_surface(SCAN)

Change = Callable[[Found, Scan], Found]


def candidates(**changes: Any) -> Change:
    """Change fields of the candidates; a function gets the old value."""

    def change(found: Found, _: Scan) -> Found:
        old = found.candidates
        new = {k: v(getattr(old, k)) if callable(v) else v for k, v in changes.items()}
        return replace(found, candidates=replace(old, **new))

    return change


def drops(**changes: Any) -> Change:
    def change(found: Found, _: Scan) -> Found:
        return replace(found, drops=replace(found.drops, **changes))

    return change


def one_drop(**changes: Any) -> Change:
    """Add a sound drop, but for what is changed."""
    sound = {"lesion_id": ("x",), "reason": (DropReason.REJECTED,), "position_mm": np.zeros((1, 3))}
    return drops(**{**sound, **changes})


def extra(name: Any, value: Any) -> Change:
    """Give every candidate one more value."""

    def change(found: Found, scan: Scan) -> Found:
        values = np.full(len(found.candidates), value, None if isinstance(value, float) else object)
        return candidates(extra={name: values})(found, scan)

    return change


def put(value: Any) -> Callable[[Any], Any]:
    """Set the first entry."""

    def change(old: Any) -> Any:
        new = old.copy()
        new[0] = value
        return new

    return change


def first(entry: Any) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    return lambda old: (entry, *old[1:])


FAULTS: dict[str, tuple[Change, str]] = {
    "another type": (lambda found, _: found.candidates, "expected a Found, got a Candidates"),  # type: ignore[return-value, dict-item]
    "face past the end": (candidates(face=put(10**6)), "face: 1 lie outside"),
    "face below 0": (candidates(face=put(-1)), "face: 1 lie outside"),
    "face of another type": (candidates(face=lambda f: f.astype(np.int64)), "array of int32"),
    "corners do not add up": (candidates(barycentric=put((0.5, 0.5, 0.5))), "add up to 1"),
    "corners are not known": (candidates(barycentric=put(np.nan)), "add up to 1"),
    "outside its face": (candidates(barycentric=put((1.2, -0.1, -0.1))), "below 0"),
    "corners of two": (candidates(barycentric=lambda b: b[:, :2]), "expected shape"),
    "no size": (candidates(diameter_mm=put(0)), "diameter_mm: 1 are neither"),
    "endless size": (candidates(diameter_mm=put(np.inf)), "diameter_mm: 1 are neither"),
    "size in micrometres": (candidates(diameter_mm=put(4000)), "diameter_mm: 1 are neither"),
    "one size short": (candidates(diameter_mm=lambda d: d[1:]), "expected shape"),
    "score above 1": (candidates(score=put(1.01)), "score: 1 are outside"),
    "score below 0": (candidates(score=put(-0.01)), "score: 1 are outside"),
    "no score": (candidates(score=put(np.nan)), "score: 1 are outside"),
    "one source short": (candidates(source=lambda s: s[1:]), r"source: expected \d+ entries"),
    "no sources": (candidates(source=None), "source: expected a tuple, got a NoneType"),
    "a source of its own": (candidates(source=first("network")), "of type CandidateSource"),
    "an id twice": (candidates(lesion_id=first("2")), "1 ids stand for more than one"),
    "an empty id": (candidates(lesion_id=first("")), "text of 1 to 200 printable"),
    "an endless id": (candidates(lesion_id=first("1" * 201)), "text of 1 to 200 printable"),
    "an id of two lines": (candidates(lesion_id=first("1\n2")), "text of 1 to 200 printable"),
    "an id that no file holds": (candidates(lesion_id=first("\ud800")), "1 to 200 printable"),
    "a number as id": (candidates(lesion_id=first(1)), "lesion_id: expected entries of type str"),
    "faces as a list": (candidates(face=lambda f: f.tolist()), "array of int32, got a list"),
    "one number as faces": (candidates(face=np.int32(1)), "array of int32, got a int32"),
    "no extra": (candidates(extra=None), "extra: expected a mapping, got a NoneType"),
    "extra too short": (candidates(extra={"tag": np.empty(1, object)}), r"extra\['tag'\]"),
    "extra as a list": (candidates(extra={"tag": ["t"]}), r"extra\['tag'\]: expected an array"),
    "extra that no column has": (extra("mrn", "0815"), "extra: expected names of columns"),
    "extra that is no name": (extra(3, "0815"), "extra: expected names of columns"),
    "extra out of range": (extra("tbp_lv_L", 101.0), r"L'\]: expected 0\.\.100 or NaN"),
    "extra without end": (extra("tbp_lv_x", np.inf), "or NaN, got others"),
    "extra text for a number": (extra("tbp_lv_L", "dark"), "an array of numbers, got object"),
    "extra of another word": (extra("tbp_lv_location", "Elbow"), "expected Unknown, Head & Neck"),
    "extra that is no text": (extra("tag", {"t"}), "expected texts or None"),
    "a match of its own": (extra("tag_match", "maybe"), "expected tagged, tagged_nl, unmatched"),
    "no candidates at all": (
        lambda found, _: replace(found, candidates=None),  # type: ignore[arg-type]
        "candidates: expected a Candidates, got a NoneType",
    ),
    "no drops at all": (
        lambda found, _: replace(found, drops=()),  # type: ignore[arg-type]
        "drops: expected a Drops, got a tuple",
    ),
    "drops as lists": (one_drop(lesion_id=["x"]), "drops.lesion_id: expected a tuple, got a list"),
    "a drop without a reason": (drops(lesion_id=("x",)), "lesion_id: expected 0 entries, got 1"),
    "a drop without a place": (one_drop(position_mm=np.empty((0, 3))), "expected shape"),
    "a drop at infinity": (one_drop(position_mm=np.full((1, 3), np.inf)), "finite places"),
    "a drop at a list": (one_drop(position_mm=[[0.0, 0, 0]]), "array of float64, got a list"),
    "a reason of its own": (one_drop(reason=("ugly",)), "of type DropReason"),
    "a reason of the gate": (one_drop(reason=(DropReason.HELD_FACE,)), "of the crop gate"),
    "kept and dropped": (one_drop(lesion_id=("1",)), "1 ids stand for more than one"),
    "more seen than there is": (
        lambda found, _: replace(found, seen_share=1.5),
        "seen_share: expected None or a share",
    ),
    "seen as a text": (lambda found, _: replace(found, seen_share="all"), "seen_share: expected"),  # type: ignore[arg-type]
    "empty but not empty": (
        lambda found, _: replace(found, empty=EmptyReason.NO_FINDS),
        "there are candidates, yet",
    ),
    "empty for no reason": (
        lambda found, _: replace(nothing_found(EmptyReason.NO_FINDS), empty=None),
        "does not say why",
    ),
    "all dropped, none there": (
        lambda found, _: nothing_found(EmptyReason.ALL_DROPPED),
        "there are no drops",
    ),
    "nothing found, and dropped": (
        lambda found, scan: one_drop()(nothing_found(EmptyReason.NO_FINDS), scan),
        "expected all_dropped, since there are drops, got no_finds",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_with_this_fault_is_caught(fault: str) -> None:
    change, message = FAULTS[fault]
    found = EveryNth(step=40).detect(SCAN, SURFACE)
    assert next(faults_of(found, SCAN), None) is None
    sentence = next(faults_of(change(found, SCAN), SCAN))
    assert re.search(message, sentence), sentence
    assert "\n" not in sentence
