"""Words for places of the body, and what bars a find from being a lesion."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.detect.blob.judge import is_barred, load_forest, reasons_of, score_spots
from tbp_extract.detect.blob.places import places_of
from tbp_extract.detect.blob.surroundings import FEATURES
from tbp_extract.geometry import build_surface, snap_points
from tbp_extract.phantom import make_body
from tbp_extract.types import DropReason, Scan, Surface


@pytest.fixture(scope="module")
def body() -> Surface:
    made = make_body("human", faces=20_000)
    uv = np.full((len(made.faces), 3, 2), np.nan, np.float32)
    none = np.full(len(made.faces), -1, np.int16)
    return build_surface(Scan(made.vertices_mm, made.faces, uv, none, ()))


def _places(
    body: Surface, xyz: list[tuple[float, float, float]], size: float = 12.0
) -> list[object]:
    points = snap_points(body, np.array(xyz), max_mm=400.0)
    corners = body.vertices_mm[body.faces[points.face]]
    place = (corners * points.barycentric[:, :, None]).sum(axis=1)
    flat = np.zeros(len(xyz))
    return list(places_of(body, place, points.face, np.full(len(xyz), size), flat))


def test_a_pair_that_mirrors_itself_on_the_chest_is_barred(body: Surface) -> None:
    pair = _places(body, [(100.0, 1290.0, 300.0), (-100.0, 1290.0, 300.0)])
    assert [p and (p.reason, p.barred) for p in pair] == [(DropReason.NIPPLE, True)] * 2  # type: ignore[attr-defined]


def test_a_single_mark_on_the_chest_is_not(body: Surface) -> None:
    assert _places(body, [(100.0, 1290.0, 300.0)]) == [None]


def test_the_back_has_no_words(body: Surface) -> None:
    assert _places(body, [(60.0, 1250.0, -300.0), (-60.0, 1250.0, -300.0)]) == [None, None]


def test_nothing_is_said_of_what_is_no_body() -> None:
    tetra = np.array(((0.0, 0, 0), (200, 0, 0), (0, 200, 0), (0, 0, 200)))
    faces = np.array(((0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)), np.int32)
    uv, none = np.full((4, 3, 2), np.nan, np.float32), np.full(4, -1, np.int16)
    surface = build_surface(Scan(tetra, faces, uv, none, ()))
    one = np.ones(1)
    assert places_of(surface, tetra[:1], np.zeros(1, np.int32), one, one) == (None,)


def _row(**values: float) -> np.ndarray:
    row = np.full((1, len(FEATURES)), 0.5, np.float32)
    for name, value in values.items():
        row[0, FEATURES.index(name)] = value
    return row


CLEAR = {
    "skin_red": 0.5, "skin_share": 1.0, "rim_share": 0.0, "glare": 0.0, "aspect": 0.8,
    "bulge": 0.0, "lean": 0.0, "fullness": 1.0, "contrast": 0.5, "step_low": 0.9,
    "slope_median": 0.6,
}  # fmt: skip


def _on_a_body(**change: float) -> NDArray[np.float32]:
    """Two clear spots, and one that something is changed of."""
    return np.concatenate([_row(**CLEAR), _row(**CLEAR), _row(**{**CLEAR, **change})])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"skin_red": 1.6}, DropReason.MUCOSA),
        ({"skin_share": 0.3}, DropReason.SKIN_BORDER),
        ({"glare": 0.2}, DropReason.GLARE),
        ({"aspect": 0.1}, DropReason.HAIR),
        ({"bulge": -0.03}, DropReason.FOLD),
        ({"contrast": 0.12}, DropReason.FAINT),
        ({"step_low": 0.1}, DropReason.SHADING),
        ({"slope_median": 0.02}, DropReason.BLURRED),
        ({}, DropReason.REJECTED),
    ],
)
def test_each_word_has_its_sign(change: dict[str, float], reason: DropReason) -> None:
    assert reasons_of(_on_a_body(**change))[-1] == reason


def test_what_is_no_skin_is_barred() -> None:
    assert is_barred(_on_a_body(skin_red=1.6)).tolist() == [False, False, True]
    assert not is_barred(_on_a_body(skin_red=0.9)).any()


def test_skin_that_is_red_all_over_is_skin() -> None:
    assert not is_barred(np.concatenate([_row(skin_red=red) for red in (1.2, 1.25, 1.3)])).any()


def test_scores_are_chances_and_rise_with_contrast() -> None:
    rows = np.concatenate([_row(**{**CLEAR, "contrast": c}) for c in (0.1, 0.2, 0.4, 0.8)])
    score = score_spots(rows, load_forest())
    assert ((score >= 0) & (score <= 1)).all()
    assert (np.diff(score) >= 0).all()
