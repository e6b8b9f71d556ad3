"""Where the lesion ends: an outline for each crop, and whether to trust it."""

from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import contrast, edge, foot, region, shape
from tbp_extract.measure.look import RASTER_PX_PER_MM, Image, look, raster_mm
from tbp_extract.measure.rims import RIM_MM, blur_px, find_rims
from tbp_extract.measure.trust import (
    FAINT_CONTRAST,
    LEAST_SKIN_PX,
    Delineation,
    Find,
    count_marked,
    differs,
    judge,
)
from tbp_extract.types import CropBatch

__all__ = ["RASTER_PX_PER_MM", "Delineation", "Outlines", "delineate"]

LEAST_SD: Final = 0.7
"""Skin is never taken for smoother than this, in CIELAB units: JPEG alone scatters so."""

STIFF_MM2: Final = 6.0
"""Holds the skin's slope back as if by points this far (squared) on both sides."""

BELL_MM: Final = 1.1
"""Lesions are looked for near the centre, with a bell of this standard deviation."""

FAR_MM: Final = 5.5
FAR_SHARE: Final = 0.36
"""Skin is first taken from beyond the less of this length and this share of the crop's side."""

CORNER_SHARE: Final = 0.56
"""Where a lesion fills the window, skin shows beyond this share of its side: in the corners."""

SKIN_MM: Final = (0.7, 3.5)
"""Then from so far outside of the first outline."""

CORE_MM: Final = 0.35
"""The core is what lies deeper than this, or than half of the greatest depth."""

LEVELS: Final = 40
"""Levels of contrast between skin and core."""

STEEP: Final = 0.45
"""An outer edge counts from this share of the steepest edge on."""

SPUR_PX: Final = 2
"""What is narrower than twice this and a pixel is cut off."""

SOFT_PX: Final = 0.9
"""Pixels whose middle is nearer than this to the outline may lie on both of its sides."""

LEAST_AREA_MM2: Final = 0.4
"""Below the smallest lesion of 401,059 genuine rows, 0.43 mm2."""

_STEP_MM = 1.0 / RASTER_PX_PER_MM


_SIZED = frozenset((Delineation.OK, Delineation.FAINT))
_COLOURED = _SIZED | {Delineation.CLIPPED}


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """N lesions on a metric raster of M x M pixels, the crop's centre in its middle pixel."""

    lab: NDArray[np.float32]
    """(N, 3, M, M) CIELAB, channel by channel; hairs and glare filled in from beside."""

    clear: NDArray[np.bool_]
    """(N, M, M) skin or lesion as seen: covered, no hair, no glare."""

    mask: NDArray[np.bool_]
    """(N, M, M) pixels of the lesion, holes filled; 4-connected apart from them."""

    share: NDArray[np.float32]
    """(N, M, M) share of each pixel inside the outline, 0..1."""

    away_mm: NDArray[np.float32]
    """(N, M, M) distance from the outline, inside above 0, outside below."""

    moment: NDArray[np.float64]
    """(N, 6) of ``share``, in pixels: area, middle row and column, variances of both,
    covariance."""

    stretch2: NDArray[np.float64]
    """(N,) true skin area over image area, mean inside the outline; NaN where there is none."""

    contrast_lab: NDArray[np.float64]
    """(N, 3) core of the lesion minus its surrounding skin."""

    hair_share: NDArray[np.float64]
    """(N,) share of the covered pixels in the middle of hairs; NaN where nothing is covered."""

    status: NDArray[np.object_]
    """(N,) values of `Delineation`."""

    step_mm: float
    """Side of a pixel."""

    def __len__(self) -> int:
        return len(self.mask)

    @property
    def is_coloured(self) -> NDArray[np.bool_]:
        """(N,) whether colours may be given."""
        return np.array([word in _COLOURED for word in self.status], np.bool_)

    @property
    def is_sized(self) -> NDArray[np.bool_]:
        """(N,) whether sizes and shapes may be given."""
        return np.array([word in _SIZED for word in self.status], np.bool_)


