"""What a column of the metadata table is."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike

__all__ = ["Column", "Origin", "number", "share", "text"]


MEASURED_DECIMALS = 6
"""Released precision of a measure: relations between columns that hold to 1e-5 still hold, and the
last bits, which differ between any two programs and so name the one, are gone."""


class Origin(StrEnum):
    """Where a column's definition comes from."""

    GIVEN = "given"
    """Handed through or mapped from the source."""

    EXACT = "exact"
    """The vendor's formula, reproduced on genuine rows."""

    OWN = "own"
    """Our definition; under a vendor's name where the vendor's own is not published."""

    VENDOR = "vendor"
    """Only the vendor's software makes it: empty unless a source gives it."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the metadata table."""

    name: str
    dtype: Literal["str", "float", "int", "bool"]
    unit: str
    definition: str
    origin: Origin
    released: bool = True

    decimals: int | None = None
    """Released precision of a float; other types have none."""

    range: str = ""
    """Lowest and highest possible value, such as ``0..1``; empty where there is none."""

    @property
    def limits(self) -> tuple[float, float]:
        """`range` as numbers; infinite where it is open."""
        low, _, high = self.range.partition("..")
        return float(low or "-inf"), float(high or "inf")

    @property
    def numpy_dtype(self) -> DTypeLike:
        """Array type in tables; missing numbers are NaN, missing text is ``None``."""
        return {"str": object, "float": np.float64, "int": np.int64, "bool": np.bool_}[self.dtype]


def text(name: str, definition: str, origin: Origin = Origin.GIVEN) -> Column:
    """Make a column of words."""
    return Column(name, "str", "", definition, origin)


def number(
    name: str,
    unit: str,
    definition: str,
    origin: Origin = Origin.OWN,
    *,
    decimals: int = MEASURED_DECIMALS,
    range: str = "",
) -> Column:
    """Make a column of numbers."""
    return Column(name, "float", unit, definition, origin, decimals=decimals, range=range)


def share(name: str, definition: str) -> Column:
    """Make a column of our own for a share of something."""
    return number(name, "", definition, decimals=4, range="0..1")
