"""Copies of a scan as another capture, or another exporter, would have given it.

What a detector says of a lesion should not hang on any of this: training shows the trees such
copies, `benchmarks.detection_invariance` compares what is found on them.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.geometry import corner_rowcol
from tbp_extract.io.gutter import fill_gutters
from tbp_extract.kernels import raster
from tbp_extract.types import Scan
from tbp_extract.uv import rowcol_to_uv

__all__ = ["glossy", "recaptured", "relaid", "toned"]

GRID = 8
ROOM = 1.5
"""How much larger the page becomes: a chart that is turned needs its square root of 2."""

BLOCK_PX = 1024
"""Pages are changed block by block."""

LIGHT = (0.7, 1.3)
BLUR_PX = (0.0, 0.6)
LEAST_BLUR_PX = 0.2
"""What is less changes nothing."""

NOISE_LEVELS = (0.5, 2.0)

VEIL = 0.012
"""Share of white light that the surface of skin throws back whatever its pigment."""

GLINTS = ((0.25, 1.5), (0.06, 12.0))
"""Relative amplitude and width in texels of its relief: pores and lines, and broad sheen."""


def toned(scan: Scan, factor: tuple[float, float, float]) -> Scan:
    """Multiply the linear light of a scan's pages by channel: the same skin in another tone."""
    linear, pages = _linear(), []
    for page in scan.atlas:
        out = np.empty_like(page)
        for band, share in enumerate(factor):
            light = np.clip(linear * share, 0.0, 1.0)
            out[..., band] = np.rint(255.0 * _srgb(light)).astype(np.uint8)[page[..., band]]
        pages.append(out)
    return replace(scan, atlas=tuple(pages))


def glossy(scan: Scan, *, seed: int) -> Scan:
    """Lay a veil of reflected light over a scan's pages, as fine and broad relief breaks it.

    Pigment darkens what comes out of skin, not what its surface throws back. So the darker skin is,
    the more of what a camera sees is gloss: it has less contrast and more texture than light skin
    whose light was only filtered.
    """
    rng = np.random.default_rng(seed)
    relief = np.sum([share * _texture(rng, px) for share, px in GLINTS], axis=0)
    veil = VEIL * np.clip(1.0 + relief, 0.2, None).astype(np.float32)[..., None]
    linear = _linear().astype(np.float32)
    table = (255.0 * _srgb(np.linspace(0.0, 1.0, 4097))).astype(np.float32)

    def change(block: NDArray[np.uint8]) -> NDArray[np.floating]:
        light = linear[block] + veil[: block.shape[0], : block.shape[1]]
        return np.asarray(table[np.minimum(4096.0 * light, 4096.0).astype(np.int32)])

    return _changed(scan, change)


def recaptured(scan: Scan, *, seed: int) -> Scan:
    """Light a scan a little more or less, blur it a little, and add a sensor's noise."""
    rng = np.random.default_rng(seed)
    light, blur, noise = (float(rng.uniform(*band)) for band in (LIGHT, BLUR_PX, NOISE_LEVELS))
    grain = rng.normal(0.0, noise, (BLOCK_PX, BLOCK_PX, 3)).astype(np.float32)

    def change(block: NDArray[np.uint8]) -> NDArray[np.floating]:
        soft: NDArray[Any] = block.astype(np.float32)
        if blur > LEAST_BLUR_PX:
            soft = cv2.GaussianBlur(soft, (0, 0), blur, borderType=cv2.BORDER_REFLECT_101)
        rolled = np.roll(grain, rng.integers(0, BLOCK_PX, 2), axis=(0, 1))
        return np.asarray(soft + rolled[: block.shape[0], : block.shape[1]])

    return _changed(toned(scan, (light,) * 3), change)


def _changed(scan: Scan, change: Callable[[NDArray[np.uint8]], NDArray[np.floating]]) -> Scan:
    pages = []
    for page in scan.atlas:
        out = np.empty_like(page)
        for part in _blocks(page.shape[0], page.shape[1]):
            out[part] = np.clip(np.rint(change(page[part])), 0, 255)
        pages.append(out)
    return replace(scan, atlas=tuple(pages))


def _blocks(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    for row in range(0, height, BLOCK_PX):
        for col in range(0, width, BLOCK_PX):
            yield slice(row, row + BLOCK_PX), slice(col, col + BLOCK_PX)


def _texture(rng: np.random.Generator, sigma_px: float) -> NDArray[np.float32]:
    """(B, B) noise of unit variance that goes on seamlessly beyond its edges."""
    grain = rng.normal(size=(BLOCK_PX, BLOCK_PX)).astype(np.float32)
    margin = int(4.0 * sigma_px) + 1
    soft = cv2.GaussianBlur(np.pad(grain, margin, mode="wrap"), (0, 0), sigma_px)
    soft = soft[margin:-margin, margin:-margin]
    return np.asarray(soft / soft.std(), np.float32)


def _linear() -> NDArray[np.float64]:
    """(256,) linear light of each sRGB level."""
    level = np.arange(256) / 255.0
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def _srgb(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn linear light into sRGB, both 0..1."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1.0 / 2.4) - 0.055)


def relaid(scan: Scan, *, same_texels: bool = False) -> Scan:
    """Lay the faces of a scan's first page out anew and draw that page from the old one.

    Charts are turned by any angle, so that new texels lie between old ones; or by quarter turns,
    which move texels as they are.
    """
    page = scan.atlas[0]
    size = np.array(page.shape[:2])
    new_size = (size * ROOM).astype(np.int64)
    old = corner_rowcol(scan, np.arange(len(scan.faces)))
    cell_px = size / GRID
    cell = np.clip((old.mean(axis=1) // cell_px).astype(np.int64), 0, GRID - 1)
    number = cell[:, 0] * GRID + cell[:, 1]
    rng = np.random.default_rng(0)
    goal = rng.permutation(GRID * GRID)[number]
    turn = rng.uniform(0.0, 4.0, GRID * GRID)[number, None]
    angle = 0.5 * np.pi * (np.floor(turn) if same_texels else turn)
    way = old - ((cell + 0.5) * cell_px)[:, None]
    c, s = np.cos(angle), np.sin(angle)
    new = np.stack((c * way[..., 0] - s * way[..., 1], s * way[..., 0] + c * way[..., 1]), axis=-1)
    new += (np.stack((goal // GRID, goal % GRID), axis=1) + 0.5)[:, None] * (new_size / GRID)
    uv = rowcol_to_uv(new, new_size).astype(np.float32)
    out = np.zeros((*new_size, 3), np.uint8)
    _draw(page, old, new, out)
    pages = (out,)
    fill_gutters(pages, uv, scan.face_page)
    return replace(scan, wedge_uv=uv, atlas=pages)


def _draw(
    page: NDArray[np.uint8],
    old: NDArray[np.float64],
    new: NDArray[np.float64],
    out: NDArray[np.uint8],
) -> None:
    n, side = len(new), len(out)
    maps, density = np.empty((n, 2, 3)), np.empty(n)
    raster.texel_maps(new, old, maps, density)
    # Faces that overlap in the new layout would hide each other: they must not.
    shown = np.empty((1, side, side), np.int32)
    raster.cover(
        np.array((0, n)), new, np.zeros((n, 3)), np.ones(n, np.bool_), 0.5,
        np.empty((side, side), np.float32), shown,
    )  # fmt: skip
    place = np.zeros(1, np.intp)
    raster.shade(page, 0, np.zeros(n, np.int16), maps, shown, place, out[None])
