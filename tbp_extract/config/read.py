"""TOML to settings; whatever is wrong is said in one sentence."""

import difflib
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tbp_extract.config.base import Section
from tbp_extract.config.whole import Config
from tbp_extract.errors import ConfigError

__all__ = ["parse_config", "parse_settings", "read_config", "read_settings"]

AnySection = TypeVar("AnySection", bound=Section)

_MOST_BYTES = 1 << 18
_MOST_SENTENCES = 10
_MOST_SHOWN = 80
"""Characters of a value or name in a message."""


def read_config(path: Path | None) -> Config:
    """Read settings from a TOML file; ``None`` gives the defaults.

    Raises
    ------
    ConfigError
        Naming the setting, what it takes and, for an unknown one, the nearest that exists.
    """
    return read_settings(path, Config)


def parse_config(settings: dict[str, Any]) -> Config:
    """Check settings that were read elsewhere.

    Raises
    ------
    ConfigError
        As `read_config`.
    """
    return parse_settings(settings, Config)


def read_settings(path: Path | None, kind: type[AnySection]) -> AnySection:
    """Read settings of any kind from a TOML file; ``None`` gives the defaults.

    Raises
    ------
    ConfigError
        As `read_config`.
    """
    if path is None:
        return parse_settings({}, kind)
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read the configuration: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"the configuration has more than {_MOST_BYTES} bytes: is it TOML?")
    return parse_settings(_parse_toml(data), kind)


def _parse_toml(data: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except RecursionError as error:
        raise ConfigError("the configuration is not valid TOML: it nests too deeply") from error
    # A number of thousands of digits is a plain ValueError.
    except ValueError as error:
        raise ConfigError(f"the configuration is not valid TOML: {error}") from error


def parse_settings(settings: dict[str, Any], kind: type[AnySection]) -> AnySection:
    """Check settings of any kind that were read elsewhere.

    Raises
    ------
    ConfigError
        As `read_config`.
    """
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        wrong = error.errors()
        sentences = [_sentence(e, kind) for e in wrong[:_MOST_SENTENCES]]
        more = [f"and {len(wrong) - len(sentences)} more"] if len(wrong) > len(sentences) else []
        raise ConfigError("; ".join(sentences + more)) from error


def _sentence(error: Any, kind: type[BaseModel]) -> str:
    place = tuple(str(part)[:_MOST_SHOWN] for part in error["loc"])
    name = ".".join(place)
    if error["type"] != "extra_forbidden":
        return f"setting {name or 'as a whole'}: {error['msg']}, got {_short(error['input'])}"
    known = _settings_at(place[:-1], kind)
    near = difflib.get_close_matches(place[-1], known, n=1, cutoff=0.0)
    hint = ".".join((*place[:-1], near[0])) if near else "none here"
    return f"unknown setting {name}: the nearest that exists is {hint}"


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}..."


def _settings_at(place: tuple[str, ...], section: type[BaseModel]) -> list[str]:
    for part in place:
        annotation = section.model_fields[part].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        section = annotation
    return list(section.model_fields)
