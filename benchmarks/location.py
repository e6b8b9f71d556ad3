"""Score and time body parts from the mesh alone.

    python -m benchmarks.location [--rounds 5]

Bodies whose parts are painted or known from how they were built (`tests/bodies.py`): whole,
resampled, turned, mirrored, with arms at the side, noisy, with holes, and cut to partial scans.
Beside them the parts by MakeHuman's own rig, of which nothing was made for this package; the
painted truth is compared with it as well, to tell differing definitions from errors.
Time is that of the painted body with its faces split twice (428,096 faces), on one core.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import data_folder, machine_facts, write_result
from tbp_extract.measure.location import label_body_parts
from tbp_extract.phantom import make_body
from tests.bodies import (
    MAKEHUMAN,
    PAINTED,
    LabelledBody,
    beside_rig,
    makehuman,
    phantom_truth,
    score,
)

Cut = Callable[[NDArray[np.float64], LabelledBody], NDArray[np.bool_]]

PARTIAL: dict[str, Cut] = {
    "bust": lambda y, body: y > 1250,
    "head": lambda y, body: y > 1560,
    "head and shoulders": lambda y, body: y > 1380,
    "arm": lambda y, body: body.part("Left Arm"),
    "leg": lambda y, body: body.part("Left Leg"),
    "two legs": lambda y, body: body.part("Leg"),
    "lower body with hands": lambda y, body: y < 1050,
    "lower body without hands": lambda y, body: (y < 1050) & ~body.part("Arm"),
    "upper body without head": lambda y, body: (y > 1000) & ~body.part("Head"),
    "upper body": lambda y, body: y > 1000,
    "no head": lambda y, body: ~body.part("Head"),
    "neck stump": lambda y, body: y < 1520,
    "torso": lambda y, body: body.part("Torso"),
    "no arms": lambda y, body: ~body.part("Arm"),
    "no hands": lambda y, body: ~(body.part("Arm") & (y < 1060)),
    "no feet": lambda y, body: y > 150,
    "no lower legs": lambda y, body: y > 450,
    "no crown": lambda y, body: y < 1700,
    "left half": lambda y, body: body.centres_mm[:, 0] > 0,
    "front only": lambda y, body: body.centres_mm[:, 2] > 20,
}
"""Which faces a partial scan keeps, by height (of a body 1748 mm tall) or part."""


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    bodies = {name: makehuman(data_folder(), name) for name in MAKEHUMAN}
    result: dict[str, Any] = {
        "whole": {name: scored(body) for name, body in whole(bodies).items()},
        "partial": {
            f"{name}, {cut}": scored(partial(body, cut))
            for name, body in bodies.items()
            for cut in PARTIAL
        },
        "beside_rig": {
            name: {"found": rigged(body), "painted": rigged(body, body.truth)}
            for name, body in bodies.items()
        },
        "speed": speed(bodies[PAINTED].split().split(), options.rounds),
    }
    for group in ("whole", "partial"):
        for name, shares in result[group].items():
            print(f"{name:50s}", "  ".join(f"{k} {100 * v:6.2f} %" for k, v in shares.items()))
    print(json.dumps(result["beside_rig"], indent=1))
    print(result["speed"])
    write_result("location", result | {"machine": machine_facts()})


def whole(bodies: dict[str, LabelledBody]) -> dict[str, LabelledBody]:
    """Whole bodies, as they are and disturbed."""
    cases = dict(bodies)
    for faces in (6_000, 30_000, 100_000):
        cases[f"phantom, {faces} faces"] = phantom_truth(make_body("human", faces=faces))
    cases["phantom, by limb alone"] = phantom_truth(
        make_body("human", faces=30_000), by_limb_alone=True
    )
    one, rng = bodies[PAINTED], np.random.default_rng(0)
    cases["mirrored"] = one.mirrored()
    cases["split to 107,024 faces"] = one.split()
    for yaw_deg in (5, -15, 30):
        cases[f"turned by {yaw_deg} degrees"] = one.turned(yaw_deg)
    for angle_deg in (20, 42):
        cases[f"arms lowered by {angle_deg} degrees"] = one.arms_lowered(angle_deg)
    for sd in (1.0, 3.0):
        noise = rng.normal(0.0, sd, one.vertices_mm.shape)
        cases[f"noise of {sd} mm"] = replace(one, vertices_mm=one.vertices_mm + noise)
    for share in (0.02, 0.1):
        cases[f"{share:.0%} of the faces missing"] = one.kept(rng.random(len(one.faces)) > share)
    return cases


def partial(body: LabelledBody, cut: str) -> LabelledBody:
    """Part of a body."""
    y = body.centres_mm[:, 1] * 1748.0 / body.vertices_mm[:, 1].max()
    return body.kept(PARTIAL[cut](y, body))


def scored(body: LabelledBody) -> dict[str, float]:
    """Shares of skin area."""
    found = score(body, label_body_parts(body.surface).face_location)
    return {name: round(value, 4) for name, value in asdict(found).items()}


def rigged(body: LabelledBody, location: NDArray[np.uint8] | None = None) -> dict[str, float]:
    """Shares of skin area in agreement with the rig; by default of what is found."""
    ours = label_body_parts(body.surface).face_location if location is None else location
    return {name: round(value, 4) for name, value in asdict(beside_rig(body, ours)).items()}


def speed(body: LabelledBody, rounds: int) -> dict[str, Any]:
    """Seconds for one body."""
    surface = body.surface
    label_body_parts(surface)
    spent = []
    for _ in range(rounds):
        begin = time.perf_counter()
        label_body_parts(surface)
        spent.append(time.perf_counter() - begin)
    return {
        "faces": len(surface.faces),
        "median_s": round(statistics.median(spent), 3),
        "most_s": round(max(spent), 3),
    }


if __name__ == "__main__":
    main()
