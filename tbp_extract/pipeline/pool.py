"""Workers under supervision: one that crashes, hangs or grows costs its scan and nothing else."""

import os
import pickle
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Final, Protocol

from tbp_extract.errors import ScanReason, WorkerError
from tbp_extract.pipeline.nursery import NO_MEMORY
from tbp_extract.pipeline.work import Context, Outcome, Task, carry_out

__all__ = ["Death", "Ended", "InProcess", "Pool", "Workers"]

WATCH_S: Final = 0.25
"""Between looks at the clock and the memory of workers, which the system bounds as well."""

START_S: Final = 600.0
"""How long the nursery may take to start: on a machine's first run it compiles all kernels."""

START_TRIES: Final = 5

NEAR_LIMIT: Final = 0.8
"""A worker that died above this share of its memory most likely died for want of it."""


@dataclass(frozen=True, slots=True)
class Death:
    """A worker ended without telling how its task went."""

    reason: ScanReason | None
    """``None`` where the task had no part in it: the nursery was killed."""

    message: str
    seconds: float


Ended = tuple[Task, Outcome | Death]


class Workers(Protocol):
    """What carries out tasks."""

    def free(self) -> int:
        """Count the tasks that may be submitted now."""

    def submit(self, task: Task) -> None:
        """Hand in a task; there must be somebody free."""

    def collect(self, patience_s: float) -> list[Ended]:
        """Wait until at least one task has ended, or no longer than `patience_s`."""

    def close(self) -> None:
        """Abandon what is in work."""


class InProcess:
    """No workers: tasks are carried out here and now, without limits; for debugging."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ended: list[Ended] = []

    def free(self) -> int:
        """Take one task at a time."""
        return 0 if self._ended else 1

    def submit(self, task: Task) -> None:
        """Carry out the task at once."""
        started = time.monotonic()
        try:
            ended: Outcome | Death = carry_out(task, self._context)
        except MemoryError:
            message = "the scan needs more memory than this process can get"
            ended = Death(ScanReason.OUT_OF_MEMORY, message, time.monotonic() - started)
        self._ended.append((task, ended))

    def collect(self, patience_s: float) -> list[Ended]:
        """Give what has ended."""
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class _Worker:
    """A process, and what it is working on."""

    pid: int
    channel: Connection
    task: Task | None = None
    started: float = 0.0
    memory_bytes: int = 0
    doom: tuple[ScanReason, str] | None = None
    """Why it was killed from here."""


@dataclass(slots=True)
class _Nursery:
    process: "subprocess.Popen[bytes]"
    channel: socket.socket
    workers: list[_Worker] = field(default_factory=list)


class Pool:
    """Worker processes with limits on time and memory.

    Parameters
    ----------
    size : int
        Workers at a time.
    context : Context
    """

    def __init__(self, size: int, context: Context) -> None:
        self._size = size
        self._context = context
        limits = context.config.run
        self._seconds = limits.scan_seconds
        self._memory_bytes = int(limits.worker_memory_gb * 2**30)
        self._nursery: _Nursery | None = None
        self._lost: list[Ended] = []

    def free(self) -> int:
        """Count workers without a task, those included that are not there yet."""
        return self._size - sum(1 for w in self._workers() if w.task is not None)

    def submit(self, task: Task) -> None:
        """Give a task to a worker; start one where all are busy."""
        for _ in range(START_TRIES):
            worker = next((w for w in self._workers() if w.task is None), None) or self._start()
            worker.task, worker.started, worker.memory_bytes = task, time.monotonic(), 0
            try:
                worker.channel.send(task)
            except OSError:
                # It was killed while it waited.
                self._forget(worker)
            else:
                return
        raise WorkerError("worker processes end as soon as they are started: is memory left?")

    def collect(self, patience_s: float) -> list[Ended]:
        """Wait for tasks to end; watch the clock and the memory of those that do not."""
        deadline = time.monotonic() + patience_s
        while True:
            if self._lost:
                lost, self._lost = self._lost, []
                return lost
            channels = {w.channel: w for w in self._workers() if w.task is not None}
            left = deadline - time.monotonic()
            ready = wait(list(channels), max(min(WATCH_S, left), 0.0)) if channels else []
            ended = [self._ended(channels[c]) for c in ready if isinstance(c, Connection)]
            if ended or not channels or left <= 0:
                return ended
            for worker in channels.values():
                self._watch(worker)

    def close(self) -> None:
        """Kill everything; workers leave nothing half-written."""
        nursery, self._nursery = self._nursery, None
        if nursery:
            for worker in nursery.workers:
                worker.channel.close()
            nursery.channel.close()
            # Workers die with it.
            nursery.process.kill()
            nursery.process.wait()

    def _abandon(self) -> None:
        """Give up a nursery that is dead, and its workers' tasks back."""
        for worker in self._workers():
            if worker.task is not None:
                self._lost.append((worker.task, _bereft(time.monotonic() - worker.started)))
        self.close()

    def _workers(self) -> Iterator[_Worker]:
        yield from self._nursery.workers if self._nursery else ()

    def _ended(self, worker: _Worker) -> Ended:
        task, seconds = worker.task, time.monotonic() - worker.started
        if task is None:
            raise WorkerError("a worker spoke without having been asked")
        try:
            outcome: Outcome | Death = worker.channel.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            outcome = self._death(worker, seconds)
            self._forget(worker)
        worker.task = None
        return task, outcome

    def _death(self, worker: _Worker, seconds: float) -> Death:
        if worker.doom:
            return Death(*worker.doom, seconds)
        code = self._ask(str(worker.pid).encode())
        if code is None:
            worker.task = None
            self._abandon()
            return _bereft(seconds)
        if code == NO_MEMORY or worker.memory_bytes > NEAR_LIMIT * self._memory_bytes:
            return Death(ScanReason.OUT_OF_MEMORY, self._memory_message(), seconds)
        if code == 1009:
            return Death(
                ScanReason.WORKER_KILLED, "the worker was killed from outside the run", seconds
            )
        how = f"by signal {code - 1000}" if code > 1000 else f"with exit code {code}"
        return Death(ScanReason.WORKER_CRASHED, f"the worker process ended {how}", seconds)

    def _watch(self, worker: _Worker) -> None:
        worker.memory_bytes = max(worker.memory_bytes, _own_memory(worker.pid))
        if worker.doom:
            return
        if time.monotonic() - worker.started > self._seconds:
            message = f"the scan took longer than run.scan_seconds allows ({self._seconds:g} s)"
            worker.doom = (ScanReason.TIMED_OUT, message)
        elif worker.memory_bytes > self._memory_bytes:
            worker.doom = (ScanReason.OUT_OF_MEMORY, self._memory_message())
        if worker.doom:
            with suppress(ProcessLookupError):
                os.kill(worker.pid, 9)

    def _memory_message(self) -> str:
        return "the scan needs more memory than run.worker_memory_gb allows"

    def _forget(self, worker: _Worker) -> None:
        worker.channel.close()
        if self._nursery:
            self._nursery.workers = [w for w in self._nursery.workers if w is not worker]

    def _start(self) -> _Worker:
        """Have a worker forked; a nursery that was killed is started anew."""
        for _ in range(START_TRIES):
            self._nursery = self._nursery or _start_nursery(self._context, self._memory_bytes)
            if self._nursery is None:
                continue
            ours, theirs = socket.socketpair()
            with theirs:
                pid = self._ask(b"fork", theirs.fileno())
            if pid:
                worker = _Worker(pid, Connection(ours.detach()))
                self._nursery.workers.append(worker)
                return worker
            ours.close()
            self._abandon()
        raise WorkerError("the process that starts workers does not live: is memory left?")

    def _ask(self, request: bytes, handle: int | None = None) -> int | None:
        """Ask the nursery; ``None`` where it is dead."""
        if self._nursery is None:
            return None
        try:
            handles = [] if handle is None else [handle]
            socket.send_fds(self._nursery.channel, [request], handles)
            answer = self._nursery.channel.recv(8, socket.MSG_WAITALL)
        except OSError:
            return None
        return int.from_bytes(answer, "big") if len(answer) == 8 else None


