"""Mean normals and curvature on shapes whose bend is known."""

import numpy as np
import pytest

from tbp_extract.geometry import build_surface
from tbp_extract.kernels.bend import bend, spread_normals
from tbp_extract.types import Scan, Surface


def _ball(radius_mm: float) -> Surface:
    """A dome of a sphere."""
    polar, turn = np.meshgrid(np.linspace(0.3, 1.2, 30), np.linspace(0.0, 1.2, 40), indexing="ij")
    xyz = radius_mm * np.stack(
        (np.sin(polar) * np.sin(turn), np.cos(polar), np.sin(polar) * np.cos(turn)), axis=-1
    )
    corner = (np.arange(29)[:, None] * 40 + np.arange(39)).ravel()
    faces = np.concatenate(
        (
            np.column_stack((corner, corner + 40, corner + 41)),
            np.column_stack((corner, corner + 41, corner + 1)),
        )
    ).astype(np.int32)
    scan = Scan(
        xyz.reshape(-1, 3),
        np.ascontiguousarray(faces),
        np.full((len(faces), 3, 2), np.nan, np.float32),
        np.full(len(faces), -1, np.int16),
        (),
    )
    return build_surface(scan)


def _bend(surface: Surface, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    corners = surface.vertices_mm[surface.faces]
    area = 0.5 * np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    means = surface.face_normals.copy()
    spread_normals(surface.neighbours, area, rounds, np.empty_like(means), means)
    out = np.empty((len(area), 2))
    bend(corners.mean(axis=1), surface.neighbours, means, out)
    return means, out


@pytest.mark.parametrize("rounds", [1, 2, 5])
@pytest.mark.parametrize("radius_mm", [20.0, 60.0])
def test_a_ball_bends_by_one_over_its_radius(radius_mm: float, rounds: int) -> None:
    _, out = _bend(_ball(radius_mm), rounds)
    # Faces at the rim have neighbours on one side only; the mean flattens a little.
    assert np.median(out[:, 0]) == pytest.approx(1.0 / radius_mm, rel=0.08)


def test_a_bowl_bends_the_other_way() -> None:
    surface = _ball(40.0)
    means, _ = _bend(surface, 2)
    out = np.empty((len(means), 2))
    bend(surface.vertices_mm[surface.faces].mean(axis=1), surface.neighbours, -means, out)
    assert np.median(out[:, 0]) == pytest.approx(-1.0 / 40.0, rel=0.08)


def test_means_match_plain_numpy() -> None:
    surface = _ball(30.0)
    corners = surface.vertices_mm[surface.faces]
    area = 0.5 * np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    expected = surface.face_normals.copy()
    known = surface.neighbours >= 0
    for _ in range(3):
        weight = area + (area[surface.neighbours] * known).sum(axis=1)
        near = expected[surface.neighbours] * (area[surface.neighbours] * known)[..., None]
        expected = (expected * area[:, None] + near.sum(axis=1)) / weight[:, None]
    means, _ = _bend(surface, 3)
    np.testing.assert_allclose(means, expected, atol=1e-12)
