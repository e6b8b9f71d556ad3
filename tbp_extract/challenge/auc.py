"""Area under the ROC curve, and how likely chance is behind it."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Auc", "area_under_curve"]


@dataclass(frozen=True, slots=True)
class Auc:
    """How well one number tells two classes apart."""

    value: float
    """Chance that a positive has the larger number, ties counted half."""

    p_value: float
    """Of the two-sided Mann-Whitney test with ties (normal approximation)."""

    @property
    def strength(self) -> float:
        """AUC in whichever direction it is above one half."""
        return max(self.value, 1 - self.value)


def area_under_curve(target: NDArray[np.bool_], score: NDArray[Any]) -> Auc | None:
    """Compute an AUC; ``None`` where one class is missing.

    Parameters
    ----------
    target : (N,) bool
    score : (N,)
        Numbers without NaN.
    """
    positives, negatives = int(target.sum()), int((~target).sum())
    if not positives or not negatives:
        return None
    _, place, ties = np.unique(score, return_inverse=True, return_counts=True)
    rank = np.cumsum(ties) - (ties - 1) / 2
    wins = float(rank[place][target].sum()) - positives * (positives + 1) / 2
    count = positives + negatives
    tied = float((ties.astype(np.float64) ** 3 - ties).sum()) / (count * (count - 1))
    variance = positives * negatives / 12 * (count + 1 - tied)
    z = 0.0 if variance <= 0 else (wins - positives * negatives / 2) / math.sqrt(variance)
    return Auc(wins / (positives * negatives), math.erfc(abs(z) / math.sqrt(2)))
