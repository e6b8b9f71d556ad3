"""Measure how long a challenge of SLICE-3D's size takes, from releases to files.

    python -m benchmarks.challenge [--crops 400000] [--folder FOLDER]

Makes three centres of small synthetic crops with the real writers (1,042 patients per 400,000
crops, every tenth with an earlier capture, planted duplicates across patients), then runs the whole
of ``challenge`` in a process of its own and takes its time and peak memory. Needs 3 GB of disk.
"""

import argparse
import csv
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine_facts, write_result
from tbp_extract.config import JpegConfig
from tbp_extract.jpeg import decode_jpeg, encode_jpeg
from tests.centres import (
    CENTRES,
    JPEG,
    Lesion,
    Visit,
    label,
    no_biopsy,
    source_id,
    write_centre,
    write_labels,
)

CROPS_A_PATIENT = 384
SIDE_PX = 41
SHARDS = 64
PAIRS = 200
SAVED_AGAIN = JpegConfig(quality=90, subsampling="4:4:4")
ROW, COLUMN = np.mgrid[:SIDE_PX, :SIDE_PX]

Place = tuple[str, Visit, str]


def main() -> None:
    """Make the centres, run the challenge, check and keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--crops", type=int, default=400_000)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--run", type=Path, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run is not None:
        print(json.dumps(run(options.run)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        root = Path(folder)
        started = time.perf_counter()
        planted = make_centres(root, options.crops)
        made_s = time.perf_counter() - started
        command = [sys.executable, "-m", "benchmarks.challenge", "--run", str(root)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 - ourselves
        measured = json.loads(done.stdout.splitlines()[-1])
        found = listed_pairs(root / "out" / "private" / "duplicates.csv")
        assert found == planted, (len(found), len(planted), len(found & planted))
    result = {
        "machine": machine_facts(),
        "crops": options.crops,
        "crop_px": SIDE_PX,
        "planted_pairs": len(planted),
        "found_pairs": len(found),
        "seconds_to_make_the_centres": round(made_s, 1),
        **measured,
    }
    write_result("challenge", result)
    print(json.dumps(result, indent=1))


def run(root: Path) -> dict[str, Any]:
    """Make the challenge; seconds by stage, and the largest memory."""
    from tbp_extract.challenge.build import ChallengeSource, build_challenge
    from tbp_extract.config import ChallengeConfig, parse_settings

    clock = Clock()
    logging.getLogger("tbp_extract").addHandler(clock)
    logging.getLogger("tbp_extract").setLevel(logging.INFO)
    source = ChallengeSource(tuple(root / name for name in CENTRES), (root / "lesion.csv",))
    config = parse_settings({"centres": {"names": list(CENTRES)}}, ChallengeConfig)
    started = time.perf_counter()
    made = build_challenge(source, root / "out", config)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "seconds_until": clock.seconds,
        "peak_memory_mb": round(used.ru_maxrss / 1024),
        "images": len(made.rows),
        "audit_passes": made.audit.passes,
    }


class Clock(logging.Handler):
    """Notes when each stage was done."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.started = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Note a stage."""
        stage = record.getMessage().partition(":")[0]
        self.seconds[stage] = round(time.perf_counter() - self.started, 1)


def make_centres(root: Path, crops: int) -> set[frozenset[str]]:
    """Write centres and labels; returns the planted pairs of released ids."""
    rng = np.random.default_rng(0)
    patients = max(crops // CROPS_A_PATIENT, 10 * len(CENTRES))
    captures: dict[str, list[Visit]] = {centre: [] for centre in CENTRES}
    rows: list[dict[str, Any]] = []
    newest: list[tuple[str, Visit]] = []
    for p in range(patients):
        centre = CENTRES[p % len(CENTRES)]
        count = crops // patients + (p < crops % patients)
        # Every tenth patient was there a year before as well.
        own = [make_visit(f"{p:07d}", k, count, rng) for k in ((0, 1) if p % 10 == 0 else (1,))]
        captures[centre] += own
        newest.append((centre, own[-1]))
        rows += [{**row, "centre": centre} for row in make_labels(p, own[-1])]
    pairs = plant(newest, rng)
    for centre, visits in captures.items():
        write_centre(root / centre, visits, attribution=f"Hospital of {centre}", shards=SHARDS)
    write_labels(root / "lesion.csv", rows)
    return {
        frozenset(source_id(root / centre, visit, name) for centre, visit, name in pair)
        for pair in pairs
    }


def make_visit(mrn: str, number: int, crops: int, rng: np.random.Generator) -> Visit:
    """One capture; the first two lesions have tags."""
    day = date(2020, 1, 1) + timedelta(days=365 * number + int(rng.integers(300)))
    tone = ("light", "tan", "brown")[int(mrn) % 3]
    visit = Visit(mrn, f"{mrn} visit {number}", day, tone=tone)
    for n in range(crops):
        tag = str(n + 1) if n < 2 else None
        visit.lesions.append(Lesion(f"row {n}", tag, encode_jpeg(make_crop(rng), JPEG)))
    return visit


def make_crop(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw a dark disc on skin, with uneven shade and fine texture."""
    blotches = rng.normal(0, 12, (6, 6)).astype(np.float32)
    fine = rng.normal(0, 18, (SIDE_PX, SIDE_PX)).astype(np.float32)
    texture = cv2.resize(blotches, (SIDE_PX, SIDE_PX)) + cv2.GaussianBlur(fine, (0, 0), 1)
    middle, radius = SIDE_PX / 2 + rng.normal(0, 1, 2), SIDE_PX * rng.uniform(0.1, 0.3)
    shade = np.hypot(ROW - middle[0], COLUMN - middle[1]) < radius
    skin = np.array([205, 160, 140]) + rng.normal(0, 10, 3) + texture[..., None]
    return np.asarray(np.clip(skin - 60 * shade[..., None], 0, 255), np.uint8)


def make_labels(p: int, visit: Visit) -> Iterator[dict[str, Any]]:
    """Give a melanoma and a nevus to every fourth patient; no biopsy for the others."""
    day = visit.day + timedelta(days=20)
    if p % 4 == 0:
        yield label(visit.mrn, 1, day, "melanoma", mel_class="melanoma in situ")
        yield label(visit.mrn, 2, day, "nevus", nevus_growth_pattern="compound")
    else:
        yield no_biopsy(visit.mrn)


def plant(newest: list[tuple[str, Visit]], rng: np.random.Generator) -> list[tuple[Place, Place]]:
    """Copy crops from one patient to another: half as they are, half saved again."""
    pairs: list[tuple[Place, Place]] = []
    order = rng.permutation(len(newest))
    for k in range(PAIRS):
        one, other = (newest[i] for i in order[np.array([2 * k, 2 * k + 1]) % len(order)])
        places = [(c, v, v.lesions[2 + 3 * (2 * k // len(order))]) for c, v in (one, other)]
        source, target = places[0][2], places[1][2]
        target.jpeg = source.jpeg
        if k % 2:
            target.jpeg = encode_jpeg(decode_jpeg(source.jpeg), SAVED_AGAIN)
        (c, v, a), (d, w, b) = places
        pairs.append(((c, v, a.lesion_id), (d, w, b.lesion_id)))
    return pairs


def listed_pairs(path: Path) -> set[frozenset[str]]:
    """Pairs that the challenge lists."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {frozenset((row["source_isic_id_1"], row["source_isic_id_2"])) for row in rows}


if __name__ == "__main__":
    main()
