"""The detector that is told: lesions of a list, put on the skin."""

import itertools
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import LesionConfig
from tbp_extract.detect import Found
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.geometry import SurfacePoints, locate_uv, point_positions, snap_points
from tbp_extract.types import (
    Candidates,
    CandidateSource,
    DropReason,
    Drops,
    EmptyReason,
    LesionList,
    Scan,
    Surface,
)

__all__ = ["Listed"]


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """Takes the lesions of a list to the nearest skin."""

    lesions: LesionList
    config: LesionConfig

    def detect(self, scan: Scan, surface: Surface) -> Found:
        """Put every listed lesion on the surface, or drop it with its reason.

        Raises
        ------
        ScanError
            When more of the list lies off the skin than the configuration bears: then the list
            is in another unit or in other axes, and the rest is not to be trusted either.
        """
        points = self._place(scan, surface)
        off = points.face < 0
        self._check_share(off)
        reasons: list[DropReason | None] = [DropReason.OFF_SURFACE if o else None for o in off]
        on = np.flatnonzero(~off)
        for row in on[scan.face_page[points.face[on]] < 0]:
            reasons[row] = DropReason.UNTEXTURED
        left = np.array([row for row, reason in enumerate(reasons) if reason is None], np.intp)
        positions = point_positions(surface, points.face[left], points.barycentric[left])
        for row in left[_repeats(positions, self.config.min_spacing_mm)]:
            reasons[row] = DropReason.DUPLICATE_POSITION
        return self._sort_out(surface, points, reasons)

    def _place(self, scan: Scan, surface: Surface) -> SurfacePoints:
        if self.lesions.xyz_mm is not None:
            return snap_points(surface, self.lesions.xyz_mm, max_mm=self.config.max_snap_mm)
        if self.lesions.uv is None or self.lesions.page is None:
            raise AssertionError("a lesion list holds positions in space or on the texture")
        return locate_uv(scan, self.lesions.uv, self.lesions.page)

    def _check_share(self, off: NDArray[np.bool_]) -> None:
        if len(off) == 0 or off.mean() <= self.config.max_off_surface_share:
            return
        raise ScanError(
            ScanReason.LESIONS_OFF_SURFACE,
            f"{off.sum()} of {len(off)} listed lesions lie off the skin (farther than "
            f"{self.config.max_snap_mm:g} mm, or outside the texture's charts): the list is "
            "probably in another unit or other axes than the mesh",
        )

    def _sort_out(
        self, surface: Surface, points: SurfacePoints, reasons: list[DropReason | None]
    ) -> Found:
        ids = self.lesions.lesion_id
        kept = np.array([row for row, reason in enumerate(reasons) if reason is None], np.intp)
        gone = np.setdiff1d(np.arange(len(reasons)), kept)
        candidates = Candidates(
            face=points.face[kept],
            barycentric=points.barycentric[kept],
            diameter_mm=self.lesions.diameter_mm[kept],
            score=np.ones(len(kept), np.float32),
            source=(CandidateSource.LIST,) * len(kept),
            lesion_id=tuple(ids[row] for row in kept),
            extra={name: values[kept] for name, values in self.lesions.extra.items()},
        )
        drops = Drops(
            lesion_id=tuple(ids[row] for row in gone),
            reason=tuple(reason for reason in reasons if reason is not None),
            position_mm=_places(surface, points, gone),
        )
        return Found(candidates, drops, None if len(kept) else self._why_none())

    def _why_none(self) -> EmptyReason:
        return EmptyReason.ALL_DROPPED if len(self.lesions) else EmptyReason.EMPTY_LIST


def _places(surface: Surface, points: SurfacePoints, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Where rows lie on the skin; NaN for those that don't."""
    places = np.full((len(rows), 3), np.nan)
    on = points.face[rows] >= 0
    there = rows[on]
    places[on] = point_positions(surface, points.face[there], points.barycentric[there])
    return places


def _repeats(positions: NDArray[np.float64], spacing_mm: float) -> NDArray[np.intp]:
    """Rows closer than the spacing to an earlier row that is kept."""
    cell_mm = max(spacing_mm, 1e-6)
    kept: defaultdict[tuple[int, ...], list[NDArray[np.float64]]] = defaultdict(list)
    repeated = []
    for row, position in enumerate(positions):
        home = tuple(int(c) for c in np.floor(position / cell_mm))
        if any(
            np.linalg.norm(other - position) < cell_mm
            for step in itertools.product((-1, 0, 1), repeat=3)
            for other in kept.get(tuple(h + s for h, s in zip(home, step, strict=True)), ())
        ):
            repeated.append(row)
        else:
            kept[home].append(position)
    return np.array(repeated, np.intp)
