"""Sensitivity and precision of the built-in detector on bodies with planted lesions.

    python -m benchmarks.detection [--half test] [--rounds 1] [--lesions 300] [--crops FOLDER]

Lesions of 1 to 12 mm, drawn and photographed, are planted below the chin of real bodies whose skin
was enlarged four times; the detector looks at them with its defaults, with the steps of a
run. A find is right within half a diameter or 1 mm of a planted centroid. What the bare skins
show is found as well: ``bare`` lists every find on them, and `CARRIED` says which of those were
looked at and are marks that a reader would count. Precision is given with and without them.
"""

import argparse
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.detection_scenes import (
    HALVES,
    Half,
    Plants,
    bare_body,
    match,
    photos_of,
    plant,
    with_hair,
)
from benchmarks.machine import machine_facts, write_result
from tbp_extract.config import BlobConfig, Config
from tbp_extract.crop import extract_crops, frame_crops
from tbp_extract.detect import Found, without_small
from tbp_extract.detect.blob import Blob
from tbp_extract.detect.blob.find import describe_spots
from tbp_extract.detect.blob.judge import load_forest
from tbp_extract.geometry import build_surface, point_positions
from tbp_extract.measure.location import LOCATIONS, label_body_parts, simple_location
from tbp_extract.phantom import LesionKind
from tbp_extract.phantom.hair import Hair
from tbp_extract.types import Scan, Surface

CARRIED: dict[str, tuple[tuple[float, float, float], ...]] = {
    # A brown mark of 5 mm on the left upper arm.
    "mh_female_middleage_asian": ((183.0, 1148.0, -2.0),),
}
"""Places (mm) of marks on the bare skins of the ``test`` half that a reader would count."""

CARRIED_MM = 4.0
LEAST_CONTRAST = 3.0
LEAST_MM = 2.5
SIZES = (1.0, 2.5, 4.0, 6.0, 12.1)
CONTRASTS = (3.0, 5.0, 10.0, 1e9)
TONES = {"dark (ITA below 10)": (-180.0, 10.0), "light (ITA 10 and above)": (10.0, 180.0)}
LEAST_SCORES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
"""Operating points beside the default."""

SCORE_BINS = (0.0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 1.001)


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """One scene and what was found on it."""

    body: str
    kind: str
    plants: Plants | None
    xyz_mm: NDArray[np.float64]
    diameter_mm: NDArray[np.float32]
    score: NDArray[np.float32]
    part: NDArray[np.object_]
    """(N,) of each find."""

    plant_part: NDArray[np.object_]
    dropped: dict[str, int]
    covered: float
    odds: tuple[NDArray[np.float32], NDArray[np.bool_]]
    """Score of every spot before the decision, and whether it is a lesion."""

    def at(self, least: float) -> "Looked":
        """Keep finds of some score: what a higher ``detect.blob.min_score`` would have found.

        Of two finds in one place the likelier stays, so a threshold only takes finds away.
        """
        kept = self.score >= least
        return replace(
            self,
            xyz_mm=self.xyz_mm[kept],
            diameter_mm=self.diameter_mm[kept],
            score=self.score[kept],
            part=self.part[kept],
        )


