"""From crops to columns."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import check_names
from tbp_extract.measure.colour import measure_colour
from tbp_extract.measure.context import add_context
from tbp_extract.measure.delineate import Delineation, delineate
from tbp_extract.measure.quality import crop_quality
from tbp_extract.measure.shape import measure_shape
from tbp_extract.measure.skin import skin_tone
from tbp_extract.types import Candidates, CandidateSource, CropBatch, LesionTable

__all__ = ["add_context", "first_known", "measure_lesions"]

_TOGETHER = 8


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
        N rows. Values that the source gave stand as given; what could not be measured is NaN.
    """
    index = batch.frames.candidate
    columns: dict[str, NDArray[Any]] = {
        **_position(batch),
        **crop_quality(batch),
        **_lesion(batch),
        "tbp_ex_find_score": _find_scores(candidates)[index],
    }
    diameter = _given_diameter(candidates)[index]
    # Skin alone in the window, and a listed lesion wider: the window lies within the lesion.
    filled = (columns["tbp_ex_delineation"] == Delineation.NO_LESION) & (
        diameter >= batch.frames.extent_mm
    )
    columns["tbp_ex_delineation"][filled] = Delineation.CLIPPED
    columns |= {
        "clin_size_long_diam_mm": first_known(diameter, columns["clin_size_long_diam_mm"]),
        **_given(candidates.extra, index, columns),
    }
    check_names(columns)
    return LesionTable(columns)


def _position(batch: CropBatch) -> dict[str, NDArray[np.float64]]:
    x, y, z = batch.frames.origin_mm.T
    return {"tbp_lv_x": x, "tbp_lv_y": y, "tbp_lv_z": z}


def _lesion(batch: CropBatch) -> dict[str, NDArray[Any]]:
    # A few at a time: what is made on the way is small enough to stay with the process. Twice as
    # much would be given back to the system and asked for anew, page by page, for every few.
    parts = [_measure(_rows(batch, k, k + _TOGETHER)) for k in range(0, len(batch), _TOGETHER)]
    parts = parts or [_measure(batch)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _measure(batch: CropBatch) -> dict[str, NDArray[Any]]:
    outlines = delineate(batch)
    return {
        "tbp_ex_delineation": outlines.status,
        "tbp_ex_hair_fraction": outlines.hair_share,
        **skin_tone(outlines),
        **measure_shape(outlines),
        **measure_colour(outlines),
    }


def _rows(batch: CropBatch, first: int, last: int) -> CropBatch:
    rows = slice(first, last)
    frames = batch.frames
    return CropBatch(
        frames=replace(
            frames,
            candidate=frames.candidate[rows],
            face=frames.face[rows],
            origin_mm=frames.origin_mm[rows],
            axes=frames.axes[rows],
        ),
        pixels=batch.pixels[rows],
        covered=batch.covered[rows],
        mm2_per_px=batch.mm2_per_px[rows],
        texel_mm=batch.texel_mm[rows],
        obliqueness_deg=batch.obliqueness_deg[rows],
    )


def _given(
    extra: Mapping[str, NDArray[Any]],
    index: NDArray[np.int32],
    measured: Mapping[str, NDArray[Any]],
) -> dict[str, NDArray[Any]]:
    # A list may carry coordinates of its own; the place on the skin is the one that holds.
    ours = {"tbp_lv_x", "tbp_lv_y", "tbp_lv_z"}
    return {
        name: first_known(values[index], measured.get(name))
        for name, values in extra.items()
        if name.startswith("tbp_lv_") and name not in ours
    }


def _given_diameter(candidates: Candidates) -> NDArray[np.float64]:
    """(N,) diameters that a person gave; what a detector says of a size is no longest diameter."""
    given = [source is not CandidateSource.DETECTOR for source in candidates.source]
    return np.where(given, candidates.diameter_mm, np.nan).astype(np.float64)


def first_known(given: NDArray[Any], measured: NDArray[Any] | None) -> NDArray[Any]:
    """Take values as given; where a number is missing, what was measured."""
    if measured is None or given.dtype.kind != "f":
        return given
    return np.where(np.isnan(given), measured, given)


def _find_scores(candidates: Candidates) -> NDArray[np.float64]:
    """(N,) what a detector said; that a list is sure of its lesions is no score."""
    listed = [source is CandidateSource.LIST for source in candidates.source]
    return np.where(listed, np.nan, candidates.score).astype(np.float64)
