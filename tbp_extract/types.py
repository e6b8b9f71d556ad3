"""The values that flow from a scan to a shard: frozen structures of arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbp_extract.reasons import Decision, DropReason, EmptyReason, GateReason

__all__ = [
    "CandidateSource",
    "Candidates",
    "CropBatch",
    "CropFrames",
    "Decision",
    "DropReason",
    "Drops",
    "EmptyReason",
    "GateReason",
    "LesionList",
    "LesionTable",
    "Patches",
    "Release",
    "ReleaseKey",
    "Scan",
    "ScanRef",
    "Surface",
    "TagMatch",
]


class CandidateSource(StrEnum):
    """Where a candidate comes from."""

    LIST = "list"
    DETECTOR = "detector"
    BOTH = "both"
    """A lesion that a detector found and a person tagged."""


class TagMatch(StrEnum):
    """How a person's tag and a detector's find met, in the four cases that organisers know."""

    TAGGED = "tagged"
    """A tag on a lesion that was found."""

    TAGGED_NL = "tagged_nl"
    """A tag on a find that was rejected as no lesion."""

    UNMATCHED = "unmatched"
    """A tag without a find."""

    UNTAGGED = "untagged"
    """A lesion that was found and not tagged."""


@dataclass(frozen=True, slots=True)
class ScanRef:
    """One scan as the source describes it: small and picklable, what a worker gets."""

    scan_id: str
    """As given. Private."""

    patient_id: str
    """As given. Private."""

    root: Path
    """Folder that the scan's files may not leave. Private."""

    mesh: str
    """Mesh file, relative to ``root``. Private."""

    lesions: str | None = None
    """Lesion list, relative to ``root``. Private."""

    unit: str | None = None
    """mm, cm, m or in; ``None``: fixed by the format or by the configuration."""

    up: str | None = None
    """Mesh axis towards the head, such as ``+y``."""

    front: str | None = None
    """Mesh axis that the patient faces, such as ``+z``."""

    capture_date: str | None = None
    """ISO date. Private."""

    age_years: float | None = None
    """Age at capture. Private until rounded."""

    sex: str | None = None
    tile_type: str | None = None
    attribution: str | None = None
    copyright_license: str | None = None

    tiles: str | None = None
    """Folder of a capture in a vendor's tile export, relative to ``root``: there is no mesh, and
    ``mesh`` is empty. Private."""

    is_listed: bool = True
    """Whether the source's table has a row for it."""


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A textured mesh in body space: millimetres, right-handed, y up, patient facing +z."""

    vertices_mm: NDArray[np.float64]
    """(V, 3)."""

    faces: NDArray[np.int32]
    """(F, 3), counter-clockwise seen from outside."""

    wedge_uv: NDArray[np.float32]
    """(F, 3, 2) texture coordinates of the face corners, v up; NaN where a face has none."""

    face_page: NDArray[np.int16]
    """(F,) index into ``atlas``; -1 for a face without texture."""

    atlas: tuple[NDArray[np.uint8], ...]
    """One (H, W, 3) sRGB page per texture, row 0 on top."""

    page_names: tuple[str, ...] = ()
    """File name of each page, for lesion lists that name one. Private."""

    to_body: NDArray[np.float64] | None = None
    """(3, 3) from the mesh's own unit and axes to body space; ``None`` is the identity."""


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A scan's mesh as one connected skin, whatever its UV seams did to the vertices."""

    vertices_mm: NDArray[np.float64]
    """(V, 3), one per distinct position."""

    faces: NDArray[np.int32]
    """(F, 3), in the order of ``Scan.faces``."""

    neighbours: NDArray[np.int32]
    """(F, 3) face across the edge from corner k to corner k+1; -1 at a border."""

    face_normals: NDArray[np.float64]
    """(F, 3) outward unit normals; zero for a face without area."""

    vertex_normals: NDArray[np.float64]
    """(V, 3) outward unit normals, angle-weighted."""

    vertex_start: NDArray[np.int32]
    """(V + 1,) where the faces of each vertex begin in ``vertex_face``."""

    vertex_face: NDArray[np.int32]
    """(3F,) faces around each vertex."""

    texel_mm: NDArray[np.float32]
    """(V,) side of a source texel on the skin, in mm; NaN where there is no texture."""


