"""Settings on what is released, and in which files."""

from typing import Annotated, Literal

from pydantic import Field

from tbp_extract.config.base import Section

__all__ = ["ReleaseConfig", "ShardConfig"]


class ReleaseConfig(Section):
    """What is released beyond the pixels."""

    coordinates: Literal["kept", "rounded", "withheld"] = "rounded"
    """``rounded``: to 10 mm. A constellation of exact positions is a fingerprint."""

    attribution: str | None = None
    """Used where the scan table gives none."""

    copyright_license: str | None = None
    """Used where the scan table gives none."""


class ShardConfig(Section):
    """How scans are grouped into files."""

    scans_per_shard: Annotated[int, Field(gt=0)] | None = None
    """``None``: about 64 shards a run, with 1 to 16 scans each."""
