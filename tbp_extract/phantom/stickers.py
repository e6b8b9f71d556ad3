"""What may lie on skin and identify a person: drawings, tattoos, rings, labels, clothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.phantom.colour import rgb_to_lab
from tbp_extract.phantom.lesions import Stamp

__all__ = ["Sticker", "StickerKind", "draw_sticker"]

SIDE_PX = 601
"""Of the picture that a sticker is drawn as."""

_SOFT_PX = 1.5
_INKS = ((25, 25, 35), (35, 45, 80), (30, 60, 55), (120, 25, 30), (60, 30, 70))
_CLOTHS = (
    *((25, 25, 30), (235, 235, 232), (120, 122, 125), (40, 60, 120), (150, 30, 40)),
    *((60, 110, 80), (200, 140, 160), (225, 205, 60)),
)
_METALS = ((205, 165, 75), (190, 192, 198), (214, 150, 120))
_WORDS = ("MRN 4711", "J. DOE", "12.03.24", "LEFT A7", "0 1 2 3")


class StickerKind(StrEnum):
    """What can be stuck on skin."""

    FACE = "face"
    """A face drawn with a pen."""

    TATTOO = "tattoo"
    RING = "ring"
    """A band of metal."""

    LABEL = "label"
    """White, with dark writing."""

    CLOTHING = "clothing"
    """A straight edge, cloth on one side."""


@dataclass(frozen=True, slots=True)
class Sticker:
    """One sticker; the same values give the same picture."""

    kind: StickerKind
    size_mm: float = 14.0
    """Side of the square that it fills; cloth and rings run through it from side to side."""

    seed: int = 0


def draw_sticker(sticker: Sticker) -> Stamp:
    """Draw a sticker as opaque paint for skin.

    Parameters
    ----------
    sticker : Sticker

    Returns
    -------
    Stamp
        Its colours are its own, whatever lies underneath.
    """
    rng = np.random.default_rng(sticker.seed)
    picture = _Picture.blank()
    _DRAW[sticker.kind](picture, rng)
    turned = _turned(picture, float(rng.uniform(0.0, 360.0)))
    alpha = np.asarray(cv2.GaussianBlur(turned.alpha, (0, 0), _SOFT_PX), np.float32)
    return Stamp(
        alpha=alpha,
        offset_lab=rgb_to_lab(turned.rgb).astype(np.float32),
        inside=alpha,
        mm_per_px=sticker.size_mm / (SIDE_PX - 1),
        long_mm=sticker.size_mm,
        short_mm=sticker.size_mm,
        skin_lightness=None,
        opaque=True,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """Being drawn in place: lengths are shares of the side."""

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.float32]

    @classmethod
    def blank(cls) -> "_Picture":
        return cls(
            np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8), np.zeros((SIDE_PX, SIDE_PX), np.float32)
        )

    def stroke(self, points: NDArray[np.float64], width: float, rgb: tuple[int, ...]) -> None:
        line = np.round(points * SIDE_PX).astype(np.int32).reshape(-1, 1, 2)
        thick = max(round(width * SIDE_PX), 1)
        cv2.polylines(self.rgb, [line], False, rgb, thick, cv2.LINE_8)
        cv2.polylines(self.alpha, [line], False, 1.0, thick, cv2.LINE_8)

    def fill(self, where: NDArray[np.bool_], rgb: NDArray[np.floating] | tuple[int, ...]) -> None:
        self.rgb[where] = np.clip(np.broadcast_to(rgb, self.rgb.shape)[where], 0, 255)
        self.alpha[where] = 1.0


def _draw_face(picture: _Picture, rng: np.random.Generator) -> None:
    ink = _INKS[int(rng.integers(len(_INKS)))]
    width = float(rng.uniform(0.03, 0.06))
    picture.stroke(_arc(0.5, 0.5, 0.42, 0.0, 360.0), width, ink)
    for x in (0.36, 0.64):
        picture.stroke(_arc(x, 0.4, 0.05, 0.0, 360.0), width, ink)
    picture.stroke(_arc(0.5, 0.52, 0.22, 20.0, 160.0), width, ink)
    picture.stroke(np.array(((0.5, 0.45), (0.46, 0.57), (0.52, 0.58))), width, ink)


def _arc(x: float, y: float, radius: float, first: float, last: float) -> NDArray[np.float64]:
    angle = np.radians(np.linspace(first, last, 60))
    return np.column_stack((x + radius * np.cos(angle), y + radius * np.sin(angle)))


def _draw_tattoo(picture: _Picture, rng: np.random.Generator) -> None:
    """Curved strokes, one of them filled."""
    for _ in range(int(rng.integers(3, 6))):
        ink = _INKS[int(rng.integers(len(_INKS)))]
        knots = rng.uniform(0.08, 0.92, (4, 2))
        share = np.linspace(0.0, 1.0, 80)[:, None]
        curve = (
            (1 - share) ** 3 * knots[0]
            + 3 * share * (1 - share) ** 2 * knots[1]
            + 3 * share**2 * (1 - share) * knots[2]
            + share**3 * knots[3]
        )
        picture.stroke(curve, float(rng.uniform(0.05, 0.11)), ink)


def _draw_ring(picture: _Picture, rng: np.random.Generator) -> None:
    """Bands of light and shade along a cylinder across the picture."""
    metal = np.array(_METALS[int(rng.integers(len(_METALS)))], np.float64)
    across = np.linspace(-1.0, 1.0, SIDE_PX)[:, None] / float(rng.uniform(0.2, 0.35))
    shade = 0.55 + 0.45 * np.cos(3.0 * np.pi * across + float(rng.uniform(0.0, 3.0)))
    along = 0.85 + 0.15 * np.sin(np.linspace(0.0, 9.0, SIDE_PX))[None, :]
    light = (shade * along)[..., None]
    colour = metal * np.minimum(light, 0.8) / 0.8 + 255.0 * np.maximum(light - 0.8, 0.0) * 3.0
    picture.fill(np.broadcast_to(np.abs(across) <= 1.0, (SIDE_PX, SIDE_PX)), colour)


def _draw_label(picture: _Picture, rng: np.random.Generator) -> None:
    rows, columns = np.indices((SIDE_PX, SIDE_PX)) / SIDE_PX
    height = float(rng.uniform(0.3, 0.6))
    paper = (245, 244, 238) if rng.random() < 0.7 else (250, 235, 150)
    picture.fill((np.abs(rows - 0.5) < 0.5 * height) & (np.abs(columns - 0.5) < 0.46), paper)
    text = _WORDS[int(rng.integers(len(_WORDS)))]
    scale = 0.85 * 0.92 * SIDE_PX / cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 9)[0][0]
    place = (round(0.1 * SIDE_PX), round(0.5 * SIDE_PX + 10.0 * scale))
    cv2.putText(picture.rgb, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (20, 20, 25), 18)


def _draw_clothing(picture: _Picture, rng: np.random.Generator) -> None:
    """One half of the picture, woven, with a seam along the edge."""
    cloth = np.array(_CLOTHS[int(rng.integers(len(_CLOTHS)))], np.float64)
    rows, columns = np.indices((SIDE_PX, SIDE_PX)) / SIDE_PX
    weave = 8.0 * np.sin(2 * np.pi * 40 * rows) * np.sin(2 * np.pi * 40 * columns)
    seam = np.where(np.abs(rows - 0.56) < 0.01, -25.0, 0.0)
    noise = rng.normal(0.0, 5.0, rows.shape)
    picture.fill(rows > 0.5, cloth + (weave + seam + noise)[..., None])


_DRAW: Mapping[StickerKind, Callable[[_Picture, np.random.Generator], None]] = {
    StickerKind.FACE: _draw_face,
    StickerKind.TATTOO: _draw_tattoo,
    StickerKind.RING: _draw_ring,
    StickerKind.LABEL: _draw_label,
    StickerKind.CLOTHING: _draw_clothing,
}


def _turned(picture: _Picture, angle_deg: float) -> _Picture:
    middle = 0.5 * (SIDE_PX - 1)
    turn = cv2.getRotationMatrix2D((middle, middle), angle_deg, 1.0)
    size = (SIDE_PX, SIDE_PX)
    rgb = cv2.warpAffine(picture.rgb, turn, size, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(picture.alpha, turn, size)
    return _Picture(np.asarray(rgb, np.uint8), np.asarray(alpha, np.float32))
