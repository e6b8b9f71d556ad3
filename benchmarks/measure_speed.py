"""Time everything that a row needs: lesions a second and core, on crops that are cut already.

    python -m benchmarks.measure_speed [--lesions 100] [--rounds 9]

Delineation, lesion columns, skin tone and quality of 133 px crops, one thread: drawn lesions on
bare and on hairy skin, photographed ones on a real body. All are measured in turn, round after
round; processor time, median with least and most.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import data_folder, machine_facts, write_result
from benchmarks.measure import crops_of
from tbp_extract.measure import measure_lesions
from tbp_extract.phantom import (
    Hair,
    LesionKind,
    PhantomOptions,
    Tone,
    make_phantom,
    read_photos,
)
from tbp_extract.types import Candidates, CropBatch

DRAWN = (LesionKind.DISC, LesionKind.ELLIPSE, LesionKind.IRREGULAR, LesionKind.TWO_TONE)
Crops = list[tuple[Candidates, CropBatch]]


def main() -> None:
    """Cut, warm, time; print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lesions", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=9)
    chosen = parser.parse_args()
    crops = cut(chosen.lesions)
    seconds: dict[str, list[float]] = {name: [] for name in crops}
    for _ in range(chosen.rounds + 1):
        for name, parts in crops.items():
            seconds[name].append(_time(parts))
    counts = {name: sum(len(part[1]) for part in parts) for name, parts in crops.items()}
    result: dict[str, Any] = {
        "lesions_per_s": {
            # The first round compiles and warms.
            name: _spread(counts[name] / np.array(seconds[name][1:]))
            for name in crops
        },
        "machine": machine_facts(),
    }
    everything = np.array([seconds[name][1:] for name in crops]).sum(axis=0)
    result["lesions_per_s"]["all"] = _spread(sum(counts.values()) / everything)
    for name, row in result["lesions_per_s"].items():
        print(f"{name:20s}", row)
    write_result("measure_speed", result)


def cut(lesions: int) -> dict[str, Crops]:
    """Cut crops of all kinds."""
    drawn: dict[str, Any] = {
        "body": "arm", "faces": 20_000, "page_px": 4096, "lesions": lesions,
        "diameter_mm": (2.0, 12.0), "kinds": DRAWN,
    }  # fmt: skip
    photographed = PhantomOptions(
        mesh=min(data_folder().glob("bodies/*/*.obj")),
        mesh_unit="mm",
        page_px=8192,
        lesions=lesions,
        diameter_mm=(2.0, 12.0),
        kinds=(LesionKind.PHOTO,),
        photos=data_folder() / "lesion_patches",
    )
    return {
        "drawn, bare skin": _planted(PhantomOptions(tone=Tone.LIGHT, **drawn)),
        "drawn, hairy skin": _planted(PhantomOptions(tone=Tone.TAN, hair=Hair(), **drawn)),
        "photographed": _planted(photographed),
    }


def _planted(options: PhantomOptions) -> Crops:
    photos = read_photos(options.photos) if options.photos is not None else ()
    with tempfile.TemporaryDirectory(prefix="tbp_measure_speed_") as folder:
        return list(crops_of(make_phantom(Path(folder), options, 0, photos=photos).mesh))


def _time(parts: Crops) -> float:
    started = time.process_time()
    for candidates, batch in parts:
        measure_lesions(candidates, batch)
    return time.process_time() - started


def _spread(lesions_per_s: Any) -> dict[str, int]:
    return {
        "median": round(float(np.median(lesions_per_s))),
        "least": round(float(lesions_per_s.min())),
        "most": round(float(lesions_per_s.max())),
    }


if __name__ == "__main__":
    main()
