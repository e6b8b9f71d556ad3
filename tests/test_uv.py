import numpy as np

from tbp_extract.uv import rowcol_to_uv, uv_to_rowcol


def test_the_page_corners_lie_half_a_texel_outside_the_corner_texels() -> None:
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    rowcol = uv_to_rowcol(corners, np.array([4, 8]))
    assert rowcol.tolist() == [[3.5, -0.5], [3.5, 7.5], [-0.5, -0.5], [-0.5, 7.5]]


def test_v_runs_up_and_u_to_the_right() -> None:
    row, col = uv_to_rowcol(np.array([0.1, 0.9]), np.array([100, 10]))
    assert row < 50
    assert col < 5


def test_turning_there_and_back_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    uv, size = rng.uniform(-1, 2, (20, 3, 2)), rng.integers(1, 9000, (20, 1, 2))
    np.testing.assert_allclose(rowcol_to_uv(uv_to_rowcol(uv, size), size), uv, atol=1e-12)


def test_single_precision_coordinates_turn_in_double_precision() -> None:
    uv = np.array([1 / 3, 2 / 3], np.float32)
    expected = (1.0 - float(uv[1])) * 16384 - 0.5, float(uv[0]) * 16384 - 0.5
    assert tuple(uv_to_rowcol(uv, np.array([16384, 16384]))) == expected


def test_coordinates_that_are_missing_stay_missing() -> None:
    assert np.isnan(uv_to_rowcol(np.array([np.nan, np.nan]), np.array([4, 4]))).all()
