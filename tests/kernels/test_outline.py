"""How a spot grows, held against its plain twin; whole outlines are tested with the looks."""

import numpy as np
from scipy import ndimage

from tbp_extract.kernels import outline
from tests.naive import look as naive

SIZE, SHARE = 33, 0.33


def test_a_spot_grows_and_shrinks_as_the_plain_one() -> None:
    rng = np.random.default_rng(8)
    spot, waiting = np.empty(SIZE * SIZE, np.int32), np.empty(SIZE * SIZE, np.int32)
    ways = {"grew": 0, "stopped": 0, "shrank": 0}
    for _ in range(60):
        field = ndimage.gaussian_filter(rng.normal(size=(SIZE, SIZE)), 2.5)
        contrast = (field / field.std()).astype(np.float32)
        valid = (rng.random((SIZE, SIZE)) > 0.02).astype(np.float32)
        near = np.where(valid > 0, contrast, -9.0)[12:21, 12:21]
        best = float(near.max())
        row, column = (int(k) + 12 for k in np.unravel_index(near.argmax(), near.shape))
        mask = np.empty((SIZE, SIZE), np.bool_)
        area, inside, rim, level = outline._grow(
            contrast, valid, row * SIZE + column, best, SHARE, spot, waiting, mask
        )
        whole, known = contrast.astype(np.float64), valid.astype(np.float64)
        wanted, reached = naive.grown(whole, known, (row, column), best, SHARE)
        np.testing.assert_array_equal(mask, wanted)
        assert area == wanted.sum()
        assert set(spot[:area].tolist()) == set(np.flatnonzero(wanted).tolist())
        np.testing.assert_allclose((inside, level), (whole[wanted].mean(), reached), rtol=1e-6)
        assert rim == naive.rim(wanted, known)
        end = SHARE * whole[naive.connected(whole, known, (row, column), 0.5 * best)].mean()
        if end > 0.5 * best:
            ways["shrank"] += 1
        else:
            ways["grew" if np.isclose(level, end) else "stopped"] += 1
    assert min(ways.values()) > 2
