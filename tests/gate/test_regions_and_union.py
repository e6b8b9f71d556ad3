from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.zones import Zones, inner_faces, is_near, phantom_zones, skin_zones
from tbp_extract.config import Config
from tbp_extract.gate import beyond_union, region_reasons
from tbp_extract.geometry import build_surface, frame_points
from tbp_extract.io.scan import read_scan, scan_ref
from tbp_extract.measure.location import BodyParts, Facing, label_body_parts
from tbp_extract.phantom.body import make_body
from tbp_extract.types import CropFrames, GateReason, Scan, Surface

ZONE_REASON = {
    "face": GateReason.FACE,
    "nipple": GateReason.NIPPLE,
    "genital": GateReason.GENITAL,
    "finger end": GateReason.NAIL,
}
BODIES = (
    "mh_female_middleage_asian",
    "mh_male_dark",
    "mh_male_middleage",
    "mh_male_young",
)


def body_reasons(scan: Scan, face: np.ndarray) -> tuple[dict[GateReason, np.ndarray], np.ndarray]:
    surface = build_surface(scan)
    position = surface.vertices_mm[surface.faces[face]].mean(axis=1)
    parts = label_body_parts(surface)
    found = region_reasons(surface, parts, face=face, position_mm=position, extent_mm=15.0)
    return found, position


def missed(scan: Scan, zones: Zones) -> set[str]:
    """Names of zones of which any face is not held for the zone's own reason."""
    return {
        zone
        for zone, inside in zones.items()
        if not body_reasons(scan, np.flatnonzero(inside))[0][ZONE_REASON[zone]].all()
    }


@pytest.mark.parametrize("name", BODIES)
def test_zones_drawn_by_hand_are_held_and_little_else(data: Path, name: str) -> None:
    scan = read_body(data, name)
    zones = skin_zones(scan)
    assert not missed(scan, zones)
    corners = scan.vertices_mm[scan.faces]
    along, across = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.linalg.norm(np.cross(along, across), axis=1)
    area[inner_faces(scan)] = 0.0
    face = np.random.default_rng(0).choice(len(area), 3000, p=area / area.sum())
    found, position = body_reasons(scan, face)
    near = is_near(scan, zones, position, 15.0 / np.sqrt(2))
    held = np.any([found[reason] for reason in ZONE_REASON.values()], axis=0)
    # What a crop outside reaches of a zone is not in it: margins alone.
    assert held[~near].mean() < 0.02


def test_crotch_and_fingers_of_a_phantom_are_held() -> None:
    body = make_body("human", faces=100_000, height_m=1.6)
    n = len(body.faces)
    scan = Scan(
        body.vertices_mm,
        body.faces,
        np.full((n, 3, 2), np.nan, np.float32),
        np.full(n, -1, np.int16),
        (),
    )
    assert not missed(scan, phantom_zones(scan))


@pytest.mark.parametrize("drop_mm", [40.0, 80.0])
def test_what_hangs_between_the_legs_is_held(data: Path, drop_mm: float) -> None:
    scan = read_body(data, "mh_male_young")
    zone = {"genital": skin_zones(scan)["genital"]}
    inside = scan.vertices_mm[np.unique(scan.faces[zone["genital"]])]
    root = np.array((0.0, inside[:, 1].min() + 15.0, inside[:, 2].max() - 35.0))
    away = np.linalg.norm(scan.vertices_mm - root, axis=1)
    pull = np.exp(-((away / 22.0) ** 2))[:, None] * np.array((0.0, -drop_mm, 15.0))
    assert not missed(replace(scan, vertices_mm=scan.vertices_mm + pull), zone)


def read_body(data: Path, name: str) -> Scan:
    return read_scan(scan_ref(next((data / "bodies" / name).glob("*.obj")), unit="mm"), Config())


def unplaced(surface: Surface) -> bool:
    n = len(surface.faces)
    parts = BodyParts(np.zeros(n, np.uint8), np.zeros(n, np.float32), Facing(None, None))
    found = region_reasons(
        surface, parts, face=np.array([0]), position_mm=np.zeros((1, 3)), extent_mm=15.0
    )
    return bool(found[GateReason.UNPLACED][0])


def flat(width_mm: float, height_mm: float, cells: int = 20) -> Surface:
    x, y = np.meshgrid(np.linspace(0, width_mm, cells + 1), np.linspace(0, height_mm, cells + 1))
    vertices = np.column_stack((x.ravel(), y.ravel(), np.zeros(x.size)))
    k = np.arange((cells + 1) ** 2).reshape(cells + 1, -1)
    a, b, c, d = (part.ravel() for part in (k[:-1, :-1], k[:-1, 1:], k[1:, 1:], k[1:, :-1]))
    faces = np.concatenate((np.column_stack((a, b, c)), np.column_stack((a, c, d))))
    n = len(faces)
    return build_surface(
        Scan(
            vertices,
            faces.astype(np.int32),
            np.full((n, 3, 2), np.nan, np.float32),
            np.full(n, -1, np.int16),
            (),
        )
    )


def test_what_has_no_landmarks_is_held_if_it_is_broad() -> None:
    assert unplaced(flat(400, 500))
    assert not unplaced(flat(100, 700))


def crops_on(surface: Surface, centres: np.ndarray) -> CropFrames:
    n = len(centres)
    middle = surface.vertices_mm[surface.faces].mean(axis=1)
    face = np.array([np.linalg.norm(middle - c, axis=1).argmin() for c in centres], np.int32)
    _, axes = frame_points(surface, face, np.full((n, 3), 1 / 3))
    return CropFrames(np.arange(n, dtype=np.int32), face, centres, axes, 15.0, 33)


def test_crops_beyond_a_share_of_the_part_are_held_in_order() -> None:
    surface = flat(120, 120)
    n = len(surface.faces)
    parts = BodyParts(np.full(n, 2, np.uint8), np.ones(n, np.float32), Facing(None, None))
    grid = np.arange(7.5, 120, 15.0)
    centres = np.array([(x, y, 0.0) for y in grid for x in grid])
    order = np.random.default_rng(0).permutation(len(centres)).tolist()
    beyond = beyond_union(surface, parts, crops_on(surface, centres), order, max_share=0.5)
    # 64 crops tile the square: half of them fill half of it, to the noise of the sampled points.
    assert abs((~beyond).sum() - 32) <= 1
    assert not beyond[order[:30]].any()
    assert beyond[order[34:]].all()


def test_a_crop_that_shows_nothing_new_stays() -> None:
    surface = flat(40, 40)
    n = len(surface.faces)
    parts = BodyParts(np.full(n, 2, np.uint8), np.ones(n, np.float32), Facing(None, None))
    centres = np.tile(np.array((20.0, 20.0, 0.0)), (50, 1))
    beyond = beyond_union(surface, parts, crops_on(surface, centres), range(50), max_share=0.2)
    assert not beyond.any()
