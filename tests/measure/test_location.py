from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.columns import VOCABULARY
from tbp_extract.measure.location import (
    LOCATIONS,
    BodyParts,
    Facing,
    add_locations,
    label_body_parts,
    locate_lesions,
    simple_location,
)
from tbp_extract.phantom import make_body
from tbp_extract.types import LesionTable
from tests.bodies import (
    CODE,
    MAKEHUMAN,
    PAINTED,
    LabelledBody,
    beside_rig,
    makehuman,
    phantom_truth,
    score,
)

LEAST_SIMPLE, LEAST_DETAILED, MOST_WRONG = 0.98, 0.95, 0.02


@pytest.fixture(scope="session")
def phantom() -> LabelledBody:
    return phantom_truth(make_body("human", faces=30_000))


@pytest.fixture(scope="session")
def painted(data: Path) -> LabelledBody:
    return makehuman(data, PAINTED)


def assert_located(body: LabelledBody) -> BodyParts:
    parts = label_body_parts(body.surface)
    found = score(body, parts.face_location)
    assert found.simple >= LEAST_SIMPLE
    assert found.detailed >= LEAST_DETAILED
    return parts


@pytest.mark.parametrize("name", MAKEHUMAN)
def test_painted_bodies_are_located(data: Path, name: str) -> None:
    parts = assert_located(makehuman(data, name))
    assert parts.facing.agrees is True


@pytest.mark.parametrize("name", MAKEHUMAN)
def test_parts_agree_with_a_rig_that_others_drew(data: Path, name: str) -> None:
    body = makehuman(data, name)
    found = beside_rig(body, label_body_parts(body.surface).face_location)
    # Borders at shoulder, groin and neck are defined otherwise; away from them there is no doubt.
    assert found.simple >= 0.95
    assert found.detailed >= 0.92
    assert found.simple_far >= 0.99


@pytest.mark.parametrize("faces", [6_000, 100_000])
def test_phantoms_are_located_at_any_resolution(faces: int) -> None:
    assert_located(phantom_truth(make_body("human", faces=faces)))


def test_a_mirrored_body_swaps_left_and_right(painted: LabelledBody) -> None:
    parts = assert_located(painted.mirrored())
    # The face order stays; a body that is symmetric to rounding may differ at borders.
    before = label_body_parts(painted.surface).face_location
    swapped = painted.mirrored()
    again = replace(swapped, truth=before).mirrored().truth
    assert (again == parts.face_location).mean() > 0.999


@pytest.mark.parametrize("yaw_deg", [-30.0, -7.0, 15.0])
def test_a_body_that_stands_askew_is_turned_square(phantom: LabelledBody, yaw_deg: float) -> None:
    parts = assert_located(phantom.turned(yaw_deg))
    assert parts.facing.yaw_deg == pytest.approx(yaw_deg, abs=1.0)
    assert parts.facing.agrees is True


def test_a_scan_table_that_turns_the_body_round_is_believed_and_flagged(
    phantom: LabelledBody,
) -> None:
    parts = label_body_parts(phantom.turned(180.0).surface)
    assert parts.facing.agrees is False
    assert abs(parts.facing.yaw_deg or 0.0) == pytest.approx(180.0, abs=1.0)
    assert {LOCATIONS[code] for code in parts.face_location} >= {"Left Arm - Upper", "Head & Neck"}


def test_a_body_that_stands_sideways_has_no_left_and_right(phantom: LabelledBody) -> None:
    parts = label_body_parts(phantom.turned(90.0).surface)
    assert {LOCATIONS[code] for code in parts.face_location} <= {"Unknown", "Head & Neck"}
    assert parts.facing.agrees is False


@pytest.mark.parametrize("angle_deg", [20.0, 42.0])
def test_arms_may_hang_beside_the_trunk(painted: LabelledBody, angle_deg: float) -> None:
    assert_located(painted.arms_lowered(angle_deg))


@pytest.mark.parametrize("holes", [0.02, 0.1])
def test_holes_do_not_matter(painted: LabelledBody, holes: float) -> None:
    rng = np.random.default_rng(0)
    assert_located(painted.kept(rng.random(len(painted.faces)) > holes))


