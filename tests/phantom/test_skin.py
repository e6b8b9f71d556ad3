from dataclasses import replace

import numpy as np
import pytest
from skimage.color import rgb2lab

from tbp_extract.geometry import corner_rowcol
from tbp_extract.phantom import Skin, Tone, add_fine_texture, bake_skin, mean_skin
from tbp_extract.phantom.colour import lab_to_rgb, rgb_to_lab
from tbp_extract.phantom.skin import chart_rim
from tests.phantom.scenes import arm

DEL_BINO_DEG = {
    Tone.VERY_LIGHT: (55, 90),
    Tone.LIGHT: (41, 55),
    Tone.INTERMEDIATE: (28, 41),
    Tone.TAN: (10, 28),
    Tone.BROWN: (-30, 10),
    Tone.DARK: (-90, -30),
}


def test_lab_is_that_of_the_standard() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (2000, 3)).astype(np.uint8)
    # scikit-image rounds its matrix and white point to fewer digits.
    np.testing.assert_allclose(rgb_to_lab(rgb), rgb2lab(rgb), atol=0.01)
    np.testing.assert_allclose(lab_to_rgb(rgb_to_lab(rgb)), rgb, atol=1e-6)


@pytest.mark.parametrize("tone", Tone)
def test_each_tone_lies_in_its_class(tone: Tone) -> None:
    low, high = DEL_BINO_DEG[tone]
    assert low < Skin.of(tone).ita_deg < high


@pytest.mark.parametrize("tone", [Tone.VERY_LIGHT, Tone.DARK])
def test_painted_skin_has_the_tone_on_average(tone: Tone) -> None:
    scan = replace(arm(), atlas=(np.empty((1024, 1024, 3), np.uint8),))
    bake_skin(scan, Skin.of(tone), seed=1)
    # Mottling is not centred exactly over so small a body.
    np.testing.assert_allclose(mean_skin(scan).lab, Skin.of(tone).lab, atol=1.5)


def test_colour_goes_on_across_seams() -> None:
    scan = replace(arm(), atlas=(np.empty((1024, 1024, 3), np.uint8),))
    # Strong blotches without grain.
    bake_skin(
        scan, Skin((60.0, 12.0, 15.0), mottling=20.0, redness=15.0, grain=0.0, pores=0.0), seed=4
    )
    page = scan.atlas[0].astype(np.float64)
    rowcol = corner_rowcol(scan, np.arange(len(scan.faces))).reshape(-1, 2)
    vertex = scan.faces.reshape(-1)
    at_rim = np.repeat(chart_rim(scan), 3)
    rows, columns = np.round(rowcol).astype(int).T
    colour = page[rows, columns]
    seen: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    apart = []
    for v, place, rgb in zip(vertex[at_rim], rowcol[at_rim], colour[at_rim], strict=True):
        first, first_rgb = seen.setdefault(int(v), (place, rgb))
        if np.abs(first - place).max() > 8.0:
            apart.append(np.abs(first_rgb - rgb).max())
    assert len(apart) > 100
    # Two texels, each up to 0.7 texels (0.3 mm) from the same point.
    assert np.percentile(apart, 95) < 4.0
    assert np.std(page[rows, columns], axis=0).min() > 12.0


def test_same_seed_same_skin_other_seed_other_skin() -> None:
    pages = []
    for seed in (5, 5, 6):
        scan = replace(arm(), atlas=(np.empty((1024, 1024, 3), np.uint8),))
        bake_skin(scan, Skin.of(Tone.TAN), seed=seed)
        pages.append(scan.atlas[0])
    np.testing.assert_array_equal(pages[0], pages[1])
    assert (pages[0] != pages[2]).mean() > 0.1


def test_freckles_darken_spots_only() -> None:
    plain, freckled = arm().atlas[0], np.empty((1024, 1024, 3), np.uint8)
    bake_skin(replace(arm(), atlas=(freckled,)), Skin.of(Tone.LIGHT, freckles=1.0), seed=3)
    darker = plain.astype(int).sum(axis=2) - freckled.astype(int).sum(axis=2)
    assert darker.min() >= 0
    assert 0.001 < (darker > 20).mean() < 0.1


def test_fine_texture_keeps_the_colour_of_a_page() -> None:
    page = np.full((1024, 1024, 3), (180, 140, 120), np.uint8)
    add_fine_texture(replace(arm(), atlas=(page,)), Skin.of(Tone.LIGHT), seed=2)
    held = (page != (180, 140, 120)).any(axis=2)
    assert held.mean() > 0.3
    np.testing.assert_allclose(page[held].mean(axis=0), (180, 140, 120), atol=2.0)
    assert 1.0 < page[held].std(axis=0).max() < 6.0
