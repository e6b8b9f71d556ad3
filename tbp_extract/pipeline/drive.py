"""Tasks to workers and outcomes back: retries, quarantine, the ledger, a clean stop."""

import logging
import shutil
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from types import TracebackType
from typing import Final, Self

from tbp_extract.errors import OutputError, ScanReason, WorkerError
from tbp_extract.io.ledger import COUNTED, Ledger, ScanRow, ScanState
from tbp_extract.pipeline.plan import ScanPlan
from tbp_extract.pipeline.pool import Death, Workers
from tbp_extract.pipeline.stop import StopRequest
from tbp_extract.pipeline.survey import row_inputs
from tbp_extract.pipeline.work import (
    Context,
    Outcome,
    ScanDone,
    ScanFailed,
    ShardTask,
    Stopped,
    Task,
    failed,
)

__all__ = ["Driver"]

_LOG = logging.getLogger(__name__)

TRIES: Final = 2
"""A scan that ends its worker this often is quarantined; an image shard ends the run."""

CHANCES: Final[dict[ScanReason | None, int]] = {ScanReason.WORKER_KILLED: 5, None: 20}
"""More often where the task need not be at fault."""

PATIENCE_S: Final = 0.5
"""How soon a request to stop is noticed."""

LEDGER_EVERY_S: Final = 1.0
"""How long rows may wait for the ledger: flushing each to disk takes as long as a small scan. What
is finished is known from its files; what is quarantined is known from the ledger alone, and is
written at once."""


class Driver:
    """Carries tasks out on workers and keeps the ledger, which on leaving knows all.

    Parameters
    ----------
    workers : Workers
    context : Context
    ledger : Ledger
    stop : StopRequest
    """

    def __init__(
        self, workers: Workers, context: Context, ledger: Ledger, stop: StopRequest
    ) -> None:
        self._workers = workers
        self._context = context
        self._ledger = ledger
        self._stop = stop
        self._queue: deque[Task] = deque()
        self._in_work = 0
        self._deaths: Counter[tuple[str, ScanReason | None]] = Counter()
        self._tries = Counter({row.scan: row.tries for row in ledger.rows().values()})
        self._rows: list[ScanRow] = []
        self._written_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what the ledger does not know yet."""
        self._write_rows()

    def carry_out(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Carry out tasks and give their outcomes as they come.

        Raises
        ------
        KeyboardInterrupt
            If the run was told to stop; what was in work has been finished or given up.
        OutputError
            If the disk is nearly full.
        TbpError
            If a task says that the whole run must stop.
        """
        self._queue.extend(tasks)
        stop_at = None
        while self._queue or self._in_work:
            if not self._stop.made:
                self._hand_out()
            elif not self._in_work:
                raise KeyboardInterrupt
            else:
                stop_at = stop_at or time.monotonic() + self._context.config.run.stop_seconds
                if time.monotonic() > stop_at:
                    raise KeyboardInterrupt
            if self._is_time_to_write():
                self._write_rows()
            for task, ended in self._workers.collect(PATIENCE_S):
                self._in_work -= 1
                outcome = self._judge(task, ended)
                if isinstance(outcome, Stopped):
                    raise outcome.error
                if outcome is not None:
                    yield outcome

    def _hand_out(self) -> None:
        while self._queue and self._workers.free():
            if not self._has_room():
                if self._in_work:
                    return
                reserve = self._context.config.run.disk_reserve_gb
                raise OutputError(
                    f"the output's disk is nearly full: run.disk_reserve_gb keeps {reserve:g} GiB "
                    "free: make room and run the same command again"
                )
            task = self._queue.popleft()
            self._workers.submit(task)
            self._in_work += 1
            if isinstance(task, ScanPlan):
                self._tries[task.scan] += 1
                self._rows.append(self._row(task))

    def _has_room(self) -> bool:
        reserve = self._context.config.run.disk_reserve_gb * 2**30
        return shutil.disk_usage(self._context.layout.root).free >= reserve

    def _judge(self, task: Task, ended: Outcome | Death) -> Outcome | None:
        """Settle a task, or queue it again."""
        if isinstance(ended, Death):
            outcome = self._mourn(task, ended)
            if outcome is None:
                self._queue.append(task)
                return None
            ended = outcome
        if isinstance(task, ScanPlan):
            self._note(task, ended)
        return ended

    def _mourn(self, task: Task, death: Death) -> Outcome | None:
        """Say what becomes of a task whose worker died; ``None`` to try again."""
        _LOG.warning("%s: %s (after %.1f s)", _name(task), death.message, death.seconds)
        self._deaths[_name(task), death.reason] += 1
        times = self._deaths[_name(task), death.reason]
        if times < CHANCES.get(death.reason, TRIES):
            return None
        if death.reason is None or isinstance(task, ShardTask):
            sentence = f"{_name(task)}: {death.message}, {times} times: is there memory left?"
            return Stopped(WorkerError(sentence))
        message = f"{death.message}, {times} times"
        return failed(task, death.reason, message, seconds=death.seconds)

    def _note(self, task: ScanPlan, outcome: Outcome) -> None:
        row = self._row(task)
        if isinstance(outcome, ScanDone):
            counts = {name: outcome.entry[name] for name in COUNTED}
            row = replace(row, state=ScanState.DONE, counts=counts)
        elif isinstance(outcome, ScanFailed):
            details = asdict(outcome.quarantined)
            del details["scan"]
            reason = details.pop("reason")
            row = replace(row, state=ScanState.QUARANTINED, reason=reason, details=details)
        else:
            return
        inputs = row_inputs(outcome.inputs)
        self._rows.append(replace(row, seconds=outcome.seconds, inputs=inputs))
        for said in outcome.said:
            _LOG.log(said.level, "%s", said.message)

    def _row(self, task: ScanPlan) -> ScanRow:
        return ScanRow(
            *(task.scan, ScanState.RUNNING, task.fingerprint, task.patient),
            tries=self._tries[task.scan],
        )

    def _is_time_to_write(self) -> bool:
        return time.monotonic() > self._written_at + LEDGER_EVERY_S or any(
            row.state == ScanState.QUARANTINED for row in self._rows
        )

    def _write_rows(self) -> None:
        self._written_at = time.monotonic()
        if self._rows:
            # Of one scan the last word counts.
            self._ledger.put(*{row.scan: row for row in self._rows}.values())
            self._rows = []


def _name(task: Task) -> str:
    return f"shard {task.shard_id}" if isinstance(task, ShardTask) else task.scan
