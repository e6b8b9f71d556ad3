from itertools import pairwise

import numpy as np
import pytest

from tbp_extract.errors import ConfigError
from tbp_extract.geometry import build_surface
from tbp_extract.phantom import Body, make_body
from tbp_extract.phantom.anatomy import RIGHT, Part
from tests.targets import bare_scan

HUMAN = make_body("human", faces=6000)
ARM = make_body("arm", faces=6000)
BOTH = pytest.mark.parametrize("body", [HUMAN, ARM], ids=["human", "arm"])


def face_areas(body: Body) -> np.ndarray:
    a, b, c = (body.vertices_mm[body.faces[:, k]] for k in range(3))
    return np.asarray(0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1))


@BOTH
def test_bodies_are_closed_and_of_one_piece(body: Body) -> None:
    surface = build_surface(bare_scan(body.vertices_mm, body.faces))
    assert (surface.neighbours >= 0).all()
    edges = 3 * len(body.faces) // 2
    # Euler's number of a sphere: one piece without handles.
    assert len(surface.vertices_mm) - edges + len(body.faces) == 2


@BOTH
def test_bodies_are_wound_outward(body: Body) -> None:
    a, b, c = (body.vertices_mm[body.faces[:, k]] for k in range(3))
    assert np.einsum("fi,fi->", a, np.cross(b, c)) > 0


@BOTH
def test_faces_are_no_slivers(body: Body) -> None:
    corners = body.vertices_mm[body.faces]
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2)
    # Height by longest side: 0.87 where all sides are equal.
    assert (2 * face_areas(body) / sides.max(axis=1) ** 2).min() > 0.15


@pytest.mark.parametrize(("faces", "height_m"), [(5000, 1.75), (30_000, 1.2)])
def test_human_has_the_height_and_faces_asked_for(faces: int, height_m: float) -> None:
    body = make_body("human", faces=faces, height_m=height_m)
    low, high = body.vertices_mm.min(axis=0), body.vertices_mm.max(axis=0)
    assert low[1] == 0.0
    np.testing.assert_allclose(high[1], 1000 * height_m)
    # The cells' size is a whole-body estimate.
    assert abs(len(body.faces) / faces - 1) < 0.1
    # 1.75 m and 1.8 m2, grown with the square of the height.
    assert abs(face_areas(body).sum() / (1.8e6 * (height_m / 1.75) ** 2) - 1) < 0.1


def test_left_is_at_plus_x_and_the_nose_in_front() -> None:
    centre = HUMAN.vertices_mm[HUMAN.faces].mean(axis=1)
    assert (centre[HUMAN.face_part == Part.FOREARM, 0] > 0).all()
    assert (centre[HUMAN.face_part == Part.FOREARM + RIGHT, 0] < 0).all()
    head = centre[HUMAN.face_part == Part.HEAD]
    assert head[:, 2].max() > 1.1 * -head[:, 2].min()
    feet = centre[HUMAN.face_part % RIGHT == Part.FOOT]
    assert feet[:, 2].max() > 1.5 * -feet[:, 2].min()


def test_arm_has_a_tenth_of_a_square_metre_and_apart_fingers() -> None:
    assert abs(face_areas(ARM).sum() / 1e5 - 1) < 0.1
    centre = ARM.vertices_mm[ARM.faces].mean(axis=1)
    fingers = [centre[ARM.face_part == part] for part in (Part.INDEX, Part.MIDDLE, Part.RING)]
    tips = [finger[finger[:, 1].argmin()] for finger in fingers]
    assert min(np.linalg.norm(a - b) for a, b in pairwise(tips)) > 18.0
    # As thick as a finger: it is the surface that is curved, R about 8 mm.
    middle = fingers[1]
    around = middle[np.abs(middle[:, 1] - np.median(middle[:, 1])) < 5.0]
    assert 12.0 < np.ptp(around[:, 2]) < 20.0


@pytest.mark.parametrize(("faces", "height_m"), [(100, 1.75), (5000, 30.0)])
def test_impossible_bodies_are_refused(faces: int, height_m: float) -> None:
    with pytest.raises(ConfigError):
        make_body("human", faces=faces, height_m=height_m)
