"""Where the lesion ends: an outline for each crop, and whether to trust it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import contrast, edge, lines, region, regrid
from tbp_extract.measure.lab import rgb_to_lab
from tbp_extract.types import CropBatch

__all__ = ["RASTER_PX_PER_MM", "Delineation", "Outlines", "delineate"]

RASTER_PX_PER_MM = 7.3
"""The raster on which the vendor measures."""

_LINE_DEPTH = 3.0
_LINE_CONTRAST = 1.7
_LINE_MM = 2.5
_GLARE_LEVEL = 235.0
_HOLE_MM = 0.6
_FILL_ROUNDS = 3
_LEAST_SD = 0.7
_STIFF_MM2 = 6.0
_BELL_MM = 1.1
_FAR_MM = 5.5
_SKIN_MM = (0.7, 3.5)
_LEAST_SKIN_PX = 200
_LEVELS = 40
_STEEP = 0.45
_SPUR_PX = 2
_LEAST_AREA_MM2 = 0.4
_NO_CONTRAST = (2.0, 1.2)
_FAINT_CONTRAST = (4.0, 2.0)


class Delineation(StrEnum):
    """How far an outline can be trusted."""

    OK = "ok"
    FAINT = "faint"
    """It hardly differs from skin: values are given, not to be relied on."""

    CLIPPED = "clipped"
    """It reaches the edge of the crop or of the skin: colours are given, sizes are not."""

    NO_LESION = "no_lesion"
    """Nothing at the centre differs from skin: no values."""

    HAIR = "hair"
    """Hair hides too much around the centre: no values."""

    UNCOVERED = "uncovered"
    """Too little skin is shown around the centre: no values."""


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """N lesions on a metric raster of M x M pixels, the crop's centre in its middle pixel."""

    lab: NDArray[np.float32]
    """(N, M, M, 3) CIELAB; hairs and glare filled in from beside."""

    clear: NDArray[np.bool_]
    """(N, M, M) skin or lesion as seen: covered, no hair, no glare."""

    mask: NDArray[np.bool_]
    """(N, M, M) pixels of the lesion, holes filled; 4-connected apart from them."""

    share: NDArray[np.float32]
    """(N, M, M) share of each pixel inside the outline, 0..1."""

    away_mm: NDArray[np.float32]
    """(N, M, M) distance from the outline, inside above 0, outside below."""

    stretch2: NDArray[np.float32]
    """(N, M, M) true skin area over image area; NaN where not covered."""

    contrast_lab: NDArray[np.float64]
    """(N, 3) core of the lesion minus its surrounding skin."""

    status: NDArray[np.object_]
    """(N,) values of `Delineation`."""

    step_mm: float
    """Side of a pixel."""

    def __len__(self) -> int:
        return len(self.mask)

    @property
    def is_coloured(self) -> NDArray[np.bool_]:
        """(N,) whether colours may be given."""
        return np.isin(self.status, [Delineation.OK, Delineation.FAINT, Delineation.CLIPPED])

    @property
    def is_sized(self) -> NDArray[np.bool_]:
        """(N,) whether sizes and shapes may be given."""
        return np.isin(self.status, [Delineation.OK, Delineation.FAINT])


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
    2. Thin lines, dark or light, at least 2.5 mm long are hairs (closings and openings across four
       directions, after Lee et al. 1997); glare is where all channels are near white. Both are
       filled from beside.
    3. Skin is a plane per channel through pixels far from the centre, outliers left out.
    4. The core is what differs most from skin near the centre. Colours are projected onto the line
       from skin to core, weighted by the scatter of skin: lighter, redder and darker all count.
    5. The region around the core is grown through all levels of that contrast at once. Of the
       levels with a steep outline the lowest is taken, so that a pale outer part belongs to the
       lesion; the threshold then moves to midway between the medians inside and outside of the
       edge, which a soft edge does not shift.
    6. Steps 3 to 5 once more, with skin and core as this outline gives them.

    References
    ----------
    Lee T, Ng V, Gallagher R, Coldman A, McLean D. DullRazor: a software approach to hair removal
    from images. Comput Biol Med 1997. doi:10.1016/S0010-4825(97)00020-6
    """
    image = _look(batch)
    far = np.hypot(*_axes_mm(image.lab.shape[1])) > min(_FAR_MM, 0.36 * batch.frames.extent_mm)
    skin = _fit_skin(image, image.clear & far & _every_second(image))
    core = np.empty(image.clear.shape, np.bool_)
    contrast.find_core(
        image.lab, image.usable, skin.plane, skin.sd, 1.0 / RASTER_PX_PER_MM, _BELL_MM, core
    )
    first = _outline(image, skin, core)
    around = _around(first.away_mm, image.clear) & _every_second(image)
    again = _fit_skin(image, around)
    enough = (again.n_px >= _LEAST_SKIN_PX) & (first.threshold > 0.0)
    skin = _choose_skin(enough, again, skin)
    inner = first.mask & (first.away_mm > np.minimum(0.35, 0.5 * _depth_mm(first)))
    core = np.where(enough[:, None, None], inner & image.usable, core)
    found = _outline(image, skin, core)
    return Outlines(
        lab=image.lab,
        clear=image.clear,
        mask=found.mask,
        share=found.share,
        away_mm=found.away_mm,
        stretch2=_stretch2(batch, image.usable),
        contrast_lab=found.core_lab,
        status=_status(batch, image, skin, found),
        step_mm=1.0 / RASTER_PX_PER_MM,
    )


class _Image(NamedTuple):
    lab: NDArray[np.float32]
    clear: NDArray[np.bool_]
    usable: NDArray[np.bool_]
    """Clear or filled."""

    covered: NDArray[np.bool_]


class _Skin(NamedTuple):
    plane: NDArray[np.float64]
    sd: NDArray[np.float64]
    n_px: NDArray[np.int64]


class _Found(NamedTuple):
    mask: NDArray[np.bool_]
    share: NDArray[np.float32]
    away_mm: NDArray[np.float32]
    threshold: NDArray[np.float64]
    rim: NDArray[np.float64]
    core_lab: NDArray[np.float64]
    noise: NDArray[np.float64]


def _axes_mm(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    axis = (np.arange(size) - size // 2) / RASTER_PX_PER_MM
    return axis[:, None], axis[None, :]


def _look(batch: CropBatch) -> _Image:
    n, source = len(batch), batch.frames.size_px
    first, weight = _taps(source, batch.frames.mm_per_px)
    size = len(first)
    rgb = np.empty((n, size, size, 3), np.float32)
    cover = np.empty((n, size, size), np.float32)
    regrid.regrid(batch.pixels, batch.covered, first, weight, rgb, cover)
    lab = rgb_to_lab(rgb)
    covered = cover > 0.5
    hair = np.empty(covered.shape, np.bool_)
    long_px = round(_LINE_MM * RASTER_PX_PER_MM)
    lines.find_lines(np.ascontiguousarray(lab[..., 0]), _LINE_DEPTH, _LINE_CONTRAST, long_px, hair)
    clear = covered & ~hair & ~_glare(rgb)
    usable = clear.copy()
    for _ in range(_FILL_ROUNDS):
        filled = np.empty_like(clear)
        reach = round(_HOLE_MM * RASTER_PX_PER_MM)
        lines.fill_holes(usable, covered & ~usable, reach, lab, filled)
        usable |= filled
    return _Image(lab, clear, usable, covered)


def _glare(rgb: NDArray[np.float32]) -> NDArray[np.bool_]:
    red, green, blue = (rgb[..., c] > _GLARE_LEVEL for c in range(3))
    return np.asarray(red & green & blue)


def _taps(source: int, mm_per_px: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Source lines and weights of each line of the raster: a triangle as wide as the coarser."""
    ratio = 1.0 / (RASTER_PX_PER_MM * mm_per_px)
    # An odd number of lines that lie within the crop.
    size = 2 * int(0.5 * (source / ratio - 1.0) + 1e-9) + 1
    place = (np.arange(size) - size // 2) * ratio + 0.5 * (source - 1)
    reach = max(ratio, 1.0)
    count = int(np.ceil(2.0 * reach)) + 1
    first = np.clip(np.ceil(place - reach).astype(np.int64), 0, max(source - count, 0))
    tap = first[:, None] + np.arange(min(count, source))
    weight = np.maximum(1.0 - np.abs(tap - place[:, None]) / reach, 0.0)
    return first, (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)


def _fit_skin(image: _Image, skin: NDArray[np.bool_]) -> _Skin:
    n = len(skin)
    plane, sd, count = np.empty((n, 3, 3)), np.empty((n, 3)), np.empty(n, np.int64)
    contrast.fit_skin(image.lab, skin, 1.0 / RASTER_PX_PER_MM, _STIFF_MM2, plane, sd, count)
    return _Skin(plane, np.hypot(sd, _LEAST_SD), count)


def _choose_skin(first: NDArray[np.bool_], one: _Skin, two: _Skin) -> _Skin:
    return _Skin(
        np.where(first[:, None, None], one.plane, two.plane),
        np.where(first[:, None], one.sd, two.sd),
        np.where(first, one.n_px, two.n_px),
    )


def _outline(image: _Image, skin: _Skin, core: NDArray[np.bool_]) -> _Found:
    n, step = len(core), 1.0 / RASTER_PX_PER_MM
    field = np.empty(core.shape, np.float32)
    seed, core_lab, noise = np.empty(n, np.int64), np.empty((n, 3)), np.empty(n)
    contrast.project(
        image.lab, image.usable, skin.plane, skin.sd, core, step, field, seed, core_lab, noise
    )
    mask, share = np.empty(core.shape, np.bool_), np.empty(core.shape, np.float32)
    away, threshold, rim = np.empty(core.shape, np.int16), np.empty(n), np.empty(n)
    least_px = round(_LEAST_AREA_MM2 * RASTER_PX_PER_MM**2)
    join, box = np.empty(core.shape, np.int16), np.empty((n, 4), np.int64)
    level = np.empty(n, np.int64)
    area, at_rim = np.empty((n, 2 * _LEVELS + 2)), np.empty((n, 2 * _LEVELS + 2))
    region.grow(field, seed, noise, _LEVELS, _STEEP, least_px, join, box, level, area, at_rim)
    edge.outline(
        field, join, box, level, area, at_rim, _LEVELS, least_px, _SPUR_PX,
        mask, share, away, threshold, rim,
    )  # fmt: skip
    # The outline runs half a pixel before the first pixel of the other side.
    signed = away.astype(np.float32)
    away_mm = (signed / 3.0 - 0.5 * np.sign(signed)) * step
    return _Found(mask, share, away_mm.astype(np.float32), threshold, rim, core_lab, noise)


def _around(away_mm: NDArray[np.float32], clear: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(clear & (away_mm < -_SKIN_MM[0]) & (away_mm > -_SKIN_MM[1]))


def _every_second(image: _Image) -> NDArray[np.bool_]:
    """Mark pixels as on a checkerboard: enough to fit a plane."""
    size = image.clear.shape[1]
    return np.asarray(np.indices((size, size)).sum(axis=0) % 2 == 0)


def _depth_mm(found: _Found) -> NDArray[np.float32]:
    return np.asarray(found.away_mm.max(axis=(1, 2), keepdims=True))


def _stretch2(batch: CropBatch, usable: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Skin area over image area of the crop's pixel behind each pixel of the raster."""
    size, source = usable.shape[1], batch.frames.size_px
    place = (np.arange(size) - size // 2) / (RASTER_PX_PER_MM * batch.frames.mm_per_px)
    index = np.rint(place + 0.5 * (source - 1)).astype(np.int64)
    skin_mm2 = batch.mm2_per_px[:, index[:, None], index[None, :]]
    ratio = skin_mm2 / np.float32(batch.frames.mm_per_px**2)
    return np.where(usable & (ratio > 0.0), ratio, np.float32(np.nan))


def _status(batch: CropBatch, image: _Image, skin: _Skin, found: _Found) -> NDArray[np.object_]:
    """One word a lesion: the first that applies, worst first."""
    near = np.hypot(*_axes_mm(image.lab.shape[1])) < 2.0
    covered = image.covered[:, near].mean(axis=1)
    hidden = 1.0 - image.clear[:, near].mean(axis=1) - (1.0 - covered)
    far = np.linalg.norm(found.core_lab, axis=1)
    sigma = 1.0 / found.noise
    none = np.isnan(found.threshold) | ~(far >= _NO_CONTRAST[0]) | ~(sigma >= _NO_CONTRAST[1])
    tests = (
        (Delineation.UNCOVERED, (covered < 0.75) | (batch.covered.mean(axis=(1, 2)) < 0.3)),
        (Delineation.HAIR, (hidden > 0.5) | (skin.n_px < _LEAST_SKIN_PX)),
        (Delineation.NO_LESION, none),
        (Delineation.CLIPPED, found.rim > 0.0),
        (Delineation.FAINT, (far < _FAINT_CONTRAST[0]) | (sigma < _FAINT_CONTRAST[1])),
    )
    status = np.full(len(batch), Delineation.OK, object)
    for word, applies in reversed(tests):
        status[applies] = word
    return status
