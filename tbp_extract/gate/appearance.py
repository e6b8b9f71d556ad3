"""What in the pixels of a crop is not skin: cloth, ink, paper, metal, nothing.

Lesions are blobs, darker or redder than their skin, and hair is thin. What is foreign shows in one
of four ways: strokes wider than hair and narrower than 2.2 mm, far from the skin's colour, in such
length as no lesion has; blue, green or violet; paper lighter than skin; or a large part at the
crop's border in another colour. Which of the reasons is named follows from these and is a guess.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.geometry import corner_rowcol
from tbp_extract.measure.lab import rgb_to_lab
from tbp_extract.types import CropBatch, GateReason, Scan, Surface

__all__ = ["appearance_reasons", "skin_palette"]

PX_PER_MM: Final = 6.0
"""Crops are looked at in this sampling, whatever their own."""

RIM_MM: Final = 0.7
"""Skin so close to what is not covered tells nothing: it is blurred with black."""

LEAST_MM2: Final = 6.0
"""Less skin than this is not looked at: the share without cover says enough."""

OUTER_SHARE: Final = 0.4
"""Skin is looked for farther than this share of the crop's side from its centre."""

LEAST_SKIN_PX: Final = 200

OWN_SKIN: Final = 9.0
"""a*, b* so near to those of the person's skin are theirs."""

OWN_SHARE: Final = 0.1
"""Where cloth fills most of a crop, skin has at least this share of it."""

HAIR_MM: Final = 0.4
STROKE_MM: Final = 2.2
LIGHTNESS_WEIGHT: Final = 0.7
STEPS: Final = 4
"""Of a colour difference of 1."""

FAINT, CLEAR = 6.0, 10.0
"""Colour differences from the skin, CIELAB with lightness weighted."""

FAINT_STROKES_MM2, CLEAR_STROKES_MM2 = 16.0, 4.0
SPREAD_MM: Final = 1.2
"""Strokes reach farther from their middle than a mole that is as narrow as they are."""

MANY_STROKES_MM2: Final = 15.0

INK_HUE_DEG: Final = (-5.0, 98.0)
INK_CHROMA: Final = 5.0
INK_SHARE: Final = 0.03

PAPER_CHROMA: Final = 10.0
PAPER_LIGHTNESS: Final = 70.0
PAPER_RISE: Final = 8.0
PAPER_VIVID: Final = 18.0
PAPER_HUE_DEG: Final = 78.0
PAPER_SHARE: Final = 0.02

CLOTH: Final = 14.0
CLOTH_GREY: Final = 0.45
CLOTH_STEP: Final = 8.0
CLOTH_BORDER_SHARE: Final = 0.15
"""Less is what a large lesion off the middle has; cloth along one side has a quarter."""

BORDER_PX: Final = 4

OFF_PALETTE: Final = 18.0
"""a*, b* of a whole crop so far from the person's own skin is no skin of theirs."""

PALETTE_FACES: Final = 4000


def skin_palette(scan: Scan, surface: Surface) -> NDArray[np.float64]:
    """(3,) median CIELAB of a scan's skin; NaN without texture.

    Faces count by their area, so that cloth or ink on a small part changes nothing.
    """
    textured = np.flatnonzero(scan.face_page >= 0)
    if not len(textured):
        return np.full(3, np.nan)
    corners = surface.vertices_mm[surface.faces[textured]]
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    cumulative = np.cumsum(area)
    steps = (np.arange(PALETTE_FACES) + 0.5) / PALETTE_FACES * cumulative[-1]
    faces = textured[np.minimum(np.searchsorted(cumulative, steps), len(textured) - 1)]
    rowcol = corner_rowcol(scan, faces).mean(axis=1)
    colours = np.empty((len(faces), 3), np.uint8)
    for number, page in enumerate(scan.atlas):
        here = scan.face_page[faces] == number
        last = np.array(page.shape[:2]) - 1
        row, column = np.clip(np.round(np.nan_to_num(rowcol[here])), 0, last).astype(int).T
        colours[here] = page[row, column]
    return np.asarray(np.median(rgb_to_lab(colours), axis=0), np.float64)


