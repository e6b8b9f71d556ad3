"""Train the second stage of the built-in detector.

    python -m benchmarks.train_detector [--rows FILE] [--write]

Data: the spots that the first stage finds on the ``tune`` half of the real bodies (bare, planted,
with hair, and in two darker tones made by filtering their light) and on four made bodies from very
light to dark, planted with drawn lesions and with every other lesion photograph. A spot on a
planted lesion is a lesion, one elsewhere is none; spots on rims, and what the skins themselves
carry that looks like a lesion (`CARRIED`, looked at one by one), are left out. Nothing of the
``test`` half is seen. The report names the least score at which `KEPT_SHARE` of what is kept on
bodies left out are lesions: the default of ``detect.blob.min_score``, chosen here and nowhere else.
``--write`` puts the forest into the package;
``docs/built_in_detector.md`` holds its card.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from benchmarks.detection_scenes import (
    HALVES,
    Plants,
    bare_body,
    made_body,
    match,
    photos_of,
    plant,
    toned,
)
from tbp_extract.detect.blob.find import describe_spots
from tbp_extract.detect.blob.surroundings import FEATURES
from tbp_extract.geometry import build_surface
from tbp_extract.phantom.hair import Hair
from tbp_extract.phantom.skin import Tone
from tbp_extract.types import Scan, Surface

TONES = {"brown": (0.50, 0.40, 0.33), "darker": (0.30, 0.20, 0.15)}
"""Shares of red, green and blue light that are left of a light skin's."""

MADE = ((Tone.DARK, 0.1), (Tone.BROWN, 0.1), (Tone.VERY_LIGHT, 0.3), (Tone.TAN, 0.2))
"""Bodies of our own: tone and share of freckles."""

LESIONS = 300

CARRIED = {
    "mh_male_young": ((-26.0, 879.0, 108.0), (10.0, 1272.0, 140.0), (-182.0, 47.0, 136.0)),
    "mh_male_middleage": ((86.0, 1480.0, -23.0), (82.0, 1482.0, -23.0)),
}
"""Places (mm) of spots on the bare skins that a reader would call lesions."""

CARRIED_MM = 6.0

RISING = ("contrast", "contrast_to_noise", "step_least", "step_low", "step_median")
"""More of these never makes a lesion less likely."""

SCORES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7)
KEPT_SHARE = 0.95
"""More than the 0.90 that is asked of finds: the bodies of a stranger differ more than these."""

FOREST = {
    "max_iter": 140,
    "max_leaf_nodes": 8,
    "learning_rate": 0.08,
    "min_samples_leaf": 20,
    "l2_regularization": 5.0,
    "random_state": 0,
}

Rows = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]
"""Features, label and number of the body."""


