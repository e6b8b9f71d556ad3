"""Procedural skin: colour as a function of the place on the body, painted into the pages.

Colour never depends on texture coordinates, so no seam shows.
"""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def _random(i: int, j: int, k: int, seed: int) -> float:
    """Uniform in [0, 1) from a lattice point: integers of 32 bits, kept so by masks."""
    mask = 0xFFFFFFFF
    h = (i * 0x8DA6B343) ^ (j * 0xD8163841) ^ (k * 0xCB1AB31F) ^ (seed * 0x9E3779B1)
    h &= mask
    h ^= h >> 16
    h = (h * 0x7FEB352D) & mask
    h ^= h >> 15
    h = (h * 0x846CA68B) & mask
    h ^= h >> 16
    return h * 2.3283064365386963e-10


@kernel
def _noise(x: float, y: float, z: float, wave_mm: float, seed: int) -> float:
    """Smooth random field in [-1, 1] with features of about one wave length."""
    x, y, z = x / wave_mm, y / wave_mm, z / wave_mm
    i, j, k = math.floor(x), math.floor(y), math.floor(z)
    u, v, w = x - i, y - j, z - k
    u, v, w = u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v), w * w * (3.0 - 2.0 * w)
    total = 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                weight = (u if a else 1.0 - u) * (v if b else 1.0 - v) * (w if c else 1.0 - w)
                total += weight * _random(i + a, j + b, k + c, seed)
    return 2.0 * total - 1.0


@kernel
def _dots(
    x: float, y: float, z: float,
    cell_mm: float, least_mm: float, most_mm: float, edge_mm: float, share: float, seed: int,
) -> float:  # fmt: skip
    """Darkness in [0, 1] of scattered soft dots; radius and edge stay below half a cell."""
    x, y, z = x / cell_mm, y / cell_mm, z / cell_mm
    i, j, k = math.floor(x - 0.5), math.floor(y - 0.5), math.floor(z - 0.5)
    most = 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                pick = _random(i + a, j + b, k + c, seed)
                if pick >= share:
                    continue
                dx = i + a + _random(i + a, j + b, k + c, seed + 1) - x
                dy = j + b + _random(i + a, j + b, k + c, seed + 2) - y
                dz = k + c + _random(i + a, j + b, k + c, seed + 3) - z
                radius = least_mm + (most_mm - least_mm) * pick / share
                away = math.sqrt(dx * dx + dy * dy + dz * dz) * cell_mm
                depth = min(max((radius - away) / edge_mm + 0.5, 0.0), 1.0)
                most = max(most, depth * (0.4 + 0.6 * pick / share))
    return most


@kernel
def _skin(
    x: float, y: float, z: float,
    amounts: NDArray[np.float64],  # (6,)
    seed: int,
    out: NDArray[np.float64],  # (2,)
) -> None:  # fmt: skip
    """Melanin and blood, each as an offset around zero."""
    broad = _noise(x, y, z, 90.0, seed)
    patchy = _noise(x, y, z, 22.0, seed + 11)
    blotch = _noise(x, y, z, 6.0, seed + 22)
    grain = _noise(x, y, z, 1.6, seed + 33)
    fine = _noise(x, y, z, 0.55, seed + 44)
    lines = 1.0 - abs(_noise(x, y, z, 0.9, seed + 55))
    out[0] = amounts[0] * (0.6 * broad + 0.5 * patchy) + amounts[2] * (grain + 0.7 * fine)
    out[1] = amounts[1] * (0.5 * broad * patchy + 0.6 * blotch + 0.3 * patchy)
    out[0] += amounts[2] * 1.1 * (lines * lines * lines * lines - 0.3)
    if amounts[3] > 0.0:
        share = amounts[3] * (0.35 + 0.65 * (0.5 + 0.5 * broad))
        out[0] += amounts[4] * _dots(x, y, z, 5.0, 0.3, 0.8, 0.4, share, seed + 66)
    if amounts[5] > 0.0:
        out[0] += amounts[5] * _dots(x, y, z, 1.3, 0.08, 0.16, 0.12, 0.6, seed + 77)


