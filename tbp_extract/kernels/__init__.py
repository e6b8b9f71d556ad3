"""Compiled numba code and nothing else: arrays and scalars in, ``out`` last."""

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile a kernel for one thread and keep the machine code on disk.

    Every helper that a kernel calls stands in the kernel's own file, so that one file can be read
    and tested by itself.
    """
    settings: Any = numba.config  # its values are set as it loads: no type checker sees them
    usual = settings.CACHE_DIR
    settings.CACHE_DIR = str(_cache_folder(usual))
    try:
        return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
    finally:
        settings.CACHE_DIR = usual


@functools.cache
def _cache_folder(given: str) -> Path:
    """Folder for machine code of exactly these sources.

    numba looks at one source file only, and writes a cache's index before the code that it names:
    of two processes that renew an old cache, one may load the other's old code under the new index.
    A folder of its own for each state of the sources leaves nothing old to load.
    """
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(here.glob("*.py")):
        digest.update(path.read_bytes())
    parents = (here / "__pycache__", Path.home() / ".cache" / "tbp_extract")
    writable = (p for p in parents if os.access(p if p.exists() else p.parent, os.W_OK))
    parent = Path(given) if given else next(writable, parents[-1])
    return parent / f"kernels_{digest.hexdigest()[:16]}"
