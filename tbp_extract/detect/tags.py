"""A person's tags beside a detector's finds: which tag means which find."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from tbp_extract.detect import Found, chosen
from tbp_extract.geometry import point_positions
from tbp_extract.types import (
    Candidates,
    CandidateSource,
    DropReason,
    Drops,
    EmptyReason,
    Surface,
    TagMatch,
)

__all__ = ["TAG_MATCH", "match_tags", "pair_up"]

TAG_MATCH: Final = "tag_match"
"""Name of the outcome among the further columns of candidates."""

_NO_FIND: Final = frozenset({DropReason.DUPLICATE_POSITION, DropReason.UNTEXTURED})
"""Drops that no tag can mean: a repeat of another find, a place without an image."""


def match_tags(found: Found, tags: Found, surface: Surface, *, distance_mm: float) -> Found:
    """Join what a detector found with what a person tagged on the same scan.

    Tags and finds are paired one to one by their distance in space: first with the lesions that
    the detector accepts, then, where a tag is left, with those that it rejected.

    - A tag on a lesion: one candidate, at the detector's place, under the tag's id.
    - A tag on a rejected find: one candidate at the tag's place; the person overrules.
    - A tag without a find: a candidate at the tag's place.
    - A lesion without a tag: a candidate as found.

    Parameters
    ----------
    found : Found
        Of a detector.
    tags : Found
        Of `Listed`: tags off the skin stay dropped.
    surface : Surface
        Of the same scan.
    distance_mm : float
        How far a tag may lie from the middle of a find; a lesion of larger radius is met anywhere
        within it.

    Returns
    -------
    Found
        Candidates with the further column ``tag_match`` (values of `TagMatch`): those of the
        detector in their order, then tags alone in theirs. Ids of finds without a tag get a prefix
        that no id of the list has.
    """
    finds, listed = found.candidates, tags.candidates
    tag_mm = point_positions(surface, listed.face, listed.barycentric)
    find_mm = point_positions(surface, finds.face, finds.barycentric)
    reach_mm = np.fmax(0.5 * finds.diameter_mm.astype(np.float64), distance_mm)
    lesion = pair_up(tag_mm, find_mm, reach_mm)
    left = np.flatnonzero(lesion < 0)
    meant = np.array([reason not in _NO_FIND for reason in found.drops.reason], np.bool_)
    place_mm = np.where(meant[:, None], found.drops.position_mm, np.nan)
    rejected = np.full(len(listed), -1, np.intp)
    rejected[left] = pair_up(tag_mm[left], place_mm, np.full(len(meant), distance_mm))
    prefix = _free_prefix(listed.lesion_id + tags.drops.lesion_id)
    return _join(_Sides(found, tags), lesion, rejected, prefix)


def pair_up(
    one_mm: NDArray[np.float64], two_mm: NDArray[np.float64], reach_mm: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Pair places one to one: as many pairs as possible, then as little distance as possible.

    Parameters
    ----------
    one_mm : (N, 3) float64
    two_mm : (M, 3) float64
        NaN for a place that is not known, which is in no pair.
    reach_mm : (M,) float64
        How far from each of these the other may lie.

    Returns
    -------
    (N,) intp
        The other's row; -1 for none.
    """
    out = np.full(len(one_mm), -1, np.intp)
    near = _near(one_mm, two_mm, reach_mm)
    if not len(near.one):
        return out
    n, m = len(one_mm), len(two_mm)
    graph = coo_array((np.ones(len(near.one)), (near.one, n + near.two)), shape=(n + m, n + m))
    _, group = connected_components(graph, directed=False)
    # Within a group every place that is not in reach costs more than all that are together.
    too_far = 1.0 + near.away_mm.sum()
    order = np.argsort(group[near.one], kind="stable")
    for pairs in np.split(order, np.flatnonzero(np.diff(group[near.one][order])) + 1):
        rows, row = np.unique(near.one[pairs], return_inverse=True)
        cols, col = np.unique(near.two[pairs], return_inverse=True)
        cost = np.full((len(rows), len(cols)), too_far)
        cost[row, col] = near.away_mm[pairs]
        first, second = linear_sum_assignment(cost)
        good = cost[first, second] < too_far
        out[rows[first[good]]] = cols[second[good]]
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Near:
    """Pairs within reach."""

    one: NDArray[np.intp]
    two: NDArray[np.intp]
    away_mm: NDArray[np.float64]


