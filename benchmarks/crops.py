"""Measure how fast crops are made on one core, beside ray casting, and where the time goes.

    python -m benchmarks.crops [--crops 600] [--peer-crops 40] [--rounds 5]

One real body, its mesh subdivided twice (428,096 faces), its skin enlarged to one page of 8192 px
with grain on every texel. Crops lie anywhere on the skin. Ours and the peers (one ray a pixel,
texture coordinates interpolated, exact bilinear samples) take turns in one process that is held to
one core. Crops are compared with those of the peers before anything is timed.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.bodies import NAME, PAGE_PX, candidates_of, scatter, write_body
from benchmarks.machine import machine_facts, write_result
from benchmarks.peers import Caster, casters, peer_crop
from tbp_extract import geometry
from tbp_extract.config import Config, CropConfig, JpegConfig, LimitConfig
from tbp_extract.crop import extract_crops, frame_crops
from tbp_extract.geometry import build_surface
from tbp_extract.io.files import write_whole
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.gutter import fill_gutters
from tbp_extract.io.obj import read_obj
from tbp_extract.io.scan import read_scan, scan_ref
from tbp_extract.io.shards import shard_image
from tbp_extract.io.texture import read_page
from tbp_extract.jpeg import encode_jpeg
from tbp_extract.kernels import patch, raster
from tbp_extract.types import (
    Candidates,
    CropBatch,
    CropFrames,
    Scan,
    Surface,
)

SIZES_PX = (133, 256)
PROJECTIONS = ("orthographic", "geodesic")
JPEGS = {
    "jpeg_95_444": JpegConfig(quality=95, subsampling="4:4:4"),
    "jpeg_75_420": JpegConfig(quality=75, subsampling="4:2:0"),
}
LEAST_PSNR_DB = 45.0


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One way to cut crops."""

    scan: Scan
    surface: Surface
    candidates: Candidates
    size_px: int
    projection: str

    def frames(self) -> Iterator[CropFrames]:
        """Batches as a run cuts them."""
        config = CropConfig.model_validate({"size_px": self.size_px})
        return frame_crops(self.surface, self.candidates, config)

    def batches(self) -> Iterator[CropBatch]:
        """Crops, batch by batch."""
        for frames in self.frames():
            yield extract_crops(self.scan, self.surface, frames, projection=self.projection)


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--crops", type=int, default=600)
    parser.add_argument("--peer-crops", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    facts = machine_facts()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options.crops, options.peer_crops, options.rounds)
    write_result("crops", result | {"machine": facts})
    show(result)


def measure(folder: Path, crops: int, peer_crops: int, rounds: int) -> dict[str, Any]:
    """All figures."""
    write_body(folder)
    warm_up(folder)
    prepared, scan = prepare(folder, rounds)
    surface = build_surface(scan)
    candidates = scatter(surface, crops)
    some = Case(scan, surface, scatter(surface, peer_crops, seed=1), SIZES_PX[0], PROJECTIONS[0])
    # Before the peers are loaded: their memory is not ours.
    peak = peak_of(
        lambda: [encode_all(b) for b in Case(scan, surface, candidates, 133, "geodesic").batches()]
    )
    found = casters(scan)
    result: dict[str, Any] = {
        "faces": len(scan.faces),
        "crops": crops,
        "peer_crops": peer_crops,
        "rounds": rounds,
        "prepare_s": prepared,
        "peak_mb": {"reading": prepared.pop("peak_mb"), "crops_of_one_scan": peak},
        "left_out": [name for name in ("trimesh_embreex", "open3d") if name not in found],
        "check_psnr_db": {name: check(some, caster) for name, caster in found.items()},
        "rates_per_s": {},
        "times_faster": {},
        "shares": {},
        "memory": {},
    }
    for size_px in SIZES_PX:
        for projection in PROJECTIONS:
            case = Case(scan, surface, candidates, size_px, projection)
            key = f"{projection}_{size_px}"
            result["rates_per_s"][key] = rates(case, rounds, folder)
            result["shares"][key] = shares(case)
            result["memory"][key] = memory(case, rounds)
        few = Case(scan, surface, scatter(surface, peer_crops, seed=1), size_px, PROJECTIONS[0])
        many = Case(scan, surface, candidates, size_px, PROJECTIONS[0])
        result["times_faster"][str(size_px)] = compare(many, few, found, rounds)
    return result


def warm_up(folder: Path) -> None:
    """Compile everything on the body itself."""
    scan = read_scan(scan_ref(folder / f"{NAME}.obj", unit="mm"), Config())
    surface = build_surface(scan)
    for size_px in SIZES_PX:
        for projection in PROJECTIONS:
            list(Case(scan, surface, scatter(surface, 30), size_px, projection).batches())


