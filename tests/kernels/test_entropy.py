import numpy as np
import pytest

from tbp_extract.config import JpegConfig
from tbp_extract.jpeg import encode_jpeg
from tbp_extract.kernels import entropy as kernels
from tbp_extract.verify.jpeg import _code_table
from tests.naive import entropy as naive
from tests.releases import make_pixels

CLASSES = [0, 1, 1]


def coded(size_px: int, seed: int) -> tuple[bytes, int, int]:
    """A JPEG, where its data begins and how many units it has."""
    jpeg = encode_jpeg(make_pixels(size_px, seed), JpegConfig(quality=80, subsampling="4:4:4"))
    return jpeg, jpeg.index(b"\xff\xda") + 14, (-(-size_px // 8)) ** 2


def walk(jpeg: bytes, start: int, units: int) -> int:
    data, classes = np.frombuffer(jpeg, np.uint8), np.array(CLASSES, np.uint8)
    return kernels.walk_entropy(data, start, _code_table(), classes, units)


@pytest.mark.parametrize("size_px", [16, 17, 41])
def test_the_walk_ends_where_one_bit_by_bit_does(size_px: int) -> None:
    jpeg, start, units = coded(size_px, size_px)
    assert walk(jpeg, start, units) == len(jpeg) - 2
    assert naive.walk_entropy(jpeg, start, _code_table(), CLASSES, units) == len(jpeg) - 2


@pytest.mark.parametrize("seed", range(20))
def test_damaged_data_ends_as_it_does_bit_by_bit(seed: int) -> None:
    jpeg, start, units = coded(24, 1)
    rng = np.random.default_rng(seed)
    spoilt = bytearray(jpeg)
    spoilt[rng.integers(start, len(jpeg) - 2)] ^= 1 << rng.integers(8)
    if spoilt.count(0xFF, start) == jpeg.count(0xFF, start):  # no marker was made or lost
        expected = naive.walk_entropy(bytes(spoilt), start, _code_table(), CLASSES, units)
        assert walk(bytes(spoilt), start, units) == expected


def test_a_unit_too_many_or_too_few_is_no_end() -> None:
    jpeg, start, units = coded(24, 2)
    assert walk(jpeg, start, units + 1) == -1
    assert walk(jpeg, start, units - 1) == -1