def delineate(batch: CropBatch) -> Outlines:
    """Find the outline of the lesion at the centre of each crop.

    Parameters
    ----------
    batch : CropBatch
        N crops of any sampling.

    Returns
    -------
    Outlines

    Notes
    -----
    1. Crops go onto a raster of 7.3 px/mm (triangle filter, as wide as the coarser of both) and
       into CIELAB, so that all that follows is metric.
    2. Hairs are what is darker than both sides 0.3 mm away, or lighter than them and than skin, by
       1.7 % of L* + 16 and twice the scatter of such differences, gains less from there to 0.55 mm,
       and runs straight over three quarters of 2 mm; glare is where all channels are near white.
       Both are filled from beside, as Lee et al. 1997 do.
    3. Skin is a plane per channel through pixels far from the centre, outliers left out.
    4. The core is what differs most from skin near the centre. Colours are projected onto the line
       from skin to core, weighted by the scatter of skin: lighter, redder and darker all count.
    5. The region around the core is grown through all levels of that contrast at once. Of the
       levels with a steep outline the lowest is taken, so that a pale outer part belongs to the
       lesion.
    6. Steps 3 to 5 are done on a grid half as fine, then once more on the raster, with skin and
       core as the first outline gives them.
    7. The threshold moves to midway between the medians inside and outside of the edge, which a
       soft edge does not shift. Below 0.55 of the region's peak it lies only where it is clear of
       skin and its grain; and where an edge fades more slowly than a blurred sharp one it goes
       outward to the foot, as far as even skin allows (`rims`). Streaks narrower than 0.45 of the
       lesion's width, and than 0.9 mm, are cut off.
    8. Where nothing is found the corners are tried for skin: a lesion may fill the window.

    References
    ----------
    Lee T, Ng V, Gallagher R, Coldman A, McLean D. DullRazor: a software approach to hair removal
    from images. Comput Biol Med 1997. doi:10.1016/S0010-4825(97)00020-6
    """
    image, extent_mm = look(batch), batch.frames.extent_mm
    found = _find(image, min(FAR_MM, FAR_SHARE * extent_mm))
    status = judge(batch, image, found.find)
    empty = np.flatnonzero(status == Delineation.NO_LESION)
    if len(empty):
        wide = _find(image.rows(empty), CORNER_SHARE * extent_mm)
        filled = (wide.rim > 0.0) & differs(wide.find, FAINT_CONTRAST)
        found = _put(found, empty[filled], wide, np.flatnonzero(filled))
        status[empty[filled]] = Delineation.CLIPPED
    moment = np.empty((len(batch), 6))
    shape.moments(found.share, moment)
    return Outlines(
        lab=image.lab,
        clear=image.clear,
        mask=found.mask,
        share=found.share,
        away_mm=found.away_mm,
        moment=moment,
        stretch2=_stretch2(batch, image, found),
        contrast_lab=found.core_lab,
        hair_share=_hair_share(image),
        status=status,
        step_mm=_STEP_MM,
    )


class _Skin(NamedTuple):
    plane: NDArray[np.float64]
    sd: NDArray[np.float64]
    n_px: NDArray[np.int64]


class _Field(NamedTuple):
    """Contrast between skin and core, and the region grown in it."""

    contrast: NDArray[np.float32]
    core_lab: NDArray[np.float64]
    noise: NDArray[np.float64]
    join: NDArray[np.int16]
    box: NDArray[np.int64]
    level: NDArray[np.int64]
    area: NDArray[np.float64]
    rim: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    mask: NDArray[np.bool_]
    share: NDArray[np.float32]
    away_mm: NDArray[np.float32]
    threshold: NDArray[np.float64]
    rim: NDArray[np.float64]
    core_lab: NDArray[np.float64]
    noise: NDArray[np.float64]
    skin_px: NDArray[np.int64]

    @property
    def find(self) -> Find:
        return Find(self.core_lab, self.noise, self.threshold, self.rim, self.skin_px)


def _find(image: Image, far_mm: float) -> _Found:
    """Outline the lesion, with skin beyond a distance as a first guess."""
    far = raster_mm(image.coarse_lab.shape[2], 2.0 * _STEP_MM) > far_mm
    around = image.clear[:, 1::2, 1::2] & far
    skin = _fit_skin(image.lab, around)
    core = np.empty(around.shape, np.bool_)
    contrast.find_core(
        image.coarse_lab, image.coarse_usable, skin.plane, skin.sd, 2.0 * _STEP_MM, BELL_MM, core
    )
    away_mm = _first_outline(image, skin, core)
    ring, inner, hidden = np.empty_like(core), np.empty_like(core), np.empty(len(core))
    contrast.surround(
        away_mm, image.clear, image.coarse_usable, SKIN_MM, RIM_MM, CORE_MM, ring, inner, hidden
    )
    again = _fit_skin(image.lab, ring)
    enough = again.n_px >= LEAST_SKIN_PX
    around, core = _choose(enough, ring, around), _choose(enough, inner, core)
    skin = _Skin(*(_choose(enough, *both) for both in zip(again, skin, strict=True)))
    return _outline(image, skin, core, around, hidden)


def _fit_skin(lab: NDArray[np.float32], skin: NDArray[np.bool_]) -> _Skin:
    n = len(skin)
    plane, sd, count = np.empty((n, 3, 3)), np.empty((n, 3)), np.empty(n, np.int64)
    contrast.fit_skin(lab, skin, 2.0 * _STEP_MM, STIFF_MM2, plane, sd, count)
    return _Skin(plane, np.hypot(sd, LEAST_SD), count)


