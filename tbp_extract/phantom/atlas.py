"""A UV atlas with real seams: charts of skin packed into pages."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.errors import ConfigError
from tbp_extract.kernels.paint import find_overlaps
from tbp_extract.phantom.body import Body
from tbp_extract.phantom.charts import Charts, cut_charts, set_apart
from tbp_extract.uv import rowcol_to_uv

__all__ = ["Atlas", "make_atlas"]

_GUTTER_PX = 8
_REPAIRS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """Where each face lies in the pages."""

    wedge_uv: NDArray[np.float32]
    """(F, 3, 2), v up."""

    face_page: NDArray[np.int16]
    """(F,)."""

    face_chart: NDArray[np.int32]
    """(F,) number of the connected chart."""

    px_per_mm: float
    """Density at which the charts were packed; what a face has differs by its distortion."""


def make_atlas(body: Body, *, page_px: int, pages: int = 1) -> Atlas:
    """Cut, flatten and pack.

    Parameters
    ----------
    body : Body
    page_px : int
        Side of each square page.
    pages : int
        How many pages to fill; the density follows from it.

    Returns
    -------
    Atlas
        Charts keep at least 8 texels from one another and are laid out as rigidly as possible
        (Liu et al. 2008, doi:10.1111/j.1467-8659.2008.01290.x).

    Raises
    ------
    ConfigError
        If the charts do not fit at any density.
    """
    charts = cut_charts(body)
    for _ in range(_REPAIRS):
        density, places = _pack(charts.boxes_mm(), page_px, pages)
        rowcol = _on_page(charts, density)
        doubled = _doubled(charts.chart, rowcol)
        if not doubled.any():
            break
        charts = set_apart(body, charts, doubled)
    else:
        raise ConfigError(f"the charts overlap on pages of {page_px} px: take larger pages")
    rowcol += places[charts.chart][:, None, 1:]
    uv = rowcol_to_uv(rowcol, np.array((page_px, page_px))).astype(np.float32)
    return Atlas(uv, places[charts.chart, 0].astype(np.int16), charts.chart, density)


def _on_page(charts: Charts, density: float) -> NDArray[np.float64]:
    """(F, 3, 2) row and column from the corner of each chart's place."""
    flat = charts.flat_mm
    height = charts.boxes_mm()[charts.chart, 1]
    # Rows grow downwards on a page: turned about, not mirrored.
    rowcol = np.stack((height[:, None] - flat[:, :, 1], flat[:, :, 0]), axis=2)
    return np.asarray(rowcol * density + _GUTTER_PX // 2)


def _doubled(chart: NDArray[np.int32], rowcol: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(F,) whether a face holds a texel that another face of its chart holds already."""
    doubled = np.zeros(len(chart), np.bool_)
    order = np.argsort(chart, kind="stable")
    for member in np.split(order, np.flatnonzero(np.diff(chart[order])) + 1):
        if len(member) == 1:
            continue
        rows, columns = np.ceil(rowcol[member].max(axis=(0, 1))).astype(int) + 1
        owner, found = np.full((rows, columns), -1, np.int32), np.zeros(len(member), np.bool_)
        find_overlaps(rowcol[member], owner, found)
        doubled[member] = found
    return doubled


def _pack(boxes: NDArray[np.float64], page_px: int, pages: int) -> tuple[float, NDArray[np.int64]]:
    """Greatest density at which all boxes fit; page, row and column of each."""
    low, high = 0.0, page_px / float(boxes.max())
    found: NDArray[np.int64] | None = None
    for _ in range(24):
        density = 0.5 * (low + high)
        places = _place(np.ceil(boxes * density).astype(int) + 1 + _GUTTER_PX, page_px, pages)
        if places is None:
            high = density
        else:
            low, found = density, places
    if found is None:
        raise ConfigError(f"the charts do not fit into {pages} pages of {page_px} px")
    return low, found


def _place(sizes: NDArray[np.int64], page_px: int, pages: int) -> NDArray[np.int64] | None:
    """Tallest first, each where it reaches least high above the skyline."""
    places = np.zeros((len(sizes), 3), np.int64)
    skyline = np.zeros((pages, page_px), np.int64)
    for box in np.lexsort((np.arange(len(sizes)), -sizes[:, 0], -sizes[:, 1])):
        width, height = sizes[box]
        if width > page_px:
            return None
        page, row, column = _lowest(skyline, int(width))
        if row + height > page_px:
            return None
        skyline[page, column : column + width] = row + height
        places[box] = page, row, column
    return places


def _lowest(skyline: NDArray[np.int64], width: int) -> tuple[int, int, int]:
    """Page, row and column where a box of this width comes to lie lowest."""
    best = (0, int(1e9), 0)
    for page, heights in enumerate(skyline):
        # Only left ends of level stretches can be best.
        ends = np.flatnonzero(np.diff(heights, prepend=-1))
        for column in ends[ends + width <= len(heights)]:
            row = int(heights[column : column + width].max())
            if row < best[1]:
                best = (page, row, int(column))
    return best
