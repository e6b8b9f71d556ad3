"""What a run shows while it goes: a live bar on a terminal, plain lines elsewhere."""

import time
from pathlib import Path
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from tbp_extract.kernels import raster
from tbp_extract.pipeline.run import Progress as RunHooks
from tbp_extract.pipeline.work import Outcome, ScanDone, ShardDone, Stopped

__all__ = ["RunProgress"]

FIRST_LINES = 10
LINE_EVERY_S = 30.0


def _kernels_are_compiled() -> bool:
    """Whether numba's cache holds the kernel that every run needs."""
    # Plain Python where numba is told not to compile.
    stats = getattr(raster.cover, "stats", None)
    return stats is None or any(Path(stats.cache_path).glob("raster.cover-*.nbi"))


def _rate(crops_s: float) -> str:
    return f"{crops_s:,.0f} crops/s" if crops_s >= 10 else f"{crops_s:.1f} crops/s"


class RunProgress(RunHooks):
    """Scans done, crops per second, time left."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._live = console.is_terminal
        self._bar = Progress(
            TextColumn("scans"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not self._live,
        )
        self._task = self._bar.add_task("run", total=None, rate="")
        self._scans = self._done = self._fresh = self._crops = 0
        self._started = 0.0
        self._next_line = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def planned(self, scans: int, finished: int) -> None:
        """Say what there is to do; what an earlier run finished counts as done, not as speed."""
        self._scans, self._done = scans, finished
        self._bar.update(self._task, total=scans, completed=finished)
        if not self._live:
            click.echo(f"{scans} scans, {finished} of them finished before", err=True)
        if finished < scans and not _kernels_are_compiled():
            click.echo("compiling: the first run on a machine stands still for a minute", err=True)

    def noticed(self, sentence: str) -> None:
        """Say it above the bar."""
        self._bar.console.print(sentence, highlight=False)

    def advanced(self, outcome: Outcome) -> None:
        """Count a scan and its crops."""
        if isinstance(outcome, ShardDone | Stopped):
            return
        if not self._fresh:
            # Workers take their time to start, and to compile on a machine's first run: the clock
            # starts with the work.
            self._started = time.monotonic() - outcome.seconds
        self._done += 1
        self._fresh += 1
        if isinstance(outcome, ScanDone):
            self._crops += outcome.entry["exported"]
        seconds = max(time.monotonic() - self._started, 1e-6)
        rate = _rate(self._crops / seconds)
        self._bar.update(self._task, completed=self._done, rate=rate)
        if not self._live and self._is_time_to_say():
            left = (self._scans - self._done) * seconds / self._fresh
            click.echo(
                f"{self._done} of {self._scans} scans, {rate}, {left:.0f} s left",
                err=True,
            )

    def _is_time_to_say(self) -> bool:
        """Give the first scans a line each, then one every half minute: logs are read."""
        now = time.monotonic()
        if self._fresh > FIRST_LINES and self._done < self._scans and now < self._next_line:
            return False
        self._next_line = now + LINE_EVERY_S
        return True
