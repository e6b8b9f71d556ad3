"""What a shard was made from, and what a release consists of: the last file that is written.

A release manifest names every file with size and SHA-256, the settings, the versions and the
counts. It holds no time, host, user or path, so that the same work gives the same bytes.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import h5py

from tbp_extract import __version__
from tbp_extract.config import Config
from tbp_extract.errors import CountError, OutputError, ScanReason
from tbp_extract.io.files import sha256_file, write_whole
from tbp_extract.types import Drops, EmptyReason, ShardManifest

__all__ = [
    "FORMAT_VERSION",
    "MANIFEST_NAME",
    "count_outcomes",
    "done_scan",
    "file_entry",
    "is_whole",
    "quarantined_scan",
    "read_shard_manifest",
    "shard_manifest_bytes",
    "write_manifest",
]

FORMAT_VERSION: Final = 1
MANIFEST_NAME: Final = "manifest.json"

_LIBRARIES = (
    "h5py",
    "numba",
    "numpy",
    "opencv-python-headless",
    "pyarrow",
    "scikit-image",
    "trimesh",
)


def file_entry(data: bytes) -> dict[str, Any]:
    """Size and SHA-256 of a file's content, as `ShardManifest.files` holds them."""
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def done_scan(
    scan: str,
    inputs_sha256: str,
    exported: int,
    drops: Drops,
    *,
    empty: EmptyReason | None = None,
    tags: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Describe a scan that was exported, for `ShardManifest.scans`.

    Parameters
    ----------
    scan : str
        Pseudonym.
    inputs_sha256 : str
        Over the files that were read.
    exported : int
        Crops in the shard.
    drops : Drops
        All candidates that were not exported.
    empty : EmptyReason, optional
        Why there was none to export.
    tags : mapping of str to int, optional
        Exported lesions by ``TagMatch``, where tags stood beside a detector.
    """
    return {
        "scan": scan,
        "outcome": "done",
        "inputs_sha256": inputs_sha256,
        "found": exported + len(drops),
        "exported": exported,
        "dropped": dict(sorted(Counter(str(reason) for reason in drops.reason).items())),
        "empty": empty and str(empty),
        "tags": dict(sorted((tags or {}).items())),
    }


def quarantined_scan(scan: str, inputs_sha256: str | None, reason: ScanReason) -> dict[str, Any]:
    """Describe a scan that could not be processed, for `ShardManifest.scans`."""
    return {
        "scan": scan,
        "outcome": "quarantined",
        "reason": str(reason),
        "inputs_sha256": inputs_sha256,
        "found": 0,
        "exported": 0,
        "dropped": {},
        "empty": None,
        "tags": {},
    }


def shard_manifest_bytes(manifest: ShardManifest) -> bytes:
    """JSON of a shard manifest."""
    return _json_bytes(asdict(manifest))


def read_shard_manifest(path: Path) -> ShardManifest:
    """Read a shard manifest.

    Raises
    ------
    OutputError
        If it is missing, malformed or of another format version.
    """
    try:
        fields = json.loads(path.read_bytes())
        manifest = ShardManifest(**fields | {"scans": tuple(fields["scans"])})
    except (OSError, ValueError, TypeError, KeyError):
        raise OutputError("a shard manifest is missing or malformed") from None
    if manifest.format_version != FORMAT_VERSION:
        raise OutputError(
            f"expected a shard manifest of format {FORMAT_VERSION}, got {manifest.format_version}"
        )
    return manifest


def count_outcomes(shards: Sequence[ShardManifest]) -> dict[str, Any]:
    """Count scans and lesions by outcome over all shards.

    Raises
    ------
    CountError
        If a scan's lesions do not add up.
    """
    scans = [scan for shard in shards for scan in shard.scans]
    if any(s["found"] != s["exported"] + sum(s["dropped"].values()) for s in scans):
        raise CountError("found lesions are not the sum of exported and dropped ones")
    quarantined = Counter(s["reason"] for s in scans if s["outcome"] == "quarantined")
    empty = Counter(s["empty"] for s in scans if s["empty"])
    dropped = sum((Counter(s["dropped"]) for s in scans), Counter[str]())
    tags = sum((Counter(s["tags"]) for s in scans), Counter[str]())
    return {
        "scans": {
            "planned": len(scans),
            "done": sum(s["outcome"] == "done" for s in scans),
            "empty": dict(sorted(empty.items())),
            "quarantined": dict(sorted(quarantined.items())),
        },
        "lesions": {
            "found": sum(s["found"] for s in scans),
            "exported": sum(s["exported"] for s in scans),
            "dropped": dict(sorted(dropped.items())),
            "tags": dict(sorted(tags.items())),
        },
    }


def write_manifest(folder: Path, shards: Sequence[ShardManifest], config: Config) -> None:
    """Hash every file of a release and write ``manifest.json``: from then on it is complete.

    Parameters
    ----------
    folder : Path
        The release folder with all its other files in place.
    shards : sequence of ShardManifest
        All shards of the run.
    config : Config
        The settings of the run.

    Raises
    ------
    OutputError
        If a shard's file is missing or changed since it was made.
    CountError
        If lesions do not add up.
    """
    files = _hashed(folder)
    for shard in shards:
        _check_shard_files(shard, files)
    manifest = {
        "format": "tbp_extract release",
        "format_version": FORMAT_VERSION,
        "tool": {"name": "tbp_extract", "version": __version__},
        "libraries": _library_versions(),
        "config": {
            "fingerprint": config.public_fingerprint,
            "settings": config.public_settings,
        },
        "counts": count_outcomes(shards),
        "files": files,
    }
    write_whole(folder / MANIFEST_NAME, _json_bytes(manifest))


def is_whole(folder: Path) -> bool:
    """Whether a release has its manifest and every file is the one that the manifest describes."""
    try:
        listed = json.loads((folder / MANIFEST_NAME).read_bytes())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(_hashed(folder) == listed)


def _hashed(folder: Path) -> dict[str, dict[str, Any]]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": sha256_file(path),
        }
        for path in paths
        if path != folder / MANIFEST_NAME
    }


def _check_shard_files(shard: ShardManifest, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Compare the images with what their maker recorded; part tables have been merged by now."""
    for name, entry in shard.files.items():
        if name.endswith(".hdf5") and dict(files.get(f"images/{name}", {})) != dict(entry):
            raise OutputError(f"images of shard {shard.shard_id} are missing or have changed")


def _library_versions() -> dict[str, str]:
    found = {"hdf5": str(h5py.version.hdf5_version)}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return dict(sorted(found.items()))


def _json_bytes(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