def main() -> None:
    """Plant, detect, score; print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("tune", "test"), default="test")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--lesions", type=int, default=300)
    parser.add_argument("--crops", type=Path, help="gets pictures of false finds and misses")
    options = parser.parse_args()
    scenes = list(looked_at(options.half, options.rounds, options.lesions, options.crops))
    result = {"machine": machine_facts(), "half": options.half, **summary(scenes)}
    print(json.dumps(result, indent=1))
    write_result(f"detection_{options.half}", result)


def looked_at(half: Half, rounds: int, lesions: int, crops: Path | None) -> Iterator[Looked]:
    """Every body of a half: bare, planted, and both with hair."""
    photos = photos_of(half)
    for number, name in enumerate(HALVES[half]):
        bare = bare_body(name)
        surface = build_surface(bare)
        yield look(name, "bare", bare, surface, None, crops)
        hairy = with_hair(bare, surface, Hair(), seed=12 + number)
        yield look(name, "bare, hair", hairy, surface, None, crops)
        for turn in range(rounds):
            seed = 10 + number + 100 * turn
            planted, plants = plant(bare, surface, photos, count=lesions, seed=seed)
            yield look(name, "planted", planted, surface, plants, crops)
            planted = with_hair(planted, surface, Hair(), seed=seed + 2)
            yield look(name, "planted, hair", planted, surface, plants, crops)


def look(
    name: str, kind: str, scan: Scan, surface: Surface, plants: Plants | None, crops: Path | None
) -> Looked:
    """Detect on one scene."""
    config = Config()
    described = describe_spots(scan, surface, load_forest())
    found, loose = (
        without_small(
            Blob(BlobConfig(min_score=least)).decide(surface, described),
            config.detect.min_diameter_mm,
            surface,
        )
        for least in (config.detect.blob.min_score, min(LEAST_SCORES))
    )
    score = described.score
    truth = np.zeros(len(score), np.bool_)
    if plants is not None:
        truth = match(described.looks.spots.xyz_mm, plants)[0] >= 0
    candidates = loose.candidates
    parts = label_body_parts(surface).face_location
    scene = Looked(
        body=name,
        kind=kind,
        plants=plants,
        xyz_mm=point_positions(surface, candidates.face, candidates.barycentric),
        diameter_mm=candidates.diameter_mm,
        score=candidates.score,
        part=_parts(parts, candidates.face),
        plant_part=_parts(parts, plants.face if plants else np.empty(0, np.int32)),
        dropped={
            str(reason): found.drops.reason.count(reason) for reason in set(found.drops.reason)
        },
        covered=described.coverage.fraction,
        odds=(score, truth),
    )
    print(name, kind, len(found.candidates), flush=True)
    if crops is not None:
        picture_false(crops, scene.at(config.detect.blob.min_score), scan, surface, found)
    return scene


def _parts(parts: NDArray[np.uint8], face: NDArray[np.int32]) -> NDArray[np.object_]:
    return np.array([simple_location(LOCATIONS[code]) for code in parts[face]], object)


def is_carried(scene: Looked) -> NDArray[np.bool_]:
    """Tell which finds are marks of the skin itself that were looked at."""
    out = np.zeros(len(scene.xyz_mm), np.bool_)
    for place in CARRIED.get(scene.body, ()):
        out |= np.linalg.norm(scene.xyz_mm - place, axis=1) < CARRIED_MM
    return out


def summary(scenes: list[Looked]) -> dict[str, Any]:
    """All tables."""
    loose, scenes = scenes, [s.at(Config().detect.blob.min_score) for s in scenes]
    kinds = {kind: [s for s in scenes if s.kind == kind] for kind in ("planted", "planted, hair")}
    return {
        "coverage": {s.body: round(s.covered, 4) for s in scenes if s.kind == "bare"},
        "bare": {f"{s.body}, {s.kind}": bare_table(s) for s in scenes if s.plants is None},
        **{kind: planted_table(chosen) for kind, chosen in kinds.items()},
        "reliability": reliability(scenes),
        "operating points": {
            str(t): operating_point([s.at(t) for s in loose]) for t in LEAST_SCORES
        },
    }


def operating_point(scenes: list[Looked]) -> dict[str, Any]:
    """Give the headline figures at one threshold, without hair."""
    planted = planted_table([s for s in scenes if s.kind == "planted"])
    names = [name for name in planted if name.startswith("sensitivity")]
    return {
        **{name: planted[name]["share"] for name in names},
        "by tone": {name: entry["share"] for name, entry in planted["by tone"].items()},
        "precision": planted["precision"]["without marks of the skin itself"]["share"],
        "false finds on bare skin": {
            s.body: int((~is_carried(s)).sum()) for s in scenes if s.kind == "bare"
        },
    }


def bare_table(scene: Looked) -> dict[str, Any]:
    """Every find on a skin without planted lesions."""
    carried = is_carried(scene)
    finds = [
        {
            "at_mm": np.round(scene.xyz_mm[row]).tolist(),
            "diameter_mm": round(float(scene.diameter_mm[row]), 1),
            "score": round(float(scene.score[row]), 2),
            "part": scene.part[row],
            "carried": bool(carried[row]),
        }
        for row in range(len(scene.score))
    ]
    return {"finds": finds, "false": int((~carried).sum()), "dropped": scene.dropped}


def planted_table(scenes: list[Looked]) -> dict[str, Any]:
    """Sensitivity by size, contrast, tone, kind and body part; precision; errors."""
    plants = [s.plants for s in scenes if s.plants is not None]
    long_mm, contrast, tone = (
        np.concatenate([getattr(p, name) for p in plants])
        for name in ("long_mm", "contrast", "ita_deg")
    )
    kind = np.concatenate([p.kind for p in plants])
    part = np.concatenate([s.plant_part for s in scenes])
    hits = [scored(s) for s in scenes]
    seen = np.concatenate([h.seen for h in hits])
    ratio = np.concatenate([h.size_ratio for h in hits])
    photo = np.concatenate([h.photo for h in hits])
    asked = (long_mm >= LEAST_MM) & (contrast >= LEAST_CONTRAST)
    strong = asked & (contrast >= 5.0)
    return {
        "sensitivity, 2.5 mm and more, deltaLBnorm 5 and more": share(seen[strong]),
        "sensitivity, 2.5 mm and more, deltaLBnorm 3 and more": share(seen[asked]),
        "by size": banded(seen, long_mm, SIZES, contrast >= LEAST_CONTRAST),
        "by contrast": banded(seen, contrast, CONTRASTS, asked),
        "by tone": {
            f"{name}, deltaLBnorm {least:g} and more": share(
                seen[asked & (contrast >= least) & (tone >= low) & (tone < high)]
            )
            for name, (low, high) in TONES.items()
            for least in (3.0, 5.0)
        },
        "by kind": {str(k): share(seen[asked & (kind == k)]) for k in np.unique(kind)},
        "by part": {str(k): share(seen[asked & (part == k)]) for k in np.unique(part)},
        "precision": precision(scenes, hits),
        "centre error mm": spread(np.concatenate([h.centre_mm for h in hits])),
        "diameter error": spread(np.abs(ratio - 1.0)),
        "diameter by truth, drawn": spread(ratio[~photo]),
        "diameter by truth, photographs": spread(ratio[photo]),
    }


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Finds of one scene against its plants."""

    seen: NDArray[np.bool_]
    right: NDArray[np.bool_]
    """(N,) finds that are the first on a planted lesion."""

    centre_mm: NDArray[np.float64]
    size_ratio: NDArray[np.float64]
    photo: NDArray[np.bool_]
    """Of each of those: whether it is a photograph."""


