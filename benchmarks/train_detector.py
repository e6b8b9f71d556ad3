"""Train the second stage of the built-in detector.

    python -m benchmarks.train_detector [--rows FOLDER] [--part K N] [--write]

Data: `benchmarks.detector_rows`. Every look at a spot is a row. Bodies are left out one at a time
to calibrate the score and to choose the default of ``detect.blob.min_score``, which is chosen here
and nowhere else: of the operating points that are reported the least with which, on bodies left
out, at least `KEPT_SHARE` of the finds on planted skins are lesions, a bare skin of the real bodies
has at most `MOST_FALSE` false finds on average, and in every tone `SAME_SHARE` of the finds or more
are the same in another texture layout. (A lesion that is not shown is lost, a find too many costs a
glance: so the least.) ``--part`` only gathers rows, of one of several parts of the skins.
``--write`` puts the forest into the package; ``docs/built_in_detector.md`` holds its card.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from sklearn.ensemble import HistGradientBoostingClassifier  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from benchmarks.detection import LEAST_SCORES
from benchmarks.detection_invariance import SAME_MM
from benchmarks.detector_rows import Rows, gathered
from tbp_extract.config import DetectConfig
from tbp_extract.detect.blob.spots import kept_of_pairs, nested_pairs
from tbp_extract.detect.blob.surroundings import FEATURES

RISING = ("contrast", "contrast_to_noise", "step_least", "step_low", "step_median")
"""More of these never makes a lesion less likely."""

KEPT_SHARE = 0.95
"""More than the 0.90 that is asked of finds: the bodies of a stranger differ more than these."""

SAME_SHARE = 0.98
"""As is asked of any change that is none of the skin."""

MOST_FALSE = 10.0
"""On a whole body without lesions."""

FOREST = {
    "max_iter": 140,
    "max_leaf_nodes": 8,
    "learning_rate": 0.08,
    "min_samples_leaf": 60,
    "l2_regularization": 5.0,
    "early_stopping": False,
    "random_state": 0,
}


def main() -> None:
    """Gather, train, calibrate, report; write the forest where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, help="folder where gathered rows are kept")
    parser.add_argument("--part", type=int, nargs=2, help="only gather part K (from 0) of N")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.part is not None:
        gathered(options.rows, tuple(options.part))
        return
    scenes = gathered(options.rows)
    odds = odds_left_out(scenes)
    calibration = calibrated(scenes, odds)
    print(json.dumps(report(scenes, odds, calibration), indent=1))
    if options.write:
        arrays = forest_arrays(grown(scenes.values()), calibration)
        package = Path(__file__).resolve().parent.parent / "tbp_extract" / "detect" / "blob"
        np.savez_compressed(package / "second_stage.npz", **arrays)  # type: ignore[arg-type]


def grown(scenes: Iterable[Rows]) -> Any:
    """Fit the forest."""
    features, label, weight = table(scenes)
    rising = [int(name in RISING) for name in FEATURES]
    forest = HistGradientBoostingClassifier(**FOREST, monotonic_cst=rising)
    return forest.fit(features, label, sample_weight=weight)


