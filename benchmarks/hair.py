"""Measure lesions under hair that grows ever denser: how many are still measured, and how well.

    python -m benchmarks.hair [--lesions 40]

The drawn lesions of ``benchmarks.measure`` (2 to 12 mm) on phantoms of three skin tones, with 4 to
128 hairs a cm2, as long and thick as body hair; black on dark skin, dark brown on the others.
"""

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine_facts, write_result
from benchmarks.measure import Measured, drawn, measure
from tbp_extract.phantom import Hair, Tone

PER_CM2 = (4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
TONES = (Tone.LIGHT, Tone.TAN, Tone.DARK)


def main() -> None:
    """Grow, measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lesions", type=int, default=40)
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine_facts(), "lesions": options.lesions}
    for tone in TONES:
        colour = (25, 18, 15) if tone is Tone.DARK else (58, 42, 34)
        for per_cm2 in PER_CM2:
            hair = Hair(per_cm2=per_cm2, rgb=colour)
            row = _row(measure(drawn(options.lesions, tone, hair)))
            result[f"{tone.value}, {per_cm2:g} a cm2"] = row
            print(tone.value, per_cm2, row, flush=True)
    write_result("hair", result)


def _row(found: Measured) -> dict[str, Any]:
    truth, columns = found.truth, found.columns
    words, counts = np.unique(columns["tbp_ex_delineation"].astype(str), return_counts=True)
    area = 100.0 * (columns["tbp_lv_areaMM2"] / truth.area_mm2 - 1.0)
    return {
        "words": {str(word): int(count) for word, count in zip(words, counts, strict=True)},
        "hair_fraction": round(float(np.median(columns["tbp_ex_hair_fraction"])), 3),
        "area_percent": _spread(area[truth.long_mm >= 3.0]),
        "long_mm": _spread(columns["clin_size_long_diam_mm"] - truth.long_mm),
    }


def _spread(values: NDArray[np.float64]) -> list[float]:
    """Least, 5th percentile, median, 95th percentile and greatest of what was measured."""
    known = values[np.isfinite(values)]
    return np.percentile(known, (0, 5, 50, 95, 100)).round(2).tolist() if len(known) else []


if __name__ == "__main__":
    main()
