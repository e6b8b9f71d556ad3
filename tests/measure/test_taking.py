"""Sharpness, clipping, glare and hair of crops."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.crop import extract_crops
from tbp_extract.geometry import build_surface
from tbp_extract.io.shards import ShardReader
from tbp_extract.measure.delineate import delineate
from tbp_extract.measure.existing import batch_of_images
from tbp_extract.measure.quality import crop_quality
from tbp_extract.phantom import Hair, Skin, Target, TargetShape, Tone, bake_skin, grow_hair
from tbp_extract.phantom.colour import rgb_to_lab
from tbp_extract.phantom.targets import make_target
from tbp_extract.types import CropBatch
from tests.targets import frames_at

NAMES = ("sharpness", "clipped_fraction", "glare_fraction")


def quality(pixels: NDArray[np.uint8], name: str, extent_mm: float = 15.0) -> float:
    return float(crop_quality(batch_of_images(pixels[None], extent_mm))[f"tbp_ex_{name}"][0])


def skin_crops(tone: Tone, size_px: int, hairs_per_cm2: float = 0.0) -> CropBatch:
    """Four crops of plain skin, the same whatever grows on it."""
    scan = make_target(Target(TargetShape.PLANE, texel_mm=0.08, edge_mm=2.0))
    bake_skin(scan, Skin.of(tone), seed=3)
    surface = build_surface(scan)
    if hairs_per_cm2:
        colour = (25, 18, 15) if tone is Tone.DARK else (58, 42, 34)
        scan = replace(scan, atlas=tuple(page.copy() for page in scan.atlas))
        grow_hair(scan, surface, Hair(per_cm2=hairs_per_cm2, rgb=colour), seed=5)
    places = np.array([[x, y, 0.0] for x in (-12, 12) for y in (-12, 12)])
    return extract_crops(scan, surface, frames_at(surface, places, size_px=size_px))


def disc_image(size_px: int, radius_mm: float = 3.0) -> NDArray[np.uint8]:
    """A dark disc on skin, 15 mm wide, each pixel the mean of its area."""
    fine = 2048
    place = (np.arange(fine) + 0.5) / fine * 15 - 7.5
    inside = np.hypot(place[:, None], place) < radius_mm
    image = np.where(inside[..., None], (120, 80, 60), (205, 165, 145)).astype(np.uint8)
    return np.asarray(cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_AREA))


def test_sharpness_falls_with_every_step_of_blur(data: Path) -> None:
    with ShardReader(data / "isic2024" / "test-image.hdf5") as reader:
        for name in reader:
            pixels = reader[name]
            blurred = [cv2.GaussianBlur(pixels, (0, 0), s) for s in (0.7, 1.0, 1.5, 2.2, 3.3, 5.0)]
            found = [quality(np.asarray(image), "sharpness") for image in (pixels, *blurred)]
            assert np.all(np.diff(found) < 0)
            # Vendor crops are sharpened; below 0.35 nothing finer than half a millimetre is left.
            assert found[0] > 0.55
            assert found[-1] < 0.35


def test_ideal_edges_have_half_and_an_even_change_a_quarter() -> None:
    # A pixel of 0.03 mm is an eighth of the fine way: it blurs the edge by a few per cent.
    assert quality(disc_image(512), "sharpness") == pytest.approx(0.5, abs=0.03)
    ramp = np.repeat(np.linspace(40, 240, 201)[None], 201, axis=0)
    image = np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8)
    assert quality(image, "sharpness") == pytest.approx(0.25, abs=0.01)


def test_noise_has_a_sharpness_of_1() -> None:
    noise = np.random.default_rng(0).integers(90, 170, (257, 257, 1)).astype(np.uint8)
    # Between whole pixels the difference is interpolated, which no noise suffers from.
    assert quality(np.repeat(noise, 3, axis=2), "sharpness") == pytest.approx(1.0, abs=0.02)


def test_sharpness_is_that_of_the_skin_not_of_the_sampling() -> None:
    coarse, fine = (quality(disc_image(size), "sharpness") for size in (133, 256))
    # Pixels of 0.11 mm average over the edge: about half of the fine way.
    assert coarse == pytest.approx(fine, rel=0.12)
    enlarged = cv2.resize(disc_image(133), (266, 266), interpolation=cv2.INTER_LINEAR)
    assert quality(np.asarray(enlarged), "sharpness") == pytest.approx(coarse, rel=0.1)


def test_clipped_pixels_are_counted() -> None:
    image = np.full((100, 100, 3), 150, np.uint8)
    image[:10] = (255, 200, 190)
    image[10:15] = (8, 3, 2)
    image[15:20] = (9, 3, 2)
    assert quality(image, "clipped_fraction") == pytest.approx(0.15)


@pytest.mark.parametrize("tone", [Tone.VERY_LIGHT, Tone.TAN, Tone.DARK])
@pytest.mark.parametrize("radius_mm", [1.0, 3.0])
def test_glare_is_as_large_as_drawn(tone: Tone, radius_mm: float) -> None:
    bare = skin_crops(tone, 133)
    place = (np.arange(133) - 66) * bare.frames.mm_per_px
    spot = np.hypot(place[:, None] - 1, place + 2) < radius_mm
    pixels = bare.pixels.copy()
    pixels[:, spot] = np.round(0.3 * pixels[:, spot] + 0.7 * 255)
    assert not crop_quality(bare)["tbp_ex_glare_fraction"].any()
    found = crop_quality(replace(bare, pixels=pixels))["tbp_ex_glare_fraction"]
    np.testing.assert_allclose(found, spot.mean(), atol=0.002)


def test_a_pale_mark_that_keeps_its_colour_is_no_glare() -> None:
    image = np.full((133, 133, 3), (150, 105, 80), np.uint8)
    image[40:90, 40:90] = (225, 160, 125)
    assert quality(image, "glare_fraction") == 0.0


@pytest.mark.parametrize("tone", [Tone.VERY_LIGHT, Tone.TAN, Tone.DARK])
def test_hair_follows_what_was_grown(tone: Tone) -> None:
    bare = skin_crops(tone, 133)
    assert not delineate(bare).hair_share.any()
    light = rgb_to_lab(bare.pixels)[..., 0]
    for per_cm2 in (2, 8):
        hairy = skin_crops(tone, 133, per_cm2)
        drop = (light - rgb_to_lab(hairy.pixels)[..., 0]) / (light + 16.0)
        # As much of the light, on any skin, as 3 L* of light skin.
        darkened = (drop >= 3.0 / 88.0).mean(axis=(1, 2))
        found = delineate(hairy).hair_share
        np.testing.assert_allclose(found, 0.8 * darkened, atol=0.03)
        assert found.mean() > 0.65 * darkened.mean()


def test_lesions_without_hair_have_none() -> None:
    discs = np.stack([disc_image(133, radius_mm) for radius_mm in (0.5, 1, 3, 6)])
    assert not delineate(batch_of_images(discs, 15.0)).hair_share.any()


def test_turning_a_crop_changes_nothing_but_rounding(data: Path) -> None:
    with ShardReader(data / "isic2024" / "test-image.hdf5") as reader:
        pixels = reader[reader.ids[0]]
    for name in ("sharpness", "clipped_fraction", "glare_fraction"):
        turned = quality(np.ascontiguousarray(np.rot90(pixels)), name)
        assert turned == pytest.approx(quality(pixels, name), abs=1e-9)


def test_what_is_not_covered_has_no_say() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(100, 200, (1, 133, 133, 3)).astype(np.uint8)
    batch = batch_of_images(pixels, 15.0)
    covered = np.ones((1, 133, 133), np.bool_)
    covered[:, :60] = False
    black, white = pixels.copy(), pixels.copy()
    black[~covered], white[~covered] = 0, 255
    found = [
        crop_quality(replace(batch, covered=covered, pixels=image)) for image in (black, white)
    ]
    for name in NAMES:
        one, two = (columns[f"tbp_ex_{name}"] for columns in found)
        np.testing.assert_array_equal(one, two)
    assert found[0]["tbp_ex_clipped_fraction"] == 0


def test_empty_and_flat_crops_get_no_made_up_values() -> None:
    batch = batch_of_images(np.full((2, 99, 99, 3), 130, np.uint8), 15.0)
    covered = np.zeros((2, 99, 99), np.bool_)
    covered[1] = True
    columns = crop_quality(replace(batch, covered=covered))
    assert np.isnan(columns["tbp_ex_sharpness"]).all()
    for name in NAMES[1:]:
        np.testing.assert_array_equal(columns[f"tbp_ex_{name}"], [np.nan, 0.0])


@pytest.mark.parametrize(("size_px", "extent_mm"), [(16, 15.0), (17, 2.0), (41, 0.5), (41, 60.0)])
def test_any_sampling_gives_shares(size_px: int, extent_mm: float) -> None:
    rng = np.random.default_rng(2)
    pixels = rng.integers(0, 256, (1, size_px, size_px, 3)).astype(np.uint8)
    columns = crop_quality(batch_of_images(pixels, extent_mm))
    for name in NAMES[1:]:
        assert 0.0 <= columns[f"tbp_ex_{name}"][0] <= 1.0
