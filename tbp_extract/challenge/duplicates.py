"""Duplicate crops: pixel-identical ones by digest, near-identical ones by hashing and comparison.

Plan. Identical crops share a digest. The others are hashed: the lowest cosine coefficients of the
luminance, centred and scaled over the set so that each says as much as any other, are projected
on random directions and their signs make a code (locality-sensitive hashing, Charikar 2002,
doi:10.1145/509907.509965). Crops that share a code in one of `TABLES` tables are candidates; where
many share one, only the `WINDOW` nearest in a finer order are. So the work grows with the number
of crops and not with its square. Candidates are then compared on their pixels.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.challenge.fingerprints import Fingerprints, luminance
from tbp_extract.config.challenge import DuplicateConfig

__all__ = ["DuplicatePairs", "find_duplicates", "group_pairs", "similarity"]

TABLES: Final = 10
BITS: Final = 18
WINDOW: Final = 32
SAMPLE: Final = 1 << 16
MIN_COSINE: Final = 0.8
MAX_LISTED_GROUP: Final = 32
COMPARE_PX: Final = 64
DETAIL_PX: Final = 3.0
NOISE_LEVELS: Final = 1.0
"""Strength of detail, in grey levels, that is not made stronger."""

MIN_DETAIL: Final = 0.25
"""SD of fine detail, in grey levels, below which a crop has none to compare."""

_SEED = 20240626
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class DuplicatePairs:
    """M pairs of crops that are the same picture."""

    first: NDArray[np.int64]
    """(M,) the lower index of each pair."""

    second: NDArray[np.int64]
    """(M,)."""

    similarity: NDArray[np.float64]
    """(M,) correlation of fine detail; 1 for identical pixels."""

    def __len__(self) -> int:
        return len(self.first)


def find_duplicates(
    prints: Fingerprints,
    read_pixels: Callable[[int], NDArray[np.uint8]],
    config: DuplicateConfig,
) -> DuplicatePairs:
    """Find all pairs of crops that are the same picture.

    Parameters
    ----------
    prints : Fingerprints
        Of N crops.
    read_pixels : callable
        From an index to (H, W, 3) uint8 pixels; called for candidates only.
    config : DuplicateConfig

    Returns
    -------
    DuplicatePairs
        Sorted; of many identical crops each is paired with the first alone.
    """
    identical, distinct = _identical(prints.pixels)
    pairs = {pair: 1.0 for pair in identical}
    if config.near:
        for a, b in _candidates(prints.coefficients[distinct]):
            pair = (int(distinct[a]), int(distinct[b]))
            value = similarity(read_pixels(pair[0]), read_pixels(pair[1]))
            if value >= config.min_similarity:
                pairs[pair] = value
    ordered = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    values = np.array([pairs[a, b] for a, b in ordered.tolist()], np.float64)
    return DuplicatePairs(ordered[:, 0], ordered[:, 1], values)


def similarity(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Correlate the fine detail of two crops, at a common size.

    Two lesions alike in size and shade correlate in their broad shape, but not in detail; one
    picture saved twice does in both. Returns 0 where a crop has no detail.
    """
    greys = [luminance(pixels, COMPARE_PX) for pixels in (one, other)]
    details = [grey - cv2.GaussianBlur(grey, (0, 0), DETAIL_PX) for grey in greys]
    if min(float(detail.std()) for detail in details) < MIN_DETAIL:
        return 0.0
    first, second = (_evened(detail) for detail in details)
    return float(np.mean(first * second) / (first.std() * second.std()))


def group_pairs(pairs: DuplicatePairs, count: int) -> NDArray[np.int64]:
    """Find each crop's group of duplicates: (count,) the lowest index in it."""
    group = np.arange(count)
    for a, b in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True):
        low, high = sorted((_root(group, a), _root(group, b)))
        group[high] = low
    for k in np.flatnonzero(group != np.arange(count)):
        group[k] = _root(group, int(k))
    return group


def _root(group: NDArray[np.int64], k: int) -> int:
    while group[k] != k:
        group[k] = group[group[k]]
        k = int(group[k])
    return k


