"""The file that holds the release key."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from tbp_extract.errors import ConfigError, OutputError
from tbp_extract.io.files import PRIVATE_FILE, PRIVATE_FOLDER, write_whole
from tbp_extract.types import ReleaseKey

__all__ = ["KEY_BYTES", "read_key", "read_or_make_key"]

KEY_BYTES: Final = 32


def read_or_make_key(path: Path) -> ReleaseKey:
    """Read the release key; make a random one on first use.

    Parameters
    ----------
    path : Path
        64 hex digits, mode 0600. A missing folder is made with mode 0700.

    Raises
    ------
    ConfigError
        If the file may be read by others, is malformed or cannot be opened.
    OutputError
        If a new key cannot be written.
    """
    if not os.path.lexists(path):
        _make_key(path)
    return read_key(path)


def read_key(path: Path) -> ReleaseKey:
    """Read a release key that must be there.

    Raises
    ------
    ConfigError
        As `read_or_make_key`.
    """
    try:
        status = path.stat()
        _check_mode(status.st_mode)
        text = path.read_text(encoding="ascii").strip() if status.st_size <= 1024 else ""
    except OSError as error:
        raise ConfigError(f"cannot read the release key: {error.strerror}") from None
    except UnicodeDecodeError:
        text = ""
    if len(text) != 2 * KEY_BYTES or set(text.lower()) - set("0123456789abcdef"):
        raise ConfigError(
            f"expected a release key of {2 * KEY_BYTES} hex digits, got other text: give the key "
            "of an earlier run, or none to have one made"
        )
    return ReleaseKey(bytes.fromhex(text))


def _check_mode(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise ConfigError("expected the release key to be a file, got something else")
    if mode & 0o077:
        raise ConfigError(
            f"the release key must be readable by its owner alone, got mode {mode & 0o777:04o}: "
            "chmod 600 it"
        )


def _make_key(path: Path) -> None:
    """Write a new key under another name and link it: of two runs that start at once, one wins."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        write_whole(part, f"{secrets.token_hex(KEY_BYTES)}\n".encode(), mode=PRIVATE_FILE)
        os.link(part, path)
    except FileExistsError:
        return
    except OSError as error:
        raise OutputError(f"cannot write the release key: {error.strerror}") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
