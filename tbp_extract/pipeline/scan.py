"""One scan from file to release."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import NOTED_COLUMNS
from tbp_extract.config import Config
from tbp_extract.crop import extract_crops, frame_crops
from tbp_extract.deidentify import lesion_pseudonym, link, release, scan_pseudonym
from tbp_extract.detect import Found, drop
from tbp_extract.detect.tags import TAG_MATCH
from tbp_extract.gate import Verdict
from tbp_extract.geometry import build_surface
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.scan import read_scan
from tbp_extract.jpeg import encode_jpeg
from tbp_extract.measure import add_context, measure_lesions
from tbp_extract.measure.location import BodyParts, add_locations, label_body_parts
from tbp_extract.measure.place import add_places
from tbp_extract.pipeline.find import find_lesions
from tbp_extract.pipeline.hold import Flags, Gate, held_files
from tbp_extract.pipeline.result import ScanResult
from tbp_extract.pipeline.tiles import process_tiles
from tbp_extract.types import (
    Candidates,
    CropBatch,
    CropFrames,
    Decision,
    DropReason,
    LesionTable,
    ReleaseKey,
    Scan,
    ScanRef,
    Surface,
)

__all__ = ["process_scan"]

_LOG = logging.getLogger(__name__)

SEEN_ENOUGH = 0.95
"""A detector sees more of the skin of a sound scan at 60 degrees or better."""


@dataclass(frozen=True, slots=True, eq=False)
class _Crops:
    """Crops of one scan in the making."""

    frames: CropFrames
    table: LesionTable
    jpegs: tuple[bytes, ...]
    looks: Flags

    def chosen(self, rows: NDArray[np.integer]) -> "_Crops":
        return _Crops(
            frames=_frames_at(self.frames, rows),
            table=LesionTable({name: v[rows] for name, v in self.table.columns.items()}),
            jpegs=tuple(self.jpegs[row] for row in rows),
            looks={reason: held[rows] for reason, held in self.looks.items()},
        )


def process_scan(
    ref: ScanRef,
    config: Config,
    key: ReleaseKey,
    *,
    folder: ScanFolder,
    decisions: Mapping[str, Decision] = MappingProxyType({}),
    patient_scans: int = 1,
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
    decisions : mapping, optional
        What a reviewer said of crops that were held back, by id.
    patient_scans : int, optional
        Scans of the same patient in the run, this one among them.

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
    if ref.tiles is not None:
        return process_tiles(ref, config, key, folder=folder, decisions=decisions)
    name = scan_pseudonym(key, ref.scan_id)
    scan = read_scan(ref, config, folder=folder)
    surface = build_surface(scan)
    found = find_lesions(ref, scan, surface, config, folder)
    _tell_seen(found, name)
    n_found = len(found.candidates) + len(found.drops)
    candidates = found.candidates
    body = _body_parts(surface, name)
    gate = Gate.of(scan, surface, body, config, patient_scans)
    crops = _cut(scan, gate, candidates, config)
    ids = [
        lesion_pseudonym(key, ref.scan_id, candidates.lesion_id[i]) for i in crops.frames.candidate
    ]
    judged = gate.judge(crops.looks, crops.frames, ids, decisions)
    verdicts = judged.verdicts
    found = drop(found, _reasons(len(candidates), crops.frames.candidate, verdicts), surface)
    attachments = held_files(name, ids, crops.jpegs, verdicts)
    crops = crops.chosen(np.flatnonzero([verdict.drop is None for verdict in verdicts]))
    candidate, position_mm = crops.frames.candidate, crops.frames.origin_mm
    lesion_ids = [candidates.lesion_id[i] for i in candidate]
    noted = {
        name: candidates.extra[name][candidate].tolist()
        for name in NOTED_COLUMNS
        if name in candidates.extra
    }
    return ScanResult(
        release=release(
            add_context(crops.table, position_mm),
            crops.jpegs,
            lesion_ids=lesion_ids,
            ref=ref,
            key=key,
            config=config,
        ),
        linkage=link(
            lesion_ids=lesion_ids,
            noted=noted,
            jpegs=crops.jpegs,
            position_mm=position_mm,
            ref=ref,
            key=key,
        ),
        drops=found.drops,
        empty=found.empty,
        found=n_found,
        tags=Counter(noted.get(TAG_MATCH, ())),
        attachments=attachments,
        view_share=judged.view_share,
    )


def _reasons(
    count: int, candidate: NDArray[np.int32], verdicts: Sequence[Verdict]
) -> list[DropReason | None]:
    """Reasons of N candidates: no skin at the crop's centre, else what the gate says."""
    reasons: list[DropReason | None] = [DropReason.UNCOVERED] * count
    for index, verdict in zip(candidate, verdicts, strict=True):
        reasons[index] = verdict.drop
    return reasons


