"""From places on skin to standardised crops: frames first, then pixels."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import CropConfig
from tbp_extract.geometry import (
    corner_rowcol,
    frame_points,
    geodesic_patches,
    orthographic_patches,
    straighten_frames,
)
from tbp_extract.kernels import raster
from tbp_extract.types import Candidates, CropBatch, CropFrames, Patches, Scan, Surface

__all__ = ["extract_crops", "frame_crops"]

BATCH_PX = 2_000_000
"""Crops leave in batches of at most this many pixels: bounds memory, lets it be used again."""

VIEW_SHARE = 0.5
"""Share of a crop's side that its view is straight for: the middle, where the lesion is."""

DRAW_PX = 500_000
"""Crops are drawn together up to this many samples: stays in the cache."""

EDGE_PX = 1e-7
"""Faces are drawn this much wider, so that rounding leaves no gap between neighbours."""

DENSITY_SLACK = 0.1
"""A source up to this share denser than the crop is sampled once a pixel, unfiltered."""

MAX_SPLIT = 16
"""Most samples across a pixel; a source 16 times denser than the crop is filtered fully."""


def frame_crops(
    surface: Surface, candidates: Candidates, config: CropConfig
) -> Iterator[CropFrames]:
    """Decide where each crop lies and how large its image is.

    Parameters
    ----------
    surface : Surface
    candidates : Candidates
        N lesions on textured skin.
    config : CropConfig

    Yields
    ------
    CropFrames
        Batches of one image size; every candidate is in exactly one. No candidates give one empty
        batch. With ``native`` sampling the side is odd and follows the source's own density within
        the configured bounds.
    """
    sizes = _sizes_px(surface, candidates, config)
    for size in np.unique(sizes) if len(sizes) else (config.size_px,):
        chosen = np.flatnonzero(sizes == size).astype(np.int32)
        step = max(BATCH_PX // int(size) ** 2, 1)
        for first in range(0, max(len(chosen), 1), step):
            index = chosen[first : first + step]
            face = candidates.face[index]
            origin_mm, axes = frame_points(surface, face, candidates.barycentric[index])
            frames = CropFrames(index, face, origin_mm, axes, config.extent_mm, int(size))
            yield straighten_frames(surface, frames, window_mm=VIEW_SHARE * config.extent_mm)


def _sizes_px(surface: Surface, candidates: Candidates, config: CropConfig) -> NDArray[np.int64]:
    if config.sampling == "fixed":
        return np.full(len(candidates), config.size_px, np.int64)
    corners = surface.texel_mm[surface.faces[candidates.face]].astype(np.float64)
    texel_mm = (corners * candidates.barycentric).sum(axis=1)
    wanted = config.extent_mm / np.nan_to_num(texel_mm, nan=config.extent_mm)
    bounded = np.clip(wanted, config.native_min_px, config.native_max_px)
    # Both bounds are odd, so the next odd number below stays within.
    half: NDArray[np.int64] = ((bounded - 1) // 2).astype(np.int64)
    return 2 * half + 1


def extract_crops(
    scan: Scan, surface: Surface, frames: CropFrames, *, projection: str = "orthographic"
) -> CropBatch:
    """Draw the skin that lies in each frame.

    Parameters
    ----------
    scan : Scan
    surface : Surface
        Of that scan.
    frames : CropFrames
        N frames of one size.
    projection : {'orthographic', 'geodesic'}
        What a camera straight above sees, or the skin unrolled to true lengths.

    Returns
    -------
    CropBatch
        Only skin that is connected to the centre inside the window is drawn. Where the source is
        denser than the crop it is low-pass filtered, where it is coarser it is interpolated.
    """
    lay_flat = {"orthographic": orthographic_patches, "geodesic": geodesic_patches}[projection]
    patches = lay_flat(surface, frames, margin_mm=frames.mm_per_px)
    faces = _patch_faces(scan, surface, frames, patches)
    batch = _empty_batch(frames)
    for split, crops in _split_groups(patches, faces, frames):
        _draw(scan, frames, patches, faces, split, crops, batch)
    return batch


@dataclass(frozen=True, slots=True, eq=False)
class _PatchFaces:
    """What drawing needs to know of the M faces of some patches."""

    corner_px: NDArray[np.float64]
    """(M, 3, 2) row and column in crops, pixel centres at integers."""

    texel: NDArray[np.float64]
    """(M, 3, 2) row and column on the page."""

    page: NDArray[np.int16]
    area_ratio: NDArray[np.float64]
    texel_mm: NDArray[np.float64]
    tilt_deg: NDArray[np.float64]


def _patch_faces(scan: Scan, surface: Surface, frames: CropFrames, patches: Patches) -> _PatchFaces:
    centre_px = 0.5 * (frames.size_px - 1)
    corner_px = patches.corner_mm[:, :, ::-1] / frames.mm_per_px + centre_px
    texel = corner_rowcol(scan, patches.face)
    skin_mm2 = _face_area_mm2(surface, patches.face)
    image_mm2 = np.abs(_flat_area(patches.corner_mm))
    texel_px2 = np.abs(_flat_area(texel))
    with np.errstate(divide="ignore", invalid="ignore"):
        area_ratio = skin_mm2 / image_mm2
        texel_mm = np.sqrt(skin_mm2 / texel_px2)
    crop = np.repeat(np.arange(len(patches)), np.diff(patches.start))
    cos = (surface.face_normals[patches.face] * frames.axes[crop, 2]).sum(axis=1)
    return _PatchFaces(
        corner_px=np.ascontiguousarray(corner_px),
        texel=texel,
        page=scan.face_page[patches.face],
        area_ratio=area_ratio,
        texel_mm=texel_mm,
        tilt_deg=np.degrees(np.arccos(np.clip(cos, -1.0, 1.0))),
    )


def _flat_area(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    edge, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area: NDArray[np.float64] = 0.5 * (edge[:, 0] * other[:, 1] - edge[:, 1] * other[:, 0])
    return area


def _face_area_mm2(surface: Surface, face: NDArray[np.int32]) -> NDArray[np.float64]:
    a, b, c = (surface.vertices_mm[surface.faces[face, k]] for k in range(3))
    area: NDArray[np.float64] = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    return area


def _empty_batch(frames: CropFrames) -> CropBatch:
    n, size = len(frames), frames.size_px
    return CropBatch(
        frames=frames,
        pixels=np.empty((n, size, size, 3), np.uint8),
        covered=np.empty((n, size, size), np.bool_),
        mm2_per_px=np.empty((n, size, size), np.float32),
        texel_mm=np.full(n, np.nan, np.float32),
        obliqueness_deg=np.full(n, np.nan, np.float32),
    )


def _split_groups(
    patches: Patches, faces: _PatchFaces, frames: CropFrames
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Crops by the number of samples across a pixel that their source's density asks for."""
    maps, density = np.empty((len(patches.face), 2, 3)), np.empty(len(patches.face))
    raster.texel_maps(faces.corner_px, faces.texel, maps, density)
    # Mean by image area: skin that turns away is dense without end, but takes up little room.
    area_px = np.abs(_flat_area(faces.corner_px))
    weight = np.where(
        np.isfinite(density) & (density > 0), np.minimum(area_px, frames.size_px**2), 0
    )
    crop = np.repeat(np.arange(len(patches)), np.diff(patches.start))
    total = np.bincount(crop, weight, len(patches))
    mean = np.bincount(crop, weight * np.nan_to_num(density), len(patches))
    # Counts over no faces at all come as integers.
    mean = np.divide(mean, total, out=np.zeros(len(patches)), where=total > 0)
    split = np.clip(np.ceil(mean - DENSITY_SLACK), 1, MAX_SPLIT).astype(np.int64)
    for k in np.unique(split):
        crops = np.flatnonzero(split == k)
        fine_px = (frames.size_px + 2) * int(k)
        step = max(DRAW_PX // fine_px**2, 1)
        for first in range(0, len(crops), step):
            yield int(k), crops[first : first + step]


def _draw(
    scan: Scan,
    frames: CropFrames,
    patches: Patches,
    faces: _PatchFaces,
    split: int,
    crops: NDArray[np.intp],
    batch: CropBatch,
) -> None:
    """Fill the rows `crops` of a batch."""
    pad = 0 if split == 1 else 1
    fine_px = (frames.size_px + 2 * pad) * split
    start, rows = _select(patches, crops)
    # Pixel centre c, sample i of k: c + (i + 0.5) / k - 0.5.
    corner = (faces.corner_px[rows] + pad + 0.5) * split - 0.5
    page = faces.page[rows]
    winner = np.empty((len(crops), fine_px, fine_px), np.int32)
    raster.cover(
        start,
        corner,
        patches.height_mm[rows],
        page >= 0,
        EDGE_PX,
        np.empty((fine_px, fine_px), np.float32),
        winner,
    )
    maps, density = np.empty((len(rows), 2, 3)), np.empty(len(rows))
    raster.texel_maps(corner, faces.texel[rows], maps, density)
    fine, place = batch.pixels, crops
    if split > 1:
        fine, place = np.empty((*winner.shape, 3), np.uint8), np.arange(len(crops))
    for index in np.unique(page[page >= 0]):
        raster.shade(scan.atlas[index], int(index), page, maps, winner, place, fine)
    if split > 1:
        across = np.empty((fine_px, frames.size_px, 4), np.float32)
        raster.shrink(split, pad, winner, fine, across, crops, batch.pixels)
    share = np.zeros(len(rows), np.int32)
    raster.measure_cover(
        split,
        pad,
        frames.mm_per_px**2,
        winner,
        faces.area_ratio[rows],
        crops,
        share,
        batch.covered,
        batch.mm2_per_px,
        batch.pixels,
    )
    batch.texel_mm[crops] = _mean(start, share, faces.texel_mm[rows])
    batch.obliqueness_deg[crops] = _mean(start, share, faces.tilt_deg[rows])


def _mean(
    start: NDArray[np.int64], share: NDArray[np.int32], value: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean of a face's value over each crop, weighted by the samples that show it.

    A face without a finite value, such as the texel size where all texels are one, has no say.
    """
    crop = np.repeat(np.arange(len(start) - 1), np.diff(start))
    weight = np.where(np.isfinite(value), share, 0)
    total = np.bincount(crop, weight, len(start) - 1)
    summed = np.bincount(crop, np.where(weight > 0, value, 0.0) * weight, len(start) - 1)
    mean: NDArray[np.float64] = np.full(len(total), np.nan)
    return np.divide(summed, total, out=mean, where=total > 0)


def _select(
    patches: Patches, crops: NDArray[np.intp]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Compressed rows of a choice of patches."""
    count = np.diff(patches.start)[crops]
    start = np.concatenate(([0], np.cumsum(count)))
    rows = np.repeat(patches.start[:-1][crops] - start[:-1], count) + np.arange(start[-1])
    return start, rows
