import numpy as np

from tbp_extract.kernels.implicit import body_distance, nearest_part
from tbp_extract.phantom.anatomy import human_cones
from tests.naive import implicit as naive


def test_distance_and_part_are_those_of_the_twin() -> None:
    rng = np.random.default_rng(0)
    cones = human_cones()
    rows = np.array([cone.row() for cone in cones])
    parts = np.array([cone.part for cone in cones], np.int32)
    points = rng.uniform((-700, -20, -200), (700, 1800, 250), (500, 3))
    distance, part = np.empty(500), np.empty(500, np.int32)
    body_distance(points, rows, 0.0, distance)
    nearest_part(points, rows, parts, part)
    # The twin's search stops at rounding error of lengths near 1 m.
    np.testing.assert_allclose(distance, naive.body_distance(points, rows, 0.0), atol=1e-6)
    np.testing.assert_array_equal(part, naive.nearest_part(points, rows, parts))


def test_a_ball_swallowed_by_the_other_adds_nothing() -> None:
    points = np.random.default_rng(1).uniform(-5, 5, (50, 3))
    row = np.array([[0.0, 9.0, 0.0, 0.5, 9.0, 0.0, 3.0, 1.0, 1.0, 1.0]])
    distance = np.empty(50)
    body_distance(points, row, -100.0, distance)
    alone = np.linalg.norm(points - (0.0, 9.0, 0.0), axis=1) - 3.0
    np.testing.assert_allclose(distance, alone, atol=1e-12)
