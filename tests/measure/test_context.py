import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.columns import BY_NAME, MAIN_MEASURES, context_name
from tbp_extract.measure import add_context
from tbp_extract.measure.context import mid_rank, nearest_mm, robust_z, ugly_duckling
from tbp_extract.types import LesionTable


def made_table(count: int, seed: int = 0) -> LesionTable:
    rng = np.random.default_rng(seed)
    columns: dict[str, NDArray[np.float64]] = {
        name: rng.gamma(3.0, 2.0, count) for name in MAIN_MEASURES
    }
    return LesionTable(columns)


def test_nearest_is_the_smallest_distance_to_another() -> None:
    places = np.random.default_rng(0).normal(0, 300, (200, 3))
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    np.fill_diagonal(apart, np.inf)
    np.testing.assert_allclose(nearest_mm(places), apart.min(axis=1), rtol=1e-12)


def test_lesions_at_one_place_are_0_mm_apart_and_one_alone_has_no_neighbour() -> None:
    assert nearest_mm(np.zeros((2, 3))).tolist() == [0.0, 0.0]
    assert np.isnan(nearest_mm(np.zeros((1, 3)))).all()
    unplaced = np.array([[np.nan] * 3, [0.0, 0, 0], [3.0, 4, 0]])
    np.testing.assert_array_equal(nearest_mm(unplaced), [np.nan, 5.0, 5.0])


def test_ranks_share_the_middle_of_ties_and_skip_what_is_missing() -> None:
    found = mid_rank(np.array([4.0, 1.0, np.nan, 4.0, 9.0]))
    np.testing.assert_array_equal(found, [0.5, 0.125, np.nan, 0.5, 0.875])
    assert mid_rank(np.array([7.0])).tolist() == [0.5]
    assert np.isnan(mid_rank(np.full(3, np.nan))).all()
    assert mid_rank(np.empty(0)).shape == (0,)


def test_z_of_normal_values_is_about_that_of_their_sd() -> None:
    values = np.random.default_rng(1).normal(50, 4, 100_000)
    # The MAD of 100,000 normal values is known to half a per cent.
    np.testing.assert_allclose(robust_z(values), (values - 50) / 4, atol=0.06)


def test_z_does_not_care_for_units_or_outliers() -> None:
    values = np.random.default_rng(2).gamma(3.0, 2.0, 101)
    z = robust_z(values)
    np.testing.assert_allclose(robust_z(25.4 * values + 7), z, rtol=1e-9, atol=1e-9)
    outlier = values.copy()
    outlier[values.argmax()] = 1e6
    np.testing.assert_allclose(
        np.delete(robust_z(outlier), values.argmax()), np.delete(z, values.argmax())
    )


@pytest.mark.parametrize("values", [[1.0, 2, 3, 4], [2.0] * 9, [0.0] * 6 + [1.0] * 5, [np.nan] * 9])
def test_values_without_spread_have_no_z(values: list[float]) -> None:
    assert np.isnan(robust_z(np.array(values))).all()


def test_a_missing_value_has_no_z_and_no_say() -> None:
    values = np.array([1.0, 2, 3, 4, 5, np.nan])
    np.testing.assert_allclose(robust_z(values), [*robust_z(values[:5]), np.nan])


def test_usual_lesions_are_about_1_from_the_middle_and_a_duckling_far() -> None:
    rng = np.random.default_rng(3)
    mixing = rng.normal(size=(6, 6))
    measures = rng.normal(size=(400, 6)) @ mixing
    # One lesion whose every measure is usual, but not together.
    flock, direction = np.linalg.eigh(np.cov(measures.T))
    measures[0] = measures.mean(axis=0) + 8 * np.sqrt(flock[0]) * direction[:, 0]
    assert max(abs(robust_z(column)[0]) for column in measures.T) < 2
    found = ugly_duckling(measures)
    assert found.argmax() == 0
    # Eight standard deviations along one of six directions, some of them its own doing.
    assert found[0] == pytest.approx(8 / np.sqrt(6), rel=0.2)
    assert np.median(found[1:]) == pytest.approx(1.0, abs=0.1)


def test_a_fifth_of_odd_lesions_does_not_hide_them() -> None:
    measures = np.random.default_rng(6).normal(size=(200, 5))
    measures[:40] += 7
    found = ugly_duckling(measures)
    assert found[:40].min() > found[40:].max()


def test_the_distance_does_not_care_for_units_order_or_constant_measures() -> None:
    measures = np.random.default_rng(4).gamma(3.0, 2.0, (80, 5))
    found = ugly_duckling(measures)
    scaled = np.column_stack((measures * [1, 10, 0.1, 3, 7] + 5, np.full(80, 2.0)))
    np.testing.assert_allclose(ugly_duckling(scaled), found, rtol=1e-9)
    np.testing.assert_allclose(ugly_duckling(measures[::-1])[::-1], found, rtol=1e-9)


def test_the_distance_needs_lesions_measures_and_whole_rows() -> None:
    measures = np.random.default_rng(5).normal(size=(20, 4))
    assert np.isfinite(ugly_duckling(measures)).all()
    assert np.isnan(ugly_duckling(measures[:19])).all()
    assert np.isnan(ugly_duckling(measures[:, :2])).all()
    more = np.vstack((measures, measures[:1] + 1))
    more[3, 1] = np.nan
    assert np.flatnonzero(np.isnan(ugly_duckling(more))).tolist() == [3]


def test_z_within_a_part_is_that_of_the_part_alone() -> None:
    table = made_table(30)
    part = np.array(["Left Leg"] * 12 + ["Torso Back"] * 10 + ["Unknown"] * 4 + [None] * 4, object)
    part[0] = "Head & Neck"
    table = LesionTable({**table.columns, "tbp_lv_location_simple": part})
    found = add_context(table, np.zeros((30, 3))).columns
    for name in MAIN_MEASURES:
        z, values = found[context_name("z_part", name)], table.columns[name]
        for word in ("Left Leg", "Torso Back"):
            np.testing.assert_allclose(z[part == word], robust_z(values[part == word]))
        assert np.isnan(z[[0, *range(22, 30)]]).all()
        np.testing.assert_array_equal(found[context_name("z", name)], robust_z(values))


@pytest.mark.parametrize("count", [0, 1, 4, 40])
def test_context_columns_are_columns_of_the_table_whatever_the_number(count: int) -> None:
    table = made_table(count)
    columns = add_context(table, np.random.default_rng(0).normal(size=(count, 3))).columns
    assert len(columns) == len(table.columns) + 3 + 3 * len(MAIN_MEASURES)
    for name, values in columns.items():
        assert values.dtype == BY_NAME[name].numpy_dtype
        assert values.shape == (count,)
    assert columns["tbp_ex_lesion_count"].tolist() == [count] * count


def test_measures_that_are_not_there_leave_their_context_empty() -> None:
    table = LesionTable({"clin_size_long_diam_mm": np.arange(1.0, 31)})
    columns = add_context(table, np.zeros((30, 3))).columns
    assert np.isfinite(columns["tbp_ex_rank_long_diam_mm"]).all()
    assert np.isnan(columns["tbp_ex_rank_areaMM2"]).all()
    assert np.isnan(columns["tbp_ex_ugly_duckling"]).all()