def _choose(first: NDArray[np.bool_], one: NDArray[Any], two: NDArray[Any]) -> NDArray[Any]:
    """Take one or the other for each of N lesions."""
    return np.where(first.reshape(-1, *[1] * (one.ndim - 1)), one, two)


def _first_outline(image: Image, skin: _Skin, core: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distances from a first outline on the coarse grid; far outside where there is none."""
    field = _grow(image.coarse_lab, image.coarse_usable, skin, core, 2.0 * _STEP_MM)
    away_mm = np.empty(core.shape, np.float32)
    edge.rough(field.join, field.box, field.level, 2.0 * _STEP_MM, away_mm)
    return away_mm


def _grow(
    lab: NDArray[np.float32],
    usable: NDArray[np.bool_],
    skin: _Skin,
    core: NDArray[np.bool_],
    step_mm: float,
) -> _Field:
    n, bins = len(core), 2 * LEVELS + 2
    field, core_lab, noise = np.empty(usable.shape, np.float32), np.empty((n, 3)), np.empty(n)
    contrast.project(lab, usable, skin.plane, skin.sd, core, step_mm, field, core_lab, noise)
    if step_mm == _STEP_MM:
        # The coarse grid is smooth already.
        contrast.smooth(usable, field)
    seed = np.empty(n, np.int64)
    contrast.find_seed(field, core, seed)
    join, box, level = np.empty(usable.shape, np.int16), np.empty((n, 4), np.int64), seed.copy()
    area, rim, least_px = np.empty((n, bins)), np.empty((n, bins)), LEAST_AREA_MM2 / step_mm**2
    region.grow(
        field, seed, noise, LEVELS, STEEP, round(least_px), join, box, level, area, rim
    )  # fmt: skip
    return _Field(field, core_lab, noise, join, box, level, area, rim)


def _outline(
    image: Image,
    skin: _Skin,
    core: NDArray[np.bool_],
    around: NDArray[np.bool_],
    hidden: NDArray[np.float64],
) -> _Found:
    field = _grow(image.lab, image.usable, skin, core, _STEP_MM)
    rims = find_rims(field.contrast, field.noise, around, hidden)
    level, lowest, outer = field.level.copy(), np.empty_like(field.level), np.empty(len(core))
    edge.settle(field.contrast, field.join, field.box, rims.clear, LEVELS, level, lowest, outer)
    foot.follow(
        field.area, field.rim, lowest, outer, rims.foot, blur_px(image.source_px), LEVELS, level
    )
    shape_px = image.usable.shape
    mask, away_mm = np.empty(shape_px, np.bool_), np.empty(shape_px, np.float32)
    threshold, rim = np.empty(len(core)), np.empty(len(core))
    least_px = round(LEAST_AREA_MM2 / _STEP_MM**2)
    edge.outline(
        field.join, field.box, field.area, field.rim, level, LEVELS, least_px, SPUR_PX, _STEP_MM,
        mask, away_mm, threshold, rim,
    )  # fmt: skip
    share = np.empty(shape_px, np.float32)
    shape.soften(field.contrast, mask, away_mm, SOFT_PX * _STEP_MM, threshold, share)
    return _Found(
        mask=mask,
        share=share,
        away_mm=away_mm,
        threshold=threshold,
        rim=rim,
        core_lab=field.core_lab,
        noise=field.noise,
        skin_px=skin.n_px,
    )


def _put(
    found: _Found, places: NDArray[np.int64], other: _Found, rows: NDArray[np.int64]
) -> _Found:
    """Replace some lesions by those of another find."""
    for field in fields(found):
        getattr(found, field.name)[places] = getattr(other, field.name)[rows]
    return found


def _stretch2(batch: CropBatch, image: Image, found: _Found) -> NDArray[np.float64]:
    """Skin area over image area, mean over the pixels of each lesion."""
    source, size = batch.frames.size_px, image.lab.shape[2]
    place = (np.arange(size) - size // 2) / (RASTER_PX_PER_MM * batch.frames.mm_per_px)
    index = np.rint(place + 0.5 * (source - 1)).astype(np.int64)
    ratio = np.empty(len(image))
    shape.region_mean(batch.mm2_per_px, index, found.share, ratio)
    return ratio / batch.frames.mm_per_px**2


def _hair_share(image: Image) -> NDArray[np.float64]:
    covered = count_marked(image.covered)
    share: NDArray[np.float64] = np.full(len(image), np.nan)
    np.divide(image.hair_px, covered, out=share, where=covered > 0)
    return share
