"""Settings on what a crop looks like."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tbp_extract.config.base import Section

__all__ = ["CropConfig", "JpegConfig"]


class CropConfig(Section):
    """What a crop looks like."""

    extent_mm: Annotated[float, Field(ge=1, le=200)] = 15.0
    projection: Literal["orthographic", "geodesic"] = "orthographic"
    sampling: Literal["fixed", "native"] = "fixed"
    size_px: Annotated[int, Field(ge=16, le=4096)] = 133
    native_min_px: Annotated[int, Field(ge=17, le=4095)] = 41
    native_max_px: Annotated[int, Field(ge=17, le=4095)] = 269

    @model_validator(mode="after")
    def _check(self) -> "CropConfig":
        if self.native_min_px % 2 == 0 or self.native_max_px % 2 == 0:
            raise ValueError("native_min_px and native_max_px must be odd")
        if self.native_min_px > self.native_max_px:
            raise ValueError("native_min_px must not exceed native_max_px")
        return self


class JpegConfig(Section):
    """How crops are encoded."""

    quality: Annotated[int, Field(ge=1, le=100)] = 95
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0"] = "4:4:4"