def _near(
    one_mm: NDArray[np.float64], two_mm: NDArray[np.float64], reach_mm: NDArray[np.float64]
) -> _Near:
    known = np.flatnonzero(np.isfinite(two_mm).all(axis=1))
    if not len(one_mm) or not len(known):
        return _Near(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0))
    hits = KDTree(one_mm).query_ball_point(two_mm[known], reach_mm[known], return_sorted=True)
    two = np.repeat(known, [len(hit) for hit in hits])
    one = np.array([row for hit in hits for row in hit], np.intp)
    return _Near(one, two, np.linalg.norm(one_mm[one] - two_mm[two], axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class _Sides:
    found: Found
    tags: Found


def _join(
    sides: _Sides, lesion: NDArray[np.intp], rejected: NDArray[np.intp], prefix: str
) -> Found:
    finds, listed = sides.found.candidates, sides.tags.candidates
    tag_of = np.full(len(finds), -1, np.intp)
    tag_of[lesion[lesion >= 0]] = np.flatnonzero(lesion >= 0)
    alone = np.flatnonzero(lesion < 0)
    candidates = _stacked(
        _with_tags(finds, listed, tag_of, prefix),
        _overruling(chosen(listed, alone), rejected[alone]),
    )
    drops = _left_drops(sides, rejected, prefix)
    why_none = EmptyReason.ALL_DROPPED if len(drops) else sides.found.empty
    empty = None if len(candidates) else why_none
    return replace(sides.found, candidates=candidates, drops=drops, empty=empty)


def _with_tags(
    finds: Candidates, listed: Candidates, tag_of: NDArray[np.intp], prefix: str
) -> Candidates:
    """Give finds what their tag says: its id, its columns, and its diameter if it has one."""
    met = tag_of >= 0
    ids = [
        listed.lesion_id[tag] if tag >= 0 else prefix + name
        for tag, name in zip(tag_of, finds.lesion_id, strict=True)
    ]
    diameter_mm = finds.diameter_mm.copy()
    # What a detector says of a size is no diameter that was given.
    diameter_mm[met] = listed.diameter_mm[tag_of[met]]
    extra = {name: _spread(values, tag_of) for name, values in listed.extra.items()}
    extra[TAG_MATCH] = np.where(met, str(TagMatch.TAGGED), str(TagMatch.UNTAGGED)).astype(object)
    source = zip(met, finds.source, strict=True)
    return replace(
        finds,
        diameter_mm=diameter_mm,
        source=tuple(CandidateSource.BOTH if m else s for m, s in source),
        lesion_id=tuple(ids),
        extra={**finds.extra, **extra},
    )


def _overruling(alone: Candidates, rejected: NDArray[np.intp]) -> Candidates:
    """Say of tags on no accepted lesion whether they overrule a rejection."""
    met = rejected >= 0
    outcome = np.where(met, str(TagMatch.TAGGED_NL), str(TagMatch.UNMATCHED)).astype(object)
    return replace(alone, extra={**alone.extra, TAG_MATCH: outcome})


def _left_drops(sides: _Sides, rejected: NDArray[np.intp], prefix: str) -> Drops:
    """Drop what neither side keeps: finds that no tag overruled, then tags that were dropped."""
    drops, tag_drops = sides.found.drops, sides.tags.drops
    left = np.setdiff1d(np.arange(len(drops)), rejected[rejected >= 0])
    return Drops(
        lesion_id=tuple(prefix + drops.lesion_id[row] for row in left) + tag_drops.lesion_id,
        reason=tuple(drops.reason[row] for row in left) + tag_drops.reason,
        position_mm=np.concatenate((drops.position_mm[left], tag_drops.position_mm)),
    )


def _stacked(one: Candidates, two: Candidates) -> Candidates:
    return Candidates(
        face=np.concatenate((one.face, two.face)),
        barycentric=np.concatenate((one.barycentric, two.barycentric)),
        diameter_mm=np.concatenate((one.diameter_mm, two.diameter_mm)),
        score=np.concatenate((one.score, two.score)),
        source=one.source + two.source,
        lesion_id=one.lesion_id + two.lesion_id,
        extra={
            name: np.concatenate((_column(one, name, two), _column(two, name, one)))
            for name in {**one.extra, **two.extra}
        },
    )


def _column(of: Candidates, name: str, like: Candidates) -> NDArray[Any]:
    """Take a further column; missing where one side does not have it."""
    if name in of.extra:
        return of.extra[name]
    return _spread(like.extra[name], np.full(len(of), -1, np.intp))


def _spread(values: NDArray[Any], row: NDArray[np.intp]) -> NDArray[Any]:
    """``values[row]``; missing where the row is -1."""
    missing = np.nan if values.dtype.kind == "f" else None
    out = np.full(len(row), missing, values.dtype if values.dtype.kind == "f" else object)
    out[row >= 0] = values[row[row >= 0]]
    return out


def _free_prefix(ids: tuple[str, ...]) -> str:
    prefix = "find:"
    while any(name.startswith(prefix) for name in ids):
        prefix = "_" + prefix
    return prefix