def prepare(folder: Path, rounds: int) -> tuple[dict[str, float], Scan]:
    """Seconds and memory until the first crop can be cut."""
    files = ScanFolder(folder, LimitConfig())
    scan = read_scan(scan_ref(folder / f"{NAME}.obj", unit="mm"), Config())
    (texture,) = folder.glob("*.jp*g")
    data = texture.read_bytes()

    def gutters() -> None:
        fill_gutters(scan.atlas, scan.wedge_uv, scan.face_page)

    tasks: dict[str, Callable[[], object]] = {
        "read_obj": lambda: read_obj(files, f"{NAME}.obj"),
        "decode_page_8192": lambda: read_page(data, LimitConfig(), page=0),
        "fill_gutter": gutters,
        "build_surface": lambda: build_surface(scan),
        "read_scan_whole": lambda: read_scan(scan_ref(folder / f"{NAME}.obj", unit="mm"), Config()),
    }
    seconds = {name: 0.0 for name in tasks}
    for name, spent in take_turns(tasks, rounds).items():
        seconds[name] = round(statistics.median(spent), 4)
    peak = peak_of(tasks["read_scan_whole"])
    return seconds | {"peak_mb": peak}, scan


def take_turns(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every task in every round."""
    spent: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            begin = time.perf_counter()
            task()
            spent[name].append(time.perf_counter() - begin)
    return spent


def peak_of(task: Callable[[], object]) -> float:
    """Most memory resident while a task runs, MB: all of the process, libraries included."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    task()
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return round(int(line.split()[1]) / 1024, 1)
    raise SystemExit("this system does not tell how much memory was resident")


def check(case: Case, caster: Caster) -> float:
    """Lowest agreement of crops whose rays all meet the skin that the crop shows.

    Crops of skin denser than the crop are left out: they are filtered, and one ray is no measure.
    """
    (batch,) = case.batches()
    patches = geometry.orthographic_patches(
        case.surface, batch.frames, margin_mm=batch.frames.mm_per_px
    )
    lowest, compared = np.inf, 0
    for n in np.flatnonzero(batch.texel_mm > 1.5 * batch.frames.mm_per_px).tolist():
        seen = peer_crop(case.scan, batch.frames, n, caster)
        shown = patches.face[patches.start[n] : patches.start[n + 1]]
        if not np.isin(seen.face, shown).all():
            continue
        away = batch.pixels[n].reshape(-1, 3) - seen.colour
        lowest = min(lowest, float(10 * np.log10(255**2 / (away**2).mean())))
        compared += 1
    assert compared > len(batch) // 2, f"only {compared} crops can be compared"
    assert lowest > LEAST_PSNR_DB, f"crops and rays agree to {lowest:.1f} dB only"
    return round(lowest, 1)


def encode_all(batch: CropBatch, config: JpegConfig = JPEGS["jpeg_95_444"]) -> list[bytes]:
    """JPEGs of a batch; what measuring costs has benchmarks of its own."""
    return [encode_jpeg(pixels, config) for pixels in batch.pixels]


def rates(case: Case, rounds: int, folder: Path) -> dict[str, float]:
    """Crops per second: pixels only, encoded, and written to a shard."""

    def encoded(config: JpegConfig) -> list[bytes]:
        return [jpeg for batch in case.batches() for jpeg in encode_all(batch, config)]

    def written() -> None:
        jpegs = tuple(encoded(JPEGS["jpeg_75_420"]))
        ids = [f"TBP_{n:012d}" for n in range(len(jpegs))]
        write_whole(folder / "shard.hdf5", shard_image(ids, jpegs))

    tasks: dict[str, Callable[[], object]] = {
        "kernel": lambda: sum(len(batch) for batch in case.batches()),
        "with_jpeg_95_444": lambda: encoded(JPEGS["jpeg_95_444"]),
        "with_jpeg_75_420": lambda: encoded(JPEGS["jpeg_75_420"]),
        "written_75_420": written,
    }
    spent = take_turns(tasks, rounds)
    count = len(case.candidates)
    return {name: round(count / statistics.median(s), 1) for name, s in spent.items()}


def compare(
    many: Case, few: Case, found: dict[str, Caster], rounds: int
) -> dict[str, dict[str, float]]:
    """How many times faster than each peer, JPEG included; least and median over the rounds."""
    batches = list(few.frames())

    def ours() -> list[list[bytes]]:
        return [encode_all(batch) for batch in many.batches()]

    def peer(caster: Caster) -> list[bytes]:
        return [
            encode_jpeg(
                peer_crop(few.scan, frames, n, caster).pixels(few.size_px), JPEGS["jpeg_95_444"]
            )
            for frames in batches
            for n in range(len(frames))
        ]

    def peer_task(caster: Caster) -> Callable[[], object]:
        return lambda: peer(caster)

    tasks: dict[str, Callable[[], object]] = {"ours": ours}
    tasks |= {name: peer_task(caster) for name, caster in found.items()}
    spent = take_turns(tasks, rounds)
    result: dict[str, dict[str, float]] = {}
    for name in found:
        per_peer = np.array(spent[name]) / len(few.candidates)
        ratio = per_peer / (np.array(spent["ours"]) / len(many.candidates))
        result[name] = {
            "peer_per_s": round(1 / float(np.median(per_peer)), 1),
            "median": round(float(np.median(ratio)), 1),
            "least": round(float(ratio.min()), 1),
        }
    return result


@contextmanager
def clocked(spent: dict[str, float]) -> Iterator[None]:
    """Count the time inside kernels and encoder while this lasts."""
    stages = {
        (patch, "orthographic_patches"): "patches",
        (patch, "geodesic_patches"): "patches",
        (raster, "cover"): "raster",
        (raster, "texel_maps"): "shading",
        (raster, "shade"): "shading",
        (raster, "shrink"): "filtering",
        (raster, "measure_cover"): "measuring",
    }
    before = {place: getattr(*place) for place in stages}

    def wrapped(function: Callable[..., object], stage: str) -> Callable[..., object]:
        def timed(*args: object) -> object:
            begin = time.perf_counter()
            result = function(*args)
            spent[stage] = spent.get(stage, 0.0) + time.perf_counter() - begin
            return result

        return timed

    for (module, name), stage in stages.items():
        setattr(module, name, wrapped(before[module, name], stage))
    try:
        yield
    finally:
        for (module, name), function in before.items():
            setattr(module, name, function)


def shares(case: Case) -> dict[str, float]:
    """Share of each stage in the time of a crop with its JPEG (95, 4:4:4)."""
    spent: dict[str, float] = {}
    begin = time.perf_counter()
    encoding = 0.0
    with clocked(spent):
        for batch in case.batches():
            start = time.perf_counter()
            encode_all(batch)
            encoding += time.perf_counter() - start
    total = time.perf_counter() - begin
    spent["encoding"] = encoding
    spent["preparing"] = total - sum(spent.values())
    return {name: round(value / total, 3) for name, value in sorted(spent.items())}


def memory(case: Case, rounds: int) -> dict[str, float]:
    """Compare crops all over the skin with crops of one place: the rest is waiting for memory.

    Only crops that are not filtered count. The place is the one whose patch has the median number
    of faces, so that both do about the same work.
    """
    texel_mm, skin_mm2, faces = [], [], []
    for batch in case.batches():
        texel_mm.append(batch.texel_mm)
        skin_mm2.append(batch.mm2_per_px.sum(axis=(1, 2)))
        patches = geometry.orthographic_patches(case.surface, batch.frames)
        faces.append(np.diff(patches.start))
    texel, mm2 = np.concatenate(texel_mm), np.concatenate(skin_mm2)
    plain = np.flatnonzero(texel > 1.5 * batch.frames.mm_per_px)
    middle = plain[np.argsort(np.concatenate(faces)[plain])[len(plain) // 2]]
    given = case.candidates
    places = {"scattered": plain, "one_place": np.repeat(middle, len(plain))}
    cases = {
        name: replace(case, candidates=candidates_of(given.face[at], given.barycentric[at]))
        for name, at in places.items()
    }
    spent = take_turns({name: _drawing(some) for name, some in cases.items()}, rounds)
    scattered, warm = (statistics.median(spent[name]) for name in places)
    return {
        "atlas_kb_per_crop": round(float((3 * mm2 / texel**2)[plain].mean()) / 1024, 1),
        "scattered_per_s": round(len(plain) / scattered, 1),
        "one_place_per_s": round(len(plain) / warm, 1),
        "memory_share_at_most": round(max(1 - warm / scattered, 0.0), 3),
    }


def _drawing(case: Case) -> Callable[[], object]:
    return lambda: sum(len(batch) for batch in case.batches())


def show(result: dict[str, Any]) -> None:
    """Print the result as tables."""
    print(f"{result['faces']} faces, page {PAGE_PX} px, {result['crops']} crops, one core")
    for name, seconds in result["prepare_s"].items():
        print(f"  {name:20s}{seconds:9.3f} s")
    for name, mb in result["peak_mb"].items():
        print(f"  peak {name:22s}{mb:9.0f} MB")
    for name, psnr_db in result["check_psnr_db"].items():
        print(f"  agrees with {name}: {psnr_db} dB at least")
    for name in result["left_out"]:
        print(f"  {name} is not installed and left out")
    for key, values in result["rates_per_s"].items():
        print(f"{key}: " + ", ".join(f"{name} {rate:.0f}/s" for name, rate in values.items()))
        print("  " + ", ".join(f"{n} {100 * v:.0f} %" for n, v in result["shares"][key].items()))
        print("  " + ", ".join(f"{n} {v}" for n, v in result["memory"][key].items()))
    for size_px, peers in result["times_faster"].items():
        for name, ratio in peers.items():
            times = f"{ratio['median']} times {name} (least {ratio['least']})"
            print(f"{size_px} px, with JPEG: {times}; {name} makes {ratio['peer_per_s']}/s")


if __name__ == "__main__":
    main()
