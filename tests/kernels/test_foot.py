import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import foot

FOOT = np.array((0.3, 0.15, 0.1, 1.15))
RIM = np.zeros(42)


def areas(scale_px: float, radius_px: float = 12.0) -> NDArray[np.float64]:
    """Pixels of a disc with a logistic edge at each of 40 levels."""
    share = np.clip(np.arange(42) / 40.0, 1e-3, 1.0 - 1e-3)
    return np.asarray(np.pi * (radius_px + scale_px * np.log((1.0 - share) / share)) ** 2)


def test_a_sharp_edge_has_no_foot_and_a_soft_one_is_followed_outward() -> None:
    sharp = foot.foot_level(areas(0.6), RIM, 20, 1, 0.0, FOOT, 0.8, 40)
    soft = foot.foot_level(areas(2.0), RIM, 20, 1, 0.0, FOOT, 0.8, 40)
    assert sharp == 20
    assert soft < 20
    # Never by more than a seventh of the area, one level apart.
    assert areas(2.0)[soft + 1] <= 1.15 * areas(2.0)[20]


def test_the_foot_stays_where_its_limits_are() -> None:
    soft = areas(2.0)
    far = np.array((0.3, 0.05, 0.0, 3.0))
    lowest = foot.foot_level(soft, RIM, 20, 1, 0.0, far, 0.8, 40)
    assert lowest < foot.foot_level(soft, RIM, 20, 1, 0.0, FOOT, 0.8, 40)
    # Contrast: not below 0.5, that is half of this edge's height of 1.
    assert foot.foot_level(soft, RIM, 20, 1, 0.0, np.array((0.3, 0.05, 0.5, 3.0)), 0.8, 40) == 20
    none = np.array((0.0, 0.05, 0.0, 3.0))
    # Height: what lies outside, as far as it counts, raises the foot.
    assert foot.foot_level(soft, RIM, 20, 1, 0.4, far, 0.8, 40) > lowest
    assert foot.foot_level(soft, RIM, 20, 1, 0.4, none, 0.8, 40) == lowest


def test_the_foot_does_not_leave_the_image() -> None:
    rim = np.where(np.arange(42) < 18, 3.0, 0.0)
    far = np.array((0.3, 0.05, 0.0, 3.0))
    assert foot.foot_level(areas(2.0), rim, 20, 1, 0.0, far, 0.8, 40) == 18


def test_each_region_is_followed_by_its_own_limits() -> None:
    area, rim = np.stack((areas(2.0),) * 3), np.zeros((3, 42))
    level = np.array([20, 20, 0])
    limits = np.stack((FOOT, np.array((0.3, 0.15, 0.5, 1.15)), FOOT))
    foot.follow(area, rim, np.ones(3, np.int64), np.zeros(3), limits, 0.8, 40, level)
    assert level[0] < 20
    assert level[1:].tolist() == [20, 0]