def scored(scene: Looked) -> Scored:
    """Match in 3D: a second find on the same lesion is a false one."""
    plants = scene.plants
    assert plants is not None
    of, _ = match(scene.xyz_mm, plants)
    order = np.argsort(-scene.score, kind="stable")
    seen, right = np.zeros(len(plants), np.bool_), np.zeros(len(of), np.bool_)
    for row in order:
        if of[row] >= 0 and not seen[of[row]]:
            seen[of[row]] = right[row] = True
    rows = np.flatnonzero(right & (plants.long_mm[of] >= LEAST_MM))
    return Scored(
        seen,
        right,
        np.linalg.norm(scene.xyz_mm[rows] - plants.xyz_mm[of[rows]], axis=1),
        scene.diameter_mm[rows] / plants.long_mm[of[rows]],
        plants.kind[of[rows]] == LesionKind.PHOTO,
    )


def precision(scenes: list[Looked], hits: list[Scored]) -> dict[str, Any]:
    """Share of finds that are planted lesions; by size, body and part."""
    right = np.concatenate([h.right for h in hits])
    carried = np.concatenate([is_carried(s) for s in scenes])
    size = np.concatenate([s.diameter_mm for s in scenes])
    part = np.concatenate([s.part for s in scenes])
    body = np.concatenate([np.full(len(s.score), s.body, object) for s in scenes])
    real = ~carried | right
    return {
        "all finds": share(right),
        "without marks of the skin itself": share(right[real]),
        "by size": banded(right, size, (*SIZES[1:-1], 30.0), real),
        "by body": {str(k): share(right[real & (body == k)]) for k in np.unique(body)},
        "by part": {str(k): share(right[real & (part == k)]) for k in np.unique(part)},
    }


