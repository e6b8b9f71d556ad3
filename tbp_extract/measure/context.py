"""A lesion among all lesions of its capture: neighbours, ranks, deviations, the ugly duckling."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.special import gammaincinv

from tbp_extract.columns import MAIN_MEASURES, context_name
from tbp_extract.types import LesionTable

__all__ = ["add_context", "mid_rank", "nearest_mm", "robust_z", "ugly_duckling"]

MIN_LESIONS: Final = 5
"""Fewer known values than this have no spread worth a name."""

MIN_FOR_DISTANCE: Final = 20
"""Fewer complete lesions than this have no shape of their own: twice the ten main measures."""

MIN_MEASURES: Final = 3

MAD_TO_SD: Final = 1.4826
NO_SPREAD: Final = 1e-9


def add_context(table: LesionTable, position_mm: NDArray[np.float64]) -> LesionTable:
    """Add what only the whole capture tells; called once per scan, with all its lesions.

    Parameters
    ----------
    table : LesionTable
        N lesions of one capture. Main measures that it lacks give empty columns.
    position_mm : (N, 3) float64
        Exact places.

    Returns
    -------
    LesionTable
        The same columns, then the context columns of ``tbp_extract.columns``.
    """
    n = len(position_mm)
    values = {name: _numbers(table.columns, name, n) for name in MAIN_MEASURES}
    part = table.columns.get("tbp_lv_location_simple", np.full(n, None, object))
    columns: dict[str, NDArray[Any]] = {
        "tbp_ex_lesion_count": np.full(n, n, np.int64),
        "tbp_ex_nearest_mm": nearest_mm(position_mm),
    }
    for name, measured in values.items():
        columns[context_name("rank", name)] = mid_rank(measured)
        columns[context_name("z", name)] = robust_z(measured)
        columns[context_name("z_part", name)] = _within_parts(measured, part)
    columns["tbp_ex_ugly_duckling"] = ugly_duckling(np.stack(list(values.values()), axis=1))
    return LesionTable({**table.columns, **columns})


def nearest_mm(position_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) straight distance to the nearest other lesion; NaN for one alone or without place."""
    out = np.full(len(position_mm), np.nan)
    known = np.isfinite(position_mm).all(axis=1)
    if known.sum() >= 2:
        distance, _ = KDTree(position_mm[known]).query(position_mm[known], k=[2])
        out[known] = np.asarray(distance)[:, 0]
    return out


def mid_rank(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) rank among the known values, (position - 0.5) / count; equal values share the middle.

    0.5 for the median, and for a value alone; NaN stays NaN.
    """
    out = np.full(len(values), np.nan)
    known = np.isfinite(values)
    _, place, count = np.unique(values[known], return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - 0.5 * count
    out[known] = middle[place] / max(known.sum(), 1)
    return out


def robust_z(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) deviation from the median in units of 1.4826 median absolute deviations.

    NaN where fewer than 5 values are known, or where more than half of them are equal: they have
    no spread to measure with.
    """
    known = np.isfinite(values)
    if known.sum() < MIN_LESIONS:
        return np.full(len(values), np.nan)
    return _standardised(values, values[known])


