import numpy as np
import pytest

from tbp_extract.errors import ConfigError
from tbp_extract.geometry import build_surface
from tbp_extract.phantom import Target, TargetShape, faces_between, make_target, sample_sites
from tests.phantom.scenes import arm

SURFACE = build_surface(arm())


def test_sites_lie_on_their_faces_and_keep_their_distance() -> None:
    radius = np.random.default_rng(0).uniform(0.5, 5.0, 60)
    sites = sample_sites(SURFACE, radius, seed=1)
    corners = SURFACE.vertices_mm[SURFACE.faces[sites.face]]
    on_face = (corners * sites.barycentric[:, :, None]).sum(axis=1)
    np.testing.assert_array_equal(on_face, sites.xyz_mm)
    assert sites.barycentric.min() >= 0.0
    apart = np.linalg.norm(sites.xyz_mm[:, None] - sites.xyz_mm, axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (apart >= 8.0 + radius[:, None] + radius).all()


def test_sites_are_uniform_over_area_not_over_faces() -> None:
    # Six charts whose faces differ in area, compared by the octants of a sphere.
    sphere = build_surface(make_target(Target(TargetShape.SPHERE, radius_mm=50.0, edge_mm=8.0)))
    sites = sample_sites(sphere, np.zeros(4000), seed=2, gap_mm=0.0)
    # By Archimedes the height of uniform points is uniform.
    height = np.sort(sites.xyz_mm[:, 1]) / 50.0
    expected = np.linspace(-1, 1, 4000)
    # Kolmogorov's bound for 4000 draws at one in a thousand, over a range of 2.
    assert np.abs(height - expected).max() < 2 * 1.95 / np.sqrt(4000)


def test_sites_stay_where_they_may() -> None:
    allowed = faces_between(SURFACE, 300.0, 400.0)
    sites = sample_sites(SURFACE, np.ones(20), seed=3, allowed=allowed)
    assert sites.xyz_mm[:, 1].min() >= 300.0
    assert sites.xyz_mm[:, 1].max() <= 400.0


def test_same_seed_same_sites() -> None:
    one, same, other = (sample_sites(SURFACE, np.ones(9), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.xyz_mm, same.xyz_mm)
    assert (one.xyz_mm != other.xyz_mm).any()


def test_skin_without_room_is_refused() -> None:
    with pytest.raises(ConfigError, match="no room for 50"):
        sample_sites(SURFACE, np.ones(50), seed=1, gap_mm=200.0)
    with pytest.raises(ConfigError, match="no face"):
        sample_sites(SURFACE, np.ones(2), seed=1, allowed=np.zeros(len(SURFACE.faces), bool))
