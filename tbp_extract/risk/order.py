"""Whether the order of a release tells anything of the order behind it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Adjacency", "adjacency", "natural_ranks", "rank_correlation"]


@dataclass(frozen=True, slots=True)
class Adjacency:
    """How often neighbours in an order belong together, and how often a shuffle has it."""

    found: float
    shuffled: float
    standard_error: float
    """Of ``found`` in a shuffle, as if neighbours were drawn alone."""

    @property
    def excess(self) -> float:
        """Share of pairs beyond what a shuffle has."""
        return self.found - self.shuffled


def natural_ranks(texts: Sequence[object]) -> NDArray[np.float64]:
    """Mean ranks of texts, numbers within them by size: ``visit 9`` before ``visit 10``."""
    keys = [_natural(str(text)) for text in texts]
    place = {key: rank for rank, key in enumerate(sorted(set(keys)))}
    code = np.array([place[key] for key in keys], np.int64)
    counts = np.bincount(code) if len(code) else np.empty(0, np.int64)
    middle = np.cumsum(counts) - 0.5 * (counts - 1)
    return np.asarray(middle[code], np.float64)


def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    return tuple(
        (1, int(part), "") if part.isdecimal() else (0, 0, part)
        for part in re.split(r"(\d+)", text)
        if part
    )


def rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Spearman's coefficient of two orders given as mean ranks; NaN where one is all ties."""
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def adjacency(groups: NDArray[Any]) -> Adjacency:
    """Compare neighbours of an order with those of a shuffle.

    Parameters
    ----------
    groups : (N,) array
        What each entry belongs to, such as its patient, in the order to be judged.
    """
    n = len(groups)
    if n < 2:
        return Adjacency(0.0, 0.0, 0.0)
    _, code, counts = np.unique(groups.astype(str), return_inverse=True, return_counts=True)
    found = float((code[1:] == code[:-1]).mean())
    shuffled = float((counts * (counts - 1)).sum() / (n * (n - 1)))
    return Adjacency(found, shuffled, float(np.sqrt(shuffled * (1 - shuffled) / (n - 1))))
