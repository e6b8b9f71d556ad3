"""The pixels of a pool: read from the releases' shards when they are asked for."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.challenge.pool import Pool
from tbp_extract.errors import SourceError
from tbp_extract.io.shards import ShardReader
from tbp_extract.jpeg import decode_jpeg

__all__ = ["PoolCrops"]

CACHE_BYTES: Final = 1 << 18
"""For each open shard: with several centres some hundred of them are open."""


class PoolCrops:
    """Crops by their place in a pool; to be closed.

    Raises
    ------
    SourceError
        If a release lacks a crop that its table names.
    """

    def __init__(self, pool: Pool) -> None:
        self._release = pool.release
        self._ids: list[str] = pool.rows["isic_id"].to_pylist()
        self._readers = [ShardReader(folder, cache_bytes=CACHE_BYTES) for folder in pool.images]
        missing = sum(
            name not in self._readers[release]
            for name, release in zip(self._ids, pool.release.tolist(), strict=True)
        )
        if missing:
            self.close()
            raise SourceError(f"expected a crop for every row, got {missing} rows without one")

    def close(self) -> None:
        """Close all files."""
        for reader in self._readers:
            reader.close()

    def jpeg(self, crop: int) -> bytes:
        """Bytes of a crop."""
        reader: ShardReader = self._readers[self._release[crop]]
        return reader.jpeg(self._ids[crop])

    def pixels(self, crop: int) -> NDArray[np.uint8]:
        """Pixels of a crop, (H, W, 3) uint8 sRGB."""
        return decode_jpeg(self.jpeg(crop))

    @staticmethod
    def decode(jpeg: bytes) -> NDArray[np.uint8]:
        """Pixels of a crop from elsewhere."""
        return decode_jpeg(jpeg)
