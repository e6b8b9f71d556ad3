"""Put lesions on the skin: each texel gets the colour of its place in the tangent plane."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.errors import ConfigError
from tbp_extract.geometry import corner_rowcol, frame_points, geodesic_patches
from tbp_extract.kernels.paint import list_texels, mark_covered, spread_area
from tbp_extract.phantom.colour import lab_to_rgb, rgb_to_lab
from tbp_extract.phantom.lesions import Lesion, Stamp, make_stamp
from tbp_extract.phantom.sites import Sites
from tbp_extract.phantom.stickers import Sticker, draw_sticker
from tbp_extract.types import CropFrames, Patches, Scan, Surface

__all__ = ["Planted", "Truth", "plant_lesions", "plant_stickers"]

_PAD_PX = 3.0
_LEAST_LIGHTNESS = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What was planted, lesion by lesion; all arrays (N,) or as stated."""

    xyz_mm: NDArray[np.float64]
    """(N, 3) centroids, on the surface, in body space."""

    face: NDArray[np.int32]

    area_mm2: NDArray[np.float64]
    """Skin inside the outline, integrated on the surface."""

    long_mm: NDArray[np.float64]
    """Longest diameter of the outline, along the skin."""

    short_mm: NDArray[np.float64]
    """Narrowest width of the outline, along the skin."""

    contrast_lab: NDArray[np.float64]
    """(N, 3) mean CIELAB change of the texels inside the outline, as painted."""

    kind: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.face)


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """A scan with lesions, and the truth about them."""

    scan: Scan
    truth: Truth

    masks: tuple[NDArray[np.uint8], ...]
    """(H, W) a page, 255 on lesions; empty if not asked for."""


def plant_lesions(
    scan: Scan, surface: Surface, sites: Sites, lesions: Sequence[Lesion], *, masks: bool = False
) -> Planted:
    """Paint lesions onto the pages of a scan.

    Every texel near a lesion gets the colour that its place in the lesion's tangent plane has by
    the geodesic log map, so sizes are true across seams and on curved skin. Later lesions blend
    over earlier ones.

    Parameters
    ----------
    scan : Scan
        Stays as it is; its pages are copied.
    surface : Surface
        Of that scan.
    sites : Sites
        N places.
    lesions : sequence of Lesion
        N lesions.
    masks : bool
        Whether to make mask pages as well.

    Returns
    -------
    Planted

    Raises
    ------
    ConfigError
        If places and lesions differ in number, or a place lies on a face without texture.
    """
    if len(sites) != len(lesions):
        raise ConfigError(f"expected a place for each of {len(lesions)} lesions, got {len(sites)}")
    if (scan.face_page[sites.face] < 0).any():
        raise ConfigError("a lesion's place lies on a face without texture")
    texel = surface.texel_mm[surface.faces[sites.face]].mean(axis=1)
    stamps = [
        make_stamp(lesion, texel_mm=float(size))
        for lesion, size in zip(lesions, texel, strict=True)
    ]
    return _paint(scan, surface, sites, stamps, [lesion.kind.value for lesion in lesions], masks)


def plant_stickers(
    scan: Scan, surface: Surface, sites: Sites, stickers: Sequence[Sticker]
) -> Planted:
    """Paint what does not belong on skin onto the pages of a scan.

    Parameters
    ----------
    scan, surface, sites
        As in `plant_lesions`.
    stickers : sequence of Sticker
        N of them.

    Returns
    -------
    Planted
        The truth's contrast is that to the skin underneath.
    """
    stamps = [draw_sticker(sticker) for sticker in stickers]
    return _paint(scan, surface, sites, stamps, [s.kind.value for s in stickers], masks=False)


