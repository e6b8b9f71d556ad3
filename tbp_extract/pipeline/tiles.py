"""One capture of a vendor's tile export: crops that exist already, on their way to a release."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import NOTED_COLUMNS
from tbp_extract.config import Config
from tbp_extract.deidentify import lesion_pseudonym, link, release, scan_pseudonym
from tbp_extract.detect.tags import TAG_MATCH
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.gate import Verdict, appearance_reasons, judge
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.tile_source import TILE_EXTENT_MM
from tbp_extract.io.tiles import VendorTiles, read_tiles
from tbp_extract.jpeg import encode_jpeg
from tbp_extract.measure import add_context, first_known, measure_lesions
from tbp_extract.measure.existing import (
    UNKNOWN_WITHOUT_MESH,
    batch_of_images,
    candidates_of_images,
)
from tbp_extract.measure.lab import rgb_to_lab
from tbp_extract.measure.location import BodyParts, Facing, add_locations
from tbp_extract.pipeline.hold import Flags, held_files
from tbp_extract.pipeline.result import ScanResult
from tbp_extract.types import (
    CropBatch,
    Decision,
    DropReason,
    Drops,
    EmptyReason,
    GateReason,
    LesionTable,
    ReleaseKey,
    ScanRef,
)

__all__ = ["process_tiles"]

BATCH_PX: Final = 2_000_000

TOLD_BY_TILES: Final = UNKNOWN_WITHOUT_MESH - {"tbp_ex_native_px_per_mm", "tbp_ex_upsampled"}
"""Columns that a tile cannot tell; a tile's own sampling is that of its photograph."""

MIN_SIZES: Final = 20
"""Fewer lesions than this say nothing about the scale of a capture."""

SIZE_RATIO: Final = (1 / 1.5, 1.5)
"""Within this the median of measured by stated diameters lies: measuring itself is off by up to
a quarter on soft rims, tiles of 10 or 22.5 mm would be off by half."""

_NOWHERE = BodyParts(np.zeros(1, np.uint8), np.zeros(1, np.float32), Facing(None, None))
"""Without a mesh nothing is known of a body part but what the table says."""

