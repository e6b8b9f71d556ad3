from dataclasses import replace

import numpy as np
import pytest

from tbp_extract.columns import VOCABULARY
from tbp_extract.measure.delineate import delineate
from tbp_extract.measure.existing import batch_of_images
from tbp_extract.measure.skin import skin_colour, skin_tone, tone_class
from tbp_extract.phantom import Skin, Tone
from tbp_extract.phantom.colour import lab_to_rgb
from tests.measure.scenes import TONES, Spot, batch_of, crop
from tests.measure.test_taking import skin_crops


@pytest.mark.parametrize("tone", list(Tone))
def test_planted_tone_is_found(tone: Tone) -> None:
    found = skin_tone(delineate(skin_crops(tone, 133)))
    assert set(found["tbp_ex_skin_tone"]) == {tone.value}
    # The skin's own mottling moves the median of a place by up to 3 degrees.
    np.testing.assert_allclose(found["tbp_ex_ita_deg"], Skin.of(tone).ita_deg, atol=4.0)


@pytest.mark.parametrize("tone", [Tone.VERY_LIGHT, Tone.TAN, Tone.DARK])
def test_lesion_hair_glare_and_missing_skin_hardly_move_it(tone: Tone) -> None:
    bare, hairy = skin_crops(tone, 133), skin_crops(tone, 133, 8)
    before = skin_tone(delineate(bare))["tbp_ex_ita_deg"]
    pixels, covered = hairy.pixels.copy(), hairy.covered.copy()
    pixels[:, 30:110, 30:110] = (60, 35, 30)  # a lesion that reaches out of the middle disc
    pixels[:, 5:15, 5:40] = 250
    covered[:, 120:] = False
    pixels[~covered] = 0
    hidden = replace(hairy, pixels=pixels, covered=covered)
    after = skin_tone(delineate(hidden))["tbp_ex_ita_deg"]
    np.testing.assert_allclose(after, before, atol=1.5)


def test_angle_is_that_of_the_formula() -> None:
    lab = np.array([62.0, 14.0, 18.0])
    pixels = np.tile(lab_to_rgb(lab).round().astype(np.uint8), (1, 99, 99, 1))
    outlines = delineate(batch_of_images(pixels, 15.0))
    # One byte is up to 0.4 of CIELAB, an eighth the width of a bin.
    np.testing.assert_allclose(skin_colour(outlines)[0], lab, atol=0.4)
    expected = np.degrees(np.arctan2(12.0, 18.0))
    assert skin_tone(outlines)["tbp_ex_ita_deg"][0] == pytest.approx(expected, abs=1.0)


def test_skin_is_looked_for_outside_of_the_outline_wherever_that_lies() -> None:
    # A dark lesion of 12 mm leaves little of the crop's border.
    found = delineate(batch_of(crop(Spot(12.0, offset_lab=(-30.0, 4.0, 3.0)))))
    assert found.status[0] == "ok"
    np.testing.assert_allclose(skin_colour(found)[0], TONES["light"], atol=0.7)


def test_classes_have_the_limits_of_del_bino() -> None:
    angles = np.array([55.1, 55.0, 41.1, 41.0, 28.1, 28.0, 10.1, 10.0, -29.9, -30.0, np.nan])
    assert tone_class(angles).tolist() == [
        *("very_light", "light", "light", "intermediate", "intermediate"),
        *("tan", "tan", "brown", "brown", "dark", None),
    ]
    assert {tone.value for tone in Tone} == set(VOCABULARY["tbp_ex_skin_tone"])


def test_no_skin_and_no_skin_colour_give_no_value() -> None:
    grey = batch_of_images(np.full((3, 99, 99, 3), 128, np.uint8), 15.0)
    blue = grey.pixels.copy()
    blue[1] = (90, 110, 180)
    covered = np.ones((3, 99, 99), np.bool_)
    covered[2] = False
    # 4.9 of the 5 square millimetres that it takes.
    covered[2, :1, :99] = True
    covered[2, 98:, :99] = True
    found = skin_tone(delineate(replace(grey, pixels=blue, covered=covered)))
    assert np.isnan(found["tbp_ex_ita_deg"][1:]).all()
    assert found["tbp_ex_skin_tone"][1:].tolist() == [None, None]
