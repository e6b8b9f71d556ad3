"""Our metrics are the published ones."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tbp_extract.challenge.score import partial_auc, score, top_sensitivity
from tbp_extract.errors import SourceError


def published_partial_auc(
    target: NDArray[np.bool_], prediction: NDArray[np.float64], min_tpr: float = 0.8
) -> float:
    """The definition of the challenge, on scikit-learn's curve."""
    turned, mirrored = 1 - target.astype(int), 1 - prediction
    x, y, _ = sklearn.metrics.roc_curve(turned, mirrored)
    limit = 1 - min_tpr
    stop = np.searchsorted(x, limit, "right")
    last = np.interp(limit, x[stop - 1 : stop + 1], y[stop - 1 : stop + 1])
    return float(sklearn.metrics.auc(np.append(x[:stop], limit), np.append(y[:stop], last)))


def scaled_partial_auc(target: NDArray[np.bool_], prediction: NDArray[np.float64]) -> float:
    """The same by way of ``roc_auc_score``, as the competition's site computes it."""
    limit = 0.2
    scaled = sklearn.metrics.roc_auc_score(~target, -prediction, max_fpr=limit)
    least = 0.5 * limit**2
    return float(least + (limit - least) / 0.5 * (scaled - 0.5))


def published_top(
    target: NDArray[np.bool_], prediction: NDArray[np.float64], patient: NDArray[np.int64]
) -> tuple[float, float, float]:
    """The secondary metric in pandas, as published."""
    frame = pd.DataFrame({"target": target.astype(int), "score": prediction, "patient": patient})
    total = frame.groupby("patient")["target"].transform("sum")
    frame = frame.assign(fraction=frame.target / total)[total > 0]
    best = [group.nlargest(15, "score") for _, group in frame.groupby("patient")]
    ranks = [b["score"].rank(method="dense") / 15.0 for b in best]
    found = sum(int(b.target.sum()) for b in best)
    shares = sum(float(b.fraction.sum()) for b in best)
    weighted = sum(float((b.fraction * r).sum()) for b, r in zip(best, ranks, strict=True))
    return found / int(frame.target.sum()), shares / len(best), weighted / len(best)


@st.composite
def submissions(
    draw: st.DrawFn,
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]]:
    seed, count = draw(st.integers(0, 2**32 - 1)), draw(st.integers(2, 400))
    rng = np.random.default_rng(seed)
    target = rng.random(count) < draw(st.floats(0.01, 0.9))
    target[0], target[1] = True, False
    # Coarse steps make ties, and the first and last scores 0 and 1.
    steps = draw(st.sampled_from([2, 5, 20, 10**6]))
    prediction = np.round(rng.random(count) * steps) / steps
    patient = rng.integers(0, draw(st.integers(1, 12)), count)
    return target, prediction, patient


@settings(max_examples=200, deadline=None)
@given(submissions())
def test_partial_auc_is_the_published_one(
    case: tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]],
) -> None:
    target, prediction, _ = case
    found = partial_auc(target, prediction)
    # Sums of the same areas in another order.
    assert found == pytest.approx(published_partial_auc(target, prediction), abs=1e-12)
    assert found == pytest.approx(scaled_partial_auc(target, prediction), abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(submissions())
def test_top_15_is_the_published_one(
    case: tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]],
) -> None:
    assert top_sensitivity(*case) == pytest.approx(published_top(*case), abs=1e-12)


def test_perfect_chance_and_worst() -> None:
    target = np.arange(100) >= 80
    assert partial_auc(target, target.astype(float)) == pytest.approx(0.2)
    assert partial_auc(target, np.full(100, 0.5)) == pytest.approx(0.02)
    assert partial_auc(target, 1 - target.astype(float)) == pytest.approx(0.0)


def test_one_class_is_refused() -> None:
    with pytest.raises(SourceError, match="no malignant lesion"):
        score(np.zeros(3, np.bool_), np.zeros(3), np.zeros(3, np.int64))
    with pytest.raises(SourceError, match="no benign lesion"):
        score(np.ones(3, np.bool_), np.zeros(3), np.zeros(3, np.int64))


def test_sixteenth_of_a_patient_is_not_found() -> None:
    prediction = np.linspace(1, 0, 20)
    for place, found in ((14, 1.0), (15, 0.0)):
        target = np.arange(20) == place
        assert top_sensitivity(target, prediction, np.zeros(20, np.int64))[0] == found
