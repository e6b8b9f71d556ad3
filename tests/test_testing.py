"""The contract test for detectors passes sound ones and catches every kind of faulty one."""

import inspect
import itertools
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

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


def lose_one(found: Found, scan: Scan) -> Found:
    """Forget the second find."""
    rest = [None] * (len(found.candidates) - 2)
    lost = drop(found, [None, DropReason.REJECTED, *rest], build_surface(scan))
    return replace(lost, drops=found.drops)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found, _: found.candidates, "expected a Found, got a Candidates"),
        (lose_one, "not numbered from 1 without a gap"),
    ],
)
def test_a_faulty_answer_is_caught_and_the_scan_is_named(change: Change, message: str) -> None:
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


@dataclass(slots=True)
class Reusing(Counting):
    """Writes its next answer over the one that it gave before."""

    buffers: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    def detect(self, scan: Scan, surface: Surface) -> Found:
        # Two-argument super: slots make the class anew.
        found = Counting.detect(self, scan, surface)
        score = found.candidates.score
        buffer = self.buffers.setdefault(len(score), np.empty_like(score))
        buffer[:] = score
        return replace(found, candidates=replace(found.candidates, score=buffer))


@dataclass(slots=True)
class Belated:
    """Blackens the page that it was asked about before."""

    last: Scan | None = None

    def detect(self, scan: Scan, surface: Surface) -> Found:
        for page in self.last.atlas if self.last else ():
            page[:] = 0
        self.last = scan
        return EveryNth().detect(scan, surface)


class Leaving:
    """Ends the process."""

    def detect(self, scan: Scan, surface: Surface) -> Found:
        sys.exit("enough")


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
        (Reusing(), "asked twice, the detector gave two different answers"),
        (Belated(), "the detector changed it while it was asked about others"),
        (Leaving(), "a limb with spots: the detector raised SystemExit: enough"),
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
