from dataclasses import replace

import numpy as np
import pytest

from tbp_extract.columns import BY_NAME
from tbp_extract.crop import extract_crops
from tbp_extract.errors import ConfigError
from tbp_extract.geometry import build_surface
from tbp_extract.measure import measure_lesions
from tbp_extract.measure.quality import crop_quality
from tbp_extract.types import CandidateSource, CropBatch, CropFrames
from tests.targets import candidates_at, frames_at, plane_scan


def batch(size_px: int = 100, texel_mm: float = 0.2) -> CropBatch:
    frames = CropFrames(
        candidate=np.arange(2, dtype=np.int32),
        face=np.zeros(2, np.int32),
        origin_mm=np.array([[1.0, 2, 3], [4, 5, 6]]),
        axes=np.tile(np.eye(3), (2, 1, 1)),
        extent_mm=15.0,
        size_px=size_px,
    )
    covered = np.ones((2, size_px, size_px), np.bool_)
    covered[1] = False
    covered[1, :, : size_px // 4] = True
    px_mm2 = frames.mm_per_px**2
    return CropBatch(
        frames=frames,
        pixels=np.zeros((2, size_px, size_px, 3), np.uint8),
        covered=covered,
        mm2_per_px=np.where(covered, np.array([1.0, 4.0])[:, None, None] * px_mm2, 0).astype("f4"),
        texel_mm=np.array([texel_mm, 0.1], np.float32),
        obliqueness_deg=np.array([0.0, 60.0], np.float32),
    )


def test_quality_columns_say_what_the_crop_is() -> None:
    columns = crop_quality(batch())
    assert columns["tbp_ex_size_px"].tolist() == [100, 100]
    assert columns["tbp_ex_extent_mm"].tolist() == [15.0, 15.0]
    np.testing.assert_allclose(columns["tbp_ex_native_px_per_mm"], [5.0, 10.0], rtol=1e-6)
    assert columns["tbp_ex_upsampled"].tolist() == [True, False]
    np.testing.assert_allclose(columns["tbp_ex_covered_fraction"], [1.0, 0.25])
    np.testing.assert_allclose(columns["tbp_ex_obliqueness_deg"], [0.0, 60.0])
    # Four times the skin behind the image: lengths are off by two.
    np.testing.assert_allclose(columns["tbp_ex_stretch"], [1.0, 2.0], rtol=1e-5)


def test_quality_columns_are_columns_of_the_table_in_their_types() -> None:
    for name, values in crop_quality(batch()).items():
        assert values.dtype == BY_NAME[name].numpy_dtype, name
        assert values.shape == (2,)


def test_a_crop_that_shows_nothing_has_no_values_but_its_size() -> None:
    empty = batch()
    empty = replace(
        empty,
        covered=np.zeros_like(empty.covered),
        mm2_per_px=np.zeros_like(empty.mm2_per_px),
        texel_mm=np.full(2, np.nan, np.float32),
        obliqueness_deg=np.full(2, np.nan, np.float32),
    )
    columns = crop_quality(empty)
    for name in ("native_px_per_mm", "obliqueness_deg", "stretch"):
        assert np.isnan(columns[f"tbp_ex_{name}"]).all()
    assert not columns["tbp_ex_covered_fraction"].any()
    assert not columns["tbp_ex_upsampled"].any()


@pytest.mark.parametrize(("texel_mm", "upsampled"), [(0.2, True), (0.1, False)])
def test_a_crop_finer_than_its_source_is_called_upsampled(texel_mm: float, upsampled: bool) -> None:
    scan = plane_scan(np.full((250, 250, 3), 9, np.uint8), texel_mm)
    surface = build_surface(scan)
    crops = extract_crops(scan, surface, frames_at(surface, np.zeros((1, 3))))
    columns = crop_quality(crops)
    assert columns["tbp_ex_upsampled"].tolist() == [upsampled]
    np.testing.assert_allclose(columns["tbp_ex_native_px_per_mm"], 1 / texel_mm, rtol=1e-4)
    np.testing.assert_allclose(columns["tbp_ex_covered_fraction"], 1.0)
    np.testing.assert_allclose(columns["tbp_ex_stretch"], 1.0, rtol=1e-5)


def test_rows_follow_the_frames_and_carry_what_the_list_gave() -> None:
    surface = build_surface(plane_scan(np.zeros((99, 99, 3), np.uint8), 0.5))
    found = candidates_at(surface, np.array([[1.0, 0, 0], [2.0, 0, 0], [3.0, 0, 0]]))
    found = replace(
        found,
        diameter_mm=np.array([3, np.nan, 5], np.float32),
        extra={
            "tbp_lv_A": np.array([10.0, 11, 12]),
            "tbp_lv_x": np.array([7.0, 7, 7]),
            "tag": np.array(["a", "b", "c"], object),
        },
    )
    crops = batch()
    crops = replace(crops, frames=replace(crops.frames, candidate=np.array([2, 1], np.int32)))
    columns = measure_lesions(found, crops).columns
    np.testing.assert_array_equal(columns["clin_size_long_diam_mm"], [5, np.nan])
    assert columns["tbp_lv_A"].tolist() == [12, 11]
    # Where the lesion lies on the skin is ours to say.
    assert columns["tbp_lv_x"].tolist() == [1.0, 4.0]
    assert columns["tbp_lv_z"].tolist() == [3.0, 6.0]
    assert "tag" not in columns


def test_a_detectors_score_is_told_and_a_list_has_none() -> None:
    surface = build_surface(plane_scan(np.zeros((99, 99, 3), np.uint8), 0.5))
    found = candidates_at(surface, np.zeros((3, 3)))
    found = replace(
        found,
        score=np.array([0.25, 0.5, 1.0], np.float32),
        source=(CandidateSource.DETECTOR, CandidateSource.BOTH, CandidateSource.LIST),
    )
    crops = batch()
    for candidate, wanted in ((0, 0.25), (1, 0.5), (2, np.nan)):
        index = np.full(len(crops), candidate, np.int32)
        shown = replace(crops, frames=replace(crops.frames, candidate=index))
        column = measure_lesions(found, shown).columns["tbp_ex_find_score"]
        np.testing.assert_array_equal(column, wanted)


def test_a_carried_column_that_the_table_does_not_have_is_refused() -> None:
    surface = build_surface(plane_scan(np.zeros((99, 99, 3), np.uint8), 0.5))
    found = candidates_at(surface, np.zeros((2, 3)))
    found = replace(found, extra={"tbp_lv_secret": np.zeros(2)})
    with pytest.raises(ConfigError, match="tbp_lv_secret"):
        measure_lesions(found, batch())
