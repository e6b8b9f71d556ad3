"""One scan from file to release."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import NOTED_COLUMNS
from tbp_extract.config import Config
from tbp_extract.crop import extract_crops, frame_crops
from tbp_extract.deidentify import link, release, scan_pseudonym
from tbp_extract.detect import Found, drop
from tbp_extract.detect.tags import TAG_MATCH
from tbp_extract.geometry import build_surface
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.scan import read_scan
from tbp_extract.jpeg import encode_jpeg
from tbp_extract.measure import add_context, measure_lesions
from tbp_extract.measure.location import BodyParts, add_locations, label_body_parts
from tbp_extract.measure.place import add_places
from tbp_extract.pipeline.find import find_lesions
from tbp_extract.types import (
    Candidates,
    CropBatch,
    DropReason,
    Drops,
    EmptyReason,
    LesionTable,
    Release,
    ReleaseKey,
    Scan,
    ScanRef,
    Surface,
)

__all__ = ["ScanResult", "process_scan"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class ScanResult:
    """What one scan gave."""

    release: Release

    linkage: Mapping[str, NDArray[Any]]
    """Private rows by column of ``LINKAGE_COLUMNS``."""

    drops: Drops
    """Candidates that are not in the release."""

    empty: EmptyReason | None
    """Why the scan has no lesion to export, where it has none."""

    found: int
    """Candidates that the list or the detectors gave, counted before anything was left out."""

    tags: Mapping[str, int] = field(default_factory=dict)
    """Exported lesions by how a tag and a find met, where tags stand beside a detector."""

    attachments: Mapping[str, bytes] = field(default_factory=dict)
    """Files for the private side, by name; they never reach the release."""


@dataclass(frozen=True, slots=True, eq=False)
class _Crops:
    """Crops of one scan in the making."""

    candidate: NDArray[np.int32]
    position_mm: NDArray[np.float64]
    table: LesionTable
    jpegs: tuple[bytes, ...]


def process_scan(
    ref: ScanRef, config: Config, key: ReleaseKey, *, folder: ScanFolder
) -> ScanResult:
    """Take one scan from its files to a de-identified release.

    Parameters
    ----------
    ref : ScanRef
    config : Config
    key : ReleaseKey
    folder : ScanFolder
        Through which every file of the scan is read. It knows afterwards what was read, even
        where the scan failed.

    Returns
    -------
    ScanResult
        Every candidate is either in ``release`` or in ``drops``.

    Raises
    ------
    ScanError
        If the scan cannot be processed.
    ReleaseError
        If something private would leave.
    """
    scan = read_scan(ref, config, folder=folder)
    surface = build_surface(scan)
    found = find_lesions(ref, scan, surface, config, folder)
    n_found = len(found.candidates) + len(found.drops)
    candidates = found.candidates
    body = _body_parts(surface, scan_pseudonym(key, ref.scan_id))
    crops = _cut(scan, surface, candidates, body, config)
    found = _with_uncovered(found, surface, crops.candidate)
    lesion_ids = [candidates.lesion_id[i] for i in crops.candidate]
    noted = {
        name: candidates.extra[name][crops.candidate].tolist()
        for name in NOTED_COLUMNS
        if name in candidates.extra
    }
    return ScanResult(
        release=release(
            crops.table, crops.jpegs, lesion_ids=lesion_ids, ref=ref, key=key, config=config
        ),
        linkage=link(
            lesion_ids=lesion_ids,
            noted=noted,
            jpegs=crops.jpegs,
            position_mm=crops.position_mm,
            ref=ref,
            key=key,
        ),
        drops=found.drops,
        empty=found.empty,
        found=n_found,
        tags=Counter(noted.get(TAG_MATCH, ())),
    )


def _with_uncovered(found: Found, surface: Surface, exported: NDArray[np.int32]) -> Found:
    """Drop the candidates whose crop shows no skin at its centre."""
    seen = np.isin(np.arange(len(found.candidates)), exported)
    return drop(found, [None if s else DropReason.UNCOVERED for s in seen], surface)


def _body_parts(surface: Surface, scan: str) -> BodyParts:
    body = label_body_parts(surface)
    if body.facing.agrees is False:
        _LOG.warning("%s: its shape does not face where the scan table says", scan)
    return body


def _cut(
    scan: Scan, surface: Surface, candidates: Candidates, body: BodyParts, config: Config
) -> _Crops:
    """Crop, measure and encode batch by batch: only JPEG bytes pile up."""
    parts = []
    for frames in frame_crops(surface, candidates, config.crop):
        batch = extract_crops(scan, surface, frames, projection=config.crop.projection)
        parts.append(_encode(candidates, batch, body, config))
    names = parts[0].table.columns.keys()
    position_mm = np.concatenate([part.position_mm for part in parts])
    table = LesionTable(
        {name: np.concatenate([part.table.columns[name] for part in parts]) for name in names}
    )
    candidate = np.concatenate([part.candidate for part in parts])
    face = candidates.face[candidate]
    table = add_places(table, surface, body, face=face, position_mm=position_mm)
    return _Crops(
        candidate=candidate,
        position_mm=position_mm,
        table=add_context(table, position_mm),
        jpegs=tuple(jpeg for part in parts for jpeg in part.jpegs),
    )


def _encode(candidates: Candidates, batch: CropBatch, body: BodyParts, config: Config) -> _Crops:
    """Measure and encode the crops of a batch that show skin at their centre."""
    centre = batch.frames.size_px // 2
    kept = np.flatnonzero(batch.covered[:, centre, centre])
    table = add_locations(measure_lesions(candidates, batch), body, batch.frames.face)
    return _Crops(
        candidate=batch.frames.candidate[kept],
        position_mm=batch.frames.origin_mm[kept],
        table=LesionTable({name: values[kept] for name, values in table.columns.items()}),
        jpegs=tuple(encode_jpeg(batch.pixels[row], config.jpeg) for row in kept),
    )
