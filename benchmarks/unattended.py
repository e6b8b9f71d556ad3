"""What the benchmarks on unattended runs share: many small scans, a run as a process, digests."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import traceback
import warnings
from pathlib import Path

import cv2
import numpy as np

from tbp_extract.config import parse_config
from tbp_extract.errors import TbpError
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.manifest import is_whole
from tbp_extract.io.scan_record import ScanRecord, read_scan_record
from tbp_extract.phantom import PhantomOptions, make_phantoms
from tbp_extract.pipeline.run import run

__all__ = [
    "ForkedRun",
    "RunProcess",
    "bad_files",
    "digest",
    "make_key",
    "make_tiny_source",
    "processes_of",
    "write_settings",
]

ROOT = Path(__file__).resolve().parent.parent
LESIONS = 4
UNHURRIED = parse_config({"run": {"disk_reserve_gb": 0.0}})


def make_tiny_source(folder: Path, scans: int, *, seed: int = 1) -> Path:
    """Write many small scans: one arm, on each scan with other skin. A scan takes about 50 ms."""
    options = PhantomOptions(
        body="arm", count=1, seed=seed, faces=2000, page_px=256, lesions=LESIONS,
        diameter_mm=(3.0, 6.0), name="arm",
    )  # fmt: skip
    template = folder.parent / f"{folder.name}_template"
    make_phantoms(template, options)
    page = np.asarray(cv2.imread(str(template / "arm_000" / "arm_000.jpg")))
    rng = np.random.default_rng(seed)
    rows = ["scan_id,patient_id,mesh,unit,lesions,age,sex"]
    for number in range(scans):
        name = f"s{number:04d}"
        shutil.copytree(template / "arm_000", folder / name)
        noise = rng.integers(-9, 9, page.shape)
        skin = np.clip(page.astype(np.int64) + noise, 0, 255).astype(np.uint8)
        (folder / name / "arm_000.jpg").write_bytes(cv2.imencode(".jpg", skin)[1].tobytes())
        rows.append(f"{name},p{number // 2},{name}/arm_000.obj,mm,{name}/lesions.csv,44,female")
    (folder / "scans.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    shutil.rmtree(template)
    return folder


def make_key(path: Path) -> Path:
    """Write a key that is always the same, so that releases can be compared."""
    path.touch(0o600)
    path.write_text("5a" * 32, encoding="ascii")
    return path


def write_settings(path: Path, **run: float) -> Path:
    """Write settings of ``[run]``."""
    lines = [f"{name} = {value}" for name, value in run.items()]
    path.write_text("\n".join(["[run]", *lines]) + "\n", encoding="utf-8")
    return path


class RunProcess:
    """``tbp-extract run`` as a process of its own.

    Parameters
    ----------
    source, out, key : Path
    workers : int
    settings : Path, optional
    """

    def __init__(
        self, source: Path, out: Path, key: Path, *, workers: int, settings: Path | None = None
    ) -> None:
        command = [sys.executable, "-m", "tbp_extract", "run", source, "--out", out, "--key", key]
        command += ["--workers", workers, *(("--config", settings) if settings else ())]
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            list(map(str, command)),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, timeout_s: float = 300.0) -> tuple[int, str]:
        """Wait for its end; exit code and what it said."""
        said, _ = self.process.communicate(timeout=timeout_s)
        return self.process.returncode, said


class ForkedRun:
    """A run in a fork of this process: as real as one from the command line, and there at once.

    Parameters
    ----------
    source, out, key : Path
    workers : int
    """

    def __init__(self, source: Path, out: Path, key: Path, *, workers: int) -> None:
        self._code: int | None = None
        with warnings.catch_warnings():
            # Idle threads of libraries are no harm to the child: they restart theirs.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            # Whatever happens, the child never returns into the caller.
            code = 1
            try:
                report = run(source, out, UNHURRIED, workers=workers, key_path=key)
                code = 3 if report.quarantined else 0
            except BaseException:
                traceback.print_exc()
                raise
            finally:
                os._exit(code)

    def ended(self) -> bool:
        """Whether it has ended."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code is not None

    def finish(self) -> int:
        """Wait for its end; gives its exit code."""
        while not self.ended():
            time.sleep(0.01)
        return self._code or 0


def processes_of(pid: int) -> list[int]:
    """List a process and all that came from it, by the system's account."""
    found = [pid]
    for process in found:
        try:
            tasks = Path(f"/proc/{process}/task").iterdir()
            for task in tasks:
                found += map(int, (task / "children").read_text(encoding="ascii").split())
        except OSError:
            continue
    return found


def bad_files(out: Path) -> list[str]:
    """Name what is visible and not whole in an output folder, in whatever state it is."""
    layout, bad = OutLayout(out), []
    if layout.manifest.exists() and not is_whole(layout.release):
        bad.append("a manifest over files that differ from it")
    for path in layout.records.glob("*.record"):
        try:
            record = read_scan_record(path)
        except TbpError:
            bad.append("a record that is not whole")
            continue
        crops = layout.crops(record.scan)
        if crops.exists() and _sha256s(crops, record) != [crop.sha256 for crop in record.crops]:
            bad.append("crops that are not those of their record")
    shards = [*layout.images.glob("*.hdf5"), *layout.work.glob("*.hdf5")]
    bad += ["a shard that does not end" for path in shards if not _ends(path)]
    return bad


def _sha256s(path: Path, record: ScanRecord) -> list[str]:
    content = path.read_bytes()
    places = zip(record.offsets(), record.crops, strict=True)
    return [
        hashlib.sha256(content[start : start + crop.length]).hexdigest() for start, crop in places
    ]


def _ends(path: Path) -> bool:
    """Whether a file is as long as the HDF5 superblock in it says."""
    content = path.read_bytes()
    return int.from_bytes(content[40:48], "little") == len(content)


def digest(out: Path) -> str:
    """SHA-256 over the names and bytes of a release and of its linkage."""
    total = hashlib.sha256()
    files = sorted(path for path in (out / "release").rglob("*") if path.is_file())
    for path in (*files, out / "private" / "linkage.csv"):
        total.update(path.relative_to(out).as_posix().encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