@dataclass(frozen=True, slots=True, eq=False)
class LesionList:
    """Lesion positions as a list gives them, before they are put on the skin."""

    xyz_mm: NDArray[np.float64] | None
    """(N, 3) in body space, or ``None`` where the list holds texture coordinates."""

    uv: NDArray[np.float64] | None
    """(N, 2), v up."""

    page: NDArray[np.int16] | None
    """(N,) with ``uv``."""

    lesion_id: tuple[str, ...]
    """As given, else the row number as text. Private."""

    diameter_mm: NDArray[np.float32]
    """(N,), NaN where not given."""

    extra: Mapping[str, NDArray[Any]]
    """Other known columns (``tag``, ``tbp_lv_*``), (N,) each."""

    def __len__(self) -> int:
        return len(self.lesion_id)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Lesions on the surface, not yet accepted."""

    face: NDArray[np.int32]
    """(N,)."""

    barycentric: NDArray[np.float64]
    """(N, 3), within the face."""

    diameter_mm: NDArray[np.float32]
    """(N,), NaN where unknown."""

    score: NDArray[np.float32]
    """(N,) in [0, 1]; 1 for a listed lesion."""

    source: tuple[CandidateSource, ...]
    """(N,)."""

    lesion_id: tuple[str, ...]
    """As given, else the number of the find. Private."""

    extra: Mapping[str, NDArray[Any]]
    """Further columns of a list, (N,) each."""

    def __len__(self) -> int:
        return len(self.face)


@dataclass(frozen=True, slots=True, eq=False)
class Drops:
    """Candidates that were not kept, each with its reason."""

    lesion_id: tuple[str, ...]
    """(M,) as given, else the number of the find. Private."""

    reason: tuple[DropReason, ...]
    """(M,)."""

    position_mm: NDArray[np.float64]
    """(M, 3) in body space; NaN where there is no place on the skin. Private."""

    def __len__(self) -> int:
        return len(self.reason)


@dataclass(frozen=True, slots=True, eq=False)
class CropFrames:
    """Where N square crops sit on the skin; pixels come later."""

    candidate: NDArray[np.int32]
    """(N,) index of the candidate that each crop shows."""

    face: NDArray[np.int32]
    """(N,) face under the centre."""

    origin_mm: NDArray[np.float64]
    """(N, 3) crop centres on the surface, in mm."""

    axes: NDArray[np.float64]
    """(N, 3, 3) orthonormal rows: tangent (+column), bitangent (+row), normal (outward)."""

    extent_mm: float
    size_px: int

    @property
    def mm_per_px(self) -> float:
        """Sampling of the crops."""
        return self.extent_mm / self.size_px

    def __len__(self) -> int:
        return len(self.face)


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """The skin around N points, laid flat: faces connected to each point within its window."""

    start: NDArray[np.int64]
    """(N + 1,) where the faces of each patch begin."""

    face: NDArray[np.int32]
    """(M,)."""

    corner_mm: NDArray[np.float64]
    """(M, 3, 2) face corners along tangent and bitangent, from the patch's origin."""

    height_mm: NDArray[np.float64]
    """(M, 3) what lies higher hides what lies lower: height along the normal when seen from
    above, minus the way along the skin when unrolled."""

    def __len__(self) -> int:
        return len(self.start) - 1


@dataclass(frozen=True, slots=True, eq=False)
class CropBatch:
    """N crops of one size."""

    frames: CropFrames

    pixels: NDArray[np.uint8]
    """(N, S, S, 3) sRGB; 0 where not covered."""

    covered: NDArray[np.bool_]
    """(N, S, S) whether skin with texture lies there."""

    mm2_per_px: NDArray[np.float32]
    """(N, S, S) true skin area behind each pixel; 0 where not covered."""

    texel_mm: NDArray[np.float32]
    """(N,) mean side of a source texel on the skin shown."""

    obliqueness_deg: NDArray[np.float32]
    """(N,) mean angle between the skin shown and the image plane."""

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, slots=True, eq=False)
class LesionTable:
    """Rows as measured: private, every value exact."""

    columns: Mapping[str, NDArray[Any]]
    """Arrays (N,) by name; names from ``tbp_extract.columns`` only."""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


@dataclass(frozen=True, slots=True)
class ReleaseKey:
    """The secret behind all pseudonyms. Lives outside the release; never shown."""

    secret: bytes = field(repr=False)
    """32 bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """What may leave: de-identified rows and JPEG bytes. Made by ``tbp_extract.deidentify``."""

    columns: Mapping[str, NDArray[Any]]
    """Arrays (N,) by name, in released order; the first is ``isic_id``, ascending."""

    jpegs: tuple[bytes, ...]
    """(N,) one baseline JPEG a row."""

    def __len__(self) -> int:
        return len(self.jpegs)
