"""Skin: what it looks like, and pages painted with it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tbp_extract.geometry import corner_rowcol
from tbp_extract.kernels.skin import paint_skin
from tbp_extract.phantom.colour import lab_to_rgb
from tbp_extract.types import Scan

__all__ = ["Skin", "Tone", "add_fine_texture", "bake_skin"]

_BAND_ROWS = 1024
_PAD_PX = 4
_THREADS = 2


class Tone(StrEnum):
    """Six skin tones, one in each class of Del Bino by individual typology angle (ITA)."""

    VERY_LIGHT = "very_light"
    LIGHT = "light"
    INTERMEDIATE = "intermediate"
    TAN = "tan"
    BROWN = "brown"
    DARK = "dark"


_TONE_LAB = {
    Tone.VERY_LIGHT: (74.0, 11.0, 14.5),
    Tone.LIGHT: (69.0, 12.5, 17.0),
    Tone.INTERMEDIATE: (63.5, 13.0, 18.5),
    Tone.TAN: (57.5, 14.0, 19.5),
    Tone.BROWN: (45.5, 13.5, 18.0),
    Tone.DARK: (34.0, 10.5, 13.0),
}


@dataclass(frozen=True, slots=True)
class Skin:
    """Look of a skin; amounts are in L* units of melanin and a* units of blood."""

    lab: tuple[float, float, float]
    """CIELAB of the mean."""

    mottling: float = 1.8
    """Melanin that varies over centimetres."""

    redness: float = 1.6
    """Blood that varies over millimetres and centimetres."""

    grain: float = 0.9
    """Fine relief below 2 mm."""

    freckles: float = 0.0
    """Share of 5 mm cells with a freckle where freckles are densest, 0..1."""

    freckle_depth: float = 9.0
    pores: float = 2.5

    @classmethod
    def of(cls, tone: Tone, *, freckles: float = 0.0) -> "Skin":
        """Skin of a named tone."""
        return cls(_TONE_LAB[tone], freckles=freckles)

    @property
    def ita_deg(self) -> float:
        """Individual typology angle of the mean colour."""
        return float(np.degrees(np.arctan2(self.lab[0] - 50.0, self.lab[2])))

    def _pigment(self) -> NDArray[np.float64]:
        """(2, 3) sRGB change per unit; melanin dims and browns in proportion to what is there."""
        lightness, a, _ = self.lab
        melanin = (-lightness / 60.0, 0.06 * a / 10.0, 0.10)
        blood = (-0.45 * lightness / 65.0, 1.0, 0.15)
        lab = np.array([self.lab, np.add(self.lab, melanin), np.add(self.lab, blood)])
        rgb = lab_to_rgb(lab).astype(np.float64)
        return np.asarray(rgb[1:] - rgb[0])

    def _amounts(self) -> NDArray[np.float64]:
        return np.array(
            (
                self.mottling,
                self.redness,
                self.grain,
                self.freckles,
                self.freckle_depth,
                self.pores,
            )
        )


def bake_skin(scan: Scan, skin: Skin, *, seed: int) -> None:
    """Paint all pages of a scan with skin, in place.

    Parameters
    ----------
    scan : Scan
        Its pages are overwritten where faces lie and 4 texels beyond chart edges; all else gets
        the mean colour.
    skin : Skin
    seed : int
    """
    base = lab_to_rgb(np.array(skin.lab)).astype(np.float64)
    for page in scan.atlas:
        page[:] = np.round(base).astype(np.uint8)
    _paint(scan, _Coat(skin, 0.0, base, _PAD_PX, seed))


def add_fine_texture(scan: Scan, skin: Skin, *, seed: int) -> None:
    """Add grain, pores and freckles of a skin to the pages of a scan, in place.

    For pages that were enlarged: what the skin has above some millimetres stays as it is.
    """
    bare = Skin(skin.lab, 0.0, 0.0, skin.grain, skin.freckles, skin.freckle_depth, skin.pores)
    _paint(scan, _Coat(bare, 1.0, np.zeros(3), 0, seed))


@dataclass(frozen=True, slots=True, eq=False)
class _Coat:
    """What is painted over all pages."""

    skin: Skin
    keep: float
    base: NDArray[np.float64]
    pad_px: int
    seed: int

    def paint(
        self,
        rowcol: NDArray[np.float64],
        corners: NDArray[np.float64],
        rim: NDArray[np.bool_],
        first: int,
        page: NDArray[np.uint8],
    ) -> None:
        """Paint a band of rows, faces outside it left out."""
        rows = page[first : first + _BAND_ROWS]
        low, high = rowcol[:, :, 0].min(axis=1), rowcol[:, :, 0].max(axis=1)
        touch = (high >= first - self.pad_px) & (low <= first + len(rows) + self.pad_px)
        paint_skin(
            rowcol[touch],
            corners[touch],
            rim[touch],
            self.pad_px,
            first,
            self.keep,
            self.base,
            self.skin._pigment(),
            self.skin._amounts(),
            self.seed,
            rows,
        )


def _paint(scan: Scan, coat: _Coat) -> None:
    """Paint all pages; bands of rows are independent, so threads change nothing."""
    rim = chart_rim(scan)
    with ThreadPoolExecutor(_THREADS) as pool:
        for number, page in enumerate(scan.atlas):
            member = np.flatnonzero(scan.face_page == number)
            rowcol = corner_rowcol(scan, member)
            usable = np.isfinite(rowcol).all(axis=(1, 2))
            member = member[usable]
            corners = scan.vertices_mm[scan.faces[member]]
            paint = partial(coat.paint, rowcol[usable], corners, rim[member], page=page)
            list(pool.map(paint, range(0, len(page), _BAND_ROWS)))


def chart_rim(scan: Scan) -> NDArray[np.bool_]:
    """(F,) whether a face has an edge at the border of its chart."""
    corner = np.round(np.nan_to_num(scan.wedge_uv).astype(np.float64) * 2**22).astype(np.int64)
    page = np.broadcast_to(scan.face_page[:, None, None].astype(np.int64), (*corner.shape[:2], 1))
    key = np.concatenate((corner, page), axis=2).reshape(-1, 3)
    _, index = np.unique(key, axis=0, return_inverse=True)
    index = index.reshape(-1, 3).astype(np.int64)
    ends = np.sort(np.stack((index, np.roll(index, -1, axis=1)), axis=2), axis=2)
    edge = ends[..., 0] * (index.max() + 1) + ends[..., 1]
    _, inverse, count = np.unique(edge, return_inverse=True, return_counts=True)
    alone: NDArray[np.bool_] = (count[inverse] == 1).reshape(-1, 3).any(axis=1)
    return alone