def _tell_seen(found: Found, scan: str) -> None:
    if found.seen_share is not None and found.seen_share < SEEN_ENOUGH:
        _LOG.warning(
            "%s: only %.0f %% of its skin could be looked at squarely: lesions may be missed",
            *(scan, 100.0 * found.seen_share),
        )


def _body_parts(surface: Surface, scan: str) -> BodyParts:
    body = label_body_parts(surface)
    if body.facing.agrees is False:
        _LOG.warning("%s: its shape does not face where the scan table says", scan)
    return body


def _cut(scan: Scan, gate: Gate, candidates: Candidates, config: Config) -> _Crops:
    """Crop, measure and encode batch by batch: only JPEG bytes pile up."""
    surface, parts = gate.surface, []
    for frames in frame_crops(surface, candidates, config.crop):
        batch = extract_crops(scan, surface, frames, projection=config.crop.projection)
        parts.append(_encode(candidates, batch, gate, config))
    crops = _joined(parts)
    frames = crops.frames
    table = add_places(
        crops.table, surface, gate.body, face=frames.face, position_mm=frames.origin_mm
    )
    return replace(crops, table=table)


def _encode(candidates: Candidates, batch: CropBatch, gate: Gate, config: Config) -> _Crops:
    """Measure and encode the crops of a batch that show skin at their centre."""
    centre = batch.frames.size_px // 2
    kept = np.flatnonzero(batch.covered[:, centre, centre])
    table = add_locations(measure_lesions(candidates, batch), gate.body, batch.frames.face)
    looks = gate.looks(batch)
    return _Crops(
        frames=_frames_at(batch.frames, kept),
        table=LesionTable({name: values[kept] for name, values in table.columns.items()}),
        jpegs=tuple(encode_jpeg(batch.pixels[row], config.jpeg) for row in kept),
        looks={reason: rows[kept] for reason, rows in looks.items()},
    )


def _joined(parts: Sequence[_Crops]) -> _Crops:
    """Crops of all batches together; they share their extent, not their size in pixels."""
    frames = [part.frames for part in parts]
    names = parts[0].table.columns.keys()
    return _Crops(
        frames=replace(
            frames[0],
            candidate=np.concatenate([f.candidate for f in frames]),
            face=np.concatenate([f.face for f in frames]),
            origin_mm=np.concatenate([f.origin_mm for f in frames]),
            axes=np.concatenate([f.axes for f in frames]),
        ),
        table=LesionTable({n: np.concatenate([p.table.columns[n] for p in parts]) for n in names}),
        jpegs=tuple(jpeg for part in parts for jpeg in part.jpegs),
        looks={r: np.concatenate([p.looks[r] for p in parts]) for r in parts[0].looks},
    )


def _frames_at(frames: CropFrames, rows: NDArray[np.integer]) -> CropFrames:
    return replace(
        frames,
        candidate=frames.candidate[rows],
        face=frames.face[rows],
        origin_mm=frames.origin_mm[rows],
        axes=frames.axes[rows],
    )
