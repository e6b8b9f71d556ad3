"""Where a run stands, from its ledger; and quarantined scans back into the queue."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tbp_extract.errors import OutputError
from tbp_extract.io.claim import Holder, claimed, holder_of
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.ledger import ScanRow, ScanState, open_ledger, read_ledger
from tbp_extract.pipeline.alike import patients_of_one_mesh

__all__ = ["RunStatus", "read_status", "retry_quarantined"]

WINDOW_S: Final = 1800.0
"""The rate is that of the last half hour."""

SETTLED: Final = (ScanState.DONE, ScanState.QUARANTINED)


@dataclass(frozen=True, slots=True)
class RunStatus:
    """Where a run stands."""

    holder: Holder | None
    """Who works on the folder now."""

    complete: bool
    """Whether there is a release with its manifest."""

    states: Counter[str]
    """Scans by state."""

    reasons: Counter[str]
    """Quarantined scans by reason."""

    found: int
    exported: int
    dropped: Counter[str]
    """Lesions by reason."""

    empty: Counter[str]
    """Finished scans without a lesion to export, by reason."""

    scans_per_hour: float | None
    """Of this run; ``None`` where too few are settled to tell."""

    seconds_left: float | None
    """Until all scans are settled, at this rate."""

    silent_s: float
    """Since the ledger was last written."""

    shared_meshes: int = 0
    """Meshes that stand for more than one patient."""

    @property
    def settled(self) -> bool:
        """Whether every scan is finished or quarantined."""
        return sum(self.states[str(state)] for state in SETTLED) == self.states.total()


def read_status(out: Path) -> RunStatus:
    """Read where a run stands, while it works or after it has ended.

    Raises
    ------
    OutputError
        If the folder holds no run.
    """
    layout = OutLayout(out)
    rows, facts = read_ledger(layout.ledger)
    scans = list(rows.values())
    done = [row.counts for row in scans if row.state == ScanState.DONE]
    now, started = time.time(), float(facts.get("started", 0.0))
    rate = _rate_per_s([r for r in scans if r.state in SETTLED and r.changed_at > started], now)
    open_scans = sum(row.state not in SETTLED for row in scans)
    return RunStatus(
        holder=holder_of(layout.lock),
        complete=layout.manifest.is_file(),
        states=Counter(str(row.state) for row in scans),
        reasons=Counter(row.reason or "" for row in scans if row.state == ScanState.QUARANTINED),
        found=sum(counts["found"] for counts in done),
        exported=sum(counts["exported"] for counts in done),
        dropped=sum((Counter(counts["dropped"]) for counts in done), Counter[str]()),
        # Ledgers of earlier versions do not tell.
        empty=Counter(why for counts in done if (why := counts.get("empty"))),
        scans_per_hour=rate and rate * 3600.0,
        seconds_left=open_scans / rate if rate and open_scans else None,
        silent_s=now - max((row.changed_at for row in scans), default=now),
        shared_meshes=patients_of_one_mesh(
            (row.patient, {name: str(file[0]) for name, file in row.inputs.items() if file[0]})
            for row in scans
        ),
    )


def retry_quarantined(out: Path, reasons: Sequence[str] = ()) -> int:
    """Put quarantined scans back into the queue; the next run takes them up.

    Parameters
    ----------
    out : Path
    reasons : sequence of str
        Only scans with one of these codes; none means all.

    Returns
    -------
    int
        Scans queued.

    Raises
    ------
    OutputError
        If the folder holds no run, or somebody works on it.
    """
    layout = OutLayout(out)
    if not layout.ledger.is_file():
        raise OutputError("expected the folder of a run, got one without a ledger")
    with claimed(layout.lock), open_ledger(layout.ledger) as ledger:
        chosen = [
            replace(row, state=ScanState.QUEUED, reason=None, details={}, inputs={})
            for row in ledger.rows().values()
            if row.state == ScanState.QUARANTINED and (not reasons or row.reason in reasons)
        ]
        ledger.put(*chosen)
        return len(chosen)


def _rate_per_s(settled: Sequence[ScanRow], now: float) -> float | None:
    times = sorted(row.changed_at for row in settled if row.changed_at > now - WINDOW_S)
    if len(times) < 3 or times[-1] <= times[0]:
        return None
    return (len(times) - 1) / (times[-1] - times[0])
