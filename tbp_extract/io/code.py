"""Which program made something: a hash over its own sources and the libraries that shape bytes."""

import functools
import hashlib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import h5py

__all__ = ["code_fingerprint", "foreign_fingerprint", "library_versions"]

_PACKAGE: Final = Path(__file__).resolve().parent.parent

_LIBRARIES: Final = (
    "h5py",
    "numba",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "pyarrow",
    "scipy",
    "simplejpeg",
)

_CODE: Final = frozenset({".py", ".so", ".pyd"})
"""Ends of files that Python runs."""

_SHAPES_NOTHING: Final = frozenset(
    {"__main__.py", "challenge", "cli", "console.py", "phantom", "report", "review", "verify"}
)
"""Parts of the package that no run goes through."""


@functools.cache
def code_fingerprint() -> str:
    """SHA-256 over the sources that shape a release and the versions of their libraries."""
    ours = {path.relative_to(_PACKAGE): path for path in _PACKAGE.rglob("*.py")}
    return _hashed(
        repr(library_versions()),
        ((name, path) for name, path in ours.items() if name.parts[0] not in _SHAPES_NOTHING),
    )


def foreign_fingerprint(module: str) -> str:
    """SHA-256 over the code of somebody else's module and of the package that it belongs to.

    Parameters
    ----------
    module : str
        Dotted name of a module that can be imported. All code below the first word of the name
        counts, since a module leans on its neighbours; data files, such as weights, do not.

    Returns
    -------
    str
        Where there are no files, as in a zipped package, it follows the versions of the
        distributions that bring the package.
    """
    package = module.partition(".")[0]
    spec = find_spec(package)
    folders = [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
    files = [(p.relative_to(f), p) for f in folders for p in f.rglob("*") if p.suffix in _CODE]
    if spec and not folders and spec.origin and Path(spec.origin).is_file():
        files = [(Path(package), Path(spec.origin))]
    versions = [] if files else [version(d) for d in packages_distributions().get(package, ())]
    return _hashed(repr((package, versions)), files)


def _hashed(head: str, files: Iterable[tuple[Path, Path]]) -> str:
    """SHA-256 over a text, then the names and bytes of files, by ascending name."""
    digest = hashlib.sha256(head.encode())
    for name, path in sorted(files):
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