def table(
    scenes: Iterable[Rows],
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
    """Features, label and weight of every look at every spot; looks at a spot share its weight."""
    parts = []
    for rows in scenes:
        known = np.isfinite(rows.every[..., 0]) & (rows.label >= 0)
        label = np.broadcast_to(rows.label, known.shape)[known]
        weight = np.broadcast_to(1.0 / np.maximum(known.sum(axis=0), 1), known.shape)[known]
        parts.append((rows.every[known], label, weight))
    features, label, weight = (np.concatenate(part) for part in zip(*parts, strict=True))
    return features, label, weight


def odds_left_out(scenes: dict[str, Rows]) -> dict[str, NDArray[np.float64]]:
    """Log odds of every spot, from forests that saw nothing of its body."""
    out = {}
    for number in sorted({int(rows.body) for rows in scenes.values()}):
        forest = grown(rows for rows in scenes.values() if rows.body != number)
        for name, rows in scenes.items():
            if rows.body == number:
                out[name] = mean_odds(forest, rows)
    return out


def mean_odds(forest: Any, rows: Rows) -> NDArray[np.float64]:
    """(N,) mean log odds of the looks at each spot."""
    known = np.isfinite(rows.every[..., 0])
    odds = np.zeros(known.shape)
    odds[known] = forest.decision_function(rows.every[known])
    return np.asarray(odds.sum(axis=0) / known.sum(axis=0))


def calibrated(
    scenes: dict[str, Rows], odds: dict[str, NDArray[np.float64]]
) -> tuple[float, float]:
    """Slope and offset that make chances of log odds."""
    x = np.concatenate([odds[name][rows.label >= 0] for name, rows in scenes.items()])
    y = np.concatenate([rows.label[rows.label >= 0] for rows in scenes.values()])
    fit = LogisticRegression(C=1e6).fit(x[:, None], y)
    return float(fit.coef_[0, 0]), float(fit.intercept_[0])


def report(
    scenes: dict[str, Rows], odds: dict[str, NDArray[np.float64]], calibration: tuple[float, float]
) -> dict[str, Any]:
    """Say how the forest fares on bodies that it was not trained on."""
    slope, offset = calibration
    chance = {name: 1.0 / (1.0 + np.exp(-(slope * odds[name] + offset))) for name in scenes}
    label = np.concatenate([rows.label for rows in scenes.values()])
    score = np.concatenate([chance[name] for name in scenes])[label >= 0]
    label = label[label >= 0]
    points = {t: operating_point(scenes, chance, t) for t in LEAST_SCORES}
    return {
        "scenes": len(scenes),
        "spots": len(label),
        "lesions": int(label.sum()),
        "calibration": calibration,
        "brier": float(((score - label) ** 2).mean()),
        "operating points": points,
        "min_score": next((t for t in LEAST_SCORES if is_allowed(points[t])), None),
    }


def is_allowed(point: dict[str, Any]) -> bool:
    """Tell whether a score may be the default."""
    return bool(
        point["precision"] >= KEPT_SHARE
        and point["false on a bare skin"] <= MOST_FALSE
        and min(point["same in another layout"].values()) >= SAME_SHARE
    )


def operating_point(
    scenes: dict[str, Rows], chance: dict[str, NDArray[np.float64]], least: float
) -> dict[str, Any]:
    """Say what finds of at least a score are, over the scenes as they are."""
    right = wrong = 0
    bare: dict[str, int] = {}
    seen, tone, contrast = [], [], []
    for name, rows in scenes.items():
        if not name.endswith("as it is"):
            continue
        kept = finds(rows, chance[name], least)
        false = int((rows.label[kept] == 0).sum())
        if len(rows.plant_mm) == 0:
            # Freckles of made bodies are neither right nor wrong.
            if not name.startswith("made"):
                bare[name] = false
            continue
        on = np.unique(rows.plant[kept])
        on = on[on >= 0]
        right, wrong = right + len(on), wrong + false
        asked = (rows.plant_mm >= 2.5) & (rows.plant_contrast >= 3.0)
        seen.append(np.isin(np.arange(len(asked)), on)[asked])
        tone.append(rows.plant_ita_deg[asked])
        contrast.append(rows.plant_contrast[asked])
    hit, ita, strength = np.concatenate(seen), np.concatenate(tone), np.concatenate(contrast)
    return {
        "precision": right / (right + wrong),
        "false on a bare skin": float(np.mean(list(bare.values()))),
        "by skin": bare,
        "same in another layout": same_by_tone(scenes, chance, least),
        "sensitivity": {
            f"{name}, deltaLBnorm {low:g} to {high:g}": float(
                hit[where & (strength >= low) & (strength < high)].mean()
            )
            for name, where in (("dark", ita < 10.0), ("light", ita >= 10.0))
            for low, high in ((3.0, np.inf), (5.0, np.inf), (3.0, 5.0))
        },
    }


def same_by_tone(
    scenes: dict[str, Rows], chance: dict[str, NDArray[np.float64]], least: float
) -> dict[str, float]:
    """Share of finds that a planted skin shows in both layouts, by tone of the real bodies."""
    both: dict[str, list[int]] = {}
    for name, rows in scenes.items():
        body, tone, kind, copy = name.split(", ")
        if body == "made" or not kind.startswith("planted") or copy != "as it is":
            continue
        other = f"{body}, {tone}, {kind}, relaid"
        one = rows.xyz_mm[finds(rows, chance[name], least)]
        two = scenes[other].xyz_mm[finds(scenes[other], chance[other], least)]
        away = [np.atleast_1d(cKDTree(b).query(a)[0]) for a, b in ((one, two), (two, one))]
        near = int(np.count_nonzero(np.concatenate(away) < SAME_MM))
        count = both.setdefault(tone, [0, 0])
        count[0], count[1] = count[0] + near, count[1] + len(one) + len(two)
    return {tone: near / every for tone, (near, every) in both.items()}


def finds(rows: Rows, chance: NDArray[np.float64], least: float) -> NDArray[np.intp]:
    """Rows of likely spots, one a lesion, as large as the default asks; places do not count."""
    likely = np.flatnonzero(chance >= least)
    pairs = nested_pairs(rows.xyz_mm[likely], rows.diameter_mm[likely])
    kept = likely[kept_of_pairs(chance[likely], pairs)]
    return np.asarray(kept[rows.diameter_mm[kept] >= DetectConfig().min_diameter_mm], np.intp)


def forest_arrays(forest: Any, calibration: tuple[float, float]) -> dict[str, NDArray[Any]]:
    """Arrays of `tbp_extract.detect.blob.judge.Forest`."""
    trees = [stage[0].nodes for stage in forest._predictors]
    root = np.cumsum([0] + [len(nodes) for nodes in trees])[:-1]
    nodes = np.concatenate(trees)
    shift = np.repeat(root, [len(tree) for tree in trees])
    leaf = nodes["is_leaf"].astype(bool)
    slope, offset = calibration
    base = float(forest._baseline_prediction.ravel()[0])
    child = np.stack((nodes["left"], nodes["right"]), axis=1).astype(np.int64) + shift[:, None]
    return {
        "features": np.array(FEATURES),
        "root": root.astype(np.int32),
        "feature": np.where(leaf, -1, nodes["feature_idx"]).astype(np.int16),
        "threshold": rounded_down(nodes["num_threshold"]),
        "unknown_left": nodes["missing_go_to_left"].astype(bool),
        "child": np.where(leaf[:, None], 0, child).astype(np.int32),
        "value": nodes["value"].astype(np.float32),
        "calibration": np.array((slope, offset + slope * base)),
    }


def rounded_down(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Nearest single not above: single rows then go the same way as in training."""
    out = values.astype(np.float32)
    return np.where(out > values, np.nextafter(out, np.float32(-np.inf)), out)


if __name__ == "__main__":
    main()
