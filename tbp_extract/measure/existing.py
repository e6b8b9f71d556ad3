"""Crops without a mesh, in the form that measuring takes."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.types import Candidates, CandidateSource, CropBatch, CropFrames

__all__ = ["UNKNOWN_WITHOUT_MESH", "batch_of_images", "candidates_of_images"]

UNKNOWN_WITHOUT_MESH: Final = frozenset(
    {
        *("tbp_lv_x", "tbp_lv_y", "tbp_lv_z"),
        *("tbp_ex_native_px_per_mm", "tbp_ex_upsampled", "tbp_ex_covered_fraction"),
        *("tbp_ex_obliqueness_deg", "tbp_ex_stretch"),
    }
)
"""Columns that such a crop cannot tell; what a batch says of them is an assumption."""


def batch_of_images(pixels: NDArray[np.uint8], extent_mm: float) -> CropBatch:
    """Take images for crops of flat skin seen from straight above.

    Parameters
    ----------
    pixels : (N, S, S, 3) uint8
        sRGB.
    extent_mm : float
        Side of each crop on the skin.

    Returns
    -------
    CropBatch
        Everything covered, the same skin area behind each pixel; place, native sampling and
        obliqueness are NaN.
    """
    count, size = pixels.shape[:2]
    unknown = np.full(count, np.nan, np.float32)
    frames = CropFrames(
        candidate=np.arange(count, dtype=np.int32),
        face=np.full(count, -1, np.int32),
        origin_mm=np.full((count, 3), np.nan),
        axes=np.full((count, 3, 3), np.nan),
        extent_mm=extent_mm,
        size_px=size,
    )
    return CropBatch(
        frames=frames,
        pixels=np.ascontiguousarray(pixels),
        covered=np.ones((count, size, size), np.bool_),
        mm2_per_px=np.full((count, size, size), frames.mm_per_px**2, np.float32),
        texel_mm=unknown,
        obliqueness_deg=unknown.copy(),
    )


def candidates_of_images(ids: tuple[str, ...]) -> Candidates:
    """N lesions of which nothing but the crop is known."""
    count = len(ids)
    return Candidates(
        face=np.full(count, -1, np.int32),
        barycentric=np.full((count, 3), np.nan),
        diameter_mm=np.full(count, np.nan, np.float32),
        score=np.ones(count, np.float32),
        source=(CandidateSource.LIST,) * count,
        lesion_id=ids,
        extra={},
    )
