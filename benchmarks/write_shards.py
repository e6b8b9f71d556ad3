"""Measure how fast crops are encoded, written to a shard, read at random and decoded on one core.

    python -m benchmarks.write_shards [--crops 4000]

Writes to a temporary folder of ``--folder`` (default: the system's), with fsync, and compares the
shard with its crops before anything is timed. Beside it stands the plain way: h5py's
``create_dataset`` onto a file.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine_facts, write_result
from tbp_extract.config import JpegConfig
from tbp_extract.io.files import write_whole
from tbp_extract.io.shards import ShardReader, shard_image
from tbp_extract.jpeg import decode_jpeg, encode_jpeg

SETTINGS = {
    "slice3d 133 px": (133, JpegConfig(quality=75, subsampling="4:2:0")),
    "research 256 px": (256, JpegConfig(quality=95, subsampling="4:4:4")),
}
DISTINCT_CROPS = 64
ROUNDS = 3


def main() -> None:
    """Run all cases, print and keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--crops", type=int, default=4000)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        cases = {
            name: measure(size_px, config, options.crops, Path(folder))
            for name, (size_px, config) in SETTINGS.items()
        }
    result = {"machine": machine_facts(), "crops": options.crops, "cases": cases}
    write_result("write_shards", result)
    print(json.dumps(result, indent=1))


def measure(size_px: int, config: JpegConfig, count: int, folder: Path) -> dict[str, float]:
    """Rates of one setting, in crops per second; the best of a few rounds."""
    pixels = [make_skin(size_px, seed) for seed in range(DISTINCT_CROPS)]
    jpegs = tuple(encode_jpeg(pixels[i % DISTINCT_CROPS], config) for i in range(count))
    ids = sorted(f"TBP_{i:012d}" for i in np.random.default_rng(0).permutation(10**6)[:count])
    path, plain = folder / f"{size_px}.hdf5", folder / f"{size_px}-plain.hdf5"
    write_whole(path, shard_image(ids, jpegs))
    with ShardReader(path) as reader:
        assert tuple(reader.jpeg(name) for name in ids) == jpegs
    order = [ids[i] for i in np.random.default_rng(1).permutation(count)]
    tasks: dict[str, Callable[[], object]] = {
        "encode": lambda: drain(
            encode_jpeg(pixels[i % DISTINCT_CROPS], config) for i in range(count)
        ),
        "decode": lambda: drain(decode_jpeg(jpeg) for jpeg in jpegs),
        "write_shard": lambda: write_whole(path, shard_image(ids, jpegs)),
        "write_plain_h5py": lambda: write_plain(plain, ids, jpegs),
        "read_at_random": lambda: read(path, order, decode=False),
        "read_and_decode": lambda: read(path, order, decode=True),
    }
    seconds = interleaved(tasks)
    rates = {f"{name}_crops_per_s": round(count / s) for name, s in seconds.items()}
    return {**rates, "mean_jpeg_bytes": round(sum(map(len, jpegs)) / count), **peak_memory()}


def make_skin(size_px: int, seed: int) -> NDArray[np.uint8]:
    """Skin-coloured noise with a dark disc: compresses about as genuine crops do."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:size_px, :size_px] - size_px / 2
    smooth = cv2.GaussianBlur(rng.normal(0, 40, (size_px, size_px, 3)), (0, 0), size_px / 50)
    disc = (np.hypot(row, column) < size_px / 6)[..., None] * np.array([90, 80, 70])
    fine = rng.normal(0, 3, (size_px, size_px, 1))
    return np.asarray(np.clip(np.array([205, 160, 140]) + smooth + fine - disc, 0, 255), np.uint8)


def drain(results: Iterable[object]) -> None:
    """Do the work and keep nothing."""
    deque(results, maxlen=0)


def write_plain(path: Path, ids: Sequence[str], jpegs: Sequence[bytes]) -> None:
    """Write as the challenge's own script does."""
    with h5py.File(path, "w", libver="earliest") as file:
        for name, jpeg in zip(ids, jpegs, strict=True):
            file.create_dataset(name, data=np.bytes_(jpeg))
    with path.open("rb") as written:
        os.fsync(written.fileno())


def read(path: Path, order: Sequence[str], *, decode: bool) -> None:
    """Read all crops in a given order, opening included."""
    with ShardReader(path) as reader:
        for name in order:
            _ = reader[name] if decode else reader.jpeg(name)


def interleaved(tasks: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Best time of each task, all tasks in turn in each round."""
    best = dict.fromkeys(tasks, float("inf"))
    for _ in range(ROUNDS):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            best[name] = min(best[name], time.perf_counter() - started)
    return best


def peak_memory() -> dict[str, float]:
    """Largest memory of this process so far."""
    return {"peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}


if __name__ == "__main__":
    main()
