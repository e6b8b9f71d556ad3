import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.measure.delineate import delineate
from tbp_extract.measure.rims import find_rims
from tests.measure.scenes import Spot, batch_of, crop


def field(grain: float) -> NDArray[np.float32]:
    rough = np.random.default_rng(3).normal(0.0, grain / np.sqrt(1.25), (1, 61, 61))
    return rough.astype(np.float32)


SKIN = np.ones((1, 30, 30), np.bool_)
NOISE = np.array([0.05])


def test_pale_rims_are_followed_on_even_skin_only() -> None:
    growth = [
        find_rims(field(grain), NOISE, SKIN, np.zeros(1)).foot[0, 3]
        for grain in (0.005, 0.015, 0.04)
    ]
    assert growth[0] == pytest.approx(1.7)
    assert 1.0 < growth[1] < 1.7
    assert growth[2] == pytest.approx(1.0)


def test_hair_on_the_rim_holds_the_outline_back() -> None:
    bare = find_rims(field(0.005), NOISE, SKIN, np.zeros(1))
    hairy = find_rims(field(0.005), NOISE, SKIN, np.full(1, 0.2))
    np.testing.assert_allclose(bare.foot[0], (0.0, 0.08, 0.055, 1.7))
    np.testing.assert_allclose(hairy.foot[0], (0.3, 0.15, 0.1, 1.15))


def test_grainy_skin_is_left_behind_farther_up() -> None:
    even = find_rims(field(0.002), NOISE, SKIN, np.zeros(1))
    rough = find_rims(field(0.04), NOISE, SKIN, np.zeros(1))
    np.testing.assert_allclose((even.clear[0], rough.clear[0]), (0.15, 0.35))


def test_without_skin_nothing_is_called_even() -> None:
    rims = find_rims(field(0.002), NOISE, np.zeros_like(SKIN), np.zeros(1))
    assert rims.clear[0] == pytest.approx(0.35)
    assert rims.foot[0, 3] == 1.0


def test_a_fading_rim_belongs_to_a_lesion_on_even_skin() -> None:
    spot = Spot(5.0, edge_mm=1.6)
    even, rough = (delineate(batch_of(crop(spot, noise=noise))) for noise in (0.2, 4.0))
    middle = spot.area_mm2
    assert even.share.sum() * even.step_mm**2 > 1.1 * middle
    assert rough.share.sum() * rough.step_mm**2 < 1.1 * middle
