"""Whole data sets of phantoms: bodies, skin, lesions, files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import TILE_TYPES
from tbp_extract.config import JpegConfig
from tbp_extract.errors import ConfigError, OutputError, ScanError, ScanReason
from tbp_extract.geometry import build_surface
from tbp_extract.io.scan import read_scan, scan_ref
from tbp_extract.phantom.atlas import make_atlas
from tbp_extract.phantom.body import BodyKind, make_body
from tbp_extract.phantom.enlarge import enlarge_atlas, mean_skin, roughen
from tbp_extract.phantom.hair import Hair, grow_hair
from tbp_extract.phantom.lesions import Lesion, LesionKind
from tbp_extract.phantom.mix import draw_lesions
from tbp_extract.phantom.photos import Photo, read_photos
from tbp_extract.phantom.plant import Planted, Truth, plant_lesions
from tbp_extract.phantom.sites import faces_between, sample_sites
from tbp_extract.phantom.skin import Skin, Tone, bake_skin
from tbp_extract.phantom.write import (
    MeshFormat,
    write_mask_pages,
    write_scan,
    write_table,
)
from tbp_extract.types import Scan, Surface

__all__ = [
    "PhantomOptions",
    "PhantomScan",
    "make_phantom",
    "make_phantoms",
    "write_phantom_tables",
]

_DRAWN = (LesionKind.DISC, LesionKind.ELLIPSE, LesionKind.IRREGULAR, LesionKind.TWO_TONE)


@dataclass(frozen=True, slots=True)
class PhantomOptions:
    """What to make; the same options give the same bytes."""

    body: BodyKind = "human"
    mesh: Path | None = None
    """A textured mesh to use as the body instead."""

    mesh_unit: str | None = None
    """mm, cm, m or in; not needed where the format fixes it."""

    count: int = 1
    seed: int = 0
    name: str = "phantom"
    """Scans are named by this and their number."""

    faces: int = 100_000
    height_m: float = 1.75
    page_px: int = 4096
    pages: int = 1
    """Pages of a body of our own; one of the user's keeps its own."""

    tone: Tone | None = None
    """``None``: each scan its own."""

    freckles: float = 0.2
    hair: Hair | None = None
    fine_texture: bool = True
    """Add pores and grain to the enlarged pages of a user's body."""

    lesions: int = 100
    diameter_mm: tuple[float, float] = (1.5, 10.0)
    kinds: tuple[LesionKind, ...] = _DRAWN
    photos: Path | None = None
    """Folder with ``img/*.jpg`` and ``mask/*.png``; needed for photographed lesions."""

    gap_mm: float = 8.0
    """Least distance between the rims of two lesions."""

    lesion_heights: tuple[float, float] = (0.04, 0.86)
    """Where lesions lie, as shares of the height of a whole body; below the chin by default."""

    mesh_format: MeshFormat = MeshFormat.OBJ
    jpeg: JpegConfig | None = None
    """Quality 95, 4:4:4 by default."""

    masks: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.name):
            raise ConfigError("the name of phantoms must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
        if self.count < 1 or self.lesions < 1:
            raise ConfigError("phantoms need a count and a number of lesions of 1 or more")
        low, high = self.diameter_mm
        if not 0.2 <= low <= high <= 20.0:
            raise ConfigError(
                f"lesion diameters must run from low to high within 0.2 to 20 mm, got {low}-{high}"
            )
        if self.mesh is not None and self.tone is not None:
            raise ConfigError("a tone is for made bodies: a mesh of your own keeps its skin")
        if not self.kinds or (LesionKind.PHOTO in self.kinds) != (self.photos is not None):
            raise ConfigError(
                "a folder of photographs belongs to lesions of kind photo, and only there"
            )
        if not 256 <= self.page_px <= 16384 or not 1 <= self.pages <= 64:
            raise ConfigError("phantoms take 1 to 64 pages of 256 to 16384 px")


@dataclass(frozen=True, slots=True, eq=False)
class PhantomScan:
    """One phantom as written."""

    scan_id: str
    mesh: Path
    truth: Truth
    row: dict[str, object]
    """Of ``scans.csv``."""


def make_phantoms(out: Path, options: PhantomOptions) -> tuple[PhantomScan, ...]:
    """Make bodies with known lesions and write them as a source folder.

    Parameters
    ----------
    out : Path
        Gets ``scans.csv``, ``truth.csv`` and a folder for each scan with mesh, pages and
        ``lesions.csv``; made if missing.
    options : PhantomOptions

    Returns
    -------
    tuple of PhantomScan

    Raises
    ------
    ConfigError
        If options do not fit together.
    SourceError, ScanError
        If photographs or the user's mesh cannot be read.
    OutputError
        If the folder cannot be written.
    """
    if out.is_dir() and any(out.iterdir()):
        raise OutputError("expected an empty folder for the phantoms, got one with other files")
    photos = read_photos(options.photos) if options.photos is not None else ()
    scans = tuple(make_phantom(out, options, k, photos=photos) for k in range(options.count))
    write_phantom_tables(out, scans)
    return scans


def make_phantom(
    out: Path, options: PhantomOptions, number: int, *, photos: Sequence[Photo] = ()
) -> PhantomScan:
    """Make one phantom; tables over all of them are left to `write_phantom_tables`."""
    scan_id = f"{options.name}_{number:03d}"
    seeds = _Seeds.of(options.seed, number)
    bare = _bare_scan(options, seeds)
    planted = _plant(bare, options, seeds, photos)
    del bare
    folder = out / scan_id
    mesh = write_scan(
        folder, scan_id, planted.scan, mesh_format=options.mesh_format, jpeg=options.jpeg
    )
    if options.masks:
        write_mask_pages(folder, scan_id, planted.masks)
    write_table(folder / "lesions.csv", _list_rows(planted.truth, options.mesh_format))
    row = _scan_row(scan_id, number, mesh.name, options, seeds.person)
    return PhantomScan(scan_id, mesh, planted.truth, row)


def write_phantom_tables(out: Path, scans: Sequence[PhantomScan]) -> None:
    """Write ``scans.csv`` and ``truth.csv`` of scans that lie in one folder."""
    write_table(out / "scans.csv", [scan.row for scan in scans])
    write_table(out / "truth.csv", [row for scan in scans for row in _truth_rows(scan)])


@dataclass(frozen=True, slots=True)
class _Seeds:
    """One for each thing that is drawn, so that a change to one leaves the others."""

    skin: int
    lesions: int
    sites: int
    hair: int
    person: int

    @classmethod
    def of(cls, seed: int, number: int) -> "_Seeds":
        state = np.random.SeedSequence([seed, number]).generate_state(5)
        return cls(*(int(value) for value in state >> 1))


def _tone(options: PhantomOptions, seeds: _Seeds) -> Tone:
    return options.tone or list(Tone)[seeds.skin % len(Tone)]


def _bare_scan(options: PhantomOptions, seeds: _Seeds) -> Scan:
    """Body with skin but without lesions."""
    if options.mesh is not None:
        scan = _read_body(options.mesh, options.mesh_unit)
        scan = enlarge_atlas(replace(scan, to_body=None), page_px=options.page_px)
        if options.fine_texture:
            roughen(scan, seed=seeds.skin)
        return scan
    body = make_body(options.body, faces=options.faces, height_m=options.height_m)
    atlas = make_atlas(body, page_px=options.page_px, pages=options.pages)
    size = (options.page_px, options.page_px, 3)
    scan = Scan(
        vertices_mm=body.vertices_mm,
        faces=body.faces,
        wedge_uv=atlas.wedge_uv,
        face_page=atlas.face_page,
        atlas=tuple(np.empty(size, np.uint8) for _ in range(options.pages)),
    )
    skin = Skin.of(_tone(options, seeds), freckles=options.freckles)
    bake_skin(scan, skin, seed=seeds.skin)
    return scan


def _read_body(mesh: Path, unit: str | None) -> Scan:
    try:
        return read_scan(scan_ref(mesh, unit=unit))
    except ScanError as error:
        if error.reason in (ScanReason.SCALE_UNKNOWN, ScanReason.SCALE_IMPLAUSIBLE):
            raise ConfigError(
                "expected the unit in which the mesh is as large as a person or a part of one: "
                f"give it as mesh_unit or --unit, got {unit or 'none'}"
            ) from None
        raise


def _plant(scan: Scan, options: PhantomOptions, seeds: _Seeds, photos: Sequence[Photo]) -> Planted:
    surface = build_surface(scan)
    lesions = draw_lesions(
        options.lesions,
        kinds=options.kinds,
        diameter_mm=options.diameter_mm,
        skin=mean_skin(scan),
        photos=photos,
        seed=seeds.lesions,
    )
    allowed = _allowed(scan, surface, options)
    sites = sample_sites(
        surface,
        _radii(lesions),
        seed=seeds.sites,
        gap_mm=options.gap_mm,
        allowed=allowed,
    )
    planted = plant_lesions(scan, surface, sites, lesions, masks=options.masks)
    if options.hair is not None:
        grow_hair(planted.scan, surface, options.hair, seed=seeds.hair, allowed=allowed)
    return planted


def _radii(lesions: Sequence[Lesion]) -> NDArray[np.float64]:
    return np.array([0.5 * lesion.diameter_mm for lesion in lesions])


def _allowed(scan: Scan, surface: Surface, options: PhantomOptions) -> NDArray[np.bool_]:
    textured = scan.face_page >= 0
    if options.mesh is None and options.body == "arm":
        return np.asarray(textured)
    low, high = surface.vertices_mm[:, 1].min(), surface.vertices_mm[:, 1].max()
    first, last = (low + share * (high - low) for share in options.lesion_heights)
    return np.asarray(textured & faces_between(surface, float(first), float(last)))


def _list_rows(truth: Truth, mesh_format: MeshFormat) -> list[dict[str, object]]:
    """Lesion list in the mesh's own unit."""
    xyz = truth.xyz_mm * mesh_format.per_mm
    return [
        {
            "lesion_id": f"L{k:04d}",
            "x": x,
            "y": y,
            "z": z,
            "diameter_mm": truth.long_mm[k],
        }
        for k, (x, y, z) in enumerate(xyz)
    ]


def _truth_rows(scan: PhantomScan) -> list[dict[str, object]]:
    truth = scan.truth
    return [
        {
            "scan_id": scan.scan_id,
            "lesion_id": f"L{k:04d}",
            "x_mm": truth.xyz_mm[k, 0],
            "y_mm": truth.xyz_mm[k, 1],
            "z_mm": truth.xyz_mm[k, 2],
            "face": int(truth.face[k]),
            "area_mm2": truth.area_mm2[k],
            "long_mm": truth.long_mm[k],
            "short_mm": truth.short_mm[k],
            "kind": truth.kind[k],
            "delta_l": truth.contrast_lab[k, 0],
            "delta_a": truth.contrast_lab[k, 1],
            "delta_b": truth.contrast_lab[k, 2],
        }
        for k in range(len(truth))
    ]


def _scan_row(
    scan_id: str, number: int, mesh_name: str, options: PhantomOptions, seed: int
) -> dict[str, object]:
    """Row of ``scans.csv`` with an invented person."""
    rng = np.random.default_rng(seed)
    year, month, day = rng.integers(2020, 2025), rng.integers(1, 13), rng.integers(1, 29)
    return {
        "scan_id": scan_id,
        "patient_id": f"{options.name}_patient_{number:03d}",
        "mesh": f"{scan_id}/{mesh_name}",
        "unit": options.mesh_format.unit,
        "up": "+y",
        "front": "+z",
        "lesions": f"{scan_id}/lesions.csv",
        "capture_date": f"{year:04d}-{month:02d}-{day:02d}",
        "age": int(rng.integers(18, 86)),
        "sex": ("male", "female")[int(rng.integers(2))],
        "tbp_tile_type": TILE_TYPES[int(rng.integers(len(TILE_TYPES)))],
        "attribution": "tbp_extract phantom",
        "copyright_license": "CC-0",
    }
