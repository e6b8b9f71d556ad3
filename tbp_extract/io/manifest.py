"""What a release consists of: the last file that is written.

A release manifest names every file with size and SHA-256, the settings, the versions and the
counts. It holds no time, host, user or path, so that the same work gives the same bytes.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tbp_extract import __version__
from tbp_extract.config import Config
from tbp_extract.errors import CountError, ScanReason
from tbp_extract.io.code import code_fingerprint, library_versions
from tbp_extract.io.files import sha256_file, write_whole
from tbp_extract.types import Drops, EmptyReason

__all__ = [
    "FORMAT_VERSION",
    "MANIFEST_NAME",
    "count_outcomes",
    "done_scan",
    "file_entry",
    "hash_release",
    "is_whole",
    "manifest_bytes",
    "quarantined_scan",
    "write_manifest",
]

FORMAT_VERSION: Final = 1
MANIFEST_NAME: Final = "manifest.json"


def file_entry(data: bytes) -> dict[str, Any]:
    """Size and SHA-256 of a file's content."""
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
    """Describe a scan that was exported.

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
    """Describe a scan that could not be processed."""
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


def count_outcomes(scans: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Count scans and lesions by outcome.

    Parameters
    ----------
    scans : sequence of mapping
        As `done_scan` and `quarantined_scan` give them.

    Raises
    ------
    CountError
        If a scan's lesions do not add up.
    """
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


def write_manifest(folder: Path, scans: Sequence[Mapping[str, Any]], config: Config) -> None:
    """Hash every file of a release and write ``manifest.json``: from then on it is complete.

    Parameters
    ----------
    folder : Path
        The release folder with all its other files in place.
    scans : sequence of mapping
        All scans of the run, as `done_scan` and `quarantined_scan` give them.
    config : Config
        The settings of the run.

    Raises
    ------
    CountError
        If lesions do not add up.
    """
    write_whole(folder / MANIFEST_NAME, manifest_bytes(hash_release(folder), scans, config))


def manifest_bytes(
    files: Mapping[str, Mapping[str, Any]], scans: Sequence[Mapping[str, Any]], config: Config
) -> bytes:
    """Content of ``manifest.json``; parameters as in `write_manifest`, files as `hash_release`.

    Raises
    ------
    CountError
        If lesions do not add up.
    """
    manifest = {
        "format": "tbp_extract release",
        "format_version": FORMAT_VERSION,
        "tool": {"name": "tbp_extract", "version": __version__, "code": code_fingerprint()},
        "libraries": library_versions(),
        "config": {
            "fingerprint": config.public_fingerprint,
            "settings": config.public_settings,
        },
        "counts": count_outcomes(scans),
        "files": files,
    }
    return _json_bytes(manifest)


def is_whole(folder: Path) -> bool:
    """Whether a release has its manifest and every file is the one that the manifest describes."""
    try:
        listed = json.loads((folder / MANIFEST_NAME).read_bytes())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(hash_release(folder) == listed)


def hash_release(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of every file of a release but its manifest, by name."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": sha256_file(path),
        }
        for path in paths
        if path != folder / MANIFEST_NAME
    }


def _json_bytes(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
