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


def _seen_from(
    body: Surface, way: tuple[float, float, float], aside_mm: float, height_mm: float, bulge: float
) -> tuple[str, bool] | None:
    """Word at the skin that a viewer sees from the front, the back or the patient's left."""
    middles = body.vertices_mm[body.faces].mean(axis=1)
    across = np.cross((0.0, 1.0, 0.0), way)
    off = np.hypot(middles @ across - aside_mm, middles[:, 1] - height_mm)
    # The nearest of the faces that turn towards the viewer.
    near = (body.face_normals @ way > 0.4) & (off < 10.0)
    face = np.flatnonzero(near)[[(middles[near] @ way).argmax()]].astype(np.int32)
    (place,) = places_of(body, middles[face], face, np.full(1, 12.0), np.full(1, bulge))
    return None if place is None else (str(place.reason), place.barred)


FRONT, BACK, LEFT = (0.0, 0.0, 1.0), (0.0, 0.0, -1.0), (1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("way", "aside_mm", "height_mm", "bulge", "word"),
    [
        (FRONT, 0.0, 1570.0, 0.0, ("eye_or_mouth", False)),
        (FRONT, 30.0, 1635.0, 0.0, ("eye_or_mouth", False)),
        (FRONT, 30.0, 1665.0, 0.0, ("brow", False)),
        (FRONT, 0.0, 1690.0, 0.0, None),
        (FRONT, 0.0, 1730.0, 0.0, ("scalp", False)),
        (BACK, 0.0, 1680.0, 0.0, ("scalp", False)),
        (LEFT, 30.0, 1625.0, 0.0, ("ear", False)),
        (FRONT, 0.0, 1060.0, -0.01, ("navel", True)),
        (FRONT, 0.0, 1060.0, 0.0, None),
        (FRONT, 60.0, 1060.0, -0.01, None),
        (FRONT, 0.0, 790.0, 0.0, ("genital", False)),
        (FRONT, 60.0, 1060.0, 0.05, ("nail", False)),
    ],
)
def test_each_place_has_its_word(
    body: Surface,
    way: tuple[float, float, float],
    aside_mm: float,
    height_mm: float,
    bulge: float,
    word: tuple[str, bool] | None,
) -> None:
    assert _seen_from(body, way, aside_mm, height_mm, bulge) == word


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
        ({"rim_share": 0.2}, DropReason.SKIN_BORDER),
        ({"bulge": -0.03}, DropReason.FOLD),
        ({"lean": 0.5}, DropReason.FOLD),
        ({"fullness": 1.3}, DropReason.STRAIGHT_EDGE),
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