def main() -> None:
    """Gather, train, calibrate, report; write the forest where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, help="where gathered rows are kept between runs")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = gathered(options.rows)
    print(json.dumps(left_out(rows), indent=1))
    arrays = grown(rows)
    if options.write:
        package = Path(__file__).resolve().parent.parent / "tbp_extract" / "detect" / "blob"
        np.savez_compressed(package / "second_stage.npz", **arrays)  # type: ignore[arg-type]


def gathered(path: Path | None) -> Rows:
    """Rows of all scenes, kept in a file if one is named."""
    if path is not None and path.exists():
        with np.load(path) as kept:
            return kept["features"], kept["label"], kept["body"]
    parts = [scene_rows(*scene) for scene in scenes()]
    features, label, body = (np.concatenate(part) for part in zip(*parts, strict=True))
    if path is not None:
        np.savez(path, features=features, label=label, body=body)
    return features, label, body


def scenes() -> Iterator[tuple[int, str, Scan, Surface, Plants | None]]:
    """Body number, name, scan, surface and what is planted, one scene at a time."""
    photos = photos_of("tune")
    for number, name in enumerate(HALVES["tune"]):
        bare = bare_body(name)
        surface = build_surface(bare)
        yield number, name, bare, surface, None
        hairy, plants = plant(bare, surface, photos, count=LESIONS, seed=10 + number, hair=Hair())
        yield number, name, hairy, surface, plants
        for seed in (10, 200):
            planted, plants = plant(bare, surface, photos, count=LESIONS, seed=seed + number)
            yield number, name, planted, surface, plants
        for seed, factor in enumerate(TONES.values(), 300):
            dim = toned(bare, factor)
            yield number, name, dim, surface, None
            planted, plants = plant(dim, surface, photos, count=LESIONS, seed=seed + 10 * number)
            yield number, name, planted, surface, plants
    for number, (tone, freckles) in enumerate(MADE, len(HALVES["tune"])):
        bare = made_body(tone, freckles=freckles, seed=number)
        surface = build_surface(bare)
        planted, plants = plant(bare, surface, photos, count=LESIONS, seed=50 + number)
        yield number, tone.value, planted, surface, plants


def scene_rows(number: int, name: str, scan: Scan, surface: Surface, plants: Plants | None) -> Rows:
    """Spots of one scene with their labels; doubtful ones left out."""
    described = describe_spots(scan, surface, None)
    xyz = described.looks.spots.xyz_mm
    label = np.zeros(len(xyz), np.int64)
    for place in CARRIED.get(name, ()):
        label[np.linalg.norm(xyz - place, axis=1) < CARRIED_MM] = -1
    if plants is not None:
        of, near = match(xyz, plants)
        label[near] = -1
        # Too faint or too small to be asked for, yet no mistake either.
        clear = (plants.contrast >= 3.0) & (plants.long_mm >= 1.5)
        label[of >= 0] = np.where(clear[of[of >= 0]], 1, -1)
    known = np.flatnonzero(label >= 0)
    print(name, len(xyz), "spots,", int((label == 1).sum()), "lesions", flush=True)
    return described.features[known], label[known], np.full(len(known), number)


def trained(features: NDArray[np.float32], label: NDArray[np.int64]) -> Any:
    """Fit the forest."""
    rising = [int(name in RISING) for name in FEATURES]
    return HistGradientBoostingClassifier(**FOREST, monotonic_cst=rising).fit(features, label)


def left_out(rows: Rows) -> dict[str, Any]:
    """Say how the forest fares on bodies that it was not trained on, and calibrate it by that."""
    features, label, body = rows
    odds = np.empty(len(label))
    for number in np.unique(body):
        out = body == number
        odds[out] = trained(features[~out], label[~out]).decision_function(features[out])
    fit = LogisticRegression(C=1e6).fit(odds[:, None], label)
    chance = fit.predict_proba(odds[:, None])[:, 1]
    kept = {t: float(label[chance >= t].mean()) for t in SCORES}
    return {
        "rows": len(label),
        "lesions": int(label.sum()),
        "calibration": [float(fit.coef_[0, 0]), float(fit.intercept_[0])],
        "brier": float(((chance - label) ** 2).mean()),
        "found": {str(t): float((chance[label == 1] >= t).mean()) for t in SCORES},
        "false": {str(t): int((chance[label == 0] >= t).sum()) for t in SCORES},
        "kept that are lesions": {str(t): share for t, share in kept.items()},
        "min_score": next(t for t in SCORES if kept[t] >= KEPT_SHARE),
    }


def grown(rows: Rows) -> dict[str, NDArray[Any]]:
    """Arrays of `tbp_extract.detect.blob.judge.Forest`, trained on all rows."""
    features, label, _ = rows
    model = trained(features, label)
    trees = [stage[0].nodes for stage in model._predictors]
    root = np.cumsum([0] + [len(nodes) for nodes in trees])[:-1]
    nodes = np.concatenate(trees)
    shift = np.repeat(root, [len(tree) for tree in trees])
    leaf = nodes["is_leaf"].astype(bool)
    slope, offset = left_out(rows)["calibration"]
    base = float(model._baseline_prediction.ravel()[0])
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
