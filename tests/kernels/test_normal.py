import numpy as np

from tbp_extract.kernels.normal import mean_normals
from tests.naive.normal import mean_normal


def test_mean_normal_is_that_of_counted_points() -> None:
    rng = np.random.default_rng(0)
    start = np.array([0, 5, 5, 12], np.int64)
    face = rng.permutation(12).astype(np.int32)
    corner = rng.uniform(-6.0, 6.0, (12, 3, 2))
    normals = rng.normal(size=(12, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    out = np.full((3, 3), 7.0)
    mean_normals(start, face, corner, normals, 2.5, out)
    for n in (0, 2):
        rows = slice(start[n], start[n + 1])
        expected = mean_normal(corner[rows], normals[face[rows]], 2.5)
        # 400 x 400 points tell an area to about a thousandth.
        np.testing.assert_allclose(out[n], expected, atol=5e-3)
    np.testing.assert_array_equal(out[1], 7.0)


def test_triangles_outside_the_window_have_no_say() -> None:
    corner = np.array([[[-1.0, -1.0], [1.0, -1.0], [0.0, 1.0]], [[3.0, 3.0], [9.0, 3.0], [3.0, 9]]])
    normals = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    out = np.zeros((1, 3))
    mean_normals(np.array([0, 2]), np.array([0, 1], np.int32), corner, normals, 2.5, out)
    np.testing.assert_allclose(out[0], (0.0, 0.0, 1.0))