def test_noise_does_not_matter(painted: LabelledBody) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0.0, 2.0, painted.vertices_mm.shape)
    assert_located(replace(painted, vertices_mm=painted.vertices_mm + noise))


CUTS = {
    "bust": (lambda y, b: y > 1250),
    "head": (lambda y, b: y > 1560),
    "shoulders": (lambda y, b: y > 1380),
    "arm": (lambda y, b: b.part("Left Arm")),
    "forearm": (lambda y, b: b.part("Right Arm - Lower")),
    "leg": (lambda y, b: b.part("Left Leg")),
    "two lower legs": (lambda y, b: b.part("Leg - Lower")),
    "lower body": (lambda y, b: y < 1050),
    "upper body without head": (lambda y, b: (y > 1000) & ~b.part("Head")),
    "torso": (lambda y, b: b.part("Torso")),
    "no arms": (lambda y, b: ~b.part("Arm")),
    "no feet": (lambda y, b: y > 150),
    "no crown": (lambda y, b: y < 1700),
    "left half": (lambda y, b: b.centres_mm[:, 0] > 0),
}


@pytest.mark.parametrize("cut", CUTS)
def test_partial_scans_are_right_or_unknown(painted: LabelledBody, cut: str) -> None:
    body = painted.kept(CUTS[cut](painted.centres_mm[:, 1], painted))
    parts = label_body_parts(body.surface)
    assert score(body, parts.face_location).wrong_simple <= MOST_WRONG
    assert ((parts.confidence == 0) == (parts.face_location == CODE["Unknown"])).all()


def test_a_single_limb_is_unknown(painted: LabelledBody) -> None:
    for part in ("Left Arm", "Right Leg"):
        parts = label_body_parts(painted.kept(painted.part(part)).surface)
        assert not parts.face_location.any()
        assert parts.facing == Facing(None, None)


def test_nothing_is_told_of_a_sheet() -> None:
    vertices = np.array([[0, 0, 0], [500, 0, 0], [0, 500, 0], [500, 500, 0.0]])
    faces = np.array([[0, 1, 2], [1, 3, 2]], np.int32)
    sheet = LabelledBody(vertices, faces, np.zeros(2, np.uint8))
    assert not label_body_parts(sheet.surface).face_location.any()


def of_codes(names: list[str]) -> tuple[BodyParts, NDArray[np.int64]]:
    codes = np.array([CODE[name] for name in names], np.uint8)
    return BodyParts(codes, np.ones(len(codes), np.float32), Facing(0.0, True)), np.arange(
        len(codes)
    )


def test_every_location_has_a_simple_one_and_a_site() -> None:
    columns = locate_lesions(*of_codes(list(LOCATIONS)))
    assert columns["tbp_lv_location"].tolist() == list(LOCATIONS)
    assert set(columns["tbp_lv_location_simple"]) == set(VOCABULARY["tbp_lv_location_simple"])
    assert set(columns["anatom_site_general"]) == {*VOCABULARY["anatom_site_general"], None}
    assert simple_location("Right Leg - Lower") == "Right Leg"
    arms = [
        site
        for n, site in zip(
            *map(columns.get, ("tbp_lv_location", "anatom_site_general")), strict=True
        )
        if "Arm" in n
    ]
    assert set(arms) == {"upper extremity"}


def test_what_a_list_gives_stands_and_the_rest_follows() -> None:
    parts, face = of_codes(["Left Arm - Upper", "Left Arm - Upper", "Torso Back", "Head & Neck"])
    given = LesionTable(
        {
            "tbp_lv_location": np.array([None, "Torso Front", None, None], object),
            "tbp_lv_location_simple": np.array([None, None, "Right Leg", "Head & Neck"], object),
        }
    )
    columns = add_locations(given, parts, face).columns
    assert columns["tbp_lv_location"].tolist() == [
        "Left Arm - Upper",
        "Torso Front",
        "Right Leg",
        "Head & Neck",
    ]
    assert columns["tbp_lv_location_simple"].tolist() == [
        "Left Arm",
        "Torso Front",
        "Right Leg",
        "Head & Neck",
    ]
    assert columns["anatom_site_general"].tolist() == [
        "upper extremity",
        "anterior torso",
        "lower extremity",
        "head/neck",
    ]
