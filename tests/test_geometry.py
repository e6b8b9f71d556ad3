"""Frames, surfaces and points; the exponential map against formulas and another library."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.geometry import (
    build_surface,
    corner_rowcol,
    frame_points,
    geodesic_patches,
    locate_uv,
    orthographic_patches,
    point_positions,
    snap_points,
    straighten_frames,
)
from tbp_extract.types import CropFrames, Scan, Surface
from tests.targets import (
    FLAT_PAGE,
    Bent,
    Shape,
    bare_scan,
    bent,
    frames_at,
    joined,
    lattice,
    moved,
    plane_scan,
    random_rotation,
)

HALF_MM = 7.5
CURVED: list[tuple[Shape, float]] = [("cylinder", 8.0), ("sphere", 10.0)]


def on_front_point(target: Bent, surface: Surface) -> CropFrames:
    """One frame on the ray from the origin through the front point: there the way is 0."""
    corners = target.vertices[target.faces]
    front = np.broadcast_to(np.array([0.0, 0.0, 1.0]), (len(corners), 3))
    weights = np.linalg.solve(corners.transpose(0, 2, 1), front[..., None])[..., 0]
    weights /= weights.sum(axis=1, keepdims=True)
    ahead = corners[:, :, 2].min(axis=1) > 0
    face = np.flatnonzero(ahead & (weights >= -1e-9).all(axis=1))[:1].astype(np.int32)
    origin, axes = frame_points(surface, face, weights[face])
    return CropFrames(np.zeros(1, np.int32), face, origin, axes, 2 * HALF_MM, 133)


def turned_bent(
    shape: Shape, radius: float, edge_mm: float, seed: int
) -> tuple[Bent, Surface, CropFrames, NDArray[np.float64]]:
    """A bent patch in a random position, its frame, and its true map in that frame."""
    target = bent(shape, radius, edge_mm, seed=seed)
    rotation = random_rotation(seed)
    surface = build_surface(bare_scan(target.vertices @ rotation.T, target.faces))
    frames = on_front_point(target, surface)
    # The frame's own tangent decides which way is right; what is left is a turn in the plane.
    left, _, right = np.linalg.svd((frames.axes[0] @ rotation)[:2, :2])
    return target, surface, frames, target.way @ (left @ right).T


def position_errors(shape: Shape, radius: float, edge_mm: float, seed: int) -> NDArray[np.float64]:
    target, surface, frames, truth = turned_bent(shape, radius, edge_mm, seed)
    patches = geodesic_patches(surface, frames)
    expected = truth[target.faces[patches.face]]
    inside = np.abs(expected).max(axis=2) <= HALF_MM
    errors: NDArray[np.float64] = np.linalg.norm(patches.corner_mm - expected, axis=2)[inside]
    assert len(errors) > 30
    return errors


@pytest.mark.parametrize("edge_mm", [1.0, 2.0, 3.0])
@pytest.mark.parametrize(("shape", "radius"), CURVED)
def test_unrolled_positions_are_true_to_the_formula(
    shape: Shape, radius: float, edge_mm: float
) -> None:
    for seed in range(6):
        errors = position_errors(shape, radius, edge_mm, seed)
        # The bound that is promised. Measured: at most 0.07 on the cylinder, 0.14 on the sphere.
        assert np.sqrt((errors**2).mean()) <= 0.15


def test_unrolling_a_cylinder_converges_with_the_edge_length() -> None:
    coarse, fine = (
        np.mean([position_errors("cylinder", 8.0, edge, seed).mean() for seed in range(3)])
        for edge in (2.0, 0.5)
    )
    # Second order: a quarter of the edge leaves a sixteenth of the error; an eighth is demanded.
    assert fine < coarse / 8


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("shape", "radius"), CURVED)
def test_unrolled_positions_agree_with_the_log_map_of_potpourri3d(
    shape: Shape, radius: float, seed: int
) -> None:
    potpourri3d = pytest.importorskip("potpourri3d")
    _, surface, frames, _ = turned_bent(shape, radius, 1.0, seed)
    vertices, faces = surface.vertices_mm, surface.faces
    near = np.linalg.norm(vertices - frames.origin_mm[0], axis=1) < 16.0
    kept = near[faces].all(axis=1)
    used, local = np.unique(faces[kept], return_inverse=True)
    # Their map starts at a vertex: the one nearest to the centre.
    start = int(np.linalg.norm(vertices[used] - frames.origin_mm[0], axis=1).argmin())
    solver = potpourri3d.MeshVectorHeatSolver(vertices[used], local.reshape(-1, 3))
    theirs = solver.compute_log_map(start, strategy="AffineLocal")
    face = np.flatnonzero((faces == used[start]).any(axis=1))[:1].astype(np.int32)
    origin, axes = frame_points(surface, face, (faces[face] == used[start]).astype(np.float64))
    patches = geodesic_patches(surface, replace(frames, face=face, origin_mm=origin, axes=axes))
    ours = np.full((len(vertices), 2), np.nan)
    ours[faces[patches.face]] = patches.corner_mm
    inside = np.flatnonzero(np.abs(ours[used]).max(axis=1) <= HALF_MM)
    one, two = theirs[inside], ours[used][inside]
    # Their frame at the start is another one, and may be mirrored: ours runs down, theirs up.
    left, _, right = np.linalg.svd(two.T @ one)
    away = np.linalg.norm(two - one @ (left @ right).T, axis=1)
    assert len(away) > 150
    # Both err: theirs by up to 0.05 mm against the formula, ours by up to 0.14.
    assert np.sqrt((away**2).mean()) < 0.15


def test_frames_look_straight_at_the_skin_with_the_head_up() -> None:
    ball = bent("sphere", 50.0, 4.0, half_mm=60.0)
    surface = build_surface(bare_scan(ball.vertices @ random_rotation(3).T, ball.faces))
    face = np.arange(0, len(surface.faces), 7, dtype=np.int32)
    third = np.full((len(face), 3), 1 / 3)
    origin, axes = frame_points(surface, face, third)
    np.testing.assert_allclose(
        axes @ axes.transpose(0, 2, 1), np.tile(np.eye(3), (len(face), 1, 1)), atol=1e-12
    )
    # Rows, columns and the view from outside: a left-handed triple, or the crop would be mirrored.
    np.testing.assert_allclose(np.linalg.det(axes), -1.0)
    outward = origin / np.linalg.norm(origin, axis=1, keepdims=True)
    assert (axes[:, 2] * outward).sum(axis=1).min() > 0.999
    upright = np.abs(axes[:, 2, 1]) < 0.96
    assert 0 < upright.mean() < 1
    np.testing.assert_allclose(axes[upright, 0, 1], 0.0, atol=1e-12)
    assert (axes[upright, 1, 1] < 0).all()
    poles = np.abs(axes[:, 2, 1]) > 0.98
    assert poles.any()
    np.testing.assert_allclose(axes[poles, 0, 2], 0.0, atol=1e-12)
    assert (axes[poles, 1, 2] < 0).all()


def test_straightened_frames_look_straight_at_a_facet_of_a_coarse_box() -> None:
    box = trimesh.creation.box((200.0, 200.0, 200.0))
    surface = build_surface(bare_scan(np.asarray(box.vertices), np.asarray(box.faces)))
    face = np.flatnonzero(surface.face_normals[:, 2] > 0.9).astype(np.int32)
    weights = np.full((len(face), 3), 1 / 3)
    origin, tilted = frame_points(surface, face, weights)
    leaning = CropFrames(np.arange(len(face), dtype=np.int32), face, origin, tilted, 15.0, 133)
    straight = straighten_frames(surface, leaning, window_mm=7.5)
    # Interpolated normals lean towards the box's corners; the skin in the window is flat.
    assert (leaning.axes[:, 2, 2] < 0.99).all()
    upright = np.array([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(
        straight.axes, np.broadcast_to(upright, (len(face), 3, 3)), atol=1e-9
    )


def test_a_fold_of_opposed_normals_still_has_a_frame() -> None:
    vertices = np.array(
        [[0.0, 0, 0], [4, 0, 0], [0, 4, 0], [0, 0, 0.01], [4, 0, 0.01], [0, 4, 0.01]]
    )
    surface = build_surface(bare_scan(vertices, np.array([[0, 1, 2]], np.int32)))
    surface = replace(surface, vertex_normals=np.zeros_like(surface.vertex_normals))
    _, axes = frame_points(surface, np.zeros(1, np.int32), np.full((1, 3), 1 / 3))
    np.testing.assert_allclose(axes[0, 2], [0, 0, 1])


def test_seam_copies_of_vertices_become_one_skin() -> None:
    whole = plane_scan(FLAT_PAGE, 2.0, steps=6)
    torn = replace(
        whole,
        vertices_mm=whole.vertices_mm[whole.faces].reshape(-1, 3),
        faces=np.arange(3 * len(whole.faces), dtype=np.int32).reshape(-1, 3),
    )
    for shift in (0.0, 1e-5):
        nudged = replace(torn, vertices_mm=torn.vertices_mm + shift * np.tile([1, -1, 1], (216, 1)))
        one, two = build_surface(whole), build_surface(nudged)
        np.testing.assert_array_equal(one.neighbours, two.neighbours)
        assert len(two.vertices_mm) == 49
    assert (two.neighbours == -1).sum() == 24


@pytest.mark.parametrize("apart_mm", [1e-5, 1e-4, 2e-3])
def test_copies_of_vertices_with_rounding_between_them_become_one_skin(apart_mm: float) -> None:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=50.0)
    soup = np.asarray(ball.vertices)[np.asarray(ball.faces)].reshape(-1, 3)
    soup = soup + np.random.default_rng(0).uniform(-apart_mm, apart_mm, soup.shape)
    surface = build_surface(bare_scan(soup, np.arange(len(soup), dtype=np.int32).reshape(-1, 3)))
    assert len(surface.vertices_mm) == len(ball.vertices)
    assert (surface.neighbours >= 0).all()


def test_triangles_that_hardly_hang_together_are_refused() -> None:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=50.0)
    faces = np.asarray(ball.faces)
    flipped = np.where((np.arange(len(faces)) % 5 == 0)[:, None], faces[:, ::-1], faces)
    with pytest.raises(ScanError, match="wind against each other") as wound:
        build_surface(bare_scan(np.asarray(ball.vertices), flipped))
    assert wound.value.reason is ScanReason.MESH_BROKEN
    soup = np.asarray(ball.vertices)[faces]
    soup = (soup - soup.mean(axis=1, keepdims=True)) * 0.9 + soup.mean(axis=1, keepdims=True)
    with pytest.raises(ScanError, match="do not hang together"):
        build_surface(
            bare_scan(soup.reshape(-1, 3), np.arange(3 * len(faces), dtype=np.int32).reshape(-1, 3))
        )


def test_a_part_that_shows_its_inside_is_refused() -> None:
    trunk = trimesh.creation.icosphere(subdivisions=3, radius=50.0)
    arm = trimesh.creation.icosphere(subdivisions=2, radius=20.0)
    vertices = np.concatenate((trunk.vertices, arm.vertices + np.array([90.0, 0.0, 0.0])))
    inside_out = np.asarray(arm.faces)[:, ::-1] + len(trunk.vertices)
    with pytest.raises(ScanError, match="inside out") as caught:
        build_surface(bare_scan(vertices, np.concatenate((trunk.faces, inside_out))))
    assert caught.value.reason is ScanReason.MESH_INSIDE_OUT


def test_the_surface_keeps_the_order_of_the_faces() -> None:
    scan = plane_scan(FLAT_PAGE, 2.0, steps=4)
    order = np.random.default_rng(0).permutation(len(scan.faces))
    shuffled = build_surface(replace(scan, faces=scan.faces[order], wedge_uv=scan.wedge_uv[order]))
    np.testing.assert_allclose(
        shuffled.vertices_mm[shuffled.faces], scan.vertices_mm[scan.faces[order]], atol=1e-12
    )


def test_texel_size_is_that_of_the_skin_and_unknown_without_texture() -> None:
    scan = plane_scan(np.zeros((60, 40, 3), np.uint8), 0.25)
    np.testing.assert_allclose(build_surface(scan).texel_mm, 0.25, rtol=1e-4)
    page = np.where(scan.vertices_mm[scan.faces][:, :, 0].max(axis=1) > 0, 0, -1).astype(np.int16)
    texel = build_surface(replace(scan, face_page=page)).texel_mm
    surface = build_surface(scan)
    left = surface.vertices_mm[:, 0] < -1e-6
    assert np.isnan(texel[left & (surface.vertices_mm[:, 0] < -0.9)]).all()
    np.testing.assert_allclose(texel[surface.vertices_mm[:, 0] > 0.1], 0.25, rtol=1e-4)


def test_texel_positions_follow_each_page_and_are_missing_without_texture() -> None:
    one = plane_scan(np.zeros((10, 20, 3), np.uint8), 1.0, steps=2)
    two = plane_scan(np.zeros((30, 40, 3), np.uint8), 1.0, steps=2)
    both = joined(one, two)
    both.face_page[0] = -1
    both.wedge_uv[0] = np.nan
    rowcol = corner_rowcol(both, np.arange(len(both.faces)))
    assert np.isnan(rowcol[0]).all()
    np.testing.assert_allclose(rowcol[1:8].max(axis=(0, 1)), [9.5, 19.5], atol=1e-5)
    np.testing.assert_allclose(rowcol[8:].max(axis=(0, 1)), [29.5, 39.5], atol=1e-5)


def test_points_snap_to_the_skin_within_reach_and_no_farther() -> None:
    target = bent("sphere", 60.0, 3.0, half_mm=30.0)
    surface = build_surface(bare_scan(target.vertices, target.faces))
    rng = np.random.default_rng(1)
    face = rng.integers(0, len(surface.faces), 300).astype(np.int32)
    bary = rng.dirichlet((1, 1, 1), 300)
    place = point_positions(surface, face, bary)
    height = rng.uniform(-6.5, 6.5, 300)
    found = snap_points(surface, place + height[:, None] * surface.face_normals[face], max_mm=5.0)
    within = np.abs(height) < 4.9
    assert (found.face[within] >= 0).all()
    # The nearest skin is never farther than where the point came from.
    assert (found.distance_mm[within] <= np.abs(height[within]) + 1e-9).all()
    back = point_positions(surface, found.face[within], found.barycentric[within])
    assert np.linalg.norm(back - place[within], axis=1).max() < 1.5
    inner = (np.abs(height) > 5.3) & (np.abs(place[:, :2]).max(axis=1) < 20)
    assert (found.face[inner] == -1).all()
    assert np.isinf(found.distance_mm[inner]).all()


def test_points_never_snap_to_faces_without_area() -> None:
    scan = plane_scan(FLAT_PAGE, 2.0, steps=4)
    a, b, _ = scan.faces[5]
    flat = np.array([[a, b, b], [a, a, a]], np.int32)
    faces = np.concatenate((flat, scan.faces))
    surface = build_surface(bare_scan(scan.vertices_mm, faces))
    middle = 0.5 * (scan.vertices_mm[a] + scan.vertices_mm[b])
    found = snap_points(surface, np.array([middle, scan.vertices_mm[a]]), max_mm=1.0)
    assert (found.face >= 2).all()
    assert (found.distance_mm < 1e-9).all()


def test_no_points_and_no_skin_snap_to_nothing() -> None:
    scan = plane_scan(FLAT_PAGE, 2.0, steps=2)
    assert len(snap_points(build_surface(scan), np.empty((0, 3)), max_mm=5.0).face) == 0
    line = bare_scan(np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]), np.array([[0, 1, 2]], np.int32))
    assert snap_points(build_surface(line), np.zeros((1, 3)), max_mm=5.0).face.tolist() == [-1]


def test_texture_coordinates_find_their_place_on_each_page() -> None:
    one = plane_scan(np.zeros((50, 50, 3), np.uint8), 1.0)
    two = moved(plane_scan(np.zeros((80, 20, 3), np.uint8), 1.0), np.eye(3), np.array([0, 0, 90.0]))
    both = joined(one, two)
    rng = np.random.default_rng(2)
    uv, page = rng.uniform(0.01, 0.99, (100, 2)), rng.integers(0, 3, 100).astype(np.int16)
    found = locate_uv(both, uv, page)
    np.testing.assert_array_equal(found.face >= 0, page < 2)
    held = page < 2
    assert (found.distance_mm[held] == 0).all()
    place = point_positions(build_surface(both), found.face[held], found.barycentric[held])
    side = np.array([[50.0, 50.0], [20.0, 80.0]])[page[held]]
    expected = np.column_stack(((uv[held] - 0.5) * side, 90.0 * page[held]))
    np.testing.assert_allclose(place, expected, atol=1e-4)


def test_texture_coordinates_outside_all_charts_find_nothing() -> None:
    scan = bare_scan(np.array([[0.0, 0, 0], [9, 0, 0], [0, 9, 0]]), np.array([[0, 1, 2]], np.int32))
    uv = np.array([[0.1, 0.5], [0.7, 0.7], [5.0, -3.0], [0.3, 0.3]])
    assert locate_uv(scan, uv, np.zeros(4, np.int16)).face.tolist() == [-1, -1, -1, 0]
    bare = replace(scan, face_page=np.full(1, -1, np.int16))
    assert locate_uv(bare, uv, np.zeros(4, np.int16)).face.tolist() == [-1] * 4
    assert len(locate_uv(scan, uv[:0], np.zeros(0, np.int16)).face) == 0


def test_orthographic_growth_passes_faces_without_area() -> None:
    # A row of slivers of no width runs right across the plane.
    x = np.array([-9.0, 0.0, 0.0, 9.0])
    y = np.array([-9.0, -3.0, 4.0, 9.0])
    vertices = np.array([(a, b + 0.5 * (i == 2), 0.0) for i, a in enumerate(x) for b in y])
    surface = build_surface(bare_scan(vertices, lattice(4)))
    flat = ~surface.face_normals.any(axis=1)
    assert flat.sum() == 6
    patches = orthographic_patches(surface, frames_at(surface, np.array([[-3.0, 0.0, 0.0]])))
    assert set(patches.face.tolist()) == set(np.flatnonzero(~flat).tolist())


def sheet(height_mm: float, half_mm: float = 12.0) -> Scan:
    step = np.linspace(-half_mm, half_mm, 13)
    way = np.stack(np.meshgrid(step, step, indexing="ij"), axis=-1).reshape(-1, 2)
    return bare_scan(np.column_stack((way, np.full(len(way), height_mm))), lattice(13))


def test_patches_hold_only_skin_that_hangs_together() -> None:
    chest, arm = sheet(0.0), sheet(5.0, 4.0)
    surface = build_surface(joined(chest, arm))
    frames = frames_at(surface, np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 5.0]]))
    for lay in (orthographic_patches, geodesic_patches):
        patches = lay(surface, frames)
        below = patches.face[: patches.start[1]]
        above = patches.face[patches.start[1] :]
        assert (below < len(chest.faces)).all()
        assert (above >= len(chest.faces)).all()


def test_bodies_become_one_closed_skin(data: Path) -> None:
    from tbp_extract.config import Config
    from tbp_extract.io.scan import read_scan, scan_ref

    for mesh in sorted((data / "bodies").glob("*/*.obj")):
        scan = read_scan(scan_ref(mesh, unit="mm"), Config())
        surface = build_surface(scan)
        assert len(surface.faces) == 26_756
        # The bodies are closed once seams are joined (the data set's own description).
        assert (surface.neighbours >= 0).all()
        assert len(surface.vertices_mm) < len(surface.faces) * 0.51
        corners = surface.vertices_mm[surface.faces]
        volume = np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum()
        assert volume > 0
