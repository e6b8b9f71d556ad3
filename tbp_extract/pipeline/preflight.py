"""Look through a source before a run: what would be read, what is wrong."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tbp_extract.config import Config
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.geometry import build_surface
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.lesions import check_mapping
from tbp_extract.io.records import concerned_file
from tbp_extract.io.scan import read_scan
from tbp_extract.io.source import read_source
from tbp_extract.io.tiles import VendorTiles, read_tiles
from tbp_extract.pipeline.find import detector_name, find_lesions, settle_detector
from tbp_extract.types import Drops, ScanRef, Surface

__all__ = ["ScanFinding", "check_source"]


@dataclass(frozen=True, slots=True)
class ScanFinding:
    """What the preflight says of one scan; for the operator's own screen."""

    scan_id: str
    summary: str
    problem: str | None

    patient_id: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each file that was read, by name."""


def check_source(source: Path, config: Config) -> Iterator[ScanFinding]:
    """Read every scan and its lesion list as a run would, and write nothing.

    Parameters
    ----------
    source : Path
    config : Config

    Yields
    ------
    ScanFinding
        One a scan, in the source's order.

    Raises
    ------
    SourceError
        If the source as a whole cannot be read.
    ConfigError
        If the configured detector cannot be made.
    """
    check_mapping(config.lesions.columns)
    config = settle_detector(config)
    for ref in read_source(source, config):
        folder = ScanFolder(ref.root, config.limits)
        try:
            summary = _summary(ref, config, folder)
            yield ScanFinding(ref.scan_id, summary, None, ref.patient_id, folder.sha256)
        except ScanError as error:
            where = concerned_file(error, ref)
            yield ScanFinding(ref.scan_id, "", f"{error.reason}: {error} [{where}]")
        # As in a run, one scan's fault must not keep the others from being looked at.
        except (Exception, SystemExit) as error:
            fault = f"{ScanReason.INTERNAL}: an unexpected {type(error).__name__}"
            yield ScanFinding(ref.scan_id, "", fault)


def _summary(ref: ScanRef, config: Config, folder: ScanFolder) -> str:
    if ref.tiles is not None:
        return _tiles_summary(read_tiles(ref, folder=folder))
    scan = read_scan(ref, config, folder=folder)
    surface = build_surface(scan)
    found = find_lesions(ref, scan, surface, config, folder)
    height_mm = float(surface.vertices_mm[:, 1].max() - surface.vertices_mm[:, 1].min())
    pages = ", ".join(f"{page.shape[1]} x {page.shape[0]} px" for page in scan.atlas)
    why = f" ({found.empty})" if found.empty else ""
    seen = "" if found.seen_share is None else f", {100 * found.seen_share:.1f} % of the skin seen"
    return (
        f"{len(scan.faces)} faces, {height_mm / 1000:.2f} m high, texture {pages}"
        f"{_texel(surface)}, "
        f"{len(found.candidates)} lesions by '{detector_name(ref, config)}'"
        f"{_dropped(found.drops)}{why}{seen}"
    )


def _texel(surface: Surface) -> str:
    """Say how fine the texture is on the skin: what spans a few texels cannot be seen."""
    known = surface.texel_mm[np.isfinite(surface.texel_mm)]
    return f" of {np.median(known):.3g} mm a texel" if len(known) else ""


def _tiles_summary(tiles: VendorTiles) -> str:
    sizes = [len(pixels) for pixels in tiles.pixels]
    across = f" of {min(sizes)} to {max(sizes)} px" if sizes else ""
    matches = Counter(tiles.extra["tag_match"].tolist())
    tags = ", ".join(f"{count} {match}" for match, count in sorted(matches.items()))
    return f"{len(tiles)} tiles{across}{f' ({tags})' if tags else ''}{_dropped(tiles.drops)}"


def _dropped(drops: Drops) -> str:
    """Say how many would be dropped so far, reason by reason: crops are not looked at here."""
    reasons = Counter(map(str, drops.reason))
    listed = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return f", would be dropped: {listed}" if listed else ""
