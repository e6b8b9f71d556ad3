"""Commands on a run that works or has ended: ``status`` and ``retry``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tbp_extract.cli.common import FOLDER
from tbp_extract.errors import ScanReason

if TYPE_CHECKING:
    from tbp_extract.pipeline.status import RunStatus

__all__ = ["retry", "status"]


@click.command()
@click.argument("out", type=FOLDER)
def status(out: Path) -> int:
    """Say where the run in OUT stands, while it works or afterwards."""
    from tbp_extract.pipeline.status import read_status

    for line in _lines(read_status(out)):
        click.echo(line)
    return 0


@click.command()
@click.argument("out", type=FOLDER)
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    type=click.Choice([str(reason) for reason in ScanReason]),
    metavar="CODE",
    help="Only scans with this code; repeatable.",
)
def retry(out: Path, reasons: tuple[str, ...]) -> int:
    """Put the quarantined scans of OUT back into the queue, for the next run."""
    from tbp_extract.pipeline.status import retry_quarantined

    queued = retry_quarantined(out, reasons)
    click.echo(f"{queued} scans are queued again: give the command of the run once more")
    return 0


def _lines(now: "RunStatus") -> list[str]:
    from tbp_extract.pipeline.alike import shared_mesh_sentence

    if now.holder:
        lines = [f"running: {now.holder}; last sign {now.silent_s:.0f} s ago"]
    elif now.complete:
        waiting = now.states["queued"]
        lines = [
            f"a release is there; {waiting} scans wait for the next run"
            if waiting
            else "complete: the release has its manifest"
        ]
    elif now.settled and not now.exported:
        lines = ["finished, and no lesion was left to release: there is none"]
    else:
        lines = ["not running and not complete: the command of the run goes on with it"]
    lines.append(f"scans: {now.states.total()} planned{_listed(now.states)}")
    if now.reasons:
        lines.append(f"quarantined{_listed(now.reasons)}")
    lines.append(
        f"lesions: {now.found} found, {now.exported} exported, {now.dropped.total()} dropped"
        f"{_listed(now.dropped)}"
    )
    if now.empty:
        lines.append(f"scans without a lesion{_listed(now.empty)}")
    if now.shared_meshes:
        lines.append(shared_mesh_sentence(now.shared_meshes))
    if now.holder and now.scans_per_hour:
        left = "" if now.seconds_left is None else f", {_duration(now.seconds_left)} left"
        lines.append(f"rate: {now.scans_per_hour:,.0f} scans an hour{left}")
    return lines


def _listed(counts: "dict[str, int]") -> str:
    listed = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return f": {listed}" if listed else ""


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
