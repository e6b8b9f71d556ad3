"""Outline and looks of drawn spots whose size and place are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.detect.blob.describe import LOOKS, OUTLINED
from tbp_extract.detect.blob.spots import density_tables, density_weights
from tbp_extract.kernels.look import describe
from tbp_extract.kernels.outline import outline
from tbp_extract.kernels.spots import density
from tests.naive import look as naive

SIZE, SKIN = 65, np.array((200.0, 160.0, 135.0))


def _spot(
    *, wide: float = 16.0, aspect: float = 1.0, at: tuple[float, float] = (32.0, 32.0),
    depth: float = 0.6, slope: float = 0.0,
) -> NDArray[np.uint8]:  # fmt: skip
    """An ellipse that leaves a share of the light, on skin that darkens from left to right."""
    rows, cols = np.indices((SIZE, SIZE)) - np.array(at)[:, None, None]
    away = np.hypot(rows / aspect, cols) - 0.5 * wide
    share = np.clip(0.5 - away, 0.0, 1.0)[..., None]
    shade = 1.0 - slope * (np.arange(SIZE) / SIZE)[None, :, None]
    return np.asarray(np.rint(SKIN * shade * (1.0 - share * (1.0 - depth))), np.uint8)


def _look(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float64], dict[str, float]]:
    _, _, shape, values = _kernels(pixels, np.zeros((1, SIZE, SIZE), np.int32), rim_level=0.5)
    return shape, dict(zip(LOOKS, values.tolist(), strict=True))


def _kernels(
    pixels: NDArray[np.uint8], shown: NDArray[np.int32], *, rim_level: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64], NDArray[np.float32]]:
    """Density, where skin shows, and the kernels' shape and looks."""
    image, valid = np.empty(shown.shape, np.float32), np.empty(shown.shape, np.float32)
    density(pixels[None], shown, density_tables(), density_weights(), image, valid)
    contrast, mask = np.empty_like(image), np.empty(shown.shape, np.bool_)
    outlined, values = np.empty((1, len(OUTLINED))), np.empty((1, len(LOOKS)), np.float32)
    outline(image, valid, np.full(1, 16.0), rim_level, 0.1, contrast, mask, outlined)
    describe(pixels[None], valid, density_tables(), contrast, mask, outlined, values)
    row, column, area, wide, narrow = outlined[0, :5]
    shape = np.array((row, column, wide, narrow, np.sqrt(4.0 * area / np.pi)))
    return image[0], valid[0], shape, values[0]


@pytest.mark.parametrize("wide", [9.0, 16.0, 25.0])
@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_a_disc_keeps_its_place_and_diameter(wide: float, slope: float) -> None:
    shape, _ = _look(_spot(wide=wide, at=(33.2, 31.1), slope=slope))
    np.testing.assert_allclose(shape[:2], (33.2, 31.1), atol=0.25)
    # A pixel's worth: the smoothing is one pixel wide.
    assert shape[2] == pytest.approx(wide, abs=1.0)
    assert shape[4] == pytest.approx(wide, abs=1.0)


def test_an_ellipse_is_longer_than_wide() -> None:
    shape, looks = _look(_spot(wide=20.0, aspect=0.5))
    assert shape[2] == pytest.approx(20.0, abs=1.2)
    assert shape[3] == pytest.approx(10.0, abs=1.2)
    assert looks["aspect"] == pytest.approx(0.5, abs=0.06)


def test_contrast_is_the_logarithm_of_the_light_that_is_left() -> None:
    _, looks = _look(_spot(depth=0.7))
    # sRGB levels times 0.7 are about 0.7 ** 2.25 of the light.
    assert looks["contrast"] == pytest.approx(-2.25 * np.log(0.7), rel=0.12)


def test_exposure_changes_hardly_anything() -> None:
    _, bright = _look(_spot())
    _, dim = _look(np.rint(0.75 * _spot().astype(np.float64)).astype(np.uint8))
    for name in ("contrast", "step_low", "aspect", "fullness", "red_by_green", "blue_by_green"):
        assert dim[name] == pytest.approx(bright[name], rel=0.05, abs=0.02)


def test_skin_without_a_spot_gives_nothing() -> None:
    shape, looks = _look(_spot(depth=0.98))
    assert np.isnan(shape).all()
    assert np.isnan(list(looks.values())).all()


def test_a_dark_half_reaches_the_rim_of_the_view() -> None:
    pixels = np.tile(SKIN, (SIZE, SIZE, 1))
    pixels[:, :30] *= 0.6
    _, looks = _look(pixels.astype(np.uint8))
    assert looks["rim_share"] > 0.1


def test_a_spot_does_not_grow_over_a_bridge_into_a_larger_one() -> None:
    pixels = _spot(wide=12.0)
    # A broad shadow that a strip as dark as itself joins to the spot.
    shadow = np.zeros((SIZE, SIZE), np.bool_)
    shadow[:, 44:] = True
    shadow[31:34, 32:] = True
    pixels = np.where(shadow[..., None], np.minimum(pixels, 0.8 * SKIN), pixels).astype(np.uint8)
    shape, _ = _look(pixels)
    # The strip itself may count, the shadow behind it does not.
    assert 11.0 < shape[4] < 15.0


@pytest.mark.parametrize("seed", range(6))
def test_looks_are_those_of_the_plain_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    clean = _spot(
        wide=rng.uniform(9.0, 24.0), aspect=rng.uniform(0.5, 1.0), depth=rng.uniform(0.4, 0.8),
        at=(32.0 + rng.normal(), 32.0 + rng.normal()), slope=rng.uniform(0.0, 0.3),
    )  # fmt: skip
    pixels = np.clip(clean + rng.normal(0.0, 4.0, clean.shape), 0, 255).astype(np.uint8)
    shown = np.zeros((1, SIZE, SIZE), np.int32)
    shown[0, :, : 4 * (seed % 3)] = -1
    image, valid, shape, values = _kernels(pixels, shown, rim_level=0.4)
    wanted = naive.described(
        pixels, image.astype(np.float64), valid.astype(np.float64),
        density_tables().astype(np.float64), 16.0, 0.4, 0.1,
    )  # fmt: skip
    assert wanted is not None
    # The kernel smooths in single precision.
    np.testing.assert_allclose(shape, wanted[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(values, wanted[1], rtol=1e-3, atol=1e-3)
