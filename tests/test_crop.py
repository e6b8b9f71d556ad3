"""Crops of targets whose truth is known by formula."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.config import CropConfig
from tbp_extract.crop import extract_crops, frame_crops
from tbp_extract.geometry import build_surface
from tbp_extract.phantom.marks import Mark, MarkKind
from tbp_extract.phantom.targets import Layout, Target, TargetShape, make_target
from tbp_extract.types import CropBatch, CropFrames, Scan
from tests.targets import candidates_at, frames_at, joined, moved, plane_scan, random_rotation

BOTH = pytest.mark.parametrize("projection", ["orthographic", "geodesic"])
SKIN, INK = 205, 90
FRONT = np.zeros((1, 2))


@cache
def target_scan(
    shape: TargetShape, radius_mm: float, layout: Layout, kind: MarkKind, size_mm: float
) -> Scan:
    return make_target(
        Target(
            shape,
            radius_mm=radius_mm,
            width_mm=40.0,
            height_mm=40.0,
            edge_mm=2.0,
            layout=layout,
            marks=(Mark(kind, size_mm),),
            supersampling=1 if kind is MarkKind.WAVES else 4,
        )
    )


def drawn(
    scan: Scan, points_mm: NDArray[np.float64], projection: str, *, size_px: int = 133
) -> CropBatch:
    surface = build_surface(scan)
    frames = frames_at(surface, points_mm, size_px=size_px)
    return extract_crops(scan, surface, frames, projection=projection)


def ink(batch: CropBatch, n: int = 0) -> NDArray[np.float64]:
    """Share of ink in each covered pixel."""
    share = (SKIN - batch.pixels[n, :, :, 0].astype(np.float64)) / (SKIN - INK)
    return np.where(batch.covered[n], share, 0.0)


@BOTH
@pytest.mark.parametrize("size_px", [133, 256])
@pytest.mark.parametrize(
    ("shape", "radius_mm"),
    [(TargetShape.PLANE, 0.0), (TargetShape.SPHERE, 60.0), (TargetShape.CYLINDER, 40.0)],
)
def test_known_disc_keeps_its_diameter(
    shape: TargetShape, radius_mm: float, size_px: int, projection: str
) -> None:
    scan = target_scan(shape, radius_mm, Layout.PLAIN, MarkKind.DISC, 5.0)
    batch = drawn(scan, np.array([[0.0, 0.0, radius_mm]]), projection, size_px=size_px)
    share, mm = ink(batch), batch.frames.mm_per_px
    # Promised: 0.1 mm. Measured: at most 0.004 by area and 0.03 (a quarter texel) across.
    assert 2 * np.sqrt(share.sum() / np.pi) * mm == pytest.approx(5.0, abs=0.01)
    assert share.sum(axis=0).max() * mm == pytest.approx(5.0, abs=0.05)
    assert share.sum(axis=1).max() * mm == pytest.approx(5.0, abs=0.05)
    row, col = np.mgrid[0:size_px, 0:size_px]
    centre = np.array([(share * row).sum(), (share * col).sum()]) / share.sum()
    np.testing.assert_allclose(centre, 0.5 * (size_px - 1), atol=0.02 / mm)


def test_geodesic_crop_keeps_a_disc_on_a_finger_that_orthographic_narrows() -> None:
    scan = target_scan(TargetShape.CYLINDER, 8.0, Layout.PLAIN, MarkKind.DISC, 10.0)
    width = {}
    for projection in ("orthographic", "geodesic"):
        batch = drawn(scan, np.array([[0.0, 0.0, 8.0]]), projection)
        width[projection] = ink(batch).sum(axis=1).max() * batch.frames.mm_per_px
    assert width["orthographic"] == pytest.approx(16 * np.sin(5 / 8), abs=0.1)
    assert width["geodesic"] == pytest.approx(10.0, abs=0.1)


def letter(size_px: int, height_mm: float, extent_mm: float = 15.0) -> NDArray[np.float64]:
    """The F as the eye should meet it: stem on the left, bars to the right and on top."""
    step = ((np.arange(size_px) + 0.5) / size_px - 0.5) * extent_mm / height_mm
    down, right = np.meshgrid(step, step, indexing="ij")
    stem = (np.abs(right + 0.2) <= 0.1) & (np.abs(down) <= 0.5)
    top = (np.abs(right) <= 0.3) & (np.abs(down + 0.41) <= 0.09)
    middle = (right >= -0.3) & (right <= 0.18) & (np.abs(down + 0.03) <= 0.09)
    return (stem | top | middle).astype(np.float64)


TO_FRONT = np.eye(3)
LEFT_SIDE = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])  # the letter's front looks to +x
BACK = np.diag([-1.0, 1, -1])
LYING_UP = np.array([[-1.0, 0, 0], [0, 0, 1], [0, 1, 0]])  # looks up, its top towards the front
LYING_DOWN = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # looks down, its top to the front


@BOTH
@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("position", [TO_FRONT, LEFT_SIDE, BACK, LYING_UP, LYING_DOWN])
def test_text_reads_unmirrored_with_head_or_front_up(
    position: NDArray[np.float64], layout: Layout, projection: str
) -> None:
    assert np.linalg.det(position) == pytest.approx(1.0)
    scan = moved(
        target_scan(TargetShape.PLANE, 0.0, layout, MarkKind.LETTER, 10.0), position, np.zeros(3)
    )
    batch = drawn(scan, np.zeros((1, 3)), projection)
    expected = letter(133, 10.0)
    seen = ink(batch)
    # Edges are soft by a texel; any mirrored or turned F would differ by over a tenth.
    assert np.abs(seen - expected).mean() < 0.01
    for wrong in (expected[:, ::-1], expected[::-1], expected[::-1, ::-1], expected.T):
        assert np.abs(seen - wrong).mean() > 0.05


@BOTH
@pytest.mark.parametrize("seed", range(2))
def test_rigid_motion_leaves_crops_unchanged(seed: int, projection: str) -> None:
    scan = target_scan(TargetShape.SPHERE, 15.0, Layout.PLAIN, MarkKind.WAVES, 6.0)
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(6, 3))
    points *= 15.0 / np.linalg.norm(points, axis=1, keepdims=True)
    surface = build_surface(scan)
    frames = frames_at(surface, points)
    rotation, shift = random_rotation(seed), rng.uniform(-900, 900, 3)
    there = replace(
        frames,
        origin_mm=frames.origin_mm @ rotation.T + shift,
        axes=frames.axes @ rotation.T,
    )
    elsewhere = moved(scan, rotation, shift)
    one = extract_crops(scan, surface, frames, projection=projection)
    two = extract_crops(elsewhere, build_surface(elsewhere), there, projection=projection)
    np.testing.assert_array_equal(one.covered, two.covered)
    away = np.abs(one.pixels.astype(int) - two.pixels)
    # Only rounding at half a grey level may differ.
    assert away.max() <= 1
    assert away.mean() < 0.001
    np.testing.assert_allclose(one.mm2_per_px, two.mm2_per_px, rtol=1e-3)


@BOTH
def test_turning_the_patient_about_the_upright_leaves_crops_unchanged(projection: str) -> None:
    scan = target_scan(TargetShape.SPHERE, 15.0, Layout.PLAIN, MarkKind.WAVES, 6.0)
    cos, sin = np.cos(2.0), np.sin(2.0)
    yaw = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    points = np.array([[0.0, 0, 15], [10, 5, 10], [-9, -8, 8]])
    one = drawn(scan, points, projection)
    two = drawn(moved(scan, yaw, np.array([5.0, -7, 1])), points @ yaw.T + (5, -7, 1), projection)
    assert np.abs(one.pixels.astype(int) - two.pixels).max() <= 1


@BOTH
@pytest.mark.parametrize("layout", [Layout.ROTATED, Layout.SPLIT, Layout.MIRRORED])
@pytest.mark.parametrize(
    ("shape", "radius_mm"), [(TargetShape.PLANE, 0.0), (TargetShape.SPHERE, 15.0)]
)
def test_another_uv_layout_leaves_crops_unchanged(
    shape: TargetShape, radius_mm: float, layout: Layout, projection: str
) -> None:
    points = np.array([[0.0, 0.0, radius_mm], [0.5, 0.5, radius_mm]])
    one = drawn(
        target_scan(shape, radius_mm, Layout.PLAIN, MarkKind.WAVES, 6.0), points, projection
    )
    two = drawn(target_scan(shape, radius_mm, layout, MarkKind.WAVES, 6.0), points, projection)
    away = np.abs(one.pixels.astype(int) - two.pixels)
    # Promised: a mean below one grey level. Measured: 0.15, no pixel by more than 1.
    assert away.mean() < 0.3
    assert away.max() <= 2


def flat_colour(scan: Scan, level: int) -> Scan:
    return replace(scan, atlas=tuple(np.full_like(page, level) for page in scan.atlas))


PAGE = np.full((60, 60, 3), 100, np.uint8)


@BOTH
def test_an_arm_before_the_chest_never_shows(projection: str) -> None:
    chest = plane_scan(PAGE, 0.5)
    arm = flat_colour(moved(plane_scan(PAGE, 0.2), np.eye(3), np.array([2.0, 1.0, 5.0])), 250)
    batch = drawn(joined(chest, arm), np.array([[0.0, 0.0, 0.0], [2.0, 1.0, 5.0]]), projection)
    assert (batch.pixels[0] == 100).all()
    assert set(np.unique(batch.pixels[1])) == {0, 250}
    assert batch.covered[1].sum() * batch.frames.mm_per_px**2 == pytest.approx(144, rel=0.02)


@BOTH
def test_of_two_sheets_in_touch_each_shows_itself(projection: str) -> None:
    below = plane_scan(PAGE, 0.5)
    above = flat_colour(
        moved(plane_scan(PAGE, 0.5, steps=11), np.eye(3), np.array([0, 0, 0.2])), 200
    )
    batch = drawn(joined(below, above), np.array([[0.3, 0.2, 0.0], [0.3, 0.2, 0.2]]), projection)
    assert (batch.pixels[0] == 100).all()
    assert (batch.pixels[1] == 200).all()


@BOTH
@pytest.mark.parametrize("radius_mm", [3.0, 6.0])
def test_the_far_side_of_a_finger_never_shows(radius_mm: float, projection: str) -> None:
    finger = make_target(
        Target(TargetShape.CYLINDER, radius_mm=radius_mm, height_mm=30.0, edge_mm=1.0)
    )
    page = finger.atlas[0].copy()
    # The page holds the way around from -pi R on the left to +pi R on the right.
    side = page.shape[1]
    page[:, : side // 4], page[:, -side // 4 :] = (10, 20, 250), (10, 20, 250)
    batch = drawn(replace(finger, atlas=(page,)), np.array([[0.0, 0.0, radius_mm]]), projection)
    blue = (batch.pixels[0] == (10, 20, 250)).all(axis=-1)
    reach = 7.5 if projection == "geodesic" else radius_mm
    column = np.abs((np.arange(133) + 0.5) / 133 * 15 - 7.5)
    far = 0.5 * np.pi * radius_mm if projection == "geodesic" else radius_mm
    # What is unrolled past a quarter turn is honest skin of the side, each place once.
    assert not blue[:, column < far - 0.3].any()
    assert not batch.covered[0][:, column > max(reach, np.pi * radius_mm) + 0.3].any()


def test_where_unrolled_skin_folds_over_the_nearer_way_shows() -> None:
    finger = make_target(Target(TargetShape.CYLINDER, radius_mm=1.5, height_mm=30.0, edge_mm=0.25))
    page = finger.atlas[0].copy()
    ramp = np.linspace(0, 255, page.shape[1]).astype(np.uint8)
    page[:] = ramp[None, :, None]
    batch = drawn(replace(finger, atlas=(page,)), np.array([[0.0, 0.0, 1.5]]), "geodesic")
    column = (np.arange(133) + 0.5) / 133 * 15 - 7.5
    near = np.abs(column) < 0.9 * np.pi * 1.5
    inner = (page.shape[1] - 12) * 0.1
    assert inner == pytest.approx(2 * np.pi * 1.5, abs=0.3)
    expected = 127.5 + 255 * column[near] / (page.shape[1] * 0.1)
    seen = batch.pixels[0, 30:100, near, 0]
    assert np.abs(seen - expected[:, None]).max() < 8


def test_pages_of_a_scan_meet_in_one_crop() -> None:
    left = moved(plane_scan(PAGE, 0.2), np.eye(3), np.array([-6.0, 0.0, 0.0]))
    right = moved(plane_scan(PAGE, 0.2), np.eye(3), np.array([6.0, 0.0, 0.0]))
    batch = drawn(joined(left, flat_colour(right, 200)), np.array([[-0.1, 0.0, 0.0]]), "geodesic")
    crop, rows = batch.pixels[0], batch.covered[0].any(axis=1)
    assert (crop[rows, :66] == 100).all()
    assert (crop[rows, 70:] == 200).all()


@BOTH
def test_faces_without_texture_hide_and_show_black(projection: str) -> None:
    scan = plane_scan(PAGE, 0.5)
    centre = scan.vertices_mm[scan.faces].mean(axis=1)
    bare = centre[:, 0] > 2.5
    page = np.where(bare, -1, 0).astype(np.int16)
    uv = np.where(bare[:, None, None], np.nan, scan.wedge_uv).astype(np.float32)
    scan = replace(scan, face_page=page, wedge_uv=uv)
    batch = drawn(scan, np.zeros((1, 3)), projection)
    shown = batch.covered[0]
    assert not batch.pixels[0][~shown].any()
    assert not batch.mm2_per_px[0][~shown].any()
    assert (batch.pixels[0][shown] == 100).all()
    assert shown[:, :80].all()
    assert not shown[:, 95:].any()


@BOTH
def test_crops_at_a_border_show_what_there_is(projection: str) -> None:
    scan = plane_scan(PAGE, 0.5)
    batch = drawn(scan, np.array([[14.9, 14.9, 0.0], [15.0, 0.0, 0.0]]), projection)
    np.testing.assert_allclose(batch.covered.mean(axis=(1, 2)), [(7.6 / 15) ** 2, 0.5], atol=0.01)
    assert (batch.pixels[batch.covered] == 100).all()
    assert not batch.pixels[~batch.covered].any()


def test_two_runs_and_other_batches_give_the_same_bytes() -> None:
    scan = target_scan(TargetShape.SPHERE, 15.0, Layout.SPLIT, MarkKind.WAVES, 6.0)
    surface = build_surface(scan)
    rng = np.random.default_rng(5)
    points = rng.normal(size=(40, 3))
    points *= 15.0 / np.linalg.norm(points, axis=1, keepdims=True)
    for projection in ("orthographic", "geodesic"):
        frames = frames_at(surface, points, size_px=97)
        whole = extract_crops(scan, surface, frames, projection=projection)
        again = extract_crops(scan, surface, frames, projection=projection)
        parts = [
            extract_crops(scan, surface, _rows(frames, rows), projection=projection)
            for rows in np.array_split(rng.permutation(40), 7)
        ]
        back = np.argsort(np.concatenate([part.frames.candidate for part in parts]))
        for name in ("pixels", "covered", "mm2_per_px", "texel_mm", "obliqueness_deg"):
            expected = getattr(whole, name).tobytes()
            assert getattr(again, name).tobytes() == expected
            assert np.concatenate([getattr(p, name) for p in parts])[back].tobytes() == expected


def _rows(frames: CropFrames, rows: NDArray[np.intp]) -> CropFrames:
    return replace(
        frames,
        candidate=frames.candidate[rows],
        face=frames.face[rows],
        origin_mm=frames.origin_mm[rows],
        axes=frames.axes[rows],
    )


@pytest.mark.parametrize("sampling", ["fixed", "native"])
def test_every_candidate_is_in_exactly_one_frame(sampling: str) -> None:
    fine, coarse = plane_scan(np.zeros((400, 400, 3), np.uint8), 0.1), plane_scan(PAGE, 0.3)
    scan = joined(fine, moved(coarse, np.eye(3), np.array([0.0, 0.0, 50.0])))
    surface = build_surface(scan)
    rng = np.random.default_rng(6)
    spots = np.column_stack((rng.uniform(-8, 8, (700, 2)), np.repeat((0.0, 50.0), 350)))
    found = candidates_at(surface, spots)
    config = CropConfig.model_validate({"sampling": sampling, "size_px": 200})
    batches = list(frame_crops(surface, found, config))
    assert len(batches) > 2
    listed = np.concatenate([frames.candidate for frames in batches])
    np.testing.assert_array_equal(np.sort(listed), np.arange(700))
    for frames in batches:
        np.testing.assert_array_equal(frames.face, found.face[frames.candidate])
        np.testing.assert_allclose(frames.origin_mm, spots[frames.candidate], atol=1e-9)
        assert len(frames) * frames.size_px**2 <= 2_000_000


@pytest.mark.parametrize(
    ("texel_mm", "size_px"), [(0.0995, 151), (0.112, 133), (0.2, 75), (0.03, 269), (0.7, 41)]
)
def test_native_sampling_follows_the_source_in_odd_sizes(texel_mm: float, size_px: int) -> None:
    surface = build_surface(plane_scan(np.zeros((300, 300, 3), np.uint8), texel_mm))
    found = candidates_at(surface, np.array([[0.1, 0.1, 0.0]]))
    config = CropConfig.model_validate({"sampling": "native"})
    (frames,) = frame_crops(surface, found, config)
    assert frames.size_px == size_px
    assert frames.size_px % 2 == 1


@BOTH
@pytest.mark.parametrize("sampling", ["fixed", "native"])
def test_no_candidates_give_one_empty_batch(sampling: str, projection: str) -> None:
    scan = plane_scan(PAGE, 0.5)
    surface = build_surface(scan)
    none = candidates_at(surface, np.empty((0, 3)))
    config = CropConfig.model_validate({"sampling": sampling})
    (frames,) = frame_crops(surface, none, config)
    batch = extract_crops(scan, surface, frames, projection=projection)
    assert batch.pixels.shape == (0, 133, 133, 3)
    assert batch.texel_mm.shape == (0,)


@BOTH
def test_crops_without_any_skin_to_show_are_empty_and_not_an_error(projection: str) -> None:
    scan = plane_scan(PAGE, 0.5)
    surface = build_surface(scan)
    away = np.diag([1.0, -1.0, -1.0])
    frames = replace(frames_at(surface, np.zeros((2, 3))), axes=np.stack((away, away)))
    batch = extract_crops(scan, surface, frames, projection=projection)
    if projection == "orthographic":
        assert not batch.covered.any()
        assert np.isnan(batch.texel_mm).all()
    assert not batch.pixels[~batch.covered].any()
