"""How long `verify` takes on a release of SLICE-3D's size, check by check.

    python -m benchmarks.verify_speed [--crops 400000] [--folder FOLDER]

One arm is processed in earnest; its crops (41 px, so that disk and patience bear it) then stand for
those of every patient of a run, under ids of their own: 384 lesions each, named by UUIDs as a
vendor's export names them. All that follows a scan's work is the program's own: records, shards,
tables, linkage, manifest. Needs 3 GB of disk.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.machine import machine_facts, write_result
from tbp_extract.config import Config, parse_config
from tbp_extract.deidentify import lesion_pseudonym, patient_pseudonym, scan_pseudonym
from tbp_extract.io.folder import ScanFolder
from tbp_extract.phantom import PhantomOptions, make_phantoms
from tbp_extract.pipeline import work
from tbp_extract.pipeline.result import ScanResult
from tbp_extract.pipeline.run import run
from tbp_extract.pipeline.scan import process_scan
from tbp_extract.types import ReleaseKey, ScanRef
from tbp_extract.verify.checks import CHECKS
from tbp_extract.verify.evidence import Evidence

__all__ = ["main"]

CROPS_A_PATIENT, SIDE_PX = 384, 41
CONFIG = parse_config(
    {
        "crop": {"size_px": SIDE_PX},
        "gate": {"stitched": "allow", "nail": "allow", "background": "allow"},
    }
)
SECRET = uuid.UUID(int=7)


def main() -> None:
    """Make the output, verify it in a process of its own, print and keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--crops", type=int, default=400_000)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.out is not None:
        print(json.dumps(timed(options.out)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        out, started = Path(folder) / "out", time.perf_counter()
        crops = make_output(Path(folder) / "source", out, options.crops)
        made_s = time.perf_counter() - started
        command = [sys.executable, "-m", "benchmarks.verify_speed", "--out", str(out)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 - ourselves
        size_mb = sum(p.stat().st_size for p in (out / "release").rglob("*")) / 2**20
    result = {
        "machine": machine_facts(),
        "crops": crops,
        "crop_px": SIDE_PX,
        "release_mb": round(size_mb),
        "seconds_to_make_it": round(made_s, 1),
        **json.loads(done.stdout.splitlines()[-1]),
    }
    print(json.dumps(result, indent=1))
    write_result("verify_speed", result)


def timed(out: Path) -> dict[str, Any]:
    """Processor seconds of each check alone, in order, on one body of evidence; largest memory."""
    evidence, seconds = Evidence(out), {}
    started, failures = time.process_time(), 0
    for name, check in CHECKS.items():
        before = time.process_time()
        failures += len(list(check(evidence)))
        seconds[name] = round(time.process_time() - before, 2)
    spent = time.process_time() - started
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "cpu_seconds": round(spent, 1),
        "failures": failures,
        "peak_memory_mb": round(peak_kb / 1024),
        "seconds_by_check": {k: v for k, v in seconds.items() if v >= 0.05},
    }


def make_output(source: Path, out: Path, crops: int) -> int:
    """Run a source of which one scan is processed and the others repeat it."""
    make_phantoms(
        source,
        PhantomOptions(
            body="arm", faces=3000, page_px=1024, lesions=96, diameter_mm=(1.5, 3.0), gap_mm=0.5,
            name="arm",
        ),
    )  # fmt: skip
    header, row = (source / "scans.csv").read_text(encoding="utf-8").splitlines()
    place = header.split(",").index("scan_id"), header.split(",").index("patient_id")
    rows = [header]
    for patient in range(-(-crops // CROPS_A_PATIENT)):
        cells = row.split(",")
        cells[place[0]], cells[place[1]] = f"visit {patient:06d} a", f"MRN{5_000_000 + patient}"
        rows.append(",".join(cells))
    (source / "scans.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    with mock.patch.object(work, "process_scan", _Repeating()):
        report = run(source, out, CONFIG, workers=0)
    assert not verify_quickly(out), "the release is not sound"
    return int(report.counts["lesions"]["exported"])


def verify_quickly(out: Path) -> tuple[object, ...]:
    """Hashes and counts alone."""
    evidence = Evidence(out)
    return tuple(s for name in ("manifest", "hashes", "counts") for s in CHECKS[name](evidence))


class _Repeating:
    """Processes the first scan and gives its crops to all others."""

    def __init__(self) -> None:
        self._first: ScanResult | None = None

    def __call__(
        self, ref: ScanRef, config: Config, key: ReleaseKey, *, folder: ScanFolder, **_: object
    ) -> ScanResult:
        if self._first is None:
            self._first = process_scan(ref, config, key, folder=folder)
        return _as_of(self._first, ref, key)


def _as_of(first: ScanResult, ref: ScanRef, key: ReleaseKey) -> ScanResult:
    """Give the crops of one scan, over and over, as those of another."""
    names = [str(uuid.uuid5(SECRET, f"{ref.scan_id} {k}")) for k in range(CROPS_A_PATIENT)]
    ids = [lesion_pseudonym(key, ref.scan_id, name) for name in names]
    order = np.argsort(ids)
    rows = np.arange(CROPS_A_PATIENT)[order] % len(first.release)
    columns = {name: values[rows] for name, values in first.release.columns.items()}
    columns["isic_id"] = np.array(ids, object)[order]
    columns["patient_id"] = np.full(len(ids), patient_pseudonym(key, ref.patient_id), object)
    # The linkage is in the order of its own lesions; their images are those of the release's ids.
    place = {isic_id: k for k, isic_id in enumerate(first.linkage["isic_id"].tolist())}
    linked = np.array([place[i] for i in first.release.columns["isic_id"].tolist()])[rows]
    links = {name: values[linked] for name, values in first.linkage.items()}
    count = len(ids)
    links |= {
        "isic_id": columns["isic_id"],
        "lesion_id": np.array(names, object)[order],
        "scan": np.full(count, scan_pseudonym(key, ref.scan_id), object),
        "scan_id": np.full(count, ref.scan_id, object),
        "patient_id": np.full(count, ref.patient_id, object),
    }
    return replace(
        first,
        release=replace(
            first.release, columns=columns, jpegs=tuple(first.release.jpegs[row] for row in rows)
        ),
        linkage=links,
        found=count + len(first.drops),
        attachments={},
    )


if __name__ == "__main__":
    main()
