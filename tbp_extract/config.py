"""Settings: TOML in, one frozen ``Config`` out; defaults and limits stand here and nowhere else."""

import difflib
import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tbp_extract.errors import ConfigError

__all__ = [
    "Axis",
    "Config",
    "CropConfig",
    "JpegConfig",
    "LesionConfig",
    "LimitConfig",
    "ReleaseConfig",
    "ScanConfig",
    "ShardConfig",
    "Unit",
    "parse_config",
    "read_config",
]

Unit = Literal["mm", "cm", "m", "in"]
Axis = Literal["+x", "-x", "+y", "-y", "+z", "-z"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ScanConfig(_Section):
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


class LimitConfig(_Section):
    """What one scan may claim before it is refused."""

    page_px: Annotated[int, Field(gt=0, le=32768)] = 16384
    pages: Annotated[int, Field(gt=0, le=1024)] = 64
    faces: Annotated[int, Field(gt=0)] = 20_000_000
    file_bytes: Annotated[int, Field(gt=0)] = 4 * 1024**3
    lesions: Annotated[int, Field(gt=0)] = 100_000


class LesionConfig(_Section):
    """How listed lesions are put on the skin."""

    max_snap_mm: Positive = 5.0
    min_spacing_mm: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5
    max_off_surface_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """A list of which more lies off the skin is taken to be in another unit or other axes."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Our column name -> the list's column name."""


class CropConfig(_Section):
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


class JpegConfig(_Section):
    """How crops are encoded."""

    quality: Annotated[int, Field(ge=1, le=100)] = 95
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0"] = "4:4:4"


class ReleaseConfig(_Section):
    """What is released beyond the pixels."""

    coordinates: Literal["kept", "rounded", "withheld"] = "rounded"
    """``rounded``: to 10 mm. A constellation of exact positions is a fingerprint."""

    attribution: str | None = None
    """Used where the scan table gives none."""

    copyright_license: str | None = None
    """Used where the scan table gives none."""


class ShardConfig(_Section):
    """How scans are grouped into files."""

    scans_per_shard: Annotated[int, Field(gt=0)] | None = None
    """``None``: about 64 shards a run, with 1 to 16 scans each."""


class Config(_Section):
    """All settings that shape the output."""

    scan: ScanConfig = ScanConfig()
    limits: LimitConfig = LimitConfig()
    lesions: LesionConfig = LesionConfig()
    crop: CropConfig = CropConfig()
    jpeg: JpegConfig = JpegConfig()
    release: ReleaseConfig = ReleaseConfig()
    shards: ShardConfig = ShardConfig()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all settings, defaults included."""
        return _hashed(self.model_dump(mode="json"))

    @property
    def public_settings(self) -> dict[str, Any]:
        """Settings as a release may state them: without the column names of a source."""
        return self.model_dump(mode="json", exclude={"lesions": {"columns"}})

    @property
    def public_fingerprint(self) -> str:
        """SHA-256 over the public settings."""
        return _hashed(self.public_settings)


def _hashed(settings: dict[str, Any]) -> str:
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_config(path: Path | None) -> Config:
    """Read settings from a TOML file; ``None`` gives the defaults.

    Raises
    ------
    ConfigError
        Naming the setting, what it takes and, for an unknown one, the nearest that exists.
    """
    if path is None:
        return Config()
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration is not valid TOML: {error}") from error
    return parse_config(settings)


def parse_config(settings: dict[str, Any]) -> Config:
    """Check settings that were read elsewhere.

    Raises
    ------
    ConfigError
        As `read_config`.
    """
    try:
        return Config.model_validate(settings)
    except ValidationError as error:
        raise ConfigError("; ".join(_sentence(e) for e in error.errors())) from error


def _sentence(error: Any) -> str:
    place = tuple(str(part) for part in error["loc"])
    name = ".".join(place)
    if error["type"] != "extra_forbidden":
        return f"setting {name or 'as a whole'}: {error['msg']}, got {error['input']!r}"
    known = _settings_at(place[:-1])
    near = difflib.get_close_matches(place[-1], known, n=1, cutoff=0.0)
    hint = ".".join((*place[:-1], near[0])) if near else "none here"
    return f"unknown setting {name}: the nearest that exists is {hint}"


def _settings_at(place: tuple[str, ...]) -> list[str]:
    section: type[BaseModel] = Config
    for part in place:
        annotation = section.model_fields[part].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        section = annotation
    return list(section.model_fields)
