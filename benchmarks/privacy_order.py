"""Whether the order of a release says anything, and whether the same input gives the same bytes.

``python -m benchmarks.privacy_order`` makes a source of 60 patients with 1 to 3 captures each and
runs it twice with one key, two seconds apart, into folders of other names. Demanded: rank
correlation of id, row and shard order with private order below 0.05, neighbours of one patient as
often as in a shuffle within 0.01, equal bytes.
"""

import hashlib
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.machine import write_result
from tbp_extract.config import parse_config
from tbp_extract.io.keys import read_or_make_key
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.shards import ShardReader
from tbp_extract.phantom import PhantomOptions, make_phantoms
from tbp_extract.pipeline.run import run
from tbp_extract.risk import assess_risk
from tbp_extract.risk.order import natural_ranks, rank_correlation

__all__ = ["main"]

PATIENTS, LESIONS, PAGE_PX, SEED = 60, 40, 1024, 11
APART_S = 2.0

# Shards of this size, so that there are many.
CONFIG = parse_config({"shards": {"max_mb": 0.25}, "gate": {"stitched": "allow"}})


def main() -> None:
    """Measure and print; the result goes to ``benchmarks/results``."""
    with tempfile.TemporaryDirectory() as folder:
        source = _source(Path(folder) / "source")
        key = Path(folder) / "key"
        read_or_make_key(key)
        outs = [Path(folder) / name / "out" for name in ("first", "another place")]
        for out in outs:
            out.parent.mkdir()
            run(source, out, CONFIG, workers=0, key_path=key)
            time.sleep(APART_S)
        digests = [_digests(out / "release") for out in outs]
        result = {
            **_orders(outs[0]),
            "equal_bytes": digests[0] == digests[1],
            "equal_times": _times(outs[0]) == _times(outs[1]),
            "files": len(digests[0]),
        }
    print(result)
    write_result("privacy_order", result)


def _source(folder: Path) -> Path:
    """Arms of phantoms, one mesh for each scan; patients get 1, 2 or 3 of them in turn."""
    captures = [k % 3 + 1 for k in range(PATIENTS)]
    options = PhantomOptions(
        body="arm", count=8, seed=SEED, faces=3000, page_px=PAGE_PX, lesions=LESIONS,
        diameter_mm=(1.5, 3.0), gap_mm=1.0, name="arm",
    )  # fmt: skip
    make_phantoms(folder, options)
    table = pd.read_csv(folder / "scans.csv")
    rows: list[dict[str, object]] = []
    for patient, count in enumerate(captures):
        for capture in range(count):
            base = {str(k): v for k, v in table.iloc[len(rows) % len(table)].items()}
            scan_id, number = f"scan_{len(rows):04d}", len(rows) % len(table)
            shutil.copytree(folder / f"arm_{number:03d}", folder / scan_id)
            rows.append(
                {
                    **base,
                    "scan_id": scan_id,
                    "patient_id": f"MRN{10000 + patient}",
                    "mesh": f"{scan_id}/{Path(str(base['mesh'])).name}",
                    "lesions": f"{scan_id}/lesions.csv",
                    "capture_date": f"20{15 + capture + patient // 12:02d}-05-17",
                }
            )
    pd.DataFrame(rows).to_csv(folder / "scans.csv", index=False)
    return folder


def _orders(out: Path) -> dict[str, object]:
    report = assess_risk(out)
    links = pd.read_csv(OutLayout(out).linkage, dtype=str).set_index("isic_id")
    with ShardReader(out / "release") as reader:
        shard_rows = links.loc[list(reader.ids)]
    place = np.arange(len(shard_rows), dtype=np.float64)
    shard_order = {
        name: rank_correlation(place, natural_ranks(shard_rows[name].tolist()))
        for name in ("patient_id", "scan_id", "capture_date", "lesion_id")
    }
    return {
        "patients": report.patients,
        "crops": report.crops,
        "shards": len(list((out / "release" / "images").glob("*.hdf5"))),
        "spearman_row_order": {k: round(v, 4) for k, v in report.correlation.items()},
        "spearman_shard_order": {k: round(v, 4) for k, v in shard_order.items()},
        "neighbours_of_one_patient": {
            k: {"found": round(a.found, 5), "shuffled": round(a.shuffled, 5)}
            for k, a in report.adjacency.items()
        },
        "share_of_rows_in_the_shard_of_another_of_its_scan": _together(shard_rows),
    }


def _together(links: pd.DataFrame) -> dict[str, float]:
    """Pairs of one scan that lie in one shard, against all pairs that do."""
    scan, shard = (pd.factorize(links[name])[0] for name in ("scan_id", "shard"))
    same_shard = np.bincount(shard)
    n = len(links)
    both = np.unique(scan.astype(np.int64) * (shard.max() + 1) + shard, return_counts=True)[1]
    of_scan = np.bincount(scan)
    found = (both * (both - 1)).sum() / (of_scan * (of_scan - 1)).sum()
    by_chance = (same_shard * (same_shard - 1)).sum() / (n * (n - 1))
    return {"found": round(float(found), 5), "by_chance": round(float(by_chance), 5)}


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _times(out: Path) -> list[float]:
    return [path.stat().st_mtime for path in sorted((out / "release").rglob("*"))]


if __name__ == "__main__":
    main()
