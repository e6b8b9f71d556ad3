"""What one scan gave, whatever kind of scan it was."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from tbp_extract.types import Drops, EmptyReason, Release

__all__ = ["ScanResult"]


@dataclass(frozen=True, slots=True, eq=False)
class ScanResult:
    """What one scan gave."""

    release: Release

    linkage: Mapping[str, NDArray[Any]]
    """Private rows by column of ``LINKAGE_COLUMNS``."""

    drops: Drops
    """Candidates that are not in the release."""

    empty: EmptyReason | None
    """Why the scan has no lesion to export, where it has none."""

    found: int
    """Candidates that the list or the detectors gave, counted before anything was left out."""

    tags: Mapping[str, int] = field(default_factory=dict)
    """Exported lesions by how a tag and a find met, where tags stand beside a detector."""

    attachments: Mapping[str, bytes] = field(default_factory=dict)
    """Files for the private side, by name; they never reach the release."""

    view_share: float = 0.0
    """Largest share of a body part that its crops may show; 0 where there is no mesh to tell."""