@kernel
def _edge_side(ar: float, ac: float, br: float, bc: float, r: float, c: float) -> float:
    return (bc - ac) * (r - ar) - (br - ar) * (c - ac)


@kernel
def _owns(side: float, dr: float, dc: float) -> bool:
    """Whether a texel belongs to this side of an edge; on the edge exactly one face has it."""
    return side > 0.0 or (side == 0.0 and (dr > 0.0 or (dr == 0.0 and dc < 0.0)))


@kernel
def paint_skin(
    rowcol: NDArray[np.float64],  # (F, 3, 2) on one page
    corners: NDArray[np.float64],  # (F, 3, 3) mm
    rim: NDArray[np.bool_],  # (F,) whether the face lies at the edge of its chart
    pad: int,  # how far beyond chart edges to paint, texels
    first_row: int,  # row of the page that is row 0 of `out`
    keep: float,  # share of the present colour that stays: 0 paints anew, 1 adds to it
    base: NDArray[np.float64],  # (3,) colour
    pigment: NDArray[np.float64],  # (2, 3) colour per unit of melanin and of blood
    amounts: NDArray[np.float64],  # (6,) see the parameters of a skin
    seed: int,
    out: NDArray[np.uint8],  # (h, W, 3)
) -> None:
    """Paint a band of rows.

    Plan: two rounds over the faces. The first fills the rims beyond chart edges with the colour
    of the nearest place inside; the second paints every texel whose centre a face owns.
    """
    height, width = out.shape[0], out.shape[1]
    state, weight = np.empty(2), np.empty(3)
    for inner in range(2):
        reach = 0 if inner else pad
        for face in range(rowcol.shape[0]):
            if not inner and not rim[face]:
                continue
            r0, c0 = rowcol[face, 0, 0] - first_row, rowcol[face, 0, 1]
            r1, c1 = rowcol[face, 1, 0] - first_row, rowcol[face, 1, 1]
            r2, c2 = rowcol[face, 2, 0] - first_row, rowcol[face, 2, 1]
            if max(r0, r1, r2) < -reach or min(r0, r1, r2) > height - 1 + reach:
                continue
            twice = _edge_side(r0, c0, r1, c1, r2, c2)
            if twice == 0.0:
                continue
            sign = 1.0 if twice > 0.0 else -1.0
            row_a = max(math.ceil(min(r0, r1, r2)) - reach, 0)
            row_b = min(math.floor(max(r0, r1, r2)) + reach, height - 1)
            col_a = max(math.ceil(min(c0, c1, c2)) - reach, 0)
            col_b = min(math.floor(max(c0, c1, c2)) + reach, width - 1)
            for row in range(row_a, row_b + 1):
                for col in range(col_a, col_b + 1):
                    e0 = sign * _edge_side(r1, c1, r2, c2, row, col)
                    e1 = sign * _edge_side(r2, c2, r0, c0, row, col)
                    e2 = sign * _edge_side(r0, c0, r1, c1, row, col)
                    if inner and not (
                        _owns(e0, sign * (r2 - r1), sign * (c2 - c1))
                        and _owns(e1, sign * (r0 - r2), sign * (c0 - c2))
                        and _owns(e2, sign * (r1 - r0), sign * (c1 - c0))
                    ):
                        continue
                    weight[0], weight[1], weight[2] = max(e0, 0.0), max(e1, 0.0), max(e2, 0.0)
                    total = weight[0] + weight[1] + weight[2]
                    x, y, z = 0.0, 0.0, 0.0
                    for k in range(3):
                        share = weight[k] / total
                        x += share * corners[face, k, 0]
                        y += share * corners[face, k, 1]
                        z += share * corners[face, k, 2]
                    _skin(x, y, z, amounts, seed, state)
                    for channel in range(3):
                        value = keep * out[row, col, channel] + base[channel]
                        value += state[0] * pigment[0, channel] + state[1] * pigment[1, channel]
                        out[row, col, channel] = np.uint8(min(max(value + 0.5, 0.0), 255.0))
