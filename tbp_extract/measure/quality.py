"""How far a crop can be trusted: what it covers, how it was sampled, how straight it looks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbp_extract.types import CropBatch

__all__ = ["crop_quality"]


def crop_quality(batch: CropBatch) -> dict[str, NDArray[Any]]:
    """Columns about N crops themselves, by name; definitions in ``tbp_extract.columns``."""
    n, mm_per_px = len(batch), batch.frames.mm_per_px
    covered_px = np.array([np.count_nonzero(crop) for crop in batch.covered], np.int64)
    return {
        "tbp_ex_size_px": np.full(n, batch.frames.size_px, np.int64),
        "tbp_ex_extent_mm": np.full(n, batch.frames.extent_mm),
        "tbp_ex_native_px_per_mm": 1.0 / batch.texel_mm.astype(np.float64),
        "tbp_ex_upsampled": batch.texel_mm > mm_per_px,
        "tbp_ex_covered_fraction": covered_px / batch.frames.size_px**2,
        "tbp_ex_obliqueness_deg": batch.obliqueness_deg.astype(np.float64),
        "tbp_ex_stretch": _stretch(batch, covered_px),
    }


def _stretch(batch: CropBatch, covered_px: NDArray[np.int64]) -> NDArray[np.float64]:
    skin_mm2 = batch.mm2_per_px.sum(axis=(1, 2), dtype=np.float64)
    image_mm2 = covered_px * batch.frames.mm_per_px**2
    ratio: NDArray[np.float64] = np.full(len(batch), np.nan)
    np.divide(skin_mm2, image_mm2, out=ratio, where=covered_px > 0)
    return np.sqrt(ratio)
