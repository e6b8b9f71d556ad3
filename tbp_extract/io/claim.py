"""Who works on an output folder: one run at a time, told from one that died."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tbp_extract.errors import OutputError
from tbp_extract.io.files import PRIVATE_FILE

__all__ = ["Holder", "claimed", "holder_of"]

PATIENCE_S: Final = 1.0
"""Whoever only looks at a claim holds it for a moment."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that works on an output folder."""

    pid: int
    host: str
    since: str
    """Local time, ISO 8601."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


@contextmanager
def claimed(path: Path) -> Iterator[Holder | None]:
    """Hold a lock file while the block runs.

    The system lets go of a lock when its process ends, however it ends: a claim of a dead process
    is never in the way.

    Yields
    ------
    Holder or None
        An earlier process that died without letting go.

    Raises
    ------
    OutputError
        If somebody else holds it: with who that is.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    except OSError as error:
        raise OutputError(f"cannot claim the output folder: {error.strerror}") from None
    try:
        _lock(descriptor)
        dead = _written(descriptor)
        me = Holder(os.getpid(), socket.gethostname(), time.strftime("%Y-%m-%dT%H:%M:%S%z"))
        _write(descriptor, json.dumps(asdict(me)).encode())
        try:
            yield dead
        finally:
            _write(descriptor, b"")
    finally:
        os.close(descriptor)


def holder_of(path: Path) -> Holder | None:
    """Tell who holds a claim now; ``None`` if nobody does."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _written(descriptor) or Holder(0, "an unknown host", "an unknown time")
    finally:
        os.close(descriptor)
    return None


def _lock(descriptor: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                holder = _written(descriptor)
                raise OutputError(
                    f"another run works on this output folder ({holder or 'just started'}): wait "
                    "for its end, or end it"
                ) from None
            time.sleep(0.05)
        except OSError as error:
            raise OutputError(
                f"the output's file system takes no locks ({error.strerror}): use another disk"
            ) from None
        else:
            return


def _written(descriptor: int) -> Holder | None:
    try:
        return Holder(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError, OSError):
        return None


def _write(descriptor: int, data: bytes) -> None:
    """Say who holds the claim; a full disk does not matter here."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, data, 0)
    except OSError:
        return
