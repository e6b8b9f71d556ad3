"""Releases made leaky on purpose: what each leak does, and the check that must tell of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LEAKS", "Leak", "leak"]

Edit = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Leak:
    """One channel through which something private would leave."""

    name: str
    check: str
    """The check that owns it."""

    edit: Edit
    also: frozenset[str]
    """Other checks that it cannot but break."""

    sealed: bool
    """Whether the manifest is made to fit the files afterwards."""


LEAKS: list[Leak] = []


def leak(check: str, *also: str, sealed: bool = True) -> Callable[[Edit], Edit]:
    """Note a function that makes a release leaky."""

    def noted(edit: Edit) -> Edit:
        LEAKS.append(Leak(edit.__name__, check, edit, frozenset(also), sealed))
        return edit

    return noted
