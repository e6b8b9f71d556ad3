"""Pages that are decoded with too little memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

STARVED = """
import io, json, os, resource, signal, sys
import numpy as np
from PIL import Image
from tbp_extract.config import LimitConfig
from tbp_extract.io.texture import read_page


def encoded(kind, options):
    row, column = np.mgrid[:3000, :3008]
    pixels = np.stack((row % 251, column % 241, (row + column) % 239), axis=-1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def with_room_for(mebibytes, data):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        taken = int(status["VmData"].split()[0]) << 10
        resource.setrlimit(resource.RLIMIT_DATA, (taken + (mebibytes << 20),) * 2)
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


data = encoded(sys.argv[1], json.loads(sys.argv[2]))
# Libraries that are loaded on first use do not all bear it without memory.
read_page(data, LimitConfig(), page=0)
print(json.dumps([with_room_for(room, data) for room in (0, 5, 10, 30, 60, 90, 400)]))
"""


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", '{"progressive": true}'),
        ("PNG", "{}"),
        ("TIFF", '{"compression": "tiff_lzw"}'),
        ("TIFF", "{}"),
    ],
)
def test_a_whole_page_is_never_called_damaged_for_want_of_memory(kind: str, options: str) -> None:
    # A fresh process whose heap gives large blocks back: what it kept would serve the next page.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", STARVED, kind, options],
        cwd=ROOT, env=environment, check=True, capture_output=True, text=True, timeout=480,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found[0] == "MemoryError"
    assert found[-1] == "read"
    assert set(found) == {"MemoryError", "read"}
