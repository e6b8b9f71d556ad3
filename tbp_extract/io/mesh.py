"""What every mesh reader hands over: the file's own numbers, not yet in body space."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import LimitConfig
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.text import line_too_long

__all__ = ["FileMesh", "PageSource", "check_count", "check_lines", "check_triangles"]


@dataclass(frozen=True, slots=True)
class PageSource:
    """Where the bytes of a texture are."""

    name: str
    """As the mesh names it; the key by which textures are told apart. Private."""

    data: bytes | None = None
    """The image itself, if it is embedded; else ``name`` is a file in the mesh's folder."""


@dataclass(frozen=True, slots=True, eq=False)
class FileMesh:
    """A mesh in the unit and axes of its file."""

    vertices: NDArray[np.float64]
    """(V, 3)."""

    faces: NDArray[np.int32]
    """(F, 3), indices within ``vertices``."""

    wedge_uv: NDArray[np.float32]
    """(F, 3, 2), v up; NaN where a face has none."""

    face_page: NDArray[np.int32]
    """(F,) index into ``pages``; -1 for a face without texture."""

    pages: tuple[PageSource, ...]

    unit: str | None = None
    """mm, cm, m or in where the format fixes it."""

    up: str | None = None
    front: str | None = None


def check_count(
    count: int, limits: LimitConfig, setting: str, *, times: int = 1, what: str | None = None
) -> None:
    """Refuse a mesh that claims more than a limit, before its arrays are made.

    Parameters
    ----------
    count : int
    limits : LimitConfig
    setting : str
        Name of the limit.
    times : int, optional
        How often the limit is granted.
    what : str, optional
        What is counted, if not called as the setting is.
    """
    limit = times * int(getattr(limits, setting))
    if count > limit:
        raise ScanError(
            ScanReason.OVER_LIMIT,
            f"the mesh has {count} {what or setting}, limits.{setting} allows {limit}",
        )


def check_lines(data: bytes, limit: int) -> None:
    """Refuse a mesh with a line of more than `limit` bytes."""
    if line_too_long(data, limit) is not None:
        raise ScanError(
            ScanReason.OVER_LIMIT,
            f"the mesh has a line of more bytes than limits.line_bytes allows ({limit})",
        )


def check_triangles(faces: NDArray[np.integer] | NDArray[np.floating], vertex_count: int) -> None:
    """Refuse indices that name no vertex or are no whole numbers.

    Parameters
    ----------
    faces : (F, 3) int or float
    vertex_count : int
    """
    if faces.dtype.kind == "f":
        broken = np.flatnonzero((faces != np.floor(faces)).any(axis=1))
        if len(broken):
            raise ScanError(
                ScanReason.MESH_UNREADABLE,
                f"triangle {broken[0]} of the mesh names a vertex by a number that is not whole",
            )
    bad = np.flatnonzero(~((faces >= 0) & (faces < vertex_count)).all(axis=1))
    if len(bad):
        raise ScanError(
            ScanReason.MESH_INDEX_OUT_OF_RANGE,
            f"triangle {bad[0]} of the mesh names a vertex outside 0..{vertex_count - 1}",
        )
