"""From crops to columns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import check_names
from tbp_extract.measure.context import add_context
from tbp_extract.measure.quality import crop_quality
from tbp_extract.measure.skin import skin_tone
from tbp_extract.types import Candidates, CropBatch, LesionTable

__all__ = ["add_context", "measure_lesions"]


def measure_lesions(candidates: Candidates, batch: CropBatch) -> LesionTable:
    """Measure the lesions of a batch of crops.

    Parameters
    ----------
    candidates : Candidates
        Those that the batch's frames point into.
    batch : CropBatch
        N crops.

    Returns
    -------
    LesionTable
        N rows. Values that the source gave stand as given; what is not measured has no column.
    """
    index = batch.frames.candidate
    columns: dict[str, NDArray[Any]] = {
        **_position(batch),
        **crop_quality(batch),
        **skin_tone(batch),
        "clin_size_long_diam_mm": candidates.diameter_mm[index].astype(np.float64),
        **_given(candidates.extra, index),
    }
    check_names(columns)
    return LesionTable(columns)


def _position(batch: CropBatch) -> dict[str, NDArray[np.float64]]:
    x, y, z = batch.frames.origin_mm.T
    return {"tbp_lv_x": x, "tbp_lv_y": y, "tbp_lv_z": z}


def _given(extra: Mapping[str, NDArray[Any]], index: NDArray[np.int32]) -> dict[str, NDArray[Any]]:
    # A list may carry coordinates of its own; the place on the skin is the one that holds.
    ours = {"tbp_lv_x", "tbp_lv_y", "tbp_lv_z"}
    return {
        name: values[index]
        for name, values in extra.items()
        if name.startswith("tbp_lv_") and name not in ours
    }
