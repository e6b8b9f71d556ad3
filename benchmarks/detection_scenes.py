"""Bodies with planted lesions for the detector's benchmark and training, and the truth about them.

Bodies and photographs are split in two halves: what is tuned on ``tune`` is reported on ``test``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import data_folder
from tbp_extract.geometry import corner_rowcol
from tbp_extract.io.scan import read_scan, scan_ref
from tbp_extract.phantom import LesionKind, enlarge_atlas, read_photos
from tbp_extract.phantom.atlas import make_atlas
from tbp_extract.phantom.body import make_body
from tbp_extract.phantom.colour import rgb_to_lab
from tbp_extract.phantom.enlarge import mean_skin, roughen
from tbp_extract.phantom.hair import Hair, grow_hair
from tbp_extract.phantom.lesions import Lesion
from tbp_extract.phantom.mix import draw_lesions
from tbp_extract.phantom.photos import Photo
from tbp_extract.phantom.plant import plant_lesions
from tbp_extract.phantom.sites import faces_between, sample_sites
from tbp_extract.phantom.skin import Skin, Tone, bake_skin
from tbp_extract.types import Scan, Surface

__all__ = [
    "HALVES",
    "PAGE_PX",
    "Half",
    "Plants",
    "bare_body",
    "made_body",
    "match",
    "photos_of",
    "plant",
    "with_hair",
]

Half = Literal["tune", "test"]

HALVES: dict[Half, tuple[str, ...]] = {
    "tune": ("mh_male_middleage", "mh_male_young"),
    "test": ("mh_female_middleage_asian", "mh_male_dark"),
}
"""The only dark body is in the half that is reported."""

PAGE_PX = 8192
"""Four times the skins' own size: a texel of 0.22 to 0.27 mm in the median."""

KINDS = tuple(LesionKind)
HEIGHTS = (0.02, 0.86)
"""Soles and what lies above the chin are left out."""

