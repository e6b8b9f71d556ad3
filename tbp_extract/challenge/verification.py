"""How far each diagnosis is confirmed."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.challenge.labels import Labelling
from tbp_extract.challenge.pool import Pool
from tbp_extract.columns import CONFIRM_OF_STAGE, VERIFICATION_STAGES
from tbp_extract.config.challenge import LabelConfig

__all__ = ["verification_stages"]

MONTH_DAYS: Final = 365.25 / 12

_INITIAL, _UNCHANGED = VERIFICATION_STAGES[:2]
_STAGE_OF_CONFIRM = {
    **{confirm: stage for stage, confirm in CONFIRM_OF_STAGE.items()},
    "confocal microscopy with consensus dermoscopy": "consensus of reviewers",
}


def verification_stages(
    pool: Pool, labels: Labelling, crops: NDArray[np.int64], config: LabelConfig
) -> list[str]:
    """Say how far the diagnosis of each of some crops is confirmed.

    A lesion without a label of its own counts as unchanged if its captures, of whatever fate, lie
    at least ``follow_up_months`` apart and its long diameter, where measured, has changed by at
    most ``follow_up_max_change_mm`` between the first and the last.
    """
    unchanged = _unchanged_lesions(pool, config)
    stages = []
    for crop, label in zip(crops.tolist(), labels.label[crops].tolist(), strict=True):
        if label >= 0:
            stages.append(_STAGE_OF_CONFIRM[labels.labels[label].confirm_type])
        else:
            stages.append(_UNCHANGED if int(pool.lesion[crop]) in unchanged else _INITIAL)
    return stages


def _unchanged_lesions(pool: Pool, config: LabelConfig) -> set[int]:
    dated = np.flatnonzero(pool.named & ~np.isnat(pool.day))
    order = dated[np.lexsort((pool.day[dated], pool.lesion[dated]))]
    if not len(order):
        return set()
    lesion = pool.lesion[order]
    first = np.flatnonzero(np.r_[True, lesion[1:] != lesion[:-1]])
    last = np.r_[first[1:] - 1, len(order) - 1]
    apart_days = (pool.day[order[last]] - pool.day[order[first]]) / np.timedelta64(1, "D")
    size_mm = pool.column("clin_size_long_diam_mm")
    change_mm = np.abs(size_mm[order[last]] - size_mm[order[first]])
    same = np.isnan(change_mm) | (change_mm <= config.follow_up_max_change_mm)
    long_enough = apart_days >= config.follow_up_months * MONTH_DAYS
    return set(lesion[first[same & long_enough]].tolist())
