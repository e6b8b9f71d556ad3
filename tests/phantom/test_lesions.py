from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tbp_extract.errors import ConfigError, SourceError
from tbp_extract.phantom import (
    Lesion,
    LesionKind,
    Photo,
    Skin,
    Stamp,
    Tone,
    draw_lesions,
    make_photo,
    make_stamp,
    read_photos,
)

BROWN = (-20.0, 5.0, 3.0)


def centroid_mm(stamp: Stamp) -> np.ndarray:
    share = stamp.inside
    axis = (np.arange(len(share)) - 0.5 * (len(share) - 1)) * stamp.mm_per_px
    moments = np.array([(share * axis).sum(), (share * axis[:, None]).sum()])
    return np.asarray(moments / share.sum())


def ellipse_photo() -> Photo:
    """Long axis along the columns, off the middle of the picture."""
    rgb = np.full((300, 400, 3), (200, 160, 140), np.uint8)
    mask = np.zeros((300, 400), np.uint8)
    cv2.ellipse(mask, (230, 140), (120, 60), 0, 0, 360, 255, -1)
    rgb[mask > 0] = (120, 80, 60)
    rgb[:, 230:][mask[:, 230:] > 0] = (90, 60, 50)
    return make_photo(rgb, mask > 0)


@pytest.mark.parametrize("diameter_mm", [1.0, 5.0, 20.0])
def test_disc_has_its_diameter_and_area(diameter_mm: float) -> None:
    stamp = make_stamp(Lesion(LesionKind.DISC, diameter_mm), texel_mm=0.1)
    # The stamp has about 180 pixels across.
    np.testing.assert_allclose((stamp.long_mm, stamp.short_mm), diameter_mm, rtol=1e-3)
    area = stamp.inside.sum(dtype=np.float64) * stamp.mm_per_px**2
    np.testing.assert_allclose(area, np.pi / 4 * diameter_mm**2, rtol=1e-3)


def test_ellipse_has_both_axes_and_turns_clockwise() -> None:
    lesion = Lesion(LesionKind.ELLIPSE, 8.0, aspect=0.5, angle_deg=30.0)
    stamp = make_stamp(lesion, texel_mm=0.1)
    np.testing.assert_allclose(stamp.long_mm, 8.0, rtol=1e-3)
    np.testing.assert_allclose(stamp.short_mm, 4.0, rtol=1e-3)
    middle = len(stamp.alpha) // 2
    along = np.array((np.sin(np.radians(30)), np.cos(np.radians(30)))) * 3.6 / stamp.mm_per_px
    row, column = np.round(middle + along).astype(int)
    assert stamp.alpha[row, column] == 1.0
    assert stamp.alpha[2 * middle - row, column] == 0.0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", [LesionKind.IRREGULAR, LesionKind.TWO_TONE])
def test_rough_outlines_have_their_diameter_and_centre(kind: LesionKind, seed: int) -> None:
    lesion = Lesion(kind, 6.0, aspect=0.7, roughness=0.3, outline_seed=seed, angle_deg=77.0)
    stamp = make_stamp(lesion, texel_mm=0.1)
    np.testing.assert_allclose(stamp.long_mm, 6.0, rtol=3e-3)
    np.testing.assert_allclose(centroid_mm(stamp), 0.0, atol=0.02)
    assert stamp.alpha[[0, -1]].max() == stamp.alpha[:, [0, -1]].max() == 0.0


def test_outline_lies_where_half_the_colour_is() -> None:
    soft = make_stamp(Lesion(LesionKind.DISC, 6.0, edge_mm=1.5), texel_mm=0.1)
    assert (((soft.alpha > 0.5) == (soft.inside > 0.5)).mean()) > 0.999
    ramp = (soft.alpha > 0.01) & (soft.alpha < 0.99)
    ring = ramp.sum() * soft.mm_per_px**2
    assert 0.75 * 1.5 * np.pi * 6.0 < ring < 1.5 * np.pi * 6.0


def test_no_edge_is_sharper_than_one_and_a_half_texels() -> None:
    sharp = make_stamp(Lesion(LesionKind.DISC, 6.0, edge_mm=0.0), texel_mm=0.5)
    ramp = (sharp.alpha > 0.0) & (sharp.alpha < 1.0)
    np.testing.assert_allclose(ramp.sum() * sharp.mm_per_px**2, 0.75 * np.pi * 6.0, rtol=0.05)


def test_inner_tone_lies_in_the_middle() -> None:
    lesion = Lesion(LesionKind.TWO_TONE, 6.0, offset_lab=BROWN, inner_lab=(-35.0, 6.0, 0.0))
    stamp = make_stamp(lesion, texel_mm=0.1)
    middle = len(stamp.alpha) // 2
    np.testing.assert_allclose(stamp.offset_lab[middle, middle], (-35.0, 6.0, 0.0))
    rim = middle + int(0.9 * 3.0 / stamp.mm_per_px)
    np.testing.assert_allclose(stamp.offset_lab[middle, rim], BROWN)