def reliability(scenes: list[Looked]) -> list[dict[str, Any]]:
    """How often spots of a score are lesions, over all spots of all scenes."""
    score = np.concatenate([s.odds[0] for s in scenes])
    truth = np.concatenate([s.odds[1] for s in scenes])
    rows = []
    for low, high in itertools.pairwise(SCORE_BINS):
        inside = (score >= low) & (score < high)
        mean = float(score[inside].mean()) if inside.any() else None
        rows.append({"from": low, "to": min(high, 1.0), "mean": mean, **share(truth[inside])})
    return rows


def banded(
    hit: NDArray[np.bool_],
    value: NDArray[np.floating],
    edges: tuple[float, ...],
    among: NDArray[np.bool_],
) -> dict[str, dict[str, Any]]:
    """Shares between consecutive edges."""
    return {
        f"{low:g}-{high:g}" if high < 1e6 else f"{low:g} and more": share(
            hit[among & (value >= low) & (value < high)]
        )
        for low, high in itertools.pairwise(edges)
    }


def share(hit: NDArray[np.bool_]) -> dict[str, Any]:
    """Share with its 95 % interval (Wilson)."""
    n, k = len(hit), int(hit.sum())
    if n == 0:
        return {"n": 0, "share": None, "interval": None}
    p, z2 = k / n, 1.96**2
    middle, half = p + z2 / (2 * n), 1.96 * np.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    bounds = (np.array((middle - half, middle + half)) / (1 + z2 / n)).round(3)
    return {"n": n, "share": round(p, 4), "interval": bounds.tolist()}


def spread(values: NDArray[np.floating]) -> dict[str, Any]:
    """Median and tails."""
    if len(values) == 0:
        return {"n": 0}
    quantiles = np.percentile(values, (5, 25, 50, 75, 95)).round(3).tolist()
    names = ("p5", "p25", "median", "p75", "p95")
    return {"n": len(values), **dict(zip(names, quantiles, strict=True))}


def picture_false(folder: Path, scene: Looked, scan: Scan, surface: Surface, found: Found) -> None:
    """Lay out crops of the finds that are no planted lesion, in their order, for looking at."""
    folder.mkdir(parents=True, exist_ok=True)
    right = scored(scene).right if scene.plants is not None else np.zeros(len(scene.score), bool)
    rows = np.flatnonzero(~right)[:60]
    if len(rows) == 0:
        return
    config = Config().crop.model_copy(update={"extent_mm": 24.0, "size_px": 160})
    pixels = np.zeros((len(found.candidates), 160, 160, 3), np.uint8)
    for frames in frame_crops(surface, found.candidates, config):
        pixels[frames.candidate] = extract_crops(scan, surface, frames).pixels
    tiles = []
    for row in rows:
        tile = cv2.cvtColor(pixels[row], cv2.COLOR_RGB2BGR)
        text = f"{scene.diameter_mm[row]:.1f} mm {scene.score[row]:.2f}"
        tiles.append(cv2.putText(tile, text, (2, 12), 0, 0.4, (0, 255, 255), 1))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 8)
    lines = [np.hstack(tiles[first : first + 8]) for first in range(0, len(tiles), 8)]
    cv2.imwrite(str(folder / f"{scene.body}_{scene.kind.replace(', ', '_')}.png"), np.vstack(lines))


if __name__ == "__main__":
    main()
