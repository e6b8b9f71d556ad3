"""Crops with lesions drawn by formula, for the tests of delineation and measures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.phantom.colour import lab_to_rgb
from tbp_extract.types import CropBatch, CropFrames

TONES = {"light": (72.0, 11.0, 17.0), "tan": (58.0, 14.0, 22.0), "dark": (38.0, 12.0, 16.0)}
SPLIT = 3


@dataclass(frozen=True, slots=True)
class Spot:
    """An ellipse at the centre of a crop."""

    diameter_mm: float
    aspect: float = 1.0
    angle_deg: float = 0.0
    """Of the long axis, clockwise from image rows."""

    offset_lab: tuple[float, float, float] = (-15.0, 4.0, 3.0)
    inner_lab: tuple[float, float, float] | None = None
    """Offset within half the way to the rim."""

    edge_mm: float = 0.3
    at_mm: tuple[float, float] = (0.0, 0.0)

    @property
    def area_mm2(self) -> float:
        return np.pi / 4 * self.aspect * self.diameter_mm**2


def crop(
    *spots: Spot,
    tone: str = "light",
    size_px: int = 133,
    seed: int = 0,
    noise: float = 1.0,
    extent_mm: float = 15.0,
) -> NDArray[np.uint8]:
    """Draw lesions on skin with lightness that wanders over a quarter of a millimetre."""
    rng = np.random.default_rng(seed)
    n = size_px * SPLIT
    axis = (np.arange(n) + 0.5) * extent_mm / n - 0.5 * extent_mm
    lab = np.full((n, n, 3), TONES[tone])
    grain = rng.normal(size=(round(extent_mm * 4) + 2,) * 2)
    place = (axis + 0.5 * extent_mm) * 4.0
    low, part = np.floor(place).astype(int), place % 1.0
    rows = grain[low] * (1 - part)[:, None] + grain[low + 1] * part[:, None]
    lab[..., 0] += noise * (rows[:, low] * (1 - part) + rows[:, low + 1] * part)
    for spot in spots:
        y, x = np.meshgrid(axis - spot.at_mm[0], axis - spot.at_mm[1], indexing="ij")
        lab += _offset(spot, y, x)
    rgb = lab_to_rgb(lab).reshape(size_px, SPLIT, size_px, SPLIT, 3).mean(axis=(1, 3))
    rgb += rng.normal(0.0, 0.5 * noise, rgb.shape)
    return np.asarray(np.rint(np.clip(rgb, 0, 255)), np.uint8)


def _offset(spot: Spot, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    turn = np.radians(spot.angle_deg)
    u = x * np.cos(turn) + y * np.sin(turn)
    v = (y * np.cos(turn) - x * np.sin(turn)) / spot.aspect
    reach = np.hypot(u, v)
    slope = np.hypot(u, v / spot.aspect) / np.maximum(reach, 1e-9)
    away = (reach - 0.5 * spot.diameter_mm) / np.maximum(slope, 1e-9)
    share = np.clip(0.5 - away / spot.edge_mm, 0.0, 1.0)[..., None]
    colour = np.broadcast_to(np.array(spot.offset_lab), (*reach.shape, 3))
    if spot.inner_lab is not None:
        inner = (reach < 0.25 * spot.diameter_mm)[..., None]
        colour = np.where(inner, np.array(spot.inner_lab), colour)
    return np.asarray(share * colour)


def with_hair(
    pixels: NDArray[np.uint8],
    *,
    count: int = 6,
    seed: int = 0,
    width_px: float = 0.9,
    rgb: tuple[int, int, int] = (58, 42, 34),
) -> NDArray[np.uint8]:
    """Lay straight dark hairs over a crop."""
    rng = np.random.default_rng(seed)
    size = len(pixels)
    y, x = np.indices((size, size))
    out = pixels.astype(np.float64)
    for _ in range(count):
        middle, angle = rng.uniform(0, size, 2), rng.uniform(0, np.pi)
        away = abs((y - middle[0]) * np.cos(angle) - (x - middle[1]) * np.sin(angle))
        share = np.clip(0.5 * width_px + 0.5 - away, 0.0, 0.85)[..., None]
        out = out * (1 - share) + np.array(rgb) * share
    return np.rint(out).astype(np.uint8)


def batch_of(
    *crops: NDArray[np.uint8],
    covered: NDArray[np.bool_] | None = None,
    stretch2: float = 1.0,
    extent_mm: float = 15.0,
) -> CropBatch:
    """A batch from pixels; covered everywhere unless told otherwise."""
    pixels = np.stack(crops)
    n, size = pixels.shape[:2]
    seen = np.ones((n, size, size), np.bool_) if covered is None else covered
    frames = CropFrames(
        candidate=np.arange(n, dtype=np.int32),
        face=np.zeros(n, np.int32),
        origin_mm=np.zeros((n, 3)),
        axes=np.tile(np.eye(3), (n, 1, 1)),
        extent_mm=extent_mm,
        size_px=size,
    )
    return CropBatch(
        frames=frames,
        pixels=np.where(seen[..., None], pixels, np.uint8(0)),
        covered=seen,
        mm2_per_px=np.where(seen, stretch2 * frames.mm_per_px**2, 0.0).astype(np.float32),
        texel_mm=np.full(n, 0.1, np.float32),
        obliqueness_deg=np.zeros(n, np.float32),
    )
