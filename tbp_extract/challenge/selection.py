"""Which of the labelled crops take part: one image a lesion, limits a patient, matched classes."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.challenge.fates import Fate
from tbp_extract.challenge.keyed import digest
from tbp_extract.challenge.labels import Labelling
from tbp_extract.challenge.pool import Pool
from tbp_extract.config.challenge import SelectionConfig
from tbp_extract.types import ReleaseKey

__all__ = ["PatientFigures", "patient_figures", "select"]

BINS: Final = 4
"""Classes of lesions a patient and of spread of dates in which patients are matched."""


@dataclass(frozen=True, slots=True, eq=False)
class PatientFigures:
    """What subsampling matches, of the P patients that take part."""

    patient: NDArray[np.int64]
    malignant: NDArray[np.bool_]
    lesions: NDArray[np.int64]
    spread_days: NDArray[np.float64]
    """Between the first and the last capture that takes part; 0 where dates are not known."""


def select(
    pool: Pool,
    labels: Labelling,
    fate: NDArray[np.object_],
    config: SelectionConfig,
    key: ReleaseKey,
) -> NDArray[np.object_]:
    """Choose among the crops that are still taken.

    Parameters
    ----------
    pool : Pool
    labels : Labelling
    fate : (N,) object
        ``Fate`` of each crop so far.
    config : SelectionConfig
    key : ReleaseKey
        Makes the choice where nothing else does.

    Returns
    -------
    (N,) object
        ``Fate`` of each crop after selection.
    """
    fate = fate.copy()
    if config.per_capture == "sharpest":
        _one_of_each(fate, pool, (pool.lesion, pool.capture), _sharpest(pool))
    if config.per_lesion == "median":
        _middle_of_each(fate, pool)
    elif config.per_lesion == "newest":
        _one_of_each(fate, pool, (pool.lesion,), _newest(pool))
    elif config.per_lesion == "sharpest":
        _one_of_each(fate, pool, (pool.lesion,), _sharpest(pool))
    _limit(fate, pool, labels, config, key)
    _need(fate, pool, config.min_lesions_per_patient)
    if config.benign_patients_per_malignant is not None:
        _match(fate, pool, labels, config.benign_patients_per_malignant, key)
    return fate


def patient_figures(pool: Pool, labels: Labelling, fate: NDArray[np.object_]) -> PatientFigures:
    """Count what subsampling matches."""
    taken = np.flatnonzero(fate == Fate.TAKEN)
    patients, index = np.unique(pool.patient[taken], return_inverse=True)
    malignant = np.zeros(len(patients), np.bool_)
    np.logical_or.at(malignant, index, labels.malignant()[taken])
    lesions = np.unique(np.stack((index, pool.lesion[taken])), axis=1)[0]
    day = pool.day[taken].astype(np.int64).astype(np.float64)
    day[np.isnat(pool.day[taken])] = np.nan
    first, last = np.full(len(patients), np.inf), np.full(len(patients), -np.inf)
    known = ~np.isnan(day)
    np.minimum.at(first, index[known], day[known])
    np.maximum.at(last, index[known], day[known])
    return PatientFigures(
        patients.astype(np.int64),
        malignant,
        np.bincount(lesions, minlength=len(patients)),
        np.where(np.isfinite(first), last - first, 0.0),
    )


def _sharpest(pool: Pool) -> NDArray[np.float64]:
    """Sharpness, unknown lowest."""
    if "tbp_ex_sharpness" not in pool.rows.column_names:
        return np.zeros(len(pool))
    return np.nan_to_num(pool.column("tbp_ex_sharpness").astype(np.float64), nan=-1.0)


def _newest(pool: Pool) -> NDArray[np.float64]:
    day = pool.day.astype(np.int64).astype(np.float64)
    return np.where(np.isnat(pool.day), -np.inf, day)


def _one_of_each(
    fate: NDArray[np.object_],
    pool: Pool,
    keys: tuple[NDArray[np.integer[Any]], ...],
    merit: NDArray[np.float64],
) -> None:
    """Keep the crop of most merit of each group; of equals the first."""
    taken = np.flatnonzero(fate == Fate.TAKEN)
    order = taken[np.lexsort((taken, -merit[taken], *(k[taken] for k in keys)))]
    first = _starts(order, keys)
    fate[order[~first]] = Fate.OTHER_IMAGE_OF_LESION


def _middle_of_each(fate: NDArray[np.object_], pool: Pool) -> None:
    """Keep each lesion's crop in the middle of its dates, the earlier of two."""
    taken = np.flatnonzero(fate == Fate.TAKEN)
    order = taken[np.lexsort((taken, _newest(pool)[taken], pool.lesion[taken]))]
    for group in np.split(order, np.flatnonzero(_starts(order, (pool.lesion,)))[1:]):
        fate[np.delete(group, (len(group) - 1) // 2)] = Fate.OTHER_IMAGE_OF_LESION


def _starts(
    order: NDArray[np.int64], keys: tuple[NDArray[np.integer[Any]], ...]
) -> NDArray[np.bool_]:
    """Whether a group begins at each place of a sorted order."""
    starts = np.ones(len(order), np.bool_)
    starts[1:] = np.any([k[order[1:]] != k[order[:-1]] for k in keys], axis=0)
    return starts


def _limit(
    fate: NDArray[np.object_],
    pool: Pool,
    labels: Labelling,
    config: SelectionConfig,
    key: ReleaseKey,
) -> None:
    if config.max_lesions_per_patient is None:
        return
    diagnosed = labels.label >= 0
    for crops in _by_patient(fate, pool).values():
        lesions = np.unique(pool.lesion[crops])
        if len(lesions) <= config.max_lesions_per_patient:
            continue
        own = set(pool.lesion[crops[diagnosed[crops]]].tolist())
        rank = _lesion_rank(pool, crops, key)
        order = sorted(lesions.tolist(), key=lambda lesion: (lesion not in own, rank[lesion]))
        over = np.isin(pool.lesion[crops], order[config.max_lesions_per_patient :])
        fate[crops[over]] = Fate.OVER_PATIENT_LIMIT


def _lesion_rank(pool: Pool, crops: NDArray[np.int64], key: ReleaseKey) -> dict[int, int]:
    ids = pool.rows["isic_id"].take(crops).to_pylist()
    rank: dict[int, int] = {}
    for lesion, isic_id in zip(pool.lesion[crops].tolist(), ids, strict=True):
        value = digest(key, "limit", isic_id)
        rank[lesion] = min(rank.get(lesion, value), value)
    return rank


def _need(fate: NDArray[np.object_], pool: Pool, lesions: int) -> None:
    for crops in _by_patient(fate, pool).values():
        if len(np.unique(pool.lesion[crops])) < lesions:
            fate[crops] = Fate.TOO_FEW_LESIONS


def _match(
    fate: NDArray[np.object_], pool: Pool, labels: Labelling, ratio: float, key: ReleaseKey
) -> None:
    """Leave out patients without a malignant lesion until they are spread as those with one.

    Patients are sorted into classes by lesions and by spread of dates, with bounds at quantiles of
    the patients with a malignant lesion; of each class as many are kept as the ratio asks.
    """
    figures = patient_figures(pool, labels, fate)
    with_one = figures.malignant
    if not with_one.any():
        return
    cell = BINS * _binned(figures.lesions, with_one) + _binned(figures.spread_days, with_one)
    by_patient = _by_patient(fate, pool)
    for value in np.unique(cell):
        inside = cell == value
        wanted = round(ratio * int((inside & with_one).sum()))
        others = figures.patient[inside & ~with_one].tolist()
        for patient in sorted(others, key=_chance(pool, key))[wanted:]:
            fate[by_patient[patient]] = Fate.NOT_MATCHED


def _chance(pool: Pool, key: ReleaseKey) -> Callable[[int], int]:
    def rank(patient: int) -> int:
        centre = pool.centres[pool.patient_centre[patient]]
        return digest(key, "match", centre, pool.mrns[patient])

    return rank


def _binned(values: NDArray[Any], among: NDArray[np.bool_]) -> NDArray[np.int64]:
    bounds = np.unique(np.quantile(values[among], np.arange(1, BINS) / BINS))
    return np.asarray(np.searchsorted(bounds, values, side="right"), np.int64)


def _by_patient(fate: NDArray[np.object_], pool: Pool) -> dict[int, NDArray[np.int64]]:
    groups: dict[int, list[int]] = defaultdict(list)
    for crop in np.flatnonzero(fate == Fate.TAKEN).tolist():
        groups[int(pool.patient[crop])].append(crop)
    return {patient: np.array(crops) for patient, crops in groups.items()}
