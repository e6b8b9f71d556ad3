"""Settings on how a run goes about its work; none of them shapes a byte of the release."""

from typing import Annotated

from pydantic import Field

from tbp_extract.config.base import Positive, Section

__all__ = ["RunConfig"]

NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class RunConfig(Section):
    """What one scan may take, and when a run stops."""

    worker_memory_gb: Positive = 4.0
    """GiB of memory of its own that a worker may take; also how many workers ``auto`` starts."""

    scan_seconds: Positive = 900.0
    """How long one scan may take."""

    disk_reserve_gb: NotNegative = 1.0
    """GiB that stay free on the output's disk: with less, nothing new is started."""

    stop_seconds: NotNegative = 10.0
    """How long scans in work may take to finish once the run was told to stop."""
