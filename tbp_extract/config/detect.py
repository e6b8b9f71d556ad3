"""Settings on how lesions are found where no list names them."""

from typing import Annotated, Any

from pydantic import Field

from tbp_extract.config.base import Section

__all__ = ["DetectConfig"]


class DetectConfig(Section):
    """Which detector looks at a scan, and what of its finds goes on."""

    detector: Annotated[str, Field(min_length=1)] = "listed"
    """A name that comes with the package (``docs/detection.md``), or ``package.module:Class``."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of a ``package.module:Class``. Private: they may name files."""

    min_diameter_mm: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.5
    """A find that is smaller is dropped; a listed lesion never is for its size."""