def _bereft(seconds: float) -> Death:
    return Death(None, "the process that starts workers was killed", seconds)


def _start_nursery(context: Context, memory_bytes: int) -> _Nursery | None:
    """Start a nursery and wait until it is ready; ``None`` where it dies before."""
    ours, theirs = socket.socketpair()
    # One thread a worker: forking is safe, and sums have one order.
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    # Other allocators reserve gigabytes that they never use, which the limit would count.
    plain = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
    places = os.pathsep.join(place or str(Path.cwd()) for place in sys.path)
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [
                *(sys.executable, "-P", "-m", "tbp_extract.pipeline.nursery"),
                *(str(theirs.fileno()), str(os.getpid())),
            ],
            env={**os.environ, **single, **plain, "PYTHONPATH": places},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            # Ctrl-C on a terminal goes to the run alone, which then decides.
            start_new_session=True,
        )
    content = pickle.dumps((context, memory_bytes))
    ours.settimeout(START_S)
    try:
        ours.sendall(len(content).to_bytes(8, "big") + content)
        answer = ours.recv(1)
    except OSError:
        answer = b""
    ours.settimeout(None)
    nursery = _Nursery(process, ours)
    if answer != b"r":
        process.kill()
        process.wait()
        ours.close()
        return None
    return nursery


def _own_memory(pid: int) -> int:
    """Memory of a process that is not shared with files, bytes."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123
            _, resident, shared, *_ = map(int, file.read().split())
    except (OSError, ValueError):
        return 0
    return (resident - shared) * resource.getpagesize()
