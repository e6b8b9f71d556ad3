"""Write the figures of the results into README.md.

    python -m benchmarks.report

Everything between the two marks in README.md is made anew from ``benchmarks/results/*.json``.
"""

import json
from typing import Any

from benchmarks.machine import ROOT

BEGIN, END = "<!-- figures: python -m benchmarks.report -->", "<!-- end of figures -->"

RATES = ("kernel", "with_jpeg_95_444", "with_jpeg_75_420", "written_75_420")


def main() -> None:
    """Replace the block of figures."""
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit("README.md lacks the marks around the figures")
    path.write_text(f"{before}{BEGIN}\n{figures()}\n{END}{after}", encoding="utf-8")


def figures() -> str:
    """All paragraphs and tables."""
    crops, obj, shards = (result(name) for name in ("crops", "read_obj", "write_shards"))
    jobs = [result("main_job_native"), result("main_job_8192")]
    return "\n\n".join(
        (setting(crops), speed(crops), preparation(crops, obj, shards), centring(jobs))
    )


def result(name: str) -> dict[str, Any]:
    """Read a result."""
    path = ROOT / "benchmarks" / "results" / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def setting(crops: dict[str, Any]) -> str:
    """Say what was measured on what."""
    machine = crops["machine"]
    return (
        f"Measured on one core of a shared {machine['cores']}-core machine ({machine['cpu']}, "
        f"Python {machine['python']}), medians of {crops['rounds']} rounds: a real body of "
        f"{crops['faces']:,} faces with one 8192 px page, {crops['crops']} crops anywhere on it."
    )


def speed(crops: dict[str, Any]) -> str:
    """Tabulate crops a second, and the ratio to ray casting in the same process."""
    rows = ["| crops a second | pixels | with JPEG 95 4:4:4 | with JPEG 75 4:2:0 | written |"]
    rows += ["|---|---|---|---|---|"]
    for key, rates in crops["rates_per_s"].items():
        cells = " | ".join(f"{rates[name]:,.0f}" for name in RATES)
        rows.append(f"| {key.replace('_', ', ')} px | {cells} |")
    ratios = "; ".join(
        f"{size} px: " + ", ".join(f"{peer.replace('_', ' + ')} {found['median']:g}"
        for peer, found in peers.items())
        for size, peers in crops["times_faster"].items()
    )  # fmt: skip
    share = crops["shares"]["orthographic_133"]
    shares = ", ".join(f"{name} {100 * part:.0f} %" for name, part in share.items())
    return (
        "\n".join(rows)
        + "\n\nTimes faster than casting one ray a pixel, JPEG included, in the same process: "
        + f"{ratios}. Where the time goes at 133 px: {shares}."
    )


def preparation(crops: dict[str, Any], obj: dict[str, Any], shards: dict[str, Any]) -> str:
    """Say what happens once a scan."""
    steps = ", ".join(f"{name} {spent:.2f} s" for name, spent in crops["prepare_s"].items())
    peak = crops["peak_mb"]
    written = shards["cases"]["slice3d 133 px"]
    return (
        f"Once a scan: {steps}. Peak memory {peak['reading']:,.0f} MB while reading, "
        f"{peak['crops_of_one_scan']:,.0f} MB while cutting. An OBJ of {obj['faces']:,} faces is "
        f"read {obj['times_faster_median']:g} times faster than by trimesh. A shard of 133 px "
        f"crops is written at {written['write_shard_crops_per_s']:,.0f} and read back at "
        f"{written['read_at_random_crops_per_s']:,.0f} crops a second."
    )


def centring(jobs: list[dict[str, Any]]) -> str:
    """Tabulate how far lesions lie from the middle of their crops."""
    rows = [
        "| four real bodies, 300 photographed lesions each | exported | offset of the outline, mm |"
    ]
    rows += ["|---|---|---|"]
    for job in jobs:
        lesions = job["counts"]["lesions"]
        spread = [
            (name, figures["median"], figures["max"], figures["over 0.3 mm"])
            for body in job["centre_offset_mm"].values()
            for name, figures in body.items()
            if name.startswith("outline")
        ]
        parts = []
        for projection in ("orthographic", "geodesic"):
            chosen = [row for row in spread if projection in row[0]]
            median = sorted(row[1] for row in chosen)[len(chosen) // 2]
            parts.append(
                f"{projection}: median {median:.2f}, largest {max(row[2] for row in chosen):.2f}, "
                f"{sum(row[3] for row in chosen)} over 0.3"
            )
        page = job["page_px"]
        name = "native skins (0.8 mm a texel)" if page == "native" else f"skins of {page} px"
        rows.append(
            f"| {name} | {lesions['exported']} of {lesions['found']} | {'; '.join(parts)} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    main()
