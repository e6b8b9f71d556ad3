"""Which program made something: a hash over its own sources and the libraries that shape bytes."""

import functools
import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import h5py

__all__ = ["code_fingerprint", "library_versions"]

_PACKAGE: Final = Path(__file__).resolve().parent.parent

_LIBRARIES: Final = (
    "h5py",
    "numba",
    "numpy",
    "opencv-python-headless",
    "pyarrow",
    "scikit-image",
    "simplejpeg",
    "trimesh",
)

_SHAPES_NOTHING: Final = frozenset(
    {"__main__.py", "challenge", "cli", "console.py", "phantom", "report", "review", "verify"}
)
"""Parts of the package that no run goes through."""


@functools.cache
def code_fingerprint() -> str:
    """SHA-256 over the sources that shape a release and the versions of their libraries."""
    digest = hashlib.sha256(repr(library_versions()).encode())
    for path in sorted(_PACKAGE.rglob("*.py")):
        name = path.relative_to(_PACKAGE)
        if name.parts[0] not in _SHAPES_NOTHING:
            digest.update(f"\0{name.as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def library_versions() -> dict[str, str]:
    """Versions of the libraries that shape a release."""
    found = {"hdf5": str(h5py.version.hdf5_version)}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return dict(sorted(found.items()))
