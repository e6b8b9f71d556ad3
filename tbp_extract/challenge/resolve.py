"""What becomes of duplicates."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tbp_extract.challenge.duplicates import DuplicatePairs, group_pairs
from tbp_extract.challenge.fates import Fate
from tbp_extract.challenge.keyed import digest
from tbp_extract.challenge.labels import Labelling
from tbp_extract.challenge.pool import Pool
from tbp_extract.types import ReleaseKey

__all__ = ["resolve_duplicates"]


def resolve_duplicates(
    fate: NDArray[np.object_],
    pool: Pool,
    labels: Labelling,
    compared: NDArray[np.int64],
    pairs: DuplicatePairs,
    policy: Literal["drop", "same_split", "keep"],
    key: ReleaseKey,
) -> None:
    """Leave out what was published before, and by policy all but one crop of each group.

    Of a group stays a crop of the earliest centre, of these one with a diagnosis of its own, of
    these one that the key chooses; where crops with different diagnoses of their own are the same
    picture, at most one diagnosis can be right and none stays.

    Parameters
    ----------
    fate : (N,) object
        Overwritten where a crop is left out.
    pool, labels
    compared : (C,) int64
        Crops that were compared.
    pairs : DuplicatePairs
        Places in `compared`, or behind its end for crops of earlier releases.
    policy : str
    key : ReleaseKey
    """
    total = max(int(pairs.second.max(initial=-1)) + 1, len(compared))
    group = group_pairs(pairs, total)
    published = np.unique(group[len(compared) :])
    old = np.isin(group[: len(compared)], published)
    fate[compared[old]] = Fate.PUBLISHED_BEFORE
    if policy != "drop":
        return
    group = group[: len(compared)]
    order = np.argsort(group, kind="stable")
    bounds = np.flatnonzero(np.diff(group[order])) + 1
    ids = pool.rows["isic_id"]
    for members in np.split(order, bounds):
        if len(members) < 2 or old[members[0]]:
            continue
        crops = compared[members].tolist()
        own = [c for c in crops if labels.label[c] >= 0]
        if len({labels.diagnosis(c) for c in own}) > 1:
            fate[crops] = Fate.DUPLICATE
            continue
        first = min(pool.centre[c] for c in crops)
        among = [c for c in crops if pool.centre[c] == first]
        among = [c for c in among if labels.label[c] >= 0] or among
        stays = min(among, key=lambda c: digest(key, "duplicate", ids[c].as_py()))
        fate[[c for c in crops if c != stays]] = Fate.DUPLICATE
