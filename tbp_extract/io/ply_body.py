"""The rows of a PLY file, whatever its elements and properties are."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.kernels import ply as kernels

__all__ = ["Body", "Element", "Lists", "Property", "unreadable"]


@dataclass(frozen=True, slots=True)
class Property:
    """One property of an element."""

    name: str
    dtype: str
    """Type of its values, as NumPy names it, without byte order."""

    count_dtype: str | None = None
    """Type of a list's length; ``None`` for a single value."""


@dataclass(frozen=True, slots=True)
class Element:
    """One kind of rows."""

    name: str
    count: int
    properties: tuple[Property, ...]

    def find(self, *names: str) -> Property | None:
        """Return the first property that has one of the names."""
        return next((p for name in names for p in self.properties if p.name == name), None)


class Lists(NamedTuple):
    """A list property of all rows."""

    start: NDArray[np.int64]
    """(R + 1,) where the values of each row begin."""

    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    element: Element
    start: int
    value_at: NDArray[np.int64] | None = None
    """(R, P), ``None`` where all rows have one length."""
    value_count: NDArray[np.int64] | None = None


class Body:
    """Elements by name, read from bytes.

    Parameters
    ----------
    data : (L,) uint8
    elements : sequence of Element
        In the order of the data.
    start : int
        Where the first row begins.
    order : str
        "<" or ">".
    lengths : (L,) uint8, optional
        Where to read the lengths of lists, if not in `data`.
    """

    def __init__(
        self,
        data: NDArray[np.uint8],
        elements: Sequence[Element],
        *,
        start: int,
        order: str,
        lengths: NDArray[np.uint8] | None = None,
    ) -> None:
        self._data = data
        self._order = order
        self._lengths = data if lengths is None else lengths
        self._rows: dict[str, _Rows] = {}
        at = start
        for number, element in enumerate(elements):
            if element.count * sum(map(_least_bytes, element.properties)) > len(data) - at:
                raise unreadable(f"its data end within element {number} of its header")
            rows, at = self._find_rows(element, at, number)
            self._rows[element.name] = rows
        # Some writers end a binary file as a text.
        if data[at : at + 3].tobytes() not in (b"", b"\n", b"\r\n"):
            raise unreadable("data follow after the last row that its header announces")

    @classmethod
    def of_numbers(cls, values: NDArray[np.float64], elements: Sequence[Element]) -> "Body":
        """Make a body of the numbers of a text: the same rows, eight bytes each."""
        whole = (np.abs(values) < 2.0**31) & (values == np.floor(values))
        lengths = np.where(whole, values, -1.0).astype(np.int64)
        return cls(
            values.view(np.uint8),
            [_as_doubles(element) for element in elements],
            start=0,
            order="<" if sys.byteorder == "little" else ">",
            lengths=lengths.view(np.uint8),
        )

    def element(self, name: str) -> Element:
        """Return the element of this name, one without rows if there is none."""
        return self._rows[name].element if name in self._rows else Element(name, 0, ())

    def scalar(self, element: Element, prop: Property) -> NDArray[np.float64]:
        """Return a single-valued property, (R,)."""
        rows = self._rows[element.name]
        if rows.value_at is not None:
            return self.lists(element, prop).values
        members = [(f"p{k}", self._order + p.dtype) for k, p in enumerate(element.properties)]
        table = np.frombuffer(self._data, np.dtype(members), element.count, rows.start)
        return table[f"p{element.properties.index(prop)}"].astype(np.float64)

    def lists(self, element: Element, prop: Property) -> Lists:
        """Return a list property."""
        rows = self._rows[element.name]
        assert rows.value_at is not None  # noqa: S101 - an element with a list was walked
        assert rows.value_count is not None  # noqa: S101
        column = element.properties.index(prop)
        count = np.ascontiguousarray(rows.value_count[:, column])
        start = np.concatenate(([0], np.cumsum(count)))
        width = np.dtype(prop.dtype).itemsize
        raw = np.empty(int(start[-1]) * width, np.uint8)
        at = np.ascontiguousarray(rows.value_at[:, column])
        kernels.gather_bytes(self._data, at, count, width, raw)
        return Lists(start, raw.view(self._order + prop.dtype).astype(np.float64))

    def _find_rows(self, element: Element, at: int, number: int) -> tuple[_Rows, int]:
        if all(p.count_dtype is None for p in element.properties):
            width = sum(map(_least_bytes, element.properties))
            return _Rows(element, at), at + width * element.count
        shape = (element.count, len(element.properties))
        value_at, value_count = np.empty(shape, np.int64), np.empty(shape, np.int64)
        found = np.array([0, at], np.int64)
        kernels.walk_rows(
            self._lengths,
            at,
            self._order == ">",
            np.array([_width(p.count_dtype) for p in element.properties], np.int64),
            np.array([_width(p.dtype) for p in element.properties], np.int64),
            value_at,
            value_count,
            found,
        )
        if found[0] < element.count:
            raise unreadable(
                f"its data end within row {found[0]} of element {number} of its header"
            )
        return _Rows(element, at, value_at, value_count), int(found[1])


def unreadable(why: str) -> ScanError:
    """Make the error for a PLY file that breaks its format."""
    return ScanError(ScanReason.MESH_UNREADABLE, f"the mesh cannot be read as PLY: {why}")


def _width(dtype: str | None) -> int:
    return 0 if dtype is None else np.dtype(dtype).itemsize


def _least_bytes(prop: Property) -> int:
    return _width(prop.count_dtype or prop.dtype)


def _as_doubles(element: Element) -> Element:
    properties = tuple(
        replace(p, dtype="f8", count_dtype=None if p.count_dtype is None else "i8")
        for p in element.properties
    )
    return replace(element, properties=properties)
