import numpy as np
import pytest

from tbp_extract.kernels import needles as kernels
from tests.naive import needles as naive


def found(data: bytes, width: int, starts: set[bytes], room: int) -> list[int]:
    keys = np.array([int.from_bytes(start, "big") for start in starts], np.uint64)
    table = np.zeros(64, np.uint64)
    kernels.fill_table(keys, np.uint64(kernels.SPREAD), table)
    out, first, places = np.empty(room, np.int64), 0, []
    while first < len(data):
        count, first = kernels.find_starts(
            np.frombuffer(data, np.uint8), first, width, table, np.uint64(kernels.SPREAD), out
        )
        places += out[:count].tolist()
    return places


@pytest.mark.parametrize("width", [1, 4, 7, 8])
@pytest.mark.parametrize("room", [1, 3, 1000])
def test_places_are_those_of_a_plain_search(width: int, room: int) -> None:
    rng = np.random.default_rng(width)
    # Few letters make many hits.
    data = rng.integers(97, 99, 3000, dtype=np.uint8).tobytes()
    starts = {data[at : at + width] for at in rng.integers(0, 2900, 5)}
    assert found(data, width, starts, room) == naive.find_starts(data, width, starts)


def test_data_shorter_than_a_start_holds_none() -> None:
    assert found(b"abc", 8, {b"abcdefgh"}, 4) == []
    assert found(b"", 4, {b"abcd"}, 4) == []