def _evened(detail: NDArray[np.float32]) -> NDArray[np.float32]:
    """Detail of equal strength everywhere: else the edges of any two round lesions agree."""
    strength = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), DETAIL_PX))
    evened = detail / (strength + NOISE_LEVELS)
    return np.asarray(evened - evened.mean(), np.float32)


def _identical(digests: NDArray[Any]) -> tuple[list[tuple[int, int]], NDArray[np.int64]]:
    """Pairs of equal digests, and the first crop of each digest."""
    keys = digests.view(np.uint64).reshape(-1, 2)
    order = np.lexsort((np.arange(len(keys)), keys[:, 1], keys[:, 0]))
    new = np.ones(len(keys), np.bool_)
    new[1:] = (keys[order[1:]] != keys[order[:-1]]).any(axis=1)
    pairs: list[tuple[int, int]] = []
    for members in np.split(order, np.flatnonzero(new)[1:]):
        if len(members) > 1:
            pairs += _within(members.tolist())
    return pairs, np.sort(order[new])


def _within(members: list[int]) -> Iterator[tuple[int, int]]:
    hubs = members if len(members) <= MAX_LISTED_GROUP else members[:1]
    for k, a in enumerate(hubs):
        for b in members[k + 1 :]:
            yield (a, b)


def _candidates(coefficients: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Pairs that share a code and whose coefficients point the same way."""
    if len(coefficients) < 2:
        return []
    scaled = _standardised(coefficients)
    codes = _codes(scaled)
    found = [_same_code(codes, table, scaled) for table in range(TABLES)]
    unique = np.unique(np.concatenate(found), axis=0)
    return [(int(a), int(b)) for a, b in unique]


def _standardised(coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Centred and scaled, by the medians of a sample, to vectors of length 1."""
    sample = coefficients[:: -(-len(coefficients) // SAMPLE)]
    middle = np.median(sample, axis=0)
    spread = np.median(np.abs(sample - middle), axis=0)
    spread[spread == 0] = 1
    scaled = np.empty_like(coefficients)
    for start in range(0, len(coefficients), _CHUNK):
        part = (coefficients[start : start + _CHUNK] - middle) / spread
        length = np.linalg.norm(part, axis=1, keepdims=True)
        scaled[start : start + _CHUNK] = part / np.where(length > 0, length, 1)
    return scaled


def _codes(scaled: NDArray[np.float32]) -> NDArray[np.uint32]:
    """(N, TABLES) codes of BITS bits."""
    rng = np.random.default_rng(_SEED)
    directions = rng.normal(size=(scaled.shape[1], TABLES * BITS)).astype(np.float32)
    weights = (1 << np.arange(BITS)).astype(np.uint32)
    codes = np.empty((len(scaled), TABLES), np.uint32)
    for start in range(0, len(scaled), _CHUNK):
        signs = scaled[start : start + _CHUNK] @ directions > 0
        bits = signs.reshape(len(signs), TABLES, BITS)
        codes[start : start + _CHUNK] = (bits * weights).sum(axis=2, dtype=np.uint32)
    return codes


def _same_code(
    codes: NDArray[np.uint32], table: int, scaled: NDArray[np.float32]
) -> NDArray[np.int64]:
    """(M, 2) pairs of one table, lower index first."""
    finer = [codes[:, (table + k) % TABLES] for k in (2, 1, 0)]
    order = np.lexsort(finer)
    code = codes[order, table]
    found = [np.empty((0, 2), np.int64)]
    for step in range(1, min(WINDOW, len(order) - 1) + 1):
        at = np.flatnonzero(code[step:] == code[:-step])
        if not len(at):
            break
        pairs = np.stack((order[at], order[at + step]), axis=1)
        found.append(_alike(pairs, scaled))
    return np.sort(np.concatenate(found), axis=1)


def _alike(pairs: NDArray[np.int64], scaled: NDArray[np.float32]) -> NDArray[np.int64]:
    keep = np.empty(len(pairs), np.bool_)
    for start in range(0, len(pairs), _CHUNK):
        part = pairs[start : start + _CHUNK]
        cosine = np.einsum("ij,ij->i", scaled[part[:, 0]], scaled[part[:, 1]])
        keep[start : start + _CHUNK] = cosine >= MIN_COSINE
    return pairs[keep]
