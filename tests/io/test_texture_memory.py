"""Pages that are decoded with too little memory."""

import ctypes
import io
import os
import resource
import signal
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tbp_extract.config import LimitConfig
from tbp_extract.io.texture import read_page


def encoded(kind: str, **options: Any) -> bytes:
    """A page of 3000 x 3008 px."""
    row, column = np.mgrid[:3000, :3008]
    pixels = np.stack((row % 251, column % 241, (row + column) % 239), axis=-1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def with_room_for(mebibytes: int, data: bytes) -> str:
    """What a process says of a page that has so much memory left."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        # A library that waits for memory for ever must not hold the tests.
        signal.alarm(60)
        # What the heap has kept from earlier would serve for a while.
        ctypes.CDLL(None).malloc_trim(0)
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))  # noqa: PTH123, SIM115
        taken = int(status["VmData"].split()[0]) << 10
        resource.setrlimit(resource.RLIMIT_DATA, (taken + (mebibytes << 20),) * 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            read_page(data, LimitConfig(), page=0)
            os.write(writer, b"read")
        except BaseException as error:
            os.write(writer, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        return said.read().decode()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {}),
    ],
)
def test_a_whole_page_is_never_called_damaged_for_want_of_memory(
    kind: str, options: dict[str, Any]
) -> None:
    data = encoded(kind, **options)
    # Libraries that are loaded on first use do not all bear it without memory.
    read_page(data, LimitConfig(), page=0)
    found = [with_room_for(mebibytes, data) for mebibytes in (0, 5, 10, 30, 60, 90, 400)]
    assert found[0] == "MemoryError"
    assert found[-1] == "read"
    assert set(found) == {"MemoryError", "read"}
