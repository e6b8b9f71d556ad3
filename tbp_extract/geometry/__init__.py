"""From a mesh to places on skin: surface, tangent frames, flat patches, nearest points."""

from tbp_extract.geometry.patches import geodesic_patches, orthographic_patches, straighten_frames
from tbp_extract.geometry.points import (
    SurfacePoints,
    frame_points,
    locate_uv,
    point_positions,
    snap_points,
)
from tbp_extract.geometry.skin import build_surface, corner_rowcol

__all__ = [
    "SurfacePoints",
    "build_surface",
    "corner_rowcol",
    "frame_points",
    "geodesic_patches",
    "locate_uv",
    "orthographic_patches",
    "point_positions",
    "snap_points",
    "straighten_frames",
]
