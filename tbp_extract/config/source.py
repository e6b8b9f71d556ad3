"""Settings on what is read: scans, their limits, lesion lists."""

from typing import Annotated

from pydantic import Field, model_validator

from tbp_extract.config.base import Axis, Positive, Section, Unit

__all__ = ["LesionConfig", "LimitConfig", "ScanConfig"]

Count = Annotated[int, Field(gt=0)]


class ScanConfig(Section):
    """How scans are read where the scan table does not say."""

    unit: Unit | None = None
    up: Axis = "+y"
    front: Axis = "+z"
    min_extent_m: Positive = 0.1
    max_extent_m: Positive = 2.6

    @model_validator(mode="after")
    def _check(self) -> "ScanConfig":
        if self.up[1] == self.front[1]:
            raise ValueError(f"up ({self.up}) and front ({self.front}) must be different axes")
        if self.min_extent_m >= self.max_extent_m:
            raise ValueError("min_extent_m must be below max_extent_m")
        return self


class LimitConfig(Section):
    """What one scan may claim before it is refused.

    All are checked on headers and sizes before anything of that size is made.
    """

    page_px: Annotated[int, Field(gt=0, le=32768)] = 16384
    """Longer side of a texture."""

    atlas_px: Count = 4 * 16384**2
    """Pixels of all textures of a scan together."""

    pages: Annotated[int, Field(gt=0, le=1024)] = 64
    faces: Count = 20_000_000
    """Triangles."""

    vertices: Count = 20_000_000
    """Positions; texture coordinates may be three times as many."""

    groups: Count = 100_000
    """Changes of material within a mesh."""

    mesh_bytes: Count = 2 * 1024**3
    """Of a mesh, or of a file with its buffers."""

    texture_bytes: Count = 2 * 1024**3
    material_bytes: Count = 16 * 1024**2
    table_bytes: Count = 64 * 1024**2
    """Of a lesion list or of ``scans.csv``."""

    line_bytes: Count = 1024**2
    """Of a line of text in a mesh, MTL file or table."""

    rows: Count = 1_000_000
    """Of ``scans.csv``."""

    table_columns: Count = 1000
    lesions: Count = 100_000
    """Rows of a lesion list."""


class LesionConfig(Section):
    """How listed lesions are put on the skin."""

    max_snap_mm: Positive = 5.0
    min_spacing_mm: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5
    max_off_surface_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """A list of which more lies off the skin is taken to be in another unit or other axes."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Our column name -> the list's column name."""