_MAY_BE_FACE = frozenset({"Head & Neck", "Unknown"})


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Some tiles as they will be released."""

    index: NDArray[np.intp]
    columns: Mapping[str, NDArray[Any]]
    jpegs: tuple[bytes, ...]
    flags: Flags


def process_tiles(
    ref: ScanRef,
    config: Config,
    key: ReleaseKey,
    *,
    folder: ScanFolder,
    decisions: Mapping[str, Decision],
) -> ScanResult:
    """Take one capture of a tile export to a de-identified release.

    Tiles are encoded anew from their pixels, at their own size (``crop.sampling = "native"``) or at
    ``crop.size_px``. Values of the vendor's table stand as given; what it leaves out is measured.

    Parameters
    ----------
    ref : ScanRef
        With ``tiles``.
    config, key, folder, decisions
        As in `process_scan`.

    Returns
    -------
    ScanResult

    Raises
    ------
    ScanError
        As `read_tiles`, or ``TILES_NOT_15_MM``.
    ReleaseError
        If something private would leave.
    """
    tiles = read_tiles(ref, folder=folder)
    crops = _joined([_made(tiles, batch, config) for batch in _batches(tiles, config)])
    measured = {name: values for name, values in crops.columns.items()}
    _check_scale(tiles, measured)
    table = add_locations(
        LesionTable(_with_given(tiles, measured)), _NOWHERE, np.zeros(len(tiles), np.intp)
    )
    name = scan_pseudonym(key, ref.scan_id)
    ids = [lesion_pseudonym(key, ref.scan_id, lesion) for lesion in tiles.lesion_id]
    flags = {**crops.flags, GateReason.FACE: _may_be_face(table)}
    verdicts = judge(flags, config.gate, [decisions.get(isic_id) for isic_id in ids])
    rows = np.flatnonzero([verdict.drop is None for verdict in verdicts])
    position_mm = _positions(tiles)[rows]
    kept = LesionTable({column: values[rows] for column, values in table.columns.items()})
    jpegs = tuple(crops.jpegs[row] for row in rows)
    lesion_ids = [tiles.lesion_id[row] for row in rows]
    noted = {column: tiles.extra[column][rows].tolist() for column in NOTED_COLUMNS}
    drops = _drops(tiles, verdicts)
    return ScanResult(
        release=release(
            add_context(kept, position_mm),
            jpegs,
            lesion_ids=lesion_ids,
            ref=ref,
            key=key,
            config=config,
        ),
        linkage=link(
            lesion_ids=lesion_ids,
            noted=noted,
            jpegs=jpegs,
            position_mm=position_mm,
            ref=ref,
            key=key,
        ),
        drops=drops,
        empty=None if len(rows) else _why_none(drops),
        found=len(tiles) + len(tiles.drops),
        tags=Counter(noted[TAG_MATCH]),
        attachments=held_files(name, ids, crops.jpegs, verdicts),
    )


def _batches(tiles: VendorTiles, config: Config) -> Iterator[CropBatch]:
    """Tiles of one size at a time; no tiles give one empty batch."""
    native = np.array([len(pixels) for pixels in tiles.pixels], np.int64)
    fixed = config.crop.sampling == "fixed"
    sizes = np.full(len(tiles), config.crop.size_px) if fixed else native
    for size in np.unique(sizes) if len(tiles) else (config.crop.size_px,):
        chosen = np.flatnonzero(sizes == size)
        step = max(BATCH_PX // int(size) ** 2, 1)
        for first in range(0, max(len(chosen), 1), step):
            index = chosen[first : first + step]
            pixels = np.empty((len(index), size, size, 3), np.uint8)
            for row, tile in enumerate(index):
                pixels[row] = _resampled(tiles.pixels[tile], int(size))
            batch = batch_of_images(pixels, TILE_EXTENT_MM)
            texel_mm = (TILE_EXTENT_MM / native[index]).astype(np.float32)
            frames = replace(batch.frames, candidate=index.astype(np.int32))
            yield replace(batch, frames=frames, texel_mm=texel_mm)


def _resampled(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    if len(pixels) == size:
        return pixels
    way = cv2.INTER_AREA if len(pixels) > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (size, size), interpolation=way), np.uint8)


def _made(tiles: VendorTiles, batch: CropBatch, config: Config) -> _Part:
    """Measure, look for what may identify a person, and encode."""
    candidates = candidates_of_images(tiles.lesion_id)
    table = measure_lesions(candidates, batch)
    simple = tiles.extra.get("tbp_lv_location_simple", np.full(len(tiles), None, object))
    index = batch.frames.candidate.astype(np.intp)
    return _Part(
        index=index,
        columns={n: v for n, v in table.columns.items() if n not in TOLD_BY_TILES},
        jpegs=tuple(encode_jpeg(pixels, config.jpeg) for pixels in batch.pixels),
        flags=appearance_reasons(
            batch,
            _palette(tiles),
            head=np.isin(simple[index].astype(str), list(_MAY_BE_FACE)),
            max_uncovered_share=config.gate.max_uncovered_share,
        ),
    )


def _palette(tiles: VendorTiles) -> NDArray[np.float64]:
    """(3,) CIELAB of the patient's skin: median of the tiles' own medians."""
    if not len(tiles):
        return np.full(3, np.nan)
    middles = np.array([np.median(pixels.reshape(-1, 3), axis=0) for pixels in tiles.pixels])
    return np.asarray(np.median(rgb_to_lab(middles.astype(np.uint8)), axis=0), np.float64)


def _joined(parts: Sequence[_Part]) -> _Part:
    """Put all parts together, in the order of the table."""
    index = np.concatenate([part.index for part in parts])
    order = np.argsort(index, kind="stable")
    jpegs = [jpeg for part in parts for jpeg in part.jpegs]
    return _Part(
        index=index[order],
        columns={
            name: np.concatenate([part.columns[name] for part in parts])[order]
            for name in parts[0].columns
        },
        jpegs=tuple(jpegs[row] for row in order),
        flags={
            reason: np.concatenate([part.flags[reason] for part in parts])[order]
            for reason in parts[0].flags
        },
    )


def _check_scale(tiles: VendorTiles, measured: Mapping[str, NDArray[Any]]) -> None:
    """Hold diameters measured in tiles of 15 mm against those that the vendor states."""
    clear = measured["tbp_ex_delineation"] == "ok"
    ratio = measured["clin_size_long_diam_mm"] / tiles.diameter_mm
    known = ratio[clear & np.isfinite(ratio)]
    if len(known) < MIN_SIZES or SIZE_RATIO[0] <= np.median(known) <= SIZE_RATIO[1]:
        return
    raise ScanError(
        ScanReason.TILES_NOT_15_MM,
        f"diameters measured in {len(known)} tiles of {TILE_EXTENT_MM:g} mm are "
        f"{np.median(known):.2f} times those that the table states: the tiles show another extent",
    )


def _with_given(
    tiles: VendorTiles, measured: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    given = {name: values for name, values in tiles.extra.items() if name.startswith("tbp_lv_")} | {
        "clin_size_long_diam_mm": tiles.diameter_mm.astype(np.float64)
    }
    return {
        **measured,
        **{name: first_known(values, measured.get(name)) for name, values in given.items()},
    }


def _may_be_face(table: LesionTable) -> NDArray[np.bool_]:
    """Whether the table puts a tile on the head, or does not say where it lies."""
    simple = table.columns["tbp_lv_location_simple"]
    return np.array([word in _MAY_BE_FACE for word in simple], np.bool_)


def _positions(tiles: VendorTiles) -> NDArray[np.float64]:
    nothing = np.full(len(tiles), np.nan)
    axes = [tiles.extra.get(f"tbp_lv_{axis}", nothing) for axis in "xyz"]
    return np.stack(axes, axis=-1).astype(np.float64)


def _drops(tiles: VendorTiles, verdicts: Sequence[Verdict]) -> Drops:
    gone = [(row, v.drop) for row, v in enumerate(verdicts) if v.drop is not None]
    rows = np.array([row for row, _ in gone], np.intp)
    reasons: tuple[DropReason, ...] = tuple(reason for _, reason in gone)
    return Drops(
        lesion_id=tiles.drops.lesion_id + tuple(tiles.lesion_id[row] for row in rows),
        reason=tiles.drops.reason + reasons,
        position_mm=np.concatenate((tiles.drops.position_mm, _positions(tiles)[rows])),
    )


def _why_none(drops: Drops) -> EmptyReason:
    return EmptyReason.ALL_DROPPED if len(drops) else EmptyReason.EMPTY_LIST
