import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tbp_extract.io.tiff import prepare_tiff
from tbp_extract.kernels.unpack import lzw_bytes, packbits_bytes
from tests.naive import unpack as naive

MOST = 1 << 40


def pieces(compression: str, pixels: np.ndarray[Any, Any]) -> list[tuple[bytes, int]]:
    """Strips as libtiff packs them, with the bytes that they stand for."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "TIFF", compression=compression)
    tiff = prepare_tiff(buffer.getvalue())
    return [(bytes(tiff.data[at : at + n]), raw) for at, n, raw in tiff.pieces]


KINDS = [("tiff_lzw", lzw_bytes, naive.lzw), ("packbits", packbits_bytes, naive.packbits)]


@pytest.mark.parametrize(("compression", "count", "twin"), KINDS)
@pytest.mark.parametrize("levels", [1, 2, 7, 256])
def test_what_libtiff_packs_unpacks_to_its_size(
    compression: str, count: Callable[..., int], twin: Callable[[bytes], bytes], levels: int
) -> None:
    pixels = np.random.default_rng(levels).integers(0, levels, (90, 70, 3), np.uint8)
    for data, raw in pieces(compression, pixels):
        assert count(np.frombuffer(data, np.uint8), MOST) == raw
        assert len(twin(data)) == raw


@pytest.mark.parametrize(("compression", "count", "twin"), KINDS)
def test_damaged_data_count_as_in_plain_python(
    compression: str, count: Callable[..., int], twin: Callable[[bytes], bytes | None]
) -> None:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 5, (40, 40, 3), np.uint8)
    data, _ = pieces(compression, pixels)[0]
    for _ in range(200):
        damaged = bytearray(data[: rng.integers(1, len(data) + 1)])
        damaged[rng.integers(len(damaged))] ^= 1 << rng.integers(8)
        expected = twin(bytes(damaged))
        found = count(np.frombuffer(damaged, np.uint8), MOST)
        assert found == (-1 if expected is None else len(expected))


def test_a_short_text_that_stands_for_much_is_left_early() -> None:
    assert packbits_bytes(np.frombuffer(b"\x81x" * 1000, np.uint8), 500) == 512
