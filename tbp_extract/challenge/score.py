"""The metrics of the 2024 challenge, as its organisers publish them.

Primary: partial area under the ROC curve above 80 % sensitivity, in [0, 0.2]. Secondary: how many
malignant lesions are among the 15 highest scores of their patient, with the two averages that break
ties (Kurtansky et al., ISIC-Research/Challenge-2024-Metrics).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.errors import SourceError

__all__ = ["MIN_SENSITIVITY", "TOP", "Score", "partial_auc", "score", "top_sensitivity"]

MIN_SENSITIVITY: Final = 0.80
TOP: Final = 15


@dataclass(frozen=True, slots=True)
class Score:
    """All metrics of one submission."""

    partial_auc: float
    """Area above ``MIN_SENSITIVITY``; 0.2 is perfect, 0.02 is chance."""

    top_sensitivity: float
    """Share of all malignant lesions found among the top scores of their patients."""

    average_rank: float
    """Mean over patients with a malignant lesion of the share of these that was found."""

    weighted_rank: float
    """The same, each find weighted by its place among the top scores."""


def score(
    target: NDArray[np.bool_], prediction: NDArray[np.float64], patient: NDArray[np.int64]
) -> Score:
    """Score a submission.

    Parameters
    ----------
    target : (N,) bool
    prediction : (N,) float64
        In [0, 1]; higher is more malignant.
    patient : (N,) int64

    Raises
    ------
    SourceError
        If one class is missing.
    """
    return Score(partial_auc(target, prediction), *top_sensitivity(target, prediction, patient))


def partial_auc(
    target: NDArray[np.bool_],
    prediction: NDArray[np.float64],
    min_sensitivity: float = MIN_SENSITIVITY,
) -> float:
    """Measure the area under the ROC curve and above a sensitivity.

    Classes and scores are turned round, so that the area lies left of a largest rate of false
    positives; the curve is cut there by linear interpolation.

    Raises
    ------
    SourceError
        If one class is missing.
    """
    if target.all() or not target.any():
        which = "malignant" if not target.any() else "benign"
        raise SourceError(f"expected both classes in the solution, got no {which} lesion")
    limit = 1 - min_sensitivity
    # Turned round first, as published: what this rounds to one number is a tie.
    turned = np.abs(prediction - 1)
    order = np.argsort(-turned, kind="stable")
    ends = np.r_[np.flatnonzero(np.diff(turned[order])), len(order) - 1]
    x = np.r_[0.0, np.cumsum(target[order])[ends] / target.sum()]
    y = np.r_[0.0, np.cumsum(~target[order])[ends] / (~target).sum()]
    stop = int(np.searchsorted(x, limit, side="right"))
    if stop == len(x):
        return float(np.trapezoid(y, x))
    at_limit = np.interp(limit, x[stop - 1 : stop + 1], y[stop - 1 : stop + 1])
    return float(np.trapezoid(np.r_[y[:stop], at_limit], np.r_[x[:stop], limit]))


def top_sensitivity(
    target: NDArray[np.bool_],
    prediction: NDArray[np.float64],
    patient: NDArray[np.int64],
    top: int = TOP,
) -> tuple[float, float, float]:
    """Find the sensitivity among the highest scores of each patient, and the two averages of ranks.

    Of equal scores those that stand first in the submission are taken. Patients without a
    malignant lesion do not count.
    """
    found, shares, weighted, patients = 0, 0.0, 0.0, 0
    order = np.argsort(patient, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(patient[order])) + 1):
        malignant = int(target[rows].sum())
        if not malignant:
            continue
        best = rows[np.argsort(-prediction[rows], kind="stable")[:top]]
        hits = target[best]
        rank = np.unique(prediction[best], return_inverse=True)[1] + 1
        found += int(hits.sum())
        shares += float(hits.sum()) / malignant
        weighted += float((rank * hits).sum()) / top / malignant
        patients += 1
    return found / int(target.sum()), shares / patients, weighted / patients
