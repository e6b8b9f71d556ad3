"""Numbers and ids that the key and one thing alone decide, so that nothing else moves them."""

import json
from collections.abc import Iterable
from typing import Final

from tbp_extract.config.challenge import IdConfig
from tbp_extract.deidentify import keyed_fingerprint
from tbp_extract.errors import ConfigError
from tbp_extract.types import ReleaseKey

__all__ = ["digest", "name_all", "uniform"]

TOKEN_CHARACTERS: Final = 12
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def digest(key: ReleaseKey, *parts: str) -> int:
    """Hash private texts under the key, to a number of 256 bits."""
    return int(keyed_fingerprint(key, json.dumps(["challenge 1", *parts])), 16)


def uniform(key: ReleaseKey, *parts: str) -> float:
    """Hash private texts under the key, to [0, 1)."""
    return (digest(key, *parts) >> 203) / (1 << 53)


def name_all(
    key: ReleaseKey, kind: str, things: Iterable[tuple[str, ...]], prefix: str, config: IdConfig
) -> list[str]:
    """Make released ids that say nothing about what they name.

    Parameters
    ----------
    key : ReleaseKey
    kind : str
        What is named: equal things of two kinds get unrelated ids.
    things : iterable of tuple of str
        Distinct private names. Where two would get one id the later one gets another, so that
        things added at the end move none.
    prefix : str
    config : IdConfig

    Raises
    ------
    ConfigError
        If there are more things than numbers of that many digits leave room for.
    """
    taken: dict[str, None] = {}
    for count, thing in enumerate(things):
        if config.style == "digits" and count > 10**config.digits // 2:
            raise ConfigError(
                f"setting ids.digits: {config.digits} digits leave no room for over {count} ids"
            )
        attempt = 0
        while (name := prefix + _body(digest(key, kind, *thing, str(attempt)), config)) in taken:
            attempt += 1
        taken[name] = None
    return list(taken)


def _body(number: int, config: IdConfig) -> str:
    if config.style == "digits":
        return f"{number % 10**config.digits:0{config.digits}d}"
    return "".join(_ALPHABET[number >> 5 * k & 31] for k in range(TOKEN_CHARACTERS))
