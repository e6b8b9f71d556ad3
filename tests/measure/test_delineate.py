import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.measure.delineate import RASTER_PX_PER_MM, delineate
from tbp_extract.measure.shape import measure_shape
from tests.measure.scenes import TONES, Spot, batch_of, crop, with_hair


@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize(
    ("diameter", "percent"), [(2.0, 10.0), (3.0, 5.0), (6.0, 5.0), (12.0, 5.0)]
)
def test_known_disc_keeps_its_area(tone: str, diameter: float, percent: float) -> None:
    spot = Spot(diameter)
    found = delineate(batch_of(*(crop(spot, tone=tone, seed=seed) for seed in range(3))))
    area = found.share.sum(axis=(1, 2)) / RASTER_PX_PER_MM**2
    assert found.status.tolist() == ["ok"] * 3
    assert (abs(area / spot.area_mm2 - 1.0) < percent / 100.0).all()


@pytest.mark.parametrize(
    "offset", [(-15.0, 3.0, 3.0), (9.0, -3.0, -2.0), (-4.0, 10.0, 2.0), (-6.0, 1.0, 1.0)]
)
def test_darker_lighter_redder_and_faint_lesions_count_alike(
    offset: tuple[float, float, float],
) -> None:
    spot = Spot(4.0, aspect=0.7, angle_deg=30.0, offset_lab=offset)
    found = delineate(batch_of(crop(spot)))
    area = found.share.sum() / RASTER_PX_PER_MM**2
    assert abs(area / spot.area_mm2 - 1.0) < 0.05
    np.testing.assert_allclose(found.contrast_lab[0], offset, atol=1.5)


@pytest.mark.parametrize("edge_mm", [0.15, 0.7])
def test_a_soft_edge_does_not_move_the_outline(edge_mm: float) -> None:
    spot = Spot(4.0, edge_mm=edge_mm)
    found = delineate(batch_of(crop(spot)))
    assert abs(found.share.sum() / RASTER_PX_PER_MM**2 / spot.area_mm2 - 1.0) < 0.05


def test_a_pale_outer_part_belongs_to_the_lesion() -> None:
    spot = Spot(6.0, offset_lab=(-9.0, 2.0, 1.0), inner_lab=(-20.0, 4.0, -2.0))
    found = delineate(batch_of(crop(spot)))
    assert abs(found.share.sum() / RASTER_PX_PER_MM**2 / spot.area_mm2 - 1.0) < 0.05


@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize(("diameter_mm", "percent"), [(3.0, 8.0), (5.0, 3.0)])
def test_hair_changes_a_lesion_little(diameter_mm: float, percent: float, tone: str) -> None:
    spot, colour = Spot(diameter_mm), (25, 18, 15) if tone == "dark" else (58, 42, 34)
    crops = [with_hair(crop(spot, tone=tone), seed=seed, rgb=colour) for seed in range(6)]
    found = delineate(batch_of(*crops))
    area = found.share.sum(axis=(1, 2)) / RASTER_PX_PER_MM**2
    assert (found.status == "ok").all()
    # Six hairs on a window of 15 mm; the worst runs along the small one's rim.
    assert (abs(area / spot.area_mm2 - 1.0) < percent / 100.0).all()
    assert np.median(abs(area / spot.area_mm2 - 1.0)) < 0.03


@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize("rgb", [(25, 18, 15), (235, 232, 225)])
def test_a_hair_across_the_rim_leaves_area_and_length(tone: str, rgb: tuple[int, int, int]) -> None:
    bare = crop(Spot(4.0), tone=tone)
    ways_mm = {"across": (0.0, 0.8), "along the rim": (1.6, 2.0)}
    for name, percent, most_mm in (("across", 1.5, 0.1), ("along the rim", 9.0, 0.25)):
        crossed = [across(bare, way_mm, rgb) for way_mm in ways_mm[name]]
        found = measure_shape(delineate(batch_of(bare, *crossed)))
        area, long = found["tbp_lv_areaMM2"], found["clin_size_long_diam_mm"]
        np.testing.assert_allclose(area[1:], area[0], rtol=percent / 100.0, err_msg=name)
        np.testing.assert_allclose(long[1:], long[0], atol=most_mm, err_msg=name)


def across(
    pixels: NDArray[np.uint8], way_mm: float, rgb: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Lay a hair 0.1 mm thick over a crop, so far from its centre; at 2 mm it runs along a rim."""
    y, x = np.indices(pixels.shape[:2]) - 0.5 * (len(pixels) - 1)
    away_px = abs(0.8 * y + 0.6 * x - way_mm * len(pixels) / 15.0)
    share = np.clip(0.9 - away_px, 0.0, 0.85)[..., None]
    return np.asarray(np.rint(pixels * (1.0 - share) + np.array(rgb) * share), np.uint8)


def test_a_neighbour_is_left_out() -> None:
    spot = Spot(3.0)
    found = delineate(batch_of(crop(spot, Spot(4.0, at_mm=(0.0, 4.6)))))
    assert abs(found.share.sum() / RASTER_PX_PER_MM**2 / spot.area_mm2 - 1.0) < 0.05


@pytest.mark.parametrize("size_px", [41, 89, 256])
def test_sampling_does_not_matter(size_px: int) -> None:
    spot = Spot(5.0, aspect=0.7)
    found = delineate(batch_of(crop(spot, size_px=size_px, noise=0.5)))
    # At 41 px a pixel is wider than the edge.
    percent = 5.0 if size_px < 60 else 2.0
    area = found.share.sum() / RASTER_PX_PER_MM**2
    assert abs(area / spot.area_mm2 - 1.0) < percent / 100.0


def test_what_cannot_be_trusted_says_why() -> None:
    half, gone = np.ones((133, 133), np.bool_), np.zeros((133, 133), np.bool_)
    half[:, 60:] = False
    full = np.ones_like(half)
    black, white = np.zeros((133, 133, 3), np.uint8), np.full((133, 133, 3), 255, np.uint8)
    cases = (
        (crop(Spot(4.0)), full, "ok"),
        (crop(), full, "no_lesion"),
        (np.full((133, 133, 3), 170, np.uint8), full, "no_lesion"),
        (crop(Spot(11.0, at_mm=(0.0, 4.0))), full, "clipped"),
        (crop(Spot(4.0, offset_lab=(-2.6, 0.5, 0.5)), noise=0.3), full, "faint"),
        (crop(Spot(4.0)), half, "uncovered"),
        (black, gone, "uncovered"),
        (white, full, "glare"),
    )
    crops, covers, words = zip(*cases, strict=True)
    found = delineate(batch_of(*crops, covered=np.stack(covers)))
    assert found.status.tolist() == list(words)
