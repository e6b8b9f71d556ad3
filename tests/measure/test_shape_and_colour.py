import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.columns import BY_NAME, VOCABULARY
from tbp_extract.measure.colour import measure_colour, norm_color
from tbp_extract.measure.delineate import RASTER_PX_PER_MM, delineate
from tbp_extract.measure.shape import measure_shape, norm_border
from tests.measure.scenes import TONES, Spot, batch_of, crop

SKINLESS = np.zeros((133, 133, 3), np.uint8)


@pytest.mark.parametrize("angle_deg", [0.0, 25.0, 70.0, 140.0])
def test_known_ellipse_keeps_its_diameters_and_axis(angle_deg: float) -> None:
    spot = Spot(5.0, aspect=0.6, angle_deg=angle_deg)
    columns = measure_shape(delineate(batch_of(crop(spot))))
    assert columns["clin_size_long_diam_mm"][0] == pytest.approx(5.0, abs=0.2)
    assert columns["tbp_lv_minorAxisMM"][0] == pytest.approx(3.0, abs=0.2)
    assert columns["tbp_lv_eccentricity"][0] == pytest.approx(0.8, abs=0.03)
    # The image of an ellipse in either of its axes is itself.
    turn = (columns["tbp_lv_symm_2axis_angle"][0] - angle_deg) % 90.0
    assert min(turn, 90.0 - turn) <= 5.0
    assert columns["tbp_lv_symm_2axis"][0] < 0.08


@pytest.mark.parametrize("tone", TONES)
def test_colours_are_those_painted(tone: str) -> None:
    spot = Spot(5.0, offset_lab=(-14.0, 5.0, 3.0))
    columns = measure_colour(delineate(batch_of(crop(spot, tone=tone))))
    for k, channel in enumerate("LAB"):
        skin = TONES[tone][k]
        assert columns[f"tbp_lv_{channel}ext"][0] == pytest.approx(skin, abs=1.5)
        inside = skin + spot.offset_lab[k]
        assert columns[f"tbp_lv_{channel}"][0] == pytest.approx(inside, abs=1.5)


def test_the_rim_does_not_count_as_scatter() -> None:
    even, spotted = Spot(5.0), Spot(5.0, inner_lab=(-25.0, 4.0, 3.0))
    columns = measure_colour(delineate(batch_of(crop(even), crop(spotted))))
    # The fall from skin to lesion is 15; what is painted inside scatters by about 1.
    assert columns["tbp_lv_stdL"][0] < 1.5
    assert columns["tbp_lv_stdL"][1] > 4.0


def test_exact_relations_hold() -> None:
    spots = (Spot(3.0), Spot(6.0, aspect=0.5), Spot(9.0, inner_lab=(-25.0, 3.0, 0.0)))
    outlines = delineate(batch_of(*(crop(spot, seed=k) for k, spot in enumerate(spots))))
    c = {
        name.removeprefix("tbp_lv_"): values
        for name, values in {**measure_shape(outlines), **measure_colour(outlines)}.items()
    }
    np.testing.assert_allclose(c["C"], np.hypot(c["A"], c["B"]))
    np.testing.assert_allclose(c["Hext"], np.degrees(np.arctan2(c["Bext"], c["Aext"])))
    for channel in "LAB":
        np.testing.assert_allclose(c[f"delta{channel}"], c[channel] - c[f"{channel}ext"])
    np.testing.assert_allclose(c["area_perim_ratio"], c["perimeterMM"] ** 2 / c["areaMM2"])
    np.testing.assert_allclose(
        c["norm_border"], norm_border(c["area_perim_ratio"], c["symm_2axis"])
    )
    np.testing.assert_allclose(
        c["norm_color"], norm_color(c["color_std_mean"], c["radial_color_std_max"])
    )
    assert (c["deltaLB"] >= np.hypot(c["deltaL"], c["deltaB"]) - 1e-6).all()


def test_vendor_formulas_give_the_genuine_rows() -> None:
    # ISIC_0015657 and ISIC_0015740 of the public sample.
    border = norm_border(np.array([22.90701, 19.4644]), np.array([0.4793388, 0.3660714]))
    np.testing.assert_allclose(border, [5.435366, 3.968912], atol=1e-5)
    colour = norm_color(np.array([0.4611487, 0.2512358]), np.array([0.3048271, 0.2307418]))
    np.testing.assert_allclose(colour, [1.143374, 0.7217392], atol=1e-5)


def test_sizes_follow_the_skin_behind_the_pixels() -> None:
    pixels = crop(Spot(4.0))
    flat = measure_shape(delineate(batch_of(pixels)))
    curved = measure_shape(delineate(batch_of(pixels, stretch2=1.21)))
    for name, factor in (("areaMM2", 1.21), ("perimeterMM", 1.1), ("minorAxisMM", 1.1)):
        np.testing.assert_allclose(
            curved[f"tbp_lv_{name}"], factor * flat[f"tbp_lv_{name}"], rtol=1e-5
        )


def test_colour_spread_tells_two_tones_side_by_side_from_one() -> None:
    one = crop(Spot(6.0))
    two = crop(Spot(6.0), Spot(2.5, at_mm=(0.0, 1.6), offset_lab=(-14.0, 0.0, -4.0)))
    columns = measure_colour(delineate(batch_of(one, two)))
    for name in ("color_std_mean", "radial_color_std_max", "norm_color"):
        plain, mixed = columns[f"tbp_lv_{name}"]
        assert mixed > 2.0 * plain


