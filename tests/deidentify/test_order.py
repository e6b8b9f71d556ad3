"""A release is in the order of its ids, which ``verify`` checks: here, that ids tell nothing."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.deidentify import lesion_pseudonym, order_digest, shard_index
from tbp_extract.risk.order import adjacency, natural_ranks, rank_correlation
from tbp_extract.types import ReleaseKey

PATIENTS, LESIONS, SHARDS = 60, 150, 16
KEY = ReleaseKey(b"order" + bytes(27))


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """Crops in the order of their ids, as numbers of what they belong to."""

    ids: tuple[str, ...]
    patient: NDArray[np.int64]
    scan: NDArray[np.int64]
    lesion: NDArray[np.int64]


@pytest.fixture(scope="module")
def released() -> Order:
    rows, scan = [], 0
    for patient in range(PATIENTS):
        for _ in range(patient % 3 + 1):
            rows += [
                (lesion_pseudonym(KEY, f"scan {scan:04d}", f"L{k:04d}"), patient, scan, k)
                for k in range(LESIONS)
            ]
            scan += 1
    rows.sort()
    numbers = np.array([row[1:] for row in rows]).T
    return Order(tuple(row[0] for row in rows), *numbers)


@pytest.mark.parametrize("name", ["patient", "scan", "lesion"])
def test_order_follows_nothing_private(released: Order, name: str) -> None:
    place = np.arange(len(released.ids), dtype=np.float64)
    private = natural_ranks(getattr(released, name).tolist())
    assert abs(rank_correlation(place, private)) < 0.05


@pytest.mark.parametrize("name", ["patient", "scan"])
def test_neighbours_belong_together_as_often_as_in_a_shuffle(released: Order, name: str) -> None:
    assert abs(adjacency(getattr(released, name)).excess) < 0.01


def test_shards_hold_crops_of_a_scan_together_no_more_than_chance(released: Order) -> None:
    shard = np.array([shard_index(isic_id, SHARDS) for isic_id in released.ids])
    both = np.unique(released.scan * SHARDS + shard, return_counts=True)[1]
    pairs_of_scan = len(np.unique(released.scan)) * LESIONS * (LESIONS - 1)
    together = (both * (both - 1)).sum() / pairs_of_scan
    sizes = np.bincount(shard)
    n = len(shard)
    assert abs(together - (sizes * (sizes - 1)).sum() / (n * (n - 1))) < 0.01


def test_scans_are_planned_in_an_order_that_says_nothing() -> None:
    order = np.argsort([order_digest(KEY, f"scan {k:04d}") for k in range(2000)])
    ranks = np.argsort(order).astype(np.float64)
    # A shuffle's coefficient has a standard deviation of 0.022.
    assert abs(rank_correlation(ranks, np.arange(2000.0))) < 0.09
