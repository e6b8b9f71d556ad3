"""Settings on what is released, and in which files."""

from typing import Annotated, Literal

from pydantic import Field

from tbp_extract.config.base import Positive, Section

__all__ = ["ReleaseConfig", "ShardConfig"]


Released = Literal["released", "withheld"]


class ReleaseConfig(Section):
    """What is released beyond the pixels."""

    coordinates: Literal["kept", "rounded", "normalised", "withheld"] = "rounded"
    """``rounded``: to 10 mm. ``normalised``: shares of the body part's extent instead of mm. A
    constellation of exact positions is a fingerprint."""

    age_step_years: Literal[5, 10] = 5
    age: Released = "released"
    sex: Released = "released"

    site: Released = "released"
    """``anatom_site_general``, ``tbp_lv_location`` and ``tbp_lv_location_simple``."""

    centre: Released = "released"
    """``attribution``: who took the scans."""

    capture_day: Literal["shifted", "withheld"] = "withheld"
    """``shifted``: days counted from a secret day of each patient's own."""

    attribution: str | None = None
    """Used where the scan table gives none, or one that is not among ``attributions``."""

    attributions: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """What a scan table may say in ``attribution``: other text of a source never leaves."""

    copyright_license: str | None = None
    """Used where the scan table gives none, or none of CC-0, CC-BY and CC-BY-NC."""


class ShardConfig(Section):
    """How crops are grouped into files."""

    max_mb: Positive = 256.0
    """There are as many shards, a power of two, as keep the mean below this many MiB of crops.
    Putting one together takes about four times as much memory."""
