"""The process from which workers are forked: everything loaded, every kernel ready.

A worker that has to import and load kernels takes seconds to start; one that is forked from here
takes milliseconds, so that a crash costs next to nothing. The nursery runs one thread and does no
work of its own. It dies with the run, and the workers die with it: nobody is left writing.
"""

import ctypes
import os
import pickle
import resource
import signal
import socket
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Final

from tbp_extract.pipeline.work import Context, carry_out

__all__ = ["NO_MEMORY", "main", "serve"]

NO_MEMORY: Final = 79
"""Exit code of a worker whose task could not get the memory that it asked for."""

PR_SET_PDEATHSIG: Final = 1
OOM_SCORE: Final = "800"
"""Where the whole machine runs out of memory, a worker shall go and not the run."""

REAP_S: Final = 5.0


def main(descriptor: int, parent: int) -> None:
    """Fork workers as they are asked for, until the run has gone.

    Parameters
    ----------
    descriptor : int
        Of the socket to the run.
    parent : int
        Process id of the run.
    """
    _die_with(parent)
    with socket.socket(fileno=descriptor) as run:
        context, memory_bytes = pickle.loads(_receive(run))  # noqa: S301 - from our own parent
        _warm_up(context)
        run.sendall(b"r")
        statuses: dict[int, int] = {}
        while True:
            request, handles, _, _ = socket.recv_fds(run, 64, 1)
            _reap(statuses)
            if not request:
                return
            if handles:
                run.sendall(_fork(run, handles[0], context, memory_bytes).to_bytes(8, "big"))
            else:
                run.sendall(_status(int(request), statuses).to_bytes(8, "big"))


def serve(run: Connection, context: Context) -> None:
    """Carry out tasks until the run has gone, or memory has: the next try gets a fresh process."""
    with suppress(EOFError, OSError):
        while True:
            task = run.recv()
            run.send(carry_out(task, context))


def _fork(run: socket.socket, handle: int, context: Context, memory_bytes: int) -> int:
    nursery = os.getpid()
    child = os.fork()
    if child:
        os.close(handle)
        return child
    # Whatever happens here, this process never returns into the nursery's loop.
    try:
        _die_with(nursery)
        run.close()
        _confine(memory_bytes)
        serve(Connection(handle), context)
    except MemoryError:
        os._exit(NO_MEMORY)
    finally:
        os._exit(0)


def _confine(memory_bytes: int) -> None:
    """Bound memory, leave no core dumps, say nothing: libraries print names of files."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
        file.write(OOM_SCORE)
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _die_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _reap(statuses: dict[int, int]) -> None:
    with suppress(ChildProcessError):
        while True:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            statuses[child] = os.waitstatus_to_exitcode(status)


def _status(child: int, statuses: dict[int, int]) -> int:
    """How a worker ended: 0 to 255 its exit code, 1000 and more the signal that ended it."""
    deadline = time.monotonic() + REAP_S
    while child not in statuses and time.monotonic() < deadline:
        time.sleep(0.002)
        _reap(statuses)
    code = statuses.pop(child, 0)
    return code if code >= 0 else 1000 - code


def _receive(run: socket.socket) -> bytes:
    length = int.from_bytes(run.recv(8, socket.MSG_WAITALL), "big")
    return run.recv(length, socket.MSG_WAITALL)


def _warm_up(context: Context) -> None:
    from tbp_extract.pipeline.warm import warm_up

    warm_up(context.config)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
