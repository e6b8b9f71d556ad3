"""Crops that hold no measurable lesion: a word that says why, and no made-up number."""

from dataclasses import fields, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.columns import BY_NAME
from tbp_extract.measure import measure_lesions
from tbp_extract.measure.existing import candidates_of_images
from tbp_extract.types import CropBatch
from tests.measure.scenes import TONES, Spot, batch_of, crop, with_hair

SIZES = (
    *("clin_size_long_diam_mm", "tbp_lv_areaMM2", "tbp_lv_perimeterMM", "tbp_lv_minorAxisMM"),
    *("tbp_lv_eccentricity", "tbp_lv_symm_2axis", "tbp_lv_symm_2axis_angle"),
    *("tbp_lv_norm_border", "tbp_lv_color_std_mean", "tbp_lv_norm_color"),
)
COLOURS = ("tbp_lv_L", "tbp_lv_deltaL", "tbp_lv_Lext", "tbp_lv_deltaLBnorm", "tbp_lv_stdL")
FULL = np.ones((133, 133), np.bool_)
HALF = np.tile(np.arange(133) < 66, (133, 1))
SKIN = np.full((133, 133, 3), (205, 165, 145), np.uint8)


def measured(batch: CropBatch) -> dict[str, NDArray[np.float64]]:
    ids = tuple(str(k) for k in range(len(batch)))
    return dict(measure_lesions(candidates_of_images(ids), batch).columns)


def glaring() -> NDArray[np.uint8]:
    pixels = crop(Spot(4.0))
    pixels[40:95, 40:95] = 252
    return pixels


def emptied(batch: CropBatch) -> CropBatch:
    """The same batch, all crops taken out."""
    arrays = {f.name: getattr(batch, f.name)[:0] for f in fields(batch) if f.name != "frames"}
    axes = ("candidate", "face", "origin_mm", "axes")
    frames = replace(batch.frames, **{name: getattr(batch.frames, name)[:0] for name in axes})
    return replace(batch, frames=frames, **arrays)


CASES = {
    "uncovered": (batch_of(np.zeros_like(SKIN), covered=np.zeros((1, 133, 133), np.bool_))),
    "uncovered: half": batch_of(crop(Spot(4.0)), covered=HALF[None]),
    "no_lesion: skin": batch_of(crop()),
    "no_lesion: one colour": batch_of(SKIN),
    "no_lesion: black": batch_of(np.zeros_like(SKIN)),
    "hair": batch_of(with_hair(crop(Spot(4.0)), count=60, width_px=1.2)),
    "glare": batch_of(glaring()),
    "glare: white": batch_of(np.full_like(SKIN, 255)),
}


@pytest.mark.parametrize("name", CASES)
def test_what_shows_no_lesion_has_a_word_and_no_values(name: str) -> None:
    columns = measured(CASES[name])
    assert columns["tbp_ex_delineation"].tolist() == [name.partition(":")[0]]
    for column in (*SIZES, *COLOURS):
        assert np.isnan(columns[column]).all(), column


def test_no_crops_have_all_columns_and_no_rows() -> None:
    one = CASES["no_lesion: skin"]
    columns = measured(emptied(one))
    assert columns.keys() == measured(one).keys()
    assert {len(values) for values in columns.values()} == {0}


@pytest.mark.parametrize("name", CASES)
def test_every_number_is_missing_or_in_its_range(name: str) -> None:
    for column, values in measured(CASES[name]).items():
        if BY_NAME[column].dtype == "float":
            known = np.asarray(values, np.float64)
            assert not np.isinf(known).any(), column
            if column.endswith("_fraction"):
                assert (np.isnan(known) | ((known >= 0.0) & (known <= 1.0))).all(), column


@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize("count", [40, 160, 300])
def test_dense_hair_is_called_so_on_any_skin(tone: str, count: int) -> None:
    hair = {"rgb": (25, 18, 15) if tone == "dark" else (58, 42, 34)}
    crops = [
        with_hair(crop(Spot(d), tone=tone), count=count, seed=k, width_px=width, **hair)
        for k, (d, width) in enumerate(((3.0, 0.6), (4.0, 1.2), (8.0, 1.4)))
    ]
    columns = measured(batch_of(*crops))
    assert columns["tbp_ex_delineation"].tolist() == ["hair"] * 3
    for column in (*SIZES, *COLOURS):
        assert np.isnan(columns[column]).all(), column


@pytest.mark.parametrize("tone", TONES)
def test_lesions_under_dense_fine_hair_are_not_measured(tone: str) -> None:
    colour = (25, 18, 15) if tone == "dark" else (58, 42, 34)
    for count in (90, 140):
        crops = [
            with_hair(crop(Spot(d), tone=tone), count=count, seed=7, width_px=0.4, rgb=colour)
            for d in (3.0, 5.0)
        ]
        assert set(measured(batch_of(*crops))["tbp_ex_delineation"]) == {"hair"}


@pytest.mark.parametrize("tone", TONES)
def test_body_hair_is_no_dense_hair(tone: str) -> None:
    crops = [with_hair(crop(Spot(4.0), tone=tone), count=8, seed=seed) for seed in range(6)]
    assert set(measured(batch_of(*crops))["tbp_ex_delineation"]) == {"ok"}


@pytest.mark.parametrize("diameter_mm", [16.0, 17.0])
def test_a_lesion_that_fills_the_window_is_clipped(diameter_mm: float) -> None:
    columns = measured(batch_of(crop(Spot(diameter_mm))))
    assert columns["tbp_ex_delineation"].tolist() == ["clipped"]
    assert np.isnan(columns["clin_size_long_diam_mm"]).all()
    # Skin shows in the corners, so that colours are known.
    assert columns["tbp_lv_deltaL"][0] == pytest.approx(-15.0, abs=1.5)


def test_a_listed_lesion_wider_than_the_window_is_not_called_skin() -> None:
    candidates = candidates_of_images(("0", "1"))
    wide = replace(candidates, diameter_mm=np.array([40.0, 4.0], np.float32))
    columns = measure_lesions(wide, batch_of(SKIN, SKIN)).columns
    assert columns["tbp_ex_delineation"].tolist() == ["clipped", "no_lesion"]
    assert np.isnan(columns["tbp_lv_L"]).all()


def test_shade_across_a_crop_is_never_trusted() -> None:
    axis = np.linspace(-1.0, 1.0, 133)
    shade = 1.0 - 0.06 * (axis[:, None] ** 2 + axis**2) + 0.05 * axis
    pixels = np.rint(crop() * shade[..., None]).astype(np.uint8)
    assert measured(batch_of(pixels))["tbp_ex_delineation"][0] in {"no_lesion", "faint"}


def test_neighbours_in_a_batch_do_not_matter() -> None:
    many = batch_of(*(crop(Spot(d), seed=k) for k, d in enumerate(np.linspace(2.0, 9.0, 21))))
    whole = measured(many)
    for k in (0, 15, 16, 20):
        alone = measured(batch_of(many.pixels[k]))
        for name, values in alone.items():
            np.testing.assert_array_equal(values, whole[name][k : k + 1])