GAP_MM = 8.0
BLOCK = 4000
"""Finds matched at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Plants:
    """Lesions that were planted, N of them."""

    xyz_mm: NDArray[np.float64]
    """(N, 3) centroids of the outlines."""

    long_mm: NDArray[np.float64]
    """(N,) longest diameter along the skin."""

    contrast: NDArray[np.float64]
    """(N,) deltaLBnorm as painted: 56.1 deltaLB / (Lext + 20), of mean colours."""

    ita_deg: NDArray[np.float64]
    """(N,) of the bare skin at the place."""

    face: NDArray[np.int32]
    kind: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.face)


def photos_of(half: Half) -> tuple[Photo, ...]:
    """Every other lesion photograph."""
    photos = read_photos(data_folder() / "lesion_patches")
    return photos[(0 if half == "tune" else 1) :: 2]


def bare_body(name: str, *, page_px: int = PAGE_PX) -> Scan:
    """Read a real body, its skin enlarged and given fine texture."""
    mesh = data_folder() / "bodies" / name / f"{name}.obj"
    scan = read_scan(scan_ref(mesh, unit="mm"))
    scan = enlarge_atlas(replace(scan, to_body=None), page_px=page_px)
    roughen(scan, seed=sum(map(ord, name)))
    return scan


def made_body(tone: Tone, *, freckles: float, seed: int, page_px: int = PAGE_PX) -> Scan:
    """Make a body of our own with painted skin."""
    body = make_body("human", faces=100_000)
    atlas = make_atlas(body, page_px=page_px)
    page = np.empty((page_px, page_px, 3), np.uint8)
    scan = Scan(body.vertices_mm, body.faces, atlas.wedge_uv, atlas.face_page, (page,))
    bake_skin(scan, Skin.of(tone, freckles=freckles), seed=seed)
    return scan


def plant(
    scan: Scan,
    surface: Surface,
    photos: Sequence[Photo],
    *,
    count: int,
    seed: int,
    diameter_mm: tuple[float, float] = (1.0, 12.0),
    hair: Hair | None = None,
    faded: float = 1.0,
) -> tuple[Scan, Plants]:
    """Plant drawn and photographed lesions below the chin, and body hair over them if asked for.

    ``faded`` is the least share of their difference from the skin that drawn ones keep.
    """
    skin = mean_skin(scan)
    lesions = draw_lesions(
        count, kinds=KINDS, diameter_mm=diameter_mm, skin=skin, photos=photos, seed=seed
    )
    if faded < 1.0:
        share = np.random.default_rng(seed).uniform(faded, 1.0, count)
        lesions = tuple(map(fainter, lesions, share.tolist()))
    allowed = below_chin(scan, surface)
    radius = np.array([0.5 * lesion.diameter_mm for lesion in lesions])
    sites = sample_sites(surface, radius, seed=seed + 1, gap_mm=GAP_MM, allowed=allowed)
    planted = plant_lesions(scan, surface, sites, lesions)
    skin_lab = site_lab(scan, sites.face)
    truth = planted.truth
    if hair is not None:
        grow_hair(planted.scan, surface, hair, seed=seed + 2, allowed=allowed)
    delta_lb = np.hypot(truth.contrast_lab[:, 0], truth.contrast_lab[:, 2])
    return planted.scan, Plants(
        xyz_mm=truth.xyz_mm,
        long_mm=truth.long_mm,
        contrast=np.where(truth.contrast_lab[:, 0] < 0, 1.0, -1.0)
        * 56.1
        * delta_lb
        / (skin_lab[:, 0] + 20.0),
        ita_deg=np.degrees(np.arctan2(skin_lab[:, 0] - 50.0, skin_lab[:, 2])),
        face=truth.face,
        kind=np.array(truth.kind, object),
    )


def fainter(lesion: Lesion, share: float) -> Lesion:
    """Keep a share of what sets a drawn lesion off its skin; photographs stay as they are."""
    light, red, yellow = np.multiply(share, lesion.offset_lab).tolist()
    paler = replace(lesion, offset_lab=(light, red, yellow))
    if lesion.inner_lab is None:
        return paler
    light, red, yellow = np.multiply(share, lesion.inner_lab).tolist()
    return replace(paler, inner_lab=(light, red, yellow))


def below_chin(scan: Scan, surface: Surface) -> NDArray[np.bool_]:
    """(F,) faces on which lesions are planted and hair grows."""
    low, high = surface.vertices_mm[:, 1].min(), surface.vertices_mm[:, 1].max()
    first, last = (low + share * (high - low) for share in HEIGHTS)
    return np.asarray((scan.face_page >= 0) & faces_between(surface, float(first), float(last)))


def site_lab(scan: Scan, face: NDArray[np.int32]) -> NDArray[np.float64]:
    """(N, 3) median CIELAB of the page around the middles of faces."""
    middle = corner_rowcol(scan, face).mean(axis=1)
    out = np.empty((len(face), 3))
    for row, (place, page) in enumerate(zip(middle, scan.face_page[face], strict=True)):
        r, c = (int(v) for v in place)
        part = scan.atlas[page][max(r - 8, 0) : r + 9, max(c - 8, 0) : c + 9]
        out[row] = np.median(rgb_to_lab(part).reshape(-1, 3), axis=0)
    return out


def with_hair(scan: Scan, surface: Surface, hair: Hair, *, seed: int) -> Scan:
    """Grow body hair below the chin on a copy of a scan."""
    out = replace(scan, atlas=tuple(page.copy() for page in scan.atlas))
    grow_hair(out, surface, hair, seed=seed, allowed=below_chin(scan, surface))
    return out


def match(
    xyz_mm: NDArray[np.float64], plants: Plants
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Which plant each of N finds is, and which finds are neither.

    Returns
    -------
    plant : (N,) int64
        The nearest planted lesion whose centroid lies within half its diameter or 1 mm; else -1.
    near : (N,) bool
        Finds that match none, but lie within 2 mm of a rim: parts of lesions.
    """
    if len(xyz_mm) > BLOCK:
        parts = [match(xyz_mm[k : k + BLOCK], plants) for k in range(0, len(xyz_mm), BLOCK)]
        of, near = (np.concatenate(part) for part in zip(*parts, strict=True))
        return of, near
    if len(xyz_mm) == 0:
        return np.empty(0, np.int64), np.empty(0, np.bool_)
    away = np.linalg.norm(xyz_mm[:, None] - plants.xyz_mm[None], axis=2)
    hit = away <= np.maximum(0.5 * plants.long_mm, 1.0)
    of = np.where(hit.any(axis=1), np.where(hit, away, np.inf).argmin(axis=1), -1)
    return of, (of < 0) & (away < 0.5 * plants.long_mm + 2.0).any(axis=1)
