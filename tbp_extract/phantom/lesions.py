"""What a lesion looks like, as a stamp in the tangent plane: drawn, or taken from a photograph."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import measure

from tbp_extract.errors import ConfigError
from tbp_extract.phantom.photos import Photo

__all__ = ["Lesion", "LesionKind", "Stamp", "make_stamp"]

_STAMP_PX = 225
_OUTLINE_POINTS = 720
_LEAST_EDGE_TEXELS = 1.5
"""A sharper edge would look different on either side of a seam, where texels lie askew."""


class LesionKind(StrEnum):
    """Shapes that can be planted."""

    DISC = "disc"
    ELLIPSE = "ellipse"
    IRREGULAR = "irregular"
    TWO_TONE = "two_tone"
    PHOTO = "photo"


@dataclass(frozen=True, slots=True)
class Lesion:
    """One lesion, before it has a place."""

    kind: LesionKind
    diameter_mm: float
    """Longest diameter along the skin."""

    offset_lab: tuple[float, float, float] = (-18.0, 4.0, 4.0)
    """Colour minus that of the skin below; of a photograph its own is used."""

    inner_lab: tuple[float, float, float] | None = None
    """The same for the inner part of a two-tone lesion."""

    aspect: float = 1.0
    """Shortest by longest diameter before the outline is roughened."""

    angle_deg: float = 0.0
    """How far the lesion is turned clockwise in the image."""

    edge_mm: float = 0.3
    """Width over which it fades into the skin; at least one and a half texels."""

    roughness: float = 0.0
    """Relative amplitude of the outline's waves."""

    outline_seed: int = 0
    photo: Photo | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        if not 0.2 <= self.diameter_mm <= 60.0:
            raise ConfigError(f"a lesion's diameter must be 0.2 to 60 mm, got {self.diameter_mm}")
        if not 0.1 <= self.aspect <= 1.0:
            raise ConfigError(f"a lesion's aspect must be 0.1 to 1, got {self.aspect}")
        if (self.kind is LesionKind.PHOTO) != (self.photo is not None):
            raise ConfigError("a lesion has a photograph exactly if its kind is photo")


@dataclass(frozen=True, slots=True, eq=False)
class Stamp:
    """A lesion in its tangent plane: rows towards the feet, columns to the right."""

    alpha: NDArray[np.float32]
    """(S, S) how much of the offset applies, 0..1."""

    offset_lab: NDArray[np.float32]
    """(S, S, 3) added to the skin's CIELAB."""

    inside: NDArray[np.float32]
    """(S, S) share of the pixel within the outline, 0..1; the outline is where alpha is 0.5."""

    mm_per_px: float
    """Pixel (S - 1) / 2 is the centroid of the outline."""

    long_mm: float
    """Longest diameter of the outline."""

    short_mm: float
    """Width of the narrowest pair of parallel lines that hold the outline."""

    skin_lightness: float | None
    """L* of the skin that the offset was measured on; ``None``: the offset applies as it is."""

    opaque: bool = False
    """Whether ``offset_lab`` is the colour itself, whatever the skin's."""

    @property
    def reach_mm(self) -> float:
        """Half the side of the square that holds the stamp."""
        return 0.5 * (len(self.alpha) - 1) * self.mm_per_px


def make_stamp(lesion: Lesion, *, texel_mm: float) -> Stamp:
    """Draw a lesion for skin of a given texel size.

    Parameters
    ----------
    lesion : Lesion
    texel_mm : float
        Side of a texel on the skin. Detail finer than that is filtered out of photographs, and no
        edge is sharper than one and a half of them.

    Returns
    -------
    Stamp
        Its longest diameter is the lesion's to about 0.2 %.
    """
    edge = max(lesion.edge_mm, _LEAST_EDGE_TEXELS * texel_mm)
    # Room for the outline around its centroid, wherever that lies, and for the soft edge.
    step = 2.0 * (0.62 * lesion.diameter_mm + 0.5 * edge + texel_mm) / (_STAMP_PX - 1)
    if lesion.photo is not None:
        away, colour = _trace_photo(lesion.photo, lesion, step, texel_mm)
    else:
        away, colour = _draw(lesion, step)
    alpha = np.clip(0.5 - away / edge, 0.0, 1.0)
    alpha = alpha * alpha * (3.0 - 2.0 * alpha)
    widths = _widths(_outline(away) * step)
    return Stamp(
        alpha=alpha.astype(np.float32),
        offset_lab=colour.astype(np.float32),
        inside=np.clip(0.5 - away / step, 0.0, 1.0).astype(np.float32),
        mm_per_px=step,
        long_mm=float(widths.max()),
        short_mm=float(widths.min()),
        skin_lightness=lesion.photo.skin_lab[0] if lesion.photo else None,
    )