def _paint(
    scan: Scan,
    surface: Surface,
    sites: Sites,
    stamps: Sequence[Stamp],
    kinds: Sequence[str],
    masks: bool,
) -> Planted:
    painted = replace(scan, atlas=tuple(page.copy() for page in scan.atlas))
    shades = tuple(np.zeros(page.shape[:2], np.uint8) for page in scan.atlas) if masks else ()
    canvas = _Canvas.of(painted, surface, shades)
    area, contrast = np.zeros(len(stamps)), np.zeros((len(stamps), 3))
    for number, patch in _patches(surface, sites, stamps):
        area[number] = canvas.area_mm2(patch, stamps[number])
        contrast[number] = canvas.paint(patch, stamps[number])
    truth = Truth(
        xyz_mm=sites.xyz_mm,
        face=sites.face,
        area_mm2=area,
        long_mm=np.array([stamp.long_mm for stamp in stamps]),
        short_mm=np.array([stamp.short_mm for stamp in stamps]),
        contrast_lab=contrast,
        kind=tuple(kinds),
    )
    return Planted(painted, truth, shades)


@dataclass(frozen=True, slots=True, eq=False)
class _Patch:
    """The faces around one lesion."""

    face: NDArray[np.int32]
    corner_mm: NDArray[np.float64]


def _patches(
    surface: Surface, sites: Sites, stamps: Sequence[Stamp]
) -> Iterator[tuple[int, _Patch]]:
    """Unroll the skin around each lesion, lesions of like size together, given out in order."""
    reach = np.array([stamp.reach_mm for stamp in stamps])
    window = 2.0 ** (np.ceil(2.0 * np.log2(np.maximum(reach, 0.5))) / 2.0)
    origin, axes = frame_points(surface, sites.face, sites.barycentric)
    found: dict[int, tuple[Patches, int]] = {}
    for half in np.unique(window):
        member = np.flatnonzero(window == half).astype(np.int32)
        frames = CropFrames(
            candidate=member,
            face=sites.face[member],
            origin_mm=origin[member],
            axes=axes[member],
            extent_mm=2.0 * float(half),
            size_px=1,
        )
        patches = geodesic_patches(surface, frames)
        found.update((int(number), (patches, row)) for row, number in enumerate(member))
    for number in range(len(stamps)):
        patches, row = found[number]
        part = slice(patches.start[row], patches.start[row + 1])
        yield number, _Patch(patches.face[part], patches.corner_mm[part])


