"""Marks on a surface as functions of the way from their centre."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tbp_extract.errors import ConfigError

__all__ = ["Mark", "MarkKind", "ink"]


class MarkKind(StrEnum):
    """What can be drawn on a target."""

    DISC = "disc"
    GRID = "grid"
    CHECKER = "checker"
    LETTER = "letter"
    """An F that reads right from outside, its top towards +y."""

    WAVES = "waves"
    """Smooth all over: for comparing pictures of the same skin."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark, sizes along the surface."""

    kind: MarkKind
    size_mm: float
    """Diameter of a disc, height of a letter, pitch of grid, checkerboard and waves."""

    at_mm: tuple[float, float] = (0.0, 0.0)
    """Its centre: way to the right and up from the target's front point."""

    rgb: tuple[int, int, int] = (90, 50, 40)
    line_mm: float = 0.2
    """Width of a grid's lines; every fifth is twice as wide."""

    extent_mm: float | None = None
    """Side of the square that the mark fills; ``None``: as far as the surface goes."""

    @property
    def reach_mm(self) -> float:
        """Half the side of a square that holds the mark."""
        if self.kind in (MarkKind.DISC, MarkKind.LETTER):
            return 0.5 * self.size_mm
        return np.inf if self.extent_mm is None else 0.5 * self.extent_mm

    def __post_init__(self) -> None:
        """Refuse a mark without size."""
        if self.size_mm <= 0.0:
            raise ConfigError(f"the size of a mark must be above 0 mm, got {self.size_mm}")


def ink(mark: Mark, way_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of a mark's colour lies at places (M, 2), right and up from its centre: 0..1."""
    right, up = way_mm[:, 0], way_mm[:, 1]
    draw = {
        MarkKind.DISC: _disc,
        MarkKind.GRID: _grid,
        MarkKind.CHECKER: _checker,
        MarkKind.LETTER: _letter,
        MarkKind.WAVES: _waves,
    }[mark.kind]
    share = draw(mark, right, up).astype(np.float64)
    if mark.extent_mm is not None:
        share = share * (np.maximum(np.abs(right), np.abs(up)) <= 0.5 * mark.extent_mm)
    return np.asarray(share)


_Array = NDArray[np.float64]


def _disc(mark: Mark, right: _Array, up: _Array) -> NDArray[np.bool_]:
    return np.asarray(np.hypot(right, up) <= 0.5 * mark.size_mm)


def _grid(mark: Mark, right: _Array, up: _Array) -> NDArray[np.bool_]:
    return _lines(mark, right) | _lines(mark, up)


def _lines(mark: Mark, way: _Array) -> NDArray[np.bool_]:
    number = np.round(way / mark.size_mm)
    half = np.where(number % 5 == 0, mark.line_mm, 0.5 * mark.line_mm)
    return np.asarray(np.abs(way - number * mark.size_mm) <= half)


def _checker(mark: Mark, right: _Array, up: _Array) -> NDArray[np.bool_]:
    return np.asarray((np.floor(right / mark.size_mm) + np.floor(up / mark.size_mm)) % 2 == 1)


def _letter(mark: Mark, right: _Array, up: _Array) -> NDArray[np.bool_]:
    x, y = right / mark.size_mm, up / mark.size_mm
    stem = (x >= -0.3) & (x <= -0.1) & (np.abs(y) <= 0.5)
    top = (x >= -0.3) & (x <= 0.3) & (y >= 0.32) & (y <= 0.5)
    middle = (x >= -0.3) & (x <= 0.18) & (y >= -0.06) & (y <= 0.12)
    return np.asarray(stem | top | middle)


def _waves(mark: Mark, right: _Array, up: _Array) -> _Array:
    turn = 2.0 * np.pi / mark.size_mm
    mixed = np.cos(turn * right) * np.cos(turn * up) + 0.5 * np.sin(0.7 * turn * (right + up))
    return np.asarray(0.5 + mixed / 3.0)
