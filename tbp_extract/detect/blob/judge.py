"""The second stage: how likely a spot is a lesion, and a word for what it is if not."""

import functools
from dataclasses import dataclass
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.detect.blob.surroundings import FEATURES
from tbp_extract.kernels.trees import sum_leaves
from tbp_extract.types import DropReason

__all__ = ["Forest", "is_barred", "load_forest", "reasons_of", "score_looks", "score_spots"]

_COLUMN = {name: column for column, name in enumerate(FEATURES)}


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Boosted trees as arrays: T trees, M nodes; `kernels.trees` says what each means."""

    root: NDArray[np.int32]
    feature: NDArray[np.int16]
    threshold: NDArray[np.float32]
    unknown_left: NDArray[np.bool_]
    child: NDArray[np.int32]
    value: NDArray[np.float32]

    calibration: NDArray[np.float64]
    """(2,) slope and offset that turn the sum of leaves into log odds."""


@functools.cache
def load_forest() -> Forest:
    """Read the forest that comes with the package; ``benchmarks/train_detector.py`` grows it."""
    name = resources.files("tbp_extract.detect.blob").joinpath("second_stage.npz")
    with name.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        if tuple(arrays["features"].tolist()) != FEATURES:
            raise AssertionError("the second stage was trained on other features: train it again")
        return Forest(
            **{field: arrays[field] for field in Forest.__dataclass_fields__},
        )


def score_spots(features: NDArray[np.float32], forest: Forest) -> NDArray[np.float32]:
    """(N,) probability in [0, 1] that each row of features (N, K) is a lesion."""
    return _chance(_log_odds(features, forest))


def score_looks(every: NDArray[np.float32], forest: Forest) -> NDArray[np.float32]:
    """(N,) the same from L looks at each spot (L, N, K): by the mean of their log odds.

    Looks whose features are not known do not count; each spot needs one that does.
    """
    known = np.isfinite(every[..., 0])
    odds = np.zeros(known.shape)
    odds[known] = _log_odds(every[known], forest)
    return _chance(odds.sum(axis=0) / known.sum(axis=0))


def _chance(log_odds: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)), np.float32)


def _log_odds(features: NDArray[np.float32], forest: Forest) -> NDArray[np.float64]:
    out = np.empty(len(features))
    sum_leaves(
        features,
        forest.root,
        forest.feature,
        forest.threshold,
        forest.unknown_left,
        forest.child,
        forest.value,
        out,
    )
    slope, offset = forest.calibration
    return np.asarray(slope * out + offset)


MUCOSA_RED: Final = 1.15
"""Log of red by green light; skin stays below 0.9 in neutral light."""

MUCOSA_ABOVE: Final = 0.45
"""And this much redder than most of the body: warm light and very dark skin are red all over."""

SKIN_SHARE: Final = 0.6
RIM_SHARE: Final = 0.06
GLARE_SHARE: Final = 0.05
HAIR_ASPECT: Final = 0.3
FOLD_BULGE: Final = -0.012
FOLD_LEAN: Final = 0.25
OPEN_STEP: Final = 0.35
FAINT: Final = 0.16
BLURRED_SLOPE: Final = 0.12
STRAIGHT_FULLNESS: Final = 1.15


def is_barred(features: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(N,) whether what lies around is no skin: then a spot is no lesion, whatever its score.

    Rows are all spots of one body, which tell how red its skin is.
    """
    red = features[:, _COLUMN["skin_red"]]
    known = red[np.isfinite(red)]
    usual = float(np.median(known)) if len(known) else np.inf
    return np.asarray((red > MUCOSA_RED) & (red > usual + MUCOSA_ABOVE))


def reasons_of(features: NDArray[np.float32]) -> tuple[DropReason, ...]:
    """Word for what each spot of one body (N, K) most probably is, given that it is no lesion.

    The first that applies: words that tell more come first.
    """
    column = {name: features[:, k] for name, k in _COLUMN.items()}
    tests = (
        (DropReason.MUCOSA, is_barred(features)),
        (
            DropReason.SKIN_BORDER,
            (column["skin_share"] < SKIN_SHARE) | (column["rim_share"] > RIM_SHARE),
        ),
        (DropReason.GLARE, column["glare"] > GLARE_SHARE),
        (DropReason.HAIR, column["aspect"] < HAIR_ASPECT),
        (DropReason.FOLD, (column["bulge"] < FOLD_BULGE) | (column["lean"] > FOLD_LEAN)),
        (DropReason.STRAIGHT_EDGE, column["fullness"] > STRAIGHT_FULLNESS),
        (DropReason.FAINT, column["contrast"] < FAINT),
        (DropReason.SHADING, column["step_low"] < OPEN_STEP),
        (DropReason.BLURRED, column["slope_median"] < BLURRED_SLOPE),
    )
    out = np.full(len(features), DropReason.REJECTED, object)
    for reason, applies in reversed(tests):
        out[applies] = reason
    return tuple(DropReason(word) for word in out)  # an array keeps words as plain text