def _draw(lesion: Lesion, step: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Signed distance to the outline in mm (S, S), and colour offset (S, S, 3).

    The outline is an ellipse with a wavy rim, fitted to the diameter, centroid in the middle.
    """
    angle = np.linspace(-np.pi, np.pi, _OUTLINE_POINTS, endpoint=False)
    waves = _waves(lesion, angle)
    rim = waves[:, None] * np.stack((np.cos(angle), lesion.aspect * np.sin(angle)), axis=1)
    scale = lesion.diameter_mm / float(_widths(rim).max())
    turn = np.radians(lesion.angle_deg)
    axis = (np.arange(_STAMP_PX) - 0.5 * (_STAMP_PX - 1)) * step
    x, y = np.meshgrid(axis, axis)
    middle = _polygon_centroid(rim)
    u = (x * np.cos(turn) + y * np.sin(turn)) / scale + middle[0]
    v = (-x * np.sin(turn) + y * np.cos(turn)) / scale + middle[1]
    v /= lesion.aspect
    ratio = np.hypot(u, v) / np.interp(np.arctan2(v, u), angle, waves, period=2.0 * np.pi)
    by_row, by_col = np.gradient(ratio, step)
    away = (ratio - 1.0) / np.maximum(np.hypot(by_row, by_col), 1e-6)
    return np.asarray(away), _tones(lesion, ratio)


def _waves(lesion: Lesion, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radius of the rim relative to the ellipse's."""
    rng = np.random.default_rng(lesion.outline_seed)
    radius = np.ones_like(angle)
    for order in range(2, 8):
        size, phase = lesion.roughness * rng.normal() / order, rng.uniform(0.0, 2.0 * np.pi)
        radius += size * np.cos(order * angle + phase)
    return np.asarray(np.clip(radius, 0.4, 1.8))


def _polygon_centroid(points: NDArray[np.float64]) -> NDArray[np.float64]:
    after = np.roll(points, -1, axis=0)
    cross = points[:, 0] * after[:, 1] - points[:, 1] * after[:, 0]
    total = ((points + after) * cross[:, None]).sum(axis=0)
    return np.asarray(total / (3.0 * cross.sum()))


def _tones(lesion: Lesion, ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """One colour, or a second one within about half the way from the middle to the rim."""
    outer = np.broadcast_to(np.array(lesion.offset_lab), (*ratio.shape, 3))
    if lesion.inner_lab is None:
        return outer
    share = np.clip(0.5 - (ratio - 0.55) / 0.15, 0.0, 1.0)[..., None]
    return np.asarray(outer * (1.0 - share) + np.array(lesion.inner_lab) * share)


def _trace_photo(
    photo: Photo, lesion: Lesion, step: float, texel_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shrink, turn and centre a photograph: signed distance in mm, and colour offset."""
    points = _outline(photo.away_px)
    px_per_mm = float(_widths(points).max()) / lesion.diameter_mm
    middle = 0.5 * (np.array(photo.away_px.shape[::-1]) - 1.0) + _centroid(photo.away_px)
    turn = np.radians(lesion.angle_deg)
    # From stamp to photograph: clockwise turn of what is seen.
    pull = (
        step * px_per_mm * np.array(((np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))))
    )
    half = 0.5 * (_STAMP_PX - 1)
    matrix = np.column_stack((pull, middle - pull @ np.array((half, half))))
    # What a texel cannot hold is blurred away before it is sampled.
    blur = 0.5 * max(texel_mm, step) * px_per_mm
    soft = cv2.GaussianBlur(photo.offset_lab, (0, 0), blur) if blur > 0.3 else photo.offset_lab
    size = (_STAMP_PX, _STAMP_PX)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    outside = float(np.hypot(*photo.away_px.shape))
    away = cv2.warpAffine(
        photo.away_px, matrix, size, flags=flags, borderMode=cv2.BORDER_CONSTANT,
        borderValue=outside,
    )  # fmt: skip
    colour = cv2.warpAffine(soft, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(away, np.float64) / px_per_mm, np.asarray(colour, np.float64)


def _outline(away: NDArray[np.floating]) -> NDArray[np.float64]:
    """(P, 2) column and row of all points where the distance is zero, from the image centre."""
    padded = np.pad(np.asarray(away, np.float64), 1, constant_values=1e3)
    # scikit-image has no types.
    contours = cast(Any, measure.find_contours)(padded, 0.0)
    points = np.concatenate(contours)[:, ::-1] - 1.0
    return np.asarray(points - 0.5 * (np.array(away.shape[::-1]) - 1.0))


def _centroid(away: NDArray[np.floating]) -> NDArray[np.float64]:
    """(2,) column and row of the centroid, in pixels from the image centre."""
    share = np.clip(0.5 - away / _slope(away), 0.0, 1.0)
    rows, columns = np.indices(away.shape) - 0.5 * (np.array(away.shape) - 1.0)[:, None, None]
    return np.asarray(np.array(((share * columns).sum(), (share * rows).sum())) / share.sum())


def _slope(away: NDArray[np.floating]) -> float:
    """Change of the distance from one pixel to the next."""
    steps = np.abs(np.diff(away, axis=1))
    return float(np.median(steps[steps > 0.0]) * np.sqrt(2.0))


def _widths(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance between the parallel lines that hold all points, in every direction."""
    angle = np.radians(np.arange(0.0, 180.0, 0.5))
    hull = cv2.convexHull(points.astype(np.float32)).reshape(-1, 2).astype(np.float64)
    reach = hull @ np.stack((np.cos(angle), np.sin(angle)))
    return np.asarray(reach.max(axis=0) - reach.min(axis=0))