def lobed(angle_deg: float) -> Spot:
    """A lobe on one side of the disc that is drawn with it, in that direction."""
    turn = np.radians(angle_deg)
    return Spot(3.0, at_mm=(1.8 * np.sin(turn), 1.8 * np.cos(turn)), offset_lab=(-15.0, 4.0, 3.0))


def border_of(*, size_px: int, angles_deg: tuple[float, ...]) -> dict[str, NDArray[np.float64]]:
    disc = Spot(5.0)
    crops = [crop(disc, lobed(a), size_px=size_px, noise=0.3) for a in angles_deg]
    return measure_shape(delineate(batch_of(*crops)))


def test_border_columns_hardly_change_with_the_sampling() -> None:
    angles = (0.0, 10.0, 33.0, 75.0, 120.0)
    coarse, fine = (border_of(size_px=size, angles_deg=angles) for size in (133, 256))
    np.testing.assert_allclose(fine["tbp_lv_perimeterMM"], coarse["tbp_lv_perimeterMM"], rtol=0.01)
    # Of ranges 0..10 and 0..1.
    np.testing.assert_allclose(fine["tbp_lv_norm_border"], coarse["tbp_lv_norm_border"], atol=0.1)
    np.testing.assert_allclose(fine["tbp_lv_symm_2axis"], coarse["tbp_lv_symm_2axis"], atol=0.01)


def test_border_columns_hardly_change_when_the_lesion_is_turned() -> None:
    columns = border_of(size_px=133, angles_deg=(0.0, 17.0, 45.0, 100.0, 163.0))
    for name, most in (("perimeterMM", 0.3), ("symm_2axis", 0.02), ("norm_border", 0.3)):
        assert np.ptp(columns[f"tbp_lv_{name}"]) < most, name


def test_one_axis_of_symmetry_is_told_from_two() -> None:
    columns = border_of(size_px=133, angles_deg=(0.0, 60.0))
    round_one = measure_shape(delineate(batch_of(crop(Spot(5.0)))))
    assert round_one["tbp_lv_symm_2axis"][0] < 0.03
    # The lobe's own axis is the symmetric one; what counts is the axis across it.
    assert (columns["tbp_lv_symm_2axis"] > 0.12).all()
    np.testing.assert_allclose(columns["tbp_lv_symm_2axis_angle"], (0.0, 60.0), atol=5.0)


@pytest.mark.parametrize("diameter_mm", [2.0, 4.0, 8.0])
def test_perimeter_of_a_disc_is_that_of_a_chain_of_pixels(diameter_mm: float) -> None:
    columns = measure_shape(delineate(batch_of(crop(Spot(diameter_mm)))))
    radius_px = 0.5 * RASTER_PX_PER_MM * diameter_mm
    place = np.arange(-60, 61)
    chains = []
    for shift in np.linspace(0.0, 0.5, 6):
        disc = np.hypot(place[:, None] - shift, place + 0.3 * shift) < radius_px
        contour, _ = cv2.findContours(
            disc.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        chains.append(cv2.arcLength(contour[0], closed=True) / RASTER_PX_PER_MM)
    # The area is measured within 5 %, half of that in lengths.
    assert columns["tbp_lv_perimeterMM"][0] == pytest.approx(np.mean(chains), rel=0.03)


@pytest.mark.parametrize("name", ["areaMM2", "minorAxisMM", "L", "deltaLB", "eccentricity"])
def test_measures_at_133_and_256_px_agree(name: str) -> None:
    spots = [Spot(d, aspect=0.7, angle_deg=20.0) for d in (3.0, 5.0, 8.0)]
    coarse, fine = (
        delineate(batch_of(*(crop(spot, size_px=size, noise=0.3) for spot in spots)))
        for size in (133, 256)
    )
    for measure in (measure_shape, measure_colour):
        if f"tbp_lv_{name}" in measure(coarse):
            one, two = measure(coarse)[f"tbp_lv_{name}"], measure(fine)[f"tbp_lv_{name}"]
            np.testing.assert_allclose(one, two, rtol=0.02)


def test_what_is_not_seen_has_no_values() -> None:
    none = np.zeros((1, 133, 133), np.bool_)
    outlines = delineate(batch_of(SKINLESS, covered=none))
    for values in {**measure_shape(outlines), **measure_colour(outlines)}.values():
        assert np.isnan(values).all()
    clipped = delineate(batch_of(crop(Spot(11.0, at_mm=(0.0, 4.0)))))
    assert np.isnan(measure_shape(clipped)["tbp_lv_areaMM2"]).all()
    assert np.isfinite(measure_colour(clipped)["tbp_lv_L"]).all()


def test_all_columns_are_in_the_table_and_the_words_in_the_vocabulary() -> None:
    outlines = delineate(batch_of(crop(Spot(4.0)), SKINLESS))
    for name, values in {**measure_shape(outlines), **measure_colour(outlines)}.items():
        assert BY_NAME[name].dtype == "float"
        assert values.shape == (2,)
    assert set(outlines.status) <= set(VOCABULARY["tbp_ex_delineation"])