def appearance_reasons(
    batch: CropBatch,
    palette: NDArray[np.float64],
    *,
    head: NDArray[np.bool_],
    max_uncovered_share: float,
) -> dict[GateReason, NDArray[np.bool_]]:
    """Tell which crops show something that is not skin.

    Parameters
    ----------
    batch : CropBatch
        N crops.
    palette : (3,) float64
        As `skin_palette` gives it.
    head : (N,) bool
        Where hair may fill a crop: there the colour of the whole says nothing.
    max_uncovered_share : float
        A crop of which more is not covered is background.

    Returns
    -------
    dict
        (N,) bool by reason.
    """
    found = {
        reason: np.zeros(len(batch), np.bool_)
        for reason in (
            GateReason.TEXT,
            GateReason.TATTOO,
            GateReason.JEWELLERY,
            GateReason.CLOTHING,
        )
    }
    lab = _seen_lab(batch)
    for row in range(len(batch)):
        own = np.full(3, np.nan) if head[row] else palette
        sight = _look(lab[row], batch.covered[row], own)
        if sight is None:
            continue
        reason = _cause(sight, own)
        if reason is not None:
            found[reason][row] = True
    uncovered = 1.0 - batch.covered.mean(axis=(1, 2))
    return {**found, GateReason.BACKGROUND: np.asarray(uncovered > max_uncovered_share)}


@dataclass(frozen=True, slots=True, eq=False)
class _Sight:
    """One crop in CIELAB at the gate's own sampling."""

    skin: NDArray[np.floating]
    """(3,) median."""

    strokes_mm2: float
    """Area of strokes that are clearly not skin."""

    spread_mm: float
    """Root mean square distance of theirs from their middle."""

    faint_mm2: float
    """Area of all strokes."""

    ink_share: float
    paper_share: float
    cloth_share: float
    """Of the crop's border."""


def _seen_lab(batch: CropBatch) -> NDArray[np.float32]:
    """(N, S, S, 3) CIELAB at the gate's own sampling."""
    side = max(round(batch.frames.extent_mm * PX_PER_MM), 16)
    shrunk = np.empty((len(batch), side, side, 3), np.uint8)
    for row, pixels in enumerate(batch.pixels):
        shrunk[row] = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    return rgb_to_lab(shrunk)


def _look(
    lab: NDArray[np.float32], covered: NDArray[np.bool_], palette: NDArray[np.float64]
) -> _Sight | None:
    whole = cv2.resize(covered.astype(np.uint8), lab.shape[:2], interpolation=cv2.INTER_NEAREST)
    seen = cv2.erode(whole, _disc(RIM_MM)) > 0
    if seen.sum() < LEAST_MM2 * PX_PER_MM**2:
        return None
    skin = _skin_colour(lab, seen, palette)
    away = _away(lab, skin)
    away[~seen] = 0
    bare = _opened(away, HAIR_MM)
    strokes = cv2.subtract(bare, _opened(bare, STROKE_MM))
    clear = strokes > CLEAR * STEPS
    return _Sight(
        skin=skin,
        strokes_mm2=float(clear.sum()) / PX_PER_MM**2,
        spread_mm=_spread_mm(clear),
        faint_mm2=float((strokes > FAINT * STEPS).sum()) / PX_PER_MM**2,
        ink_share=_share(_is_ink(lab), seen),
        paper_share=_share(_is_paper(lab, skin), seen),
        cloth_share=_share(_is_cloth(lab, bare, skin), seen & _border(seen)),
    )


def _skin_colour(
    lab: NDArray[np.float32], seen: NDArray[np.bool_], palette: NDArray[np.float64]
) -> NDArray[np.floating]:
    """Median far from the middle, where a lesion may fill most of the crop.

    If that is greyer than the person's own colour, as where cloth fills half of the crop or more,
    and some of the crop is not, then of that.
    """
    outer = seen & _outside(len(lab))
    around = lab[outer if outer.sum() > LEAST_SKIN_PX else seen]
    median = np.asarray(np.median(around, axis=0))
    own = np.hypot(*(around[:, 1:] - palette[1:]).T) < OWN_SKIN
    greyer = np.hypot(*median[1:]) < np.hypot(*palette[1:])
    away = np.hypot(*(median[1:] - palette[1:])) > OWN_SKIN
    if greyer and away and own.mean() > OWN_SHARE:
        return np.asarray(np.median(around[own], axis=0))
    return median


