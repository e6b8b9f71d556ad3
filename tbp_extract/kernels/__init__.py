"""Compiled numba code and nothing else: arrays and scalars in, ``out`` last."""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile a kernel for one thread and keep the machine code on disk.

    Every helper that a kernel calls stands in the kernel's own file: numba renews its disk cache
    only when that very file changes.
    """
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
