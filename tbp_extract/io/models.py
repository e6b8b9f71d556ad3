"""Models that a run is given."""

import hashlib
from pathlib import Path

from tbp_extract.errors import ConfigError

__all__ = ["read_model"]


def read_model(path: Path, sha256: str | None) -> bytes:
    """Read a model's file whole.

    Parameters
    ----------
    path : Path
    sha256 : str, optional
        What it must hash to.

    Raises
    ------
    ConfigError
        If it does not read, or is another file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"detect.onnx.model: cannot be read: {error.strerror}") from error
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256:
        raise ConfigError(
            f"detect.onnx.model: expected a file with SHA-256 {sha256[:12]}..., got "
            f"{found[:12]}...: it is another model, or was changed while the run went on"
        )
    return data
