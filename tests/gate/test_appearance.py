"""Stickers and lesions on flat skin; whole bodies are `benchmarks.privacy_gate`."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.gate import appearance_reasons, skin_palette
from tbp_extract.geometry import build_surface
from tbp_extract.measure.lab import rgb_to_lab
from tbp_extract.phantom.colour import lab_to_rgb
from tbp_extract.phantom.stickers import Sticker, StickerKind, draw_sticker
from tbp_extract.types import CropBatch, CropFrames, GateReason, Scan

SIZE_PX, EXTENT_MM = 133, 15.0
RGB = tuple[int, int, int]
SKINS: dict[str, RGB] = {"light": (215, 175, 150), "tan": (170, 125, 95), "dark": (85, 58, 45)}


def skin(rgb: RGB, seed: int) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).normal(0, 2, (SIZE_PX, SIZE_PX, 1))
    return np.asarray(np.array(rgb) + noise, np.float64)


def places_mm() -> NDArray[np.float64]:
    step = EXTENT_MM / SIZE_PX
    rows, columns = np.indices((SIZE_PX, SIZE_PX))
    from_corner = np.stack((columns, rows), axis=-1) * step
    return np.asarray(from_corner - 0.5 * (EXTENT_MM - step), np.float64)


def with_sticker(rgb: RGB, sticker: Sticker) -> NDArray[np.uint8]:
    stamp = draw_sticker(sticker)
    at = np.round(places_mm() / stamp.mm_per_px + 0.5 * (len(stamp.alpha) - 1)).astype(int)
    inside = ((at >= 0) & (at < len(stamp.alpha))).all(axis=-1)
    x, y = np.clip(at, 0, len(stamp.alpha) - 1).transpose(2, 0, 1)
    alpha = (stamp.alpha[y, x] * inside)[..., None]
    colour = lab_to_rgb(stamp.offset_lab[y, x].reshape(-1, 3).astype(np.float64))
    pixels = skin(rgb, 0) * (1 - alpha) + colour.reshape(SIZE_PX, SIZE_PX, 3) * alpha
    return np.asarray(np.clip(np.round(pixels), 0, 255), np.uint8)


def with_blob(rgb: RGB, diameter_mm: float, tint: Sequence[float]) -> NDArray[np.uint8]:
    """A round lesion with a soft edge."""
    away = np.hypot(*places_mm().transpose(2, 0, 1)) - 0.5 * diameter_mm
    alpha = np.clip(0.5 - away / 0.6, 0, 1)[..., None]
    pixels = skin(rgb, 1) * (1 - alpha * (1 - np.array(tint)))
    return np.asarray(np.clip(np.round(pixels), 0, 255), np.uint8)


def reasons(
    crops: Sequence[NDArray[np.uint8]],
    rgb: RGB,
    covered: NDArray[np.bool_] | None = None,
) -> list[set[GateReason]]:
    n = len(crops)
    batch = CropBatch(
        CropFrames(
            np.arange(n, dtype=np.int32),
            np.zeros(n, np.int32),
            np.zeros((n, 3)),
            np.tile(np.eye(3), (n, 1, 1)),
            EXTENT_MM,
            SIZE_PX,
        ),
        np.stack(crops),
        np.ones((n, SIZE_PX, SIZE_PX), np.bool_) if covered is None else covered,
        np.full((n, SIZE_PX, SIZE_PX), 0.01, np.float32),
        np.full(n, 0.1, np.float32),
        np.zeros(n, np.float32),
    )
    palette = rgb_to_lab(np.array([[rgb]], np.uint8)).reshape(3).astype(np.float64)
    found = appearance_reasons(batch, palette, head=np.zeros(n, np.bool_), max_uncovered_share=0.5)
    return [{reason for reason, rows in found.items() if rows[k]} for k in range(n)]


@pytest.mark.parametrize("tone", SKINS)
@pytest.mark.parametrize("kind", StickerKind)
def test_every_sticker_is_seen_on_every_skin(kind: StickerKind, tone: str) -> None:
    size_mm = 26.0 if kind in (StickerKind.RING, StickerKind.CLOTHING) else 12.0
    crops = [with_sticker(SKINS[tone], Sticker(kind, size_mm, seed)) for seed in range(8)]
    assert all(reasons(crops, SKINS[tone]))


@pytest.mark.parametrize("tone", SKINS)
@pytest.mark.parametrize("diameter_mm", [1.0, 2.2, 4.0, 8.0, 12.0])
@pytest.mark.parametrize(
    "tint",
    [(0.5, 0.42, 0.4), (0.85, 0.55, 0.55), (0.25, 0.2, 0.2)],
    ids=["brown", "red", "black"],
)
def test_lesions_are_not_held(
    tone: str, diameter_mm: float, tint: tuple[float, float, float]
) -> None:
    assert reasons([with_blob(SKINS[tone], diameter_mm, tint)], SKINS[tone]) == [set()]


def test_bare_skin_is_not_held() -> None:
    for rgb in SKINS.values():
        crop = np.clip(skin(rgb, 2), 0, 255).astype(np.uint8)
        assert reasons([crop], rgb) == [set()]


def test_cloth_that_fills_a_crop_is_told_from_the_persons_skin() -> None:
    cloth = np.full((SIZE_PX, SIZE_PX, 3), (60, 80, 160), np.uint8)
    assert reasons([cloth], SKINS["light"])[0]


def test_a_crop_beside_the_body_is_background() -> None:
    crop = np.clip(skin(SKINS["light"], 3), 0, 255).astype(np.uint8)
    covered = np.ones((1, SIZE_PX, SIZE_PX), np.bool_)
    covered[:, :, : int(0.6 * SIZE_PX)] = False
    crop[~covered[0]] = 0
    assert reasons([crop], SKINS["light"], covered) == [{GateReason.BACKGROUND}]


def test_palette_is_the_colour_of_most_of_the_skin() -> None:
    page = np.full((64, 64, 3), SKINS["tan"], np.uint8)
    page[:, :16] = (0, 0, 255)
    corners = np.array(((0, 0, 0), (100, 0, 0), (100, 100, 0), (0, 100, 0)), np.float64)
    faces = np.array(((0, 1, 2), (0, 2, 3)), np.int32)
    uv = np.array((((0, 0), (1, 0), (1, 1)), ((0, 0), (1, 1), (0, 1))), np.float32)
    scan = Scan(corners, faces, uv, np.zeros(2, np.int16), (page,))
    expected = rgb_to_lab(np.array([[SKINS["tan"]]], np.uint8)).reshape(3)
    # Two faces give two probes of the page: both lie on skin.
    assert np.abs(skin_palette(scan, build_surface(scan)) - expected).max() < 0.01


def test_a_scan_without_texture_has_no_palette() -> None:
    corners = np.array(((0, 0, 0), (100, 0, 0), (100, 100, 0)), np.float64)
    scan = Scan(
        corners,
        np.array(((0, 1, 2),), np.int32),
        np.full((1, 3, 2), np.nan, np.float32),
        np.full(1, -1, np.int16),
        (),
    )
    assert np.isnan(skin_palette(scan, build_surface(scan))).all()