@dataclass(frozen=True, slots=True, eq=False)
class _Texels:
    """Texels of one page around one lesion."""

    index: NDArray[np.int64]
    place_mm: NDArray[np.float64]
    area_mm2: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Canvas:
    """Pages being painted, with what is needed to find texels on them."""

    scan: Scan
    shades: tuple[NDArray[np.uint8], ...]
    covered: tuple[NDArray[np.uint8], ...]
    face_area_mm2: NDArray[np.float64]

    @classmethod
    def of(cls, scan: Scan, surface: Surface, shades: tuple[NDArray[np.uint8], ...]) -> "_Canvas":
        corners = surface.vertices_mm[surface.faces]
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        covered = tuple(cover_bits(scan, page) for page in range(len(scan.atlas)))
        return cls(scan, shades, covered, 0.5 * np.linalg.norm(cross, axis=1))

    def area_mm2(self, patch: _Patch, stamp: Stamp) -> float:
        """Skin inside the outline, summed over the stamp's own fine grid."""
        density = np.zeros(stamp.inside.shape)
        spread_area(patch.corner_mm, self.face_area_mm2[patch.face], stamp.mm_per_px, density)
        return float((density * stamp.inside).sum() * stamp.mm_per_px**2)

    def paint(self, patch: _Patch, stamp: Stamp) -> NDArray[np.float64]:
        """Blend a stamp in; (3,) mean CIELAB change inside the outline."""
        change, weight = np.zeros(3), 0.0
        for page in np.unique(self.scan.face_page[patch.face]):
            if page < 0:
                continue
            texels = self._texels(patch, int(page), stamp)
            moved, inside = self._blend(texels, int(page), stamp)
            share = inside * texels.area_mm2
            change += share @ moved
            weight += float(share.sum())
        return change / weight if weight > 0.0 else np.full(3, np.nan)

    def _texels(self, patch: _Patch, page: int, stamp: Stamp) -> _Texels:
        """Each texel once: from the face that holds it, else from the nearest one."""
        on_page = self.scan.face_page[patch.face] == page
        face, corner = patch.face[on_page], patch.corner_mm[on_page]
        rowcol = corner_rowcol(self.scan, face)
        width = self.scan.atlas[page].shape[1]
        room = 4096
        while True:
            index, beyond = np.empty(room, np.int64), np.empty(room, np.float32)
            place, area = np.empty((room, 2)), np.empty(room)
            found = list_texels(
                rowcol,
                corner,
                self.face_area_mm2[face],
                self.covered[page],
                width,
                stamp.reach_mm,
                _PAD_PX,
                index,
                beyond,
                place,
                area,
            )
            if found <= room:
                break
            room = found
        order = np.lexsort((beyond[:found], index[:found]))
        order = order[np.r_[True, np.diff(index[order]) > 0]] if found else order
        return _Texels(index[order], place[order], area[order])

    def _blend(
        self, texels: _Texels, page: int, stamp: Stamp
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """CIELAB change (M, 3) and share inside the outline (M,) of texels just painted."""
        colours = self.scan.atlas[page].reshape(-1, 3)
        alpha, offset, inside = _look_up(stamp, texels.place_mm)
        before = colours[texels.index]
        old = rgb_to_lab(before)
        shrink = 1.0
        if stamp.skin_lightness is not None and len(old):
            shrink = min(1.0, float(np.median(old[:, 0])) / stamp.skin_lightness)
        change = offset - old if stamp.opaque else offset * shrink
        new = old + alpha[:, None] * change
        new[:, 0] = np.clip(new[:, 0], _LEAST_LIGHTNESS, 100.0)
        after = np.round(lab_to_rgb(new)).astype(np.uint8)
        after = np.where(alpha[:, None] > 0.0, after, before)
        colours[texels.index] = after
        if self.shades:
            self.shades[page].reshape(-1)[texels.index[inside >= 0.5]] = 255
        return rgb_to_lab(after) - old, inside


def cover_bits(scan: Scan, page: int) -> NDArray[np.uint8]:
    """One bit a texel of a page, set where skin lies: (H, ceil(W / 8))."""
    height, width = scan.atlas[page].shape[:2]
    bits = np.zeros((height, (width + 7) // 8), np.uint8)
    rowcol = corner_rowcol(scan, np.flatnonzero(scan.face_page == page))
    mark_covered(rowcol[np.isfinite(rowcol).all(axis=(1, 2))], width, bits)
    return bits


def _look_up(
    stamp: Stamp, place_mm: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Alpha (M,), offset (M, 3) and share inside (M,) at places in the tangent plane."""
    middle = 0.5 * (len(stamp.alpha) - 1)
    at = (place_mm / stamp.mm_per_px + middle).astype(np.float32)
    # A column of points may be longer than the 32767 rows that remap takes.
    grid = np.zeros((-(-max(len(at), 1) // 1024) * 1024, 2), np.float32)
    grid[: len(at)] = at
    x, y = grid[:, 0].reshape(-1, 1024), grid[:, 1].reshape(-1, 1024)
    picked = [
        cv2.remap(layer, x, y, cv2.INTER_LINEAR, borderMode=border)
        for layer, border in (
            (stamp.alpha, cv2.BORDER_CONSTANT),
            (stamp.offset_lab, cv2.BORDER_REPLICATE),
            (stamp.inside, cv2.BORDER_CONSTANT),
        )
    ]
    alpha, offset, inside = (np.asarray(layer, np.float64) for layer in picked)
    n = len(at)
    return alpha.reshape(-1)[:n], offset.reshape(-1, 3)[:n], inside.reshape(-1)[:n]