def test_photo_is_measured_against_its_own_skin() -> None:
    photo = ellipse_photo()
    np.testing.assert_allclose(photo.offset_lab[10, 10], 0.0, atol=1e-4)
    assert photo.offset_lab[140, 200, 0] < -25.0
    assert photo.away_px[140, 230] < -55.0
    assert photo.away_px[10, 10] > 100.0


def test_photo_is_shrunk_centred_and_turned() -> None:
    lesion = Lesion(LesionKind.PHOTO, 5.0, photo=ellipse_photo(), angle_deg=90.0)
    stamp = make_stamp(lesion, texel_mm=0.1)
    np.testing.assert_allclose(stamp.long_mm, 5.0, rtol=5e-3)
    np.testing.assert_allclose(stamp.short_mm, 2.5, rtol=1e-2)
    np.testing.assert_allclose(centroid_mm(stamp), 0.0, atol=0.02)
    middle = len(stamp.alpha) // 2
    far = int(2.2 / stamp.mm_per_px)
    # Clockwise by a quarter: what was on the right is now below.
    assert stamp.alpha[middle + far, middle] == 1.0
    assert stamp.alpha[middle, middle + far] == 0.0
    below, above = (stamp.offset_lab[middle + s * far // 2, middle, 0] for s in (1, -1))
    assert below < above - 8.0


def test_photo_detail_below_a_texel_is_filtered_out() -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros((400, 400), np.uint8)
    cv2.circle(mask, (200, 200), 150, 255, -1)
    rgb = np.full((400, 400, 3), (200, 160, 140), np.uint8)
    rgb[mask > 0] = rng.integers(40, 160, ((mask > 0).sum(), 1))
    photo = make_photo(rgb, mask > 0)
    coarse = make_stamp(Lesion(LesionKind.PHOTO, 3.0, photo=photo), texel_mm=0.25)
    core = coarse.offset_lab[80:145, 80:145, 0]
    # White noise averaged over a texel of 25 x 25 pixels.
    assert core.std() < 0.1 * photo.offset_lab[100:300, 100:300, 0].std()


def test_real_pairs_are_read(data: Path) -> None:
    photos = read_photos(data / "lesion_patches")
    assert len(photos) == 46
    for photo in photos:
        assert photo.away_px.shape == photo.offset_lab.shape[:2]
        assert 40.0 < photo.skin_lab[0] < 95.0


def test_unusable_pairs_are_refused(tmp_path: Path) -> None:
    rgb = np.zeros((50, 60, 3), np.uint8)
    with pytest.raises(SourceError, match="like its image"):
        make_photo(rgb, np.ones((60, 50), bool))
    with pytest.raises(SourceError, match="or more"):
        make_photo(rgb, np.zeros((50, 60), bool))
    with pytest.raises(SourceError, match="expected skin"):
        make_photo(rgb, np.ones((50, 60), bool))
    with pytest.raises(SourceError, match="got none"):
        read_photos(tmp_path)
    (tmp_path / "img").mkdir()
    (tmp_path / "img" / "secret.jpg").write_bytes(b"no picture")
    with pytest.raises(SourceError, match="cannot be opened") as caught:
        read_photos(tmp_path)
    assert "secret" not in str(caught.value)
    (tmp_path / "mask").mkdir()
    (tmp_path / "mask" / "secret.png").write_bytes(b"no picture")
    with pytest.raises(SourceError, match="no readable picture"):
        read_photos(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [{"diameter_mm": 0.0}, {"aspect": 1.5}, {"kind": LesionKind.PHOTO}],
    ids=["size", "aspect", "photo"],
)
def test_impossible_lesions_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Lesion(**{"kind": LesionKind.DISC, "diameter_mm": 3.0, **wrong})


def test_drawn_mix_keeps_to_its_bounds_and_seed() -> None:
    kinds = tuple(kind for kind in LesionKind if kind is not LesionKind.PHOTO)
    draw = {
        seed: draw_lesions(
            200, kinds=kinds, diameter_mm=(2.0, 6.0), skin=Skin.of(Tone.LIGHT), seed=seed
        )
        for seed in (1, 2)
    }
    assert {lesion.kind for lesion in draw[1]} == set(kinds)
    sizes = [lesion.diameter_mm for lesion in draw[1]]
    assert 2.0 <= min(sizes) < 2.2 < 5.5 < max(sizes) <= 6.0
    assert draw[1] != draw[2]
    assert draw[1] == draw_lesions(
        200, kinds=kinds, diameter_mm=(2.0, 6.0), skin=Skin.of(Tone.LIGHT), seed=1
    )
