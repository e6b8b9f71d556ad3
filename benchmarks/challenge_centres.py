"""Show that a challenge finds all that is wrong with its centres, and nothing else.

    python -m benchmarks.challenge_centres [--folder FOLDER]

Three simulated centres with 60 patients of three visits: one of scans, two of vendor tile exports,
each taken in by a run of its own; 20,000 crops in all. Duplicates (tiles copied within a capture,
across visits, patients and centres, as they are, saved again, resized, made lighter; scans filed
under two patients or two dates) and label errors of every kind are planted in the sources. All goes
to files in one command, and what its reports list is compared with what was planted.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Set as AbstractSet
from pathlib import Path

from benchmarks.machine import machine_facts, write_result
from tests.centres import CENTRES
from tests.challenge.sources import plant_sources

PATIENTS, VISITS = 60, 3
SCANNED, TILES = 20, 155
"""Lesions a capture, at the centre of scans and at those of tile exports."""

SETTINGS = (
    f"[centres]\nnames = {json.dumps(list(CENTRES))}\nheld_out = [{json.dumps(CENTRES[-1])}]\n"
)


def main() -> None:
    """Plant, run the command, compare, keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        root = Path(folder)
        started = time.perf_counter()
        planted = plant_sources(
            root, patients=PATIENTS, visits=VISITS, scanned=SCANNED, tiles=TILES
        )
        made_s = time.perf_counter() - started
        (root / "challenge.toml").write_text(SETTINGS, encoding="utf-8")
        command = [
            *(sys.executable, "-m", "tbp_extract", "challenge"),
            *map(str, planted.source.releases),
            *("--labels", str(planted.source.labels[0])),
            *("--config", str(root / "challenge.toml"), "--out", str(root / "out")),
        ]
        started = time.perf_counter()
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - ourselves
        seconds = time.perf_counter() - started
        assert done.returncode == 3, done.stdout + done.stderr
        private = root / "out" / "private"
        errors: dict[int, set[str]] = {}
        for row in read(private / "label_problems.csv"):
            errors.setdefault(int(row["row"]), set()).add(row["code"])
        pairs = {
            frozenset((row["source_isic_id_1"], row["source_isic_id_2"]))
            for row in read(private / "duplicates.csv")
        }
        fates = read(private / "fates.csv")
        assert len(fates) == planted.crops
        taken = {row["source_isic_id"] for row in fates if row["fate"] == "taken"}
        crossings = [r for r in read(private / "audit.csv") if r["kind"] == "split"]
        result = {
            "machine": machine_facts(),
            "crops": planted.crops,
            "patients": PATIENTS,
            "patients_by_centre": {name: PATIENTS // len(CENTRES) for name in CENTRES},
            "seconds_to_make_and_run_the_sources": round(made_s, 1),
            "seconds": round(seconds, 1),
            "tiles_held_for_review": planted.held,
            "label_errors": compared(
                {(row, code) for row, codes in planted.errors.items() for code in codes},
                {(row, code) for row, codes in errors.items() for code in codes},
            ),
            "duplicate_pairs": compared(planted.duplicates, pairs),
            "tags_that_are_no_weak_labels": {
                "planted": len(planted.never),
                "taken": len(planted.never & taken),
            },
            "in_both_splits": {
                r["property"].partition(" in ")[0]: int(r["count"]) for r in crossings
            },
        }
    write_result("challenge_centres", result)
    print(json.dumps(result, indent=1))


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def compared(planted: AbstractSet[object], found: AbstractSet[object]) -> dict[str, int]:
    """How many were planted, found, missed, invented."""
    return {
        "planted": len(planted),
        "found": len(planted & found),
        "missed": len(planted - found),
        "invented": len(found - planted),
    }


if __name__ == "__main__":
    main()
