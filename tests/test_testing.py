"""The contract test for detectors passes sound ones and catches every kind of faulty one."""

import inspect
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from tbp_extract.config import LesionConfig
from tbp_extract.detect import Found, drop, nothing_found, without_small
from tbp_extract.detect.listed import Listed
from tbp_extract.geometry import build_surface
from tbp_extract.testing import check_detector, sample_scans
from tbp_extract.types import DropReason, EmptyReason, LesionList, Scan, Surface
from tests.detect.finds import EveryNth, Nothing
from tests.targets import FLAT_PAGE, plane_scan

Change = Callable[[Found, Scan], Found]


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A sound detector whose answer is changed before it is given; an empty one is left."""

    change: Change

    def detect(self, scan: Scan, surface: Surface) -> Found:
        found = EveryNth(step=50).detect(scan, surface)
        return self.change(found, scan) if len(found.candidates) else found


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


def put(value: Any) -> Callable[[Any], Any]:
    """Set the first entry."""

    def change(old: Any) -> Any:
        new = old.copy()
        new[0] = value
        return new

    return change


def first(entry: Any) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    return lambda old: (entry, *old[1:])


def lose_one(found: Found, scan: Scan) -> Found:
    """Forget the second find."""
    rest = [None] * (len(found.candidates) - 2)
    lost = drop(found, [None, DropReason.REJECTED, *rest], build_surface(scan))
    return replace(lost, drops=found.drops)


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
    "one source short": (candidates(source=lambda s: s[1:]), "source: expected a tuple of"),
    "a source of its own": (candidates(source=first("network")), "members of CandidateSource"),
    "an id twice": (candidates(lesion_id=first("2")), "1 ids stand for more than one"),
    "an empty id": (candidates(lesion_id=first("")), "text that is not empty"),
    "a number as id": (candidates(lesion_id=first(1)), "text that is not empty"),
    "extra too short": (candidates(extra={"tag": np.empty(1, object)}), r"extra\['tag'\]"),
    "a drop without a reason": (drops(lesion_id=("x",)), "as many ids as reasons"),
    "a drop without a place": (
        drops(lesion_id=("x",), reason=(DropReason.REJECTED,)),
        "position_mm: expected shape",
    ),
    "a reason of its own": (
        drops(lesion_id=("x",), reason=("ugly",), position_mm=np.zeros((1, 3))),
        "members of DropReason",
    ),
    "kept and dropped": (
        drops(lesion_id=("1",), reason=(DropReason.REJECTED,), position_mm=np.zeros((1, 3))),
        "1 ids stand for more than one",
    ),
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
    "a find that is lost": (lose_one, "not numbered from 1 without a gap"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_with_this_fault_is_caught(fault: str) -> None:
    change, message = FAULTS[fault]
    with pytest.raises(AssertionError, match=message) as caught:
        check_detector(Spoilt(change))
    assert str(caught.value).startswith("a limb with spots: ")
    assert "\n" not in str(caught.value)


@dataclass(slots=True)
class Counting:
    """Its score depends on how often it was asked."""

    calls: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def detect(self, scan: Scan, surface: Surface) -> Found:
        found = EveryNth().detect(scan, surface)
        found.candidates.score[:] = 1 / next(self.calls)
        return found


class Scribbling:
    """Blackens the first texel of the page it looks at."""

    def detect(self, scan: Scan, surface: Surface) -> Found:
        for page in scan.atlas:
            page[0, 0] = 0
        return EveryNth().detect(scan, surface)


class Turning:
    """Turns the surface's normals around."""

    def detect(self, scan: Scan, surface: Surface) -> Found:
        surface.face_normals[:] *= -1
        return EveryNth().detect(scan, surface)


class Peeking:
    """Takes it for granted that there is skin."""

    def detect(self, scan: Scan, surface: Surface) -> Found:
        scan.vertices_mm[0]
        return EveryNth().detect(scan, surface)


class Averaging:
    """Takes it for granted that there is contrast."""

    def detect(self, scan: Scan, surface: Surface) -> Found:
        if len(scan.atlas) and scan.atlas[0].std(axis=(0, 1)).max() == 0:
            raise ZeroDivisionError("no spread")
        return EveryNth().detect(scan, surface)


class Careless:
    """Finds lesions where there is no texture."""

    def detect(self, scan: Scan, surface: Surface) -> Found:
        pretended = replace(scan, face_page=np.zeros_like(scan.face_page))
        return EveryNth().detect(pretended, surface)


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        (Counting(), "asked twice, the detector gave two different answers"),
        (Scribbling(), "a limb with spots: the detector changed its input"),
        (Turning(), "a limb with spots: the detector changed its input"),
        (Peeking(), "a mesh without faces: the detector raised IndexError"),
        (Averaging(), "a limb of one colour: the detector raised ZeroDivisionError: no spread"),
        (Careless(), r"a limb without texture: candidates\.face: .* without texture"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_detector_that_behaves_badly_is_caught(detector: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_detector(detector)


@pytest.mark.parametrize("detector", [EveryNth(), EveryNth(step=1), Nothing()])
def test_a_sound_detector_passes(detector: Any) -> None:
    check_detector(detector)


def test_one_that_drops_some_and_all_passes() -> None:
    class Dropping:
        def detect(self, scan: Scan, surface: Surface) -> Found:
            found = EveryNth(step=60).detect(scan, surface)
            found.candidates.diameter_mm[::2] = 1.0
            return without_small(found, 2.5, surface)

    check_detector(Dropping())
    check_detector(Spoilt(lambda found, scan: without_small(found, 9.0, build_surface(scan))))


def test_the_detector_that_is_told_passes_on_a_list_beside_the_skin() -> None:
    lesions = LesionList(
        xyz_mm=np.array([[0.0, 80, 40], [30, 50, 31]]),
        uv=None,
        page=None,
        lesion_id=("a", "b"),
        diameter_mm=np.full(2, np.nan, np.float32),
        extra={"tag": np.array(["t", None], object)},
    )
    check_detector(Listed(lesions, LesionConfig(max_off_surface_share=1.0)))


def test_scans_of_ones_own_are_asked_about_as_well() -> None:
    asked = []

    class Noting:
        def detect(self, scan: Scan, surface: Surface) -> Found:
            asked.append(len(scan.faces))
            return nothing_found(EmptyReason.NO_FINDS)

    mine = plane_scan(FLAT_PAGE, 10.0, steps=3)
    check_detector(Noting(), {"my scan": mine})
    assert asked.count(len(mine.faces)) == 2


def test_the_sample_limb_is_true_to_scale_and_shows_spots_on_skin() -> None:
    limb = sample_scans()["a limb with spots"]
    surface = build_surface(limb)
    # 4 px/mm, on chords that are 0.03 % shorter than the arcs that the page holds.
    np.testing.assert_allclose(surface.texel_mm, 0.25, rtol=2e-3)
    assert (surface.neighbours >= 0).mean() > 0.98
    dark = (limb.atlas[0][..., 0] < 150).mean()
    assert 0.01 < dark < 0.05


def test_its_documentation_names_every_scan_it_asks_about() -> None:
    text = re.sub(r"\s+", " ", inspect.getdoc(check_detector) or "")
    for part in ("skin with spots", "one colour", "without texture", "mesh without faces"):
        assert part in text