def ugly_duckling(measures: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each lesion is from the middle of its capture, all measures together.

    Parameters
    ----------
    measures : (N, P) float64
        One row a lesion.

    Returns
    -------
    (N,) float64
        Robust Mahalanobis distance by the root of the number of directions: about 1 for a usual
        lesion. NaN where a measure is missing, and for all where fewer than 20 lesions are
        complete or fewer than 3 measures have a spread.

    Notes
    -----
    The orthogonalised pairwise estimator of Maronna and Zamar, one step, then reweighted: each
    measure is standardised by median and MAD; correlations are (s(u + v)^2 - s(u - v)^2) /
    (s(u + v)^2 + s(u - v)^2) with s the MAD; along their eigenvectors the data are standardised
    again. Lesions within the 90 % quantile of chi squared there give the mean and the covariance
    of the final distance, which is scaled to have chi squared's median. Measures and directions
    without spread are left out. That a lesion unlike the patient's others deserves attention, and
    that distance from the patient's own centre finds it, is the ugly duckling sign made countable.

    References
    ----------
    Maronna, Zamar: Robust estimates of location and dispersion for high-dimensional datasets.
    Technometrics 44 (2002), doi:10.1198/004017002188618509.
    Soenksen et al.: Using deep learning for dermatologist-level detection of suspicious pigmented
    skin lesions from wide-field images. Sci Transl Med 13 (2021), doi:10.1126/scitranslmed.abb3652.
    """
    out = np.full(len(measures), np.nan)
    z = np.stack([robust_z(column) for column in measures.T], axis=1)
    z = z[:, np.isfinite(z).any(axis=0)]
    known = np.isfinite(z).all(axis=1)
    if known.sum() < MIN_FOR_DISTANCE or z.shape[1] < MIN_MEASURES:
        return out
    out[known] = _final_distance(z[known], _is_usual(z[known]))
    return out


def _is_usual(z: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(M,) whether a lesion is near enough to tell what is usual."""
    scaled = np.stack([_standardised(column, column) for column in _turned(z).T], axis=1)
    scaled = scaled[:, np.isfinite(scaled).all(axis=0)]
    square = (scaled**2).sum(axis=1)
    limit = np.median(square) * _chi2(0.9, scaled.shape[1]) / _chi2(0.5, scaled.shape[1])
    return np.asarray(square <= limit)


def _final_distance(z: NDArray[np.float64], usual: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(M,) Mahalanobis distance from the usual, by the root of the number of directions."""
    centred = z - z[usual].mean(axis=0)
    # einsum sums in a fixed order: a threaded product may round otherwise.
    spread = np.einsum("ni,nj->ij", centred[usual], centred[usual]) / usual.sum()
    variance, directions = np.linalg.eigh(spread)
    sound = variance > NO_SPREAD * variance.max()
    along = np.einsum("ni,ij->nj", centred, directions[:, sound])
    square = (along**2 / variance[sound]).sum(axis=1)
    width = int(sound.sum())
    return np.asarray(np.sqrt(square / np.median(square) * _chi2(0.5, width) / width))


def _chi2(quantile: float, freedom: int) -> float:
    """Quantile of chi squared."""
    return float(2.0 * gammaincinv(0.5 * max(freedom, 1), quantile))


def _numbers(columns: Mapping[str, NDArray[Any]], name: str, count: int) -> NDArray[np.float64]:
    return np.asarray(columns.get(name, np.full(count, np.nan)), np.float64)


def _within_parts(values: NDArray[np.float64], part: NDArray[Any]) -> NDArray[np.float64]:
    """Robust z within each known body part."""
    out = np.full(len(values), np.nan)
    for member in _parts(part):
        out[member] = robust_z(values[member])
    return out


def _parts(part: NDArray[Any]) -> Iterator[NDArray[np.bool_]]:
    for word in sorted({str(name) for name in part if name is not None} - {"Unknown", "", "nan"}):
        yield part == word


def _spread(values: NDArray[np.float64]) -> float:
    return float(MAD_TO_SD * np.median(np.abs(values - np.median(values))))


def _standardised(
    values: NDArray[np.float64], reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    spread = _spread(reference)
    if not spread > NO_SPREAD:
        return np.full(len(values), np.nan)
    scaled: NDArray[np.float64] = (values - np.median(reference)) / spread
    return scaled


def _turned(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, P) standardised measures along their robust principal directions."""
    width = z.shape[1]
    correlation = np.eye(width)
    for i in range(width):
        for j in range(i):
            summed, apart = _spread(z[:, i] + z[:, j]) ** 2, _spread(z[:, i] - z[:, j]) ** 2
            if summed + apart > 0:
                correlation[i, j] = correlation[j, i] = (summed - apart) / (summed + apart)
    directions = np.linalg.eigh(correlation)[1]
    return np.asarray(np.einsum("ni,ij->nj", z, directions))
