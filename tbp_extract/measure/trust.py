"""Whether an outline can be trusted: one word a lesion."""

import functools
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tbp_extract.measure.look import RASTER_PX_PER_MM, Image, raster_mm
from tbp_extract.types import CropBatch

__all__ = [
    "FAINT_CONTRAST",
    "LEAST_SKIN_PX",
    "Delineation",
    "Find",
    "count_marked",
    "differs",
    "judge",
]

LEAST_SKIN_PX: Final = 100
"""Pixels of skin, of which every fourth is looked at: 7.5 mm2."""

NEAR_MM: Final = 2.0
"""What hides skin, or does not cover it, is counted so far around the centre."""

HIDDEN_SHARE: Final = 0.6
"""Where more of that is hidden nothing is measured."""

HAIR_SCATTER: Final = (1.2 / 88.0, 2.0 / 88.0, 4.0 / 88.0)
HAIR_SHARE: Final = (0.4, 0.25, 0.05)
"""Nor where lightness scatters so much and hair covers such a share of the crop: an outline that
is grown between hairs is one of the gaps. In between it is interpolated. The three genuine crops,
two of them grainy, scatter by 0.009 to 0.031 with less than 0.08 of hair."""

NO_CONTRAST: Final = (2.0, 1.2)
FAINT_CONTRAST: Final = (4.0, 2.0)
"""Differences of core and skin, in CIELAB units and in standard deviations of skin."""


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
    """Hair hides too much around the centre, or grows too dense: no values."""

    GLARE = "glare"
    """Reflected light hides too much around the centre: no values."""

    UNCOVERED = "uncovered"
    """Too little skin is shown around the centre: no values."""


class Find(NamedTuple):
    """What was found of N lesions."""

    core_lab: NDArray[np.float64]
    """(N, 3) core minus skin."""

    noise: NDArray[np.float64]
    """(N,) standard deviation of skin as a share of the core's contrast."""

    threshold: NDArray[np.float64]
    """(N,) contrast at the outline; NaN where there is none."""

    rim: NDArray[np.float64]
    """(N,) pixels of the outline where the image ends."""

    skin_px: NDArray[np.int64]
    """(N,) pixels of skin looked at."""


def differs(find: Find, least: tuple[float, float]) -> NDArray[np.bool_]:
    """(N,) whether an outline was found whose core differs enough from skin."""
    far = np.linalg.norm(find.core_lab, axis=1)
    sure = (far >= least[0]) & (1.0 / find.noise >= least[1])
    return np.asarray(sure & ~np.isnan(find.threshold), np.bool_)


def judge(batch: CropBatch, image: Image, find: Find) -> NDArray[np.object_]:
    """One word a lesion: the first that applies, worst first."""
    covered, hair, glare = (_near(pixels) for pixels in (image.covered, image.hair, image.glare))
    little = count_marked(batch.covered) < 0.3 * batch.frames.size_px**2
    hidden = (hair + glare > HIDDEN_SHARE) | (find.skin_px < LEAST_SKIN_PX)
    tests = (
        (Delineation.UNCOVERED, (covered < 0.75) | little),
        (Delineation.GLARE, hidden & (glare > hair)),
        (Delineation.HAIR, hidden | _is_overgrown(image)),
        (Delineation.NO_LESION, ~differs(find, NO_CONTRAST)),
        (Delineation.CLIPPED, find.rim > 0.0),
        (Delineation.FAINT, ~differs(find, FAINT_CONTRAST)),
    )
    status = np.full(len(batch), Delineation.OK, object)
    for word, applies in reversed(tests):
        status[applies] = word
    return status


def _is_overgrown(image: Image) -> NDArray[np.bool_]:
    """(N,) whether hair grows too dense for an outline to be more than that of a gap."""
    share = count_marked(image.hair) / image.hair.shape[1] ** 2
    least = np.interp(image.scatter, HAIR_SCATTER, HAIR_SHARE)
    return np.asarray((image.scatter > HAIR_SCATTER[0]) & (share > least))


def _near(pixels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) share of marked pixels near the centre."""
    size = pixels.shape[1]
    reach = min(int(NEAR_MM * RASTER_PX_PER_MM), size // 2)
    part = slice(size // 2 - reach, size // 2 + reach + 1)
    near = _disc(2 * reach + 1)
    marked = pixels[:, part, part].reshape(len(pixels), near.size).astype(np.float64)
    return np.asarray(marked @ near / near.sum())


@functools.lru_cache(maxsize=16)
def _disc(size: int) -> NDArray[np.float64]:
    """(size * size,) 1 where a pixel is near the middle, else 0."""
    near = (raster_mm(size, 1.0 / RASTER_PX_PER_MM) < NEAR_MM).ravel().astype(np.float64)
    near.flags.writeable = False
    return near


def count_marked(marked: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(N,) marked pixels; over two axes at once NumPy takes twenty times as long."""
    return np.array([np.count_nonzero(pixels) for pixels in marked], np.int64)
