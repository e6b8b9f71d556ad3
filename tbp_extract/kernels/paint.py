"""From flat patches of skin to texels: which texels lie where on the skin."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def _cross(ar: float, ac: float, br: float, bc: float, r: float, c: float) -> float:
    return (bc - ac) * (r - ar) - (br - ar) * (c - ac)


@kernel
def _from_edge(ar: float, ac: float, br: float, bc: float, r: float, c: float) -> float:
    """Distance from a point to a segment."""
    dr, dc = br - ar, bc - ac
    length2 = dr * dr + dc * dc
    t = 0.0
    if length2 > 0.0:
        t = min(max(((r - ar) * dr + (c - ac) * dc) / length2, 0.0), 1.0)
    return math.hypot(r - ar - t * dr, c - ac - t * dc)


@kernel
def mark_covered(
    rowcol: NDArray[np.float64],  # (F, 3, 2) on one page
    width: int,  # of the page
    out: NDArray[np.uint8],  # (H, ceil(W / 8)) one bit a texel; set where a face holds its centre
) -> None:
    """Mark the texels that belong to skin; an edge belongs to both of its faces."""
    for face in range(rowcol.shape[0]):
        r0, c0 = rowcol[face, 0, 0], rowcol[face, 0, 1]
        r1, c1 = rowcol[face, 1, 0], rowcol[face, 1, 1]
        r2, c2 = rowcol[face, 2, 0], rowcol[face, 2, 1]
        twice = _cross(r0, c0, r1, c1, r2, c2)
        if twice == 0.0:
            continue
        row_a = max(math.ceil(min(r0, r1, r2)), 0)
        row_b = min(math.floor(max(r0, r1, r2)), out.shape[0] - 1)
        col_a = max(math.ceil(min(c0, c1, c2)), 0)
        col_b = min(math.floor(max(c0, c1, c2)), width - 1)
        for row in range(row_a, row_b + 1):
            for col in range(col_a, col_b + 1):
                if (
                    _cross(r1, c1, r2, c2, row, col) * twice >= 0.0
                    and _cross(r2, c2, r0, c0, row, col) * twice >= 0.0
                    and _cross(r0, c0, r1, c1, row, col) * twice >= 0.0
                ):
                    out[row, col >> 3] |= np.uint8(1 << (col & 7))


@kernel
def find_overlaps(
    rowcol: NDArray[np.float64],  # (F, 3, 2)
    owner: NDArray[np.int32],  # (H, W) filled with -1; gets the first face that holds each texel
    out: NDArray[np.bool_],  # (F,) zeros; set where a face holds a texel of an earlier one
) -> None:
    """Find faces that lie on others; edges that faces share are no overlap."""
    for face in range(rowcol.shape[0]):
        r0, c0 = rowcol[face, 0, 0], rowcol[face, 0, 1]
        r1, c1 = rowcol[face, 1, 0], rowcol[face, 1, 1]
        r2, c2 = rowcol[face, 2, 0], rowcol[face, 2, 1]
        twice = _cross(r0, c0, r1, c1, r2, c2)
        if twice == 0.0:
            continue
        for row in range(
            max(math.ceil(min(r0, r1, r2)), 0),
            min(math.floor(max(r0, r1, r2)), owner.shape[0] - 1) + 1,
        ):
            for col in range(
                max(math.ceil(min(c0, c1, c2)), 0),
                min(math.floor(max(c0, c1, c2)), owner.shape[1] - 1) + 1,
            ):
                least = min(
                    _cross(r1, c1, r2, c2, row, col) / twice,
                    _cross(r2, c2, r0, c0, row, col) / twice,
                    _cross(r0, c0, r1, c1, row, col) / twice,
                )
                if least <= 1e-6:
                    continue
                if owner[row, col] < 0:
                    owner[row, col] = face
                else:
                    out[face] = True


@kernel
def list_texels(
    rowcol: NDArray[np.float64],  # (M, 3, 2) faces of one patch on one page
    corner: NDArray[np.float64],  # (M, 3, 2) their corners along tangent and bitangent, mm
    area: NDArray[np.float64],  # (M,) of the faces on the skin, mm2
    covered: NDArray[np.uint8],  # (H, ceil(W / 8)) bits of `mark_covered`
    width: int,  # of the page
    reach: float,  # half the window, mm
    pad: float,  # how far beyond chart edges, texels
    out_texel: NDArray[np.int64],  # (K,) row * width + column
    out_beyond: NDArray[np.float32],  # (K,) distance to the face in texels, 0 inside
    out_place: NDArray[np.float64],  # (K, 2) along tangent and bitangent, mm
    out_area: NDArray[np.float64],  # (K,) skin behind the texel, mm2; 0 beyond the chart
) -> int:
    """List the texels of a patch inside its window; return how many there are.

    Plan: every face looks at the texels of its box. A texel whose centre it holds is its own; one
    beyond it is listed, with its place extrapolated, only where no skin lies at all. Nothing is
    written past the end of `out`: the caller compares the count and comes again.
    """
    found = 0
    margin = math.ceil(pad)
    for m in range(rowcol.shape[0]):
        r0, c0 = rowcol[m, 0, 0], rowcol[m, 0, 1]
        r1, c1 = rowcol[m, 1, 0], rowcol[m, 1, 1]
        r2, c2 = rowcol[m, 2, 0], rowcol[m, 2, 1]
        twice = _cross(r0, c0, r1, c1, r2, c2)
        if twice == 0.0:
            continue
        density = area[m] / (0.5 * abs(twice))
        row_a = max(math.ceil(min(r0, r1, r2)) - margin, 0)
        row_b = min(math.floor(max(r0, r1, r2)) + margin, covered.shape[0] - 1)
        col_a = max(math.ceil(min(c0, c1, c2)) - margin, 0)
        col_b = min(math.floor(max(c0, c1, c2)) + margin, width - 1)
        for row in range(row_a, row_b + 1):
            for col in range(col_a, col_b + 1):
                w0 = _cross(r1, c1, r2, c2, row, col) / twice
                w1 = _cross(r2, c2, r0, c0, row, col) / twice
                w2 = _cross(r0, c0, r1, c1, row, col) / twice
                x = w0 * corner[m, 0, 0] + w1 * corner[m, 1, 0] + w2 * corner[m, 2, 0]
                y = w0 * corner[m, 0, 1] + w1 * corner[m, 1, 1] + w2 * corner[m, 2, 1]
                if abs(x) > reach or abs(y) > reach:
                    continue
                beyond = 0.0
                if w0 < 0.0 or w1 < 0.0 or w2 < 0.0:
                    if covered[row, col >> 3] >> (col & 7) & 1:
                        continue
                    beyond = min(
                        _from_edge(r0, c0, r1, c1, row, col),
                        _from_edge(r1, c1, r2, c2, row, col),
                        _from_edge(r2, c2, r0, c0, row, col),
                    )
                    if beyond > pad:
                        continue
                if found < out_texel.shape[0]:
                    out_texel[found] = row * width + col
                    out_beyond[found] = beyond
                    out_place[found, 0], out_place[found, 1] = x, y
                    out_area[found] = density if beyond == 0.0 else 0.0
                found += 1
    return found


@kernel
def spread_area(
    corner: NDArray[np.float64],  # (M, 3, 2) faces of one patch along tangent and bitangent, mm
    area: NDArray[np.float64],  # (M,) of the faces on the skin, mm2
    step: float,  # between grid points, mm; the grid is centred on the patch's origin
    out: NDArray[np.float64],  # (S, S) mm2 of skin per mm2 of the plane; comes as zeros
) -> None:
    """Sample how much skin lies behind the tangent plane."""
    size = out.shape[0]
    middle = 0.5 * (size - 1)
    for m in range(corner.shape[0]):
        x0, y0 = corner[m, 0, 0] / step + middle, corner[m, 0, 1] / step + middle
        x1, y1 = corner[m, 1, 0] / step + middle, corner[m, 1, 1] / step + middle
        x2, y2 = corner[m, 2, 0] / step + middle, corner[m, 2, 1] / step + middle
        twice = _cross(y0, x0, y1, x1, y2, x2)
        if twice == 0.0:
            continue
        density = area[m] / (0.5 * abs(twice) * step * step)
        for row in range(
            max(math.ceil(min(y0, y1, y2)), 0),
            min(math.floor(max(y0, y1, y2)), size - 1) + 1,
        ):
            for col in range(
                max(math.ceil(min(x0, x1, x2)), 0),
                min(math.floor(max(x0, x1, x2)), size - 1) + 1,
            ):
                if (
                    _cross(y1, x1, y2, x2, row, col) * twice >= 0.0
                    and _cross(y2, x2, y0, x0, row, col) * twice >= 0.0
                    and _cross(y0, x0, y1, x1, row, col) * twice >= 0.0
                ):
                    out[row, col] = density
