"""Duplicates are found however they were saved, and nothing else is."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.challenge.duplicates import (
    DuplicatePairs,
    find_duplicates,
    group_pairs,
    similarity,
)
from tbp_extract.challenge.fingerprints import fingerprint
from tbp_extract.config import JpegConfig
from tbp_extract.config.challenge import DuplicateConfig
from tbp_extract.jpeg import decode_jpeg, encode_jpeg
from tests.centres import crop, picture

Pixels = NDArray[np.uint8]


def saved(pixels: Pixels, quality: int) -> bytes:
    return encode_jpeg(pixels, JpegConfig(quality=quality, subsampling="4:2:0"))


def resized(pixels: Pixels, side_px: int) -> Pixels:
    how = cv2.INTER_AREA if side_px < len(pixels) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (side_px, side_px), interpolation=how), np.uint8)


def lighter(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=1.1, beta=8), np.uint8)


COPIES: dict[str, Callable[[Pixels], bytes]] = {
    "better": lambda p: saved(p, 95),
    "worse": lambda p: saved(p, 60),
    "smaller": lambda p: saved(resized(p, 100), 85),
    "larger": lambda p: saved(resized(p, 200), 85),
    "lighter": lambda p: saved(lighter(p), 85),
}


def found(jpegs: list[bytes], config: DuplicateConfig | None = None) -> DuplicatePairs:
    return find_duplicates(
        fingerprint(jpegs, len(jpegs)),
        lambda k: decode_jpeg(jpegs[k]),
        config or DuplicateConfig(),
    )


def pairs_of(found: DuplicatePairs) -> set[tuple[int, int]]:
    return set(zip(found.first.tolist(), found.second.tolist(), strict=True))


@pytest.fixture(scope="module")
def pictures() -> list[Pixels]:
    return [picture(seed, 133) for seed in range(60)]


@pytest.mark.parametrize("how", COPIES)
def test_one_picture_saved_twice_is_found(pictures: list[Pixels], how: str) -> None:
    jpegs = [saved(p, 75) for p in pictures] + [COPIES[how](p) for p in pictures]
    count = len(pictures)
    assert pairs_of(found(jpegs)) == {(k, k + count) for k in range(count)}


@pytest.mark.parametrize("how", COPIES)
def test_photographs_saved_twice_are_found_and_others_are_not(data: Path, how: str) -> None:
    paths = sorted((data / "lesion_patches" / "img").glob("*.jpg"))
    photos = []
    for path in paths:
        pixels = decode_jpeg(path.read_bytes())
        side = min(pixels.shape[:2])
        photos.append(resized(pixels[:side, :side], 133))
    jpegs = [saved(p, 75) for p in photos] + [COPIES[how](p) for p in photos]
    count = len(photos)
    right = {(k, k + count) for k in range(count)}
    pairs = pairs_of(found(jpegs))
    assert pairs <= right
    # Photographs with hardly any detail cannot be told from their copies for certain.
    assert len(pairs) >= 0.95 * count


def test_different_lesions_are_far_from_the_limit(pictures: list[Pixels]) -> None:
    values = [similarity(a, b) for a, b in combinations(pictures, 2)]
    assert max(values) < DuplicateConfig().min_similarity - 0.2


def test_identical_pixels_are_found_whatever_the_bytes_and_without_comparing() -> None:
    jpegs = [crop(0), crop(1), crop(0), crop(2)]
    pairs = found(jpegs, DuplicateConfig(near=False))
    assert pairs_of(pairs) == {(0, 2)}
    assert pairs.similarity.tolist() == [1.0]


def test_many_identical_crops_are_one_group() -> None:
    jpegs = [crop(k % 2) for k in range(100)]
    pairs = found(jpegs)
    group = group_pairs(pairs, 100)
    assert group.tolist() == [k % 2 for k in range(100)]


def test_featureless_crops_are_the_same_only_if_identical() -> None:
    flat = [saved(np.full((41, 41, 3), grey, np.uint8), 75) for grey in (120, 120, 121, 130)]
    assert pairs_of(found(flat)) == {(0, 1)}


def test_groups_are_the_connected_parts_of_the_pairs() -> None:
    pairs = DuplicatePairs(np.array([0, 4, 2]), np.array([3, 5, 4]), np.ones(3))
    assert group_pairs(pairs, 7).tolist() == [0, 1, 2, 0, 2, 2, 6]


def test_one_crop_and_none_are_no_pairs() -> None:
    assert len(found([])) == 0
    assert len(found([crop(0)])) == 0


def test_the_work_does_not_grow_with_the_square() -> None:
    compared = []

    def read(k: int) -> Pixels:
        compared.append(k)
        return decode_jpeg(jpegs[k])

    jpegs = [crop(seed) for seed in range(1500)]
    find_duplicates(fingerprint(jpegs, len(jpegs)), read, DuplicateConfig())
    assert len(compared) < len(jpegs)
