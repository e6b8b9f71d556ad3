"""What the release says of itself: only what it may say, and all of it true."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tbp_extract.config import parse_config
from tbp_extract.errors import ConfigError, ScanReason
from tbp_extract.types import DropReason, EmptyReason, TagMatch
from tbp_extract.verify.evidence import Evidence, sha256_of

__all__ = ["check_counts", "check_hashes", "check_manifest", "check_settings"]

MANIFEST_NAME: Final = "manifest.json"
_VERSION: Final = re.compile(r"\d{1,4}(\.\d{1,5}){0,4}((a|b|rc|\.dev|\.post)\d{1,4})?|unknown")
_LIBRARY: Final = re.compile(r"[a-z][a-z0-9-]{1,30}")
_FILE: Final = re.compile(r"images/shard-\d{5}\.hdf5|metadata\.(csv|parquet)|data_dictionary\.csv")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset({"config", "counts", "files", "format", "format_version", "libraries", "tool"}),
    "config": frozenset({"fingerprint", "settings"}),
    "counts": frozenset({"lesions", "scans"}),
    "counts.lesions": frozenset({"dropped", "exported", "found", "tags"}),
    "counts.scans": frozenset({"done", "empty", "planned", "quarantined"}),
    "tool": frozenset({"code", "name", "version"}),
}
"""Keys of each object with fixed ones."""

_REASONS: Final[Mapping[str, frozenset[str]]] = {
    "counts.lesions.dropped": frozenset(DropReason),
    "counts.lesions.tags": frozenset(TagMatch),
    "counts.scans.empty": frozenset(EmptyReason),
    "counts.scans.quarantined": frozenset(ScanReason),
}
"""Keys of each object that counts by reason."""


def check_hashes(evidence: Evidence) -> Iterator[str]:
    """Expect every file to be the one that the manifest describes."""
    listed = evidence.manifest["files"]
    paths = {path for path in evidence.release.rglob("*") if path.is_file()}
    names = {path.relative_to(evidence.release).as_posix() for path in paths} - {MANIFEST_NAME}
    if names - listed.keys():
        yield f"{len(names - listed.keys())} files are not in the manifest"
    for name, entry in sorted(listed.items()):
        shown = name if _FILE.fullmatch(name) else "a file of another name"
        if name not in names:
            yield f"{shown}: in the manifest, but not there"
        elif (evidence.release / name).stat().st_size != entry["bytes"]:
            yield f"{shown}: not as long as the manifest says"
        elif sha256_of(evidence.release / name) != entry["sha256"]:
            yield f"{shown}: SHA-256 differs from the manifest"


def check_manifest(evidence: Evidence) -> Iterator[str]:
    """Expect known keys, numbers, versions and hashes in the manifest, in their one form."""
    manifest = evidence.manifest
    canonical = json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False) + "\n"
    if (evidence.release / MANIFEST_NAME).read_bytes() != canonical.encode():
        yield "manifest.json: not written in its one form (keys sorted, each once, indent 1)"
    for place, keys in _KEYS.items():
        if _at(manifest, place).keys() != keys:
            yield f"manifest.json: {place or 'its top'} holds other keys than {sorted(keys)}"
    for place, reasons in _REASONS.items():
        counts = _at(manifest, place)
        if counts.keys() - reasons or not all(map(_is_count, counts.values())):
            yield f"manifest.json: {place} holds other reasons than known ones, or no counts"
    if manifest["format"] != "tbp_extract release" or manifest["tool"]["name"] != "tbp_extract":
        yield "manifest.json: names another format or tool"
    if not _SHA256.fullmatch(str(manifest["tool"].get("code"))):
        yield "manifest.json: tells of its code otherwise than by SHA-256"
    versions = [manifest["tool"]["version"], *manifest["libraries"].values()]
    if not all(isinstance(text, str) and _VERSION.fullmatch(text) for text in versions):
        yield "manifest.json: holds versions that are none"
    if not all(_LIBRARY.fullmatch(name) for name in manifest["libraries"]):
        yield "manifest.json: holds names of libraries that are none"
    if not all(_FILE.fullmatch(n) and _is_file_entry(e) for n, e in manifest["files"].items()):
        yield "manifest.json: holds more of a file than name, size and SHA-256"


def check_settings(evidence: Evidence) -> Iterator[str]:
    """Expect settings that are whole, known and public, and those of their fingerprint."""
    stated = evidence.settings
    text = json.dumps(stated, sort_keys=True, separators=(",", ":"))
    if hashlib.sha256(text.encode()).hexdigest() != evidence.manifest["config"]["fingerprint"]:
        yield "the settings in the manifest are not those of its fingerprint"
    try:
        known = parse_config(stated).public_settings
    except ConfigError:
        yield "the manifest holds settings that this version does not know"
        return
    if known != stated:
        yield "the settings in the manifest are not exactly the public ones"


def check_counts(evidence: Evidence) -> Iterator[str]:
    """Expect every scan and every lesion to have ended in one place."""
    counts = evidence.manifest["counts"]
    scans, lesions = counts["scans"], counts["lesions"]
    quarantined, dropped = sum(scans["quarantined"].values()), sum(lesions["dropped"].values())
    if scans["planned"] != scans["done"] + quarantined:
        yield f"{scans['planned']} scans planned, {scans['done']} done, {quarantined} quarantined"
    if lesions["found"] != lesions["exported"] + dropped:
        yield f"{lesions['found']} lesions, {lesions['exported']} exported, {dropped} dropped"
    if lesions["exported"] != evidence.table.num_rows:
        yield f"{lesions['exported']} lesions exported, {evidence.table.num_rows} rows of metadata"
    if sum(lesions["tags"].values()) > lesions["exported"]:
        yield "more tags are counted than lesions exported"
    patients = len(set(evidence.column("patient_id")))
    if scans["done"] - sum(scans["empty"].values()) < patients:
        yield f"{scans['done']} scans done, but {patients} patients in the metadata"


def _at(manifest: dict[str, Any], place: str) -> dict[str, Any]:
    found = manifest
    for part in filter(None, place.split(".")):
        found = found[part]
    return found


def _is_count(value: object) -> bool:
    return type(value) is int and value > 0


def _is_file_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and entry.keys() == {"bytes", "sha256"}
        and _is_count(entry["bytes"])
        and _SHA256.fullmatch(str(entry["sha256"])) is not None
    )