@lru_cache
def _outside(side: int) -> NDArray[np.bool_]:
    rows, columns = np.indices((side, side)) - 0.5 * (side - 1)
    return np.asarray(np.hypot(rows, columns) > OUTER_SHARE * side)


def _away(lab: NDArray[np.float32], skin: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Distance from the skin's colour, in steps of a quarter up to 64."""
    step = (lab - skin.astype(np.float32)) * np.array((LIGHTNESS_WEIGHT, 1.0, 1.0), np.float32)
    square = cv2.transform(step * step, np.full((1, 3), STEPS**2, np.float32))
    return np.asarray(np.minimum(np.sqrt(square), 255.0), np.uint8)


def _opened(values: NDArray[np.uint8], width_mm: float) -> NDArray[np.uint8]:
    """Take away what is narrower."""
    return np.asarray(cv2.morphologyEx(values, cv2.MORPH_OPEN, _disc(width_mm)), np.uint8)


def _spread_mm(where: NDArray[np.bool_]) -> float:
    rows, columns = np.nonzero(where)
    return float(np.hypot(rows.std(), columns.std())) / PX_PER_MM if len(rows) else 0.0


@lru_cache
def _disc(width_mm: float) -> NDArray[np.uint8]:
    radius = 0.5 * width_mm * PX_PER_MM
    reach = int(np.ceil(radius))
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return np.asarray(np.hypot(rows, columns) <= radius + 0.3, np.uint8)


def _border(seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    border = np.ones_like(seen)
    border[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = False
    return border


def _share(where: NDArray[np.bool_], within: NDArray[np.bool_]) -> float:
    return float((where & within).sum() / max(int(within.sum()), 1))


def _beyond(lab: NDArray[np.float32], hue_deg: float) -> NDArray[np.bool_]:
    """Whether a colour's hue lies within 180 degrees beyond one."""
    c, s = np.cos(np.radians(hue_deg)), np.sin(np.radians(hue_deg))
    return np.asarray(np.float32(c) * lab[..., 2] > np.float32(s) * lab[..., 1])


def _chroma(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.magnitude(lab[..., 1].copy(), lab[..., 2].copy()), np.float32)


def _is_ink(lab: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Blue, green, violet."""
    low, high = INK_HUE_DEG
    skin_hue = _beyond(lab, low) & ~_beyond(lab, high)
    return np.asarray((_chroma(lab) > INK_CHROMA) & ~skin_hue)


def _is_paper(lab: NDArray[np.float32], skin: NDArray[np.floating]) -> NDArray[np.bool_]:
    """White, or a yellow that skin has not; lighter than the skin."""
    lightness, chroma = lab[..., 0], _chroma(lab)
    white = (chroma < PAPER_CHROMA) & (lightness > PAPER_LIGHTNESS)
    yellow = (chroma > np.hypot(skin[1], skin[2]) + PAPER_VIVID) & _beyond(lab, PAPER_HUE_DEG)
    return np.asarray((white | yellow) & (lightness > skin[0] + PAPER_RISE))


def _is_cloth(
    lab: NDArray[np.float32], bare: NDArray[np.uint8], skin: NDArray[np.floating]
) -> NDArray[np.bool_]:
    grey = _chroma(lab) < CLOTH_GREY * np.hypot(skin[1], skin[2])
    step = np.abs(lab[..., 0] - np.float32(skin[0])) > CLOTH_STEP
    return np.asarray((bare > CLOTH * STEPS) | (grey & step))


def _cause(sight: _Sight, palette: NDArray[np.float64]) -> GateReason | None:
    drawn = sight.strokes_mm2 > CLEAR_STROKES_MM2 and sight.spread_mm > SPREAD_MM
    strokes = drawn or sight.faint_mm2 > FAINT_STROKES_MM2
    if sight.cloth_share > CLOTH_BORDER_SHARE:
        metal = sight.strokes_mm2 > MANY_STROKES_MM2
        return GateReason.JEWELLERY if metal else GateReason.CLOTHING
    if sight.paper_share > PAPER_SHARE:
        return GateReason.TEXT
    if strokes or sight.ink_share > INK_SHARE:
        return GateReason.TATTOO
    if np.hypot(*(sight.skin[1:] - palette[1:])) > OFF_PALETTE:
        return GateReason.CLOTHING
    return None
