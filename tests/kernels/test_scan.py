import numpy as np
import pytest

from tbp_extract.kernels import scan as kernels
from tests.naive import scan as naive


@pytest.mark.parametrize("seed", range(5))
def test_size_is_that_of_whole_array_formulas(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vertices = rng.normal(size=(60, 3)) * 300 + 1000
    vertices[-1] = 1e6  # no face uses it
    faces = rng.integers(0, 59, (200, 3)).astype(np.int32)
    out = np.empty(8)
    kernels.measure_mesh(vertices, faces, out)
    # Sums in another order differ by rounding only.
    np.testing.assert_allclose(out, naive.measure_mesh(vertices, faces), rtol=1e-9)


def test_a_cube_has_its_area_volume_and_box() -> None:
    import trimesh

    cube = trimesh.creation.box((2, 3, 4))
    out = np.empty(8)
    kernels.measure_mesh(np.asarray(cube.vertices), cube.faces.astype(np.int32), out)
    np.testing.assert_allclose(out, [52, 24, -1, -1.5, -2, 1, 1.5, 2], rtol=1e-12)
    kernels.measure_mesh(np.asarray(cube.vertices), cube.faces[:, ::-1].astype(np.int32), out)
    assert out[1] == pytest.approx(-24)
