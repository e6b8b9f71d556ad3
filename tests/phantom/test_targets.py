import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.errors import ConfigError
from tbp_extract.geometry import build_surface, corner_rowcol
from tbp_extract.phantom import (
    Layout,
    Mark,
    MarkKind,
    Target,
    TargetShape,
    log_map,
    make_target,
    target_point,
)
from tbp_extract.types import Scan

PLANE = Target(TargetShape.PLANE, width_mm=30.0, height_mm=24.0)
CYLINDER = Target(TargetShape.CYLINDER, radius_mm=8.0, height_mm=30.0)
SPHERE = Target(TargetShape.SPHERE, radius_mm=10.0)
ALL = pytest.mark.parametrize("target", [PLANE, CYLINDER, SPHERE], ids=lambda t: t.shape.value)
DARK, SKIN = (90, 50, 40), (205, 165, 145)


def with_marks(target: Target, *marks: Mark, layout: Layout = Layout.PLAIN) -> Target:
    return Target(
        target.shape, target.radius_mm, target.width_mm, target.height_mm,
        edge_mm=0.7, texel_mm=0.1, layout=layout, marks=marks,
    )  # fmt: skip


def inked_area(scan: Scan) -> float:
    """Skin under ink, from the texels that face centroids of a fine mesh fall on."""
    a, b, c = (scan.vertices_mm[scan.faces[:, k]] for k in range(3))
    area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    rowcol = corner_rowcol(scan, np.arange(len(scan.faces)))
    weight = np.random.default_rng(0).dirichlet((1, 1, 1), (len(area), 40))
    rows, columns = np.moveaxis(np.round(weight @ rowcol).astype(int), -1, 0)
    ink = (SKIN[0] - scan.atlas[0][rows, columns, 0].astype(float)) / (SKIN[0] - DARK[0])
    return float((area * ink.mean(axis=1)).sum())


@ALL
def test_vertices_lie_on_the_surface_and_faces_look_outward(target: Target) -> None:
    scan = make_target(target)
    surface = build_surface(scan)
    at = scan.vertices_mm
    middle = at[scan.faces].mean(axis=1)
    if target.shape is TargetShape.PLANE:
        assert (at[:, 2] == 0.0).all()
        assert (surface.face_normals[:, 2] == 1.0).all()
        return
    keep = (1, 0, 1) if target.shape is TargetShape.CYLINDER else (1, 1, 1)
    np.testing.assert_allclose(np.linalg.norm(at * keep, axis=1), target.radius_mm, rtol=1e-12)
    assert (surface.face_normals * middle * keep).sum(axis=1).min() > 0


def test_sphere_is_closed_and_cylinder_open_at_its_ends_only() -> None:
    assert (build_surface(make_target(SPHERE)).neighbours >= 0).all()
    scan = make_target(CYLINDER)
    open_edges = build_surface(scan).neighbours < 0
    ends = np.abs(scan.vertices_mm[scan.faces][:, :, 1]).max(axis=1) > 14.999
    assert (open_edges.any(axis=1) <= ends).all()
    assert open_edges.any()


@ALL
def test_log_map_is_the_way_along_the_surface(target: Target) -> None:
    rng = np.random.default_rng(1)
    places = rng.uniform(-6, 6, (50, 2))
    points = np.array([target_point(target, *place) for place in places])
    if target.shape is not TargetShape.SPHERE:
        centre = target_point(target, 2.0, -1.0)
        np.testing.assert_allclose(log_map(target, centre, points), places - (2.0, -1.0), atol=1e-9)
        return
    centre = target_point(target, 2.0, -1.0)
    way = log_map(target, centre, points)
    cosine = points @ centre / 100.0
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), 10.0 * np.arccos(cosine), atol=1e-6)
    # To the right is along the equator, up along the meridian.
    np.testing.assert_allclose(
        log_map(SPHERE, target_point(SPHERE, 0, 0), points[:0]).shape, (0, 2)
    )
    front = target_point(SPHERE, 0.0, 0.0)
    right, up = target_point(SPHERE, 3.0, 0.0), target_point(SPHERE, 0.0, 3.0)
    np.testing.assert_allclose(
        log_map(SPHERE, front, np.array([right, up])), [(3, 0), (0, 3)], atol=1e-9
    )


@ALL
@pytest.mark.parametrize("layout", Layout)
def test_disc_covers_its_area_in_every_layout(target: Target, layout: Layout) -> None:
    scan = make_target(with_marks(target, Mark(MarkKind.DISC, 5.0), layout=layout))
    cap = np.pi * 2.5**2
    if target.shape is TargetShape.SPHERE:
        cap = 2 * np.pi * 100.0 * (1 - np.cos(2.5 / 10.0))
    # Random samples of nearest texels; the mesh is inscribed, edge 0.7 on R 8.
    np.testing.assert_allclose(inked_area(scan), cap, rtol=0.02)


def test_letter_reads_from_outside_and_top_is_up() -> None:
    page = make_target(with_marks(PLANE, Mark(MarkKind.LETTER, 10.0, rgb=DARK))).atlas[0]
    dark = page[:, :, 0] < 150
    rows, columns = np.nonzero(dark)
    box = dark[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    height, width = box.shape
    assert abs(height - 100) <= 1
    assert abs(width - 60) <= 1
    # Texels that the rim only touches may lie on either side of the threshold.
    assert box[2:-2, 2:18].all()
    assert box[2:16, 2:-2].all()
    assert not box[height * 3 // 4 :, width // 2 :].any()


def test_mirrored_layout_is_the_mirrored_page() -> None:
    mark = Mark(MarkKind.LETTER, 10.0, at_mm=(3.0, 2.0))
    plain = make_target(with_marks(PLANE, mark))
    mirrored = make_target(with_marks(PLANE, mark, layout=Layout.MIRRORED))
    np.testing.assert_array_equal(mirrored.atlas[0].shape, plain.atlas[0].shape)
    # 300 texels between gutters of 6.
    inner = slice(6, 307)
    np.testing.assert_array_equal(mirrored.atlas[0][:, inner], plain.atlas[0][:, inner][:, ::-1])
    assert (mirrored.atlas[0] != plain.atlas[0]).any()


@pytest.mark.parametrize("layout", Layout)
@ALL
def test_layouts_share_one_mesh(target: Target, layout: Layout) -> None:
    plain, other = make_target(with_marks(target)), make_target(with_marks(target, layout=layout))
    a, b = (np.sort(s.vertices_mm[s.faces].mean(axis=1).round(6), axis=0) for s in (plain, other))
    np.testing.assert_array_equal(a, b)


def colours_at(scan: Scan, target: Target, ways: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Texel under points of a plane, through the mesh's own coordinates."""
    rowcol = corner_rowcol(scan, np.arange(len(scan.faces))).reshape(-1, 2)
    xyz = scan.vertices_mm[scan.faces].reshape(-1, 3)
    design = np.column_stack((xyz[:, :2], np.ones(len(xyz))))
    affine, *_ = np.linalg.lstsq(design, rowcol, rcond=None)
    rows, columns = np.round(np.column_stack((ways, np.ones(len(ways)))) @ affine).astype(int).T
    return np.asarray(scan.atlas[0][rows, columns])


@pytest.mark.parametrize("layout", [Layout.PLAIN, Layout.ROTATED, Layout.MIRRORED])
def test_grid_and_checkers_lie_where_they_should(layout: Layout) -> None:
    grid = Mark(MarkKind.GRID, 1.0, rgb=DARK, line_mm=0.4)
    scan = make_target(with_marks(PLANE, grid, layout=layout))
    ways = np.array([(0.0, 3.5), (2.0, 0.5), (0.5, 0.5), (7.5, -3.5), (5.3, 0.5), (4.3, 0.5)])
    dark = colours_at(scan, PLANE, ways)[:, 0] < 150
    # The last two: 0.3 mm off a fifth line, which is wide, and off another, which is not.
    assert dark.tolist() == [True, True, False, False, True, False]
    checker = Mark(MarkKind.CHECKER, 2.0, rgb=DARK, extent_mm=12.0)
    scan = make_target(with_marks(PLANE, checker, layout=layout))
    ways = np.array([(1.0, 1.0), (3.0, 1.0), (3.0, 3.0), (-1.0, 1.0), (-1.0, -1.0), (7.0, 1.0)])
    dark = colours_at(scan, PLANE, ways)[:, 0] < 150
    assert dark.tolist() == [False, True, False, True, False, False]


def test_edges_are_the_mean_of_what_a_texel_covers() -> None:
    thin = Mark(MarkKind.GRID, 100.0, rgb=(5, 65, 45), line_mm=0.025)
    target = Target(TargetShape.PLANE, width_mm=10, height_mm=10, marks=(thin,), supersampling=8)
    page = make_target(target).atlas[0].astype(float)
    darkest = page[20].min(axis=0)
    # Every fifth line is twice as wide, and line 0 counts among them: half a texel, in its middle.
    np.testing.assert_allclose(darkest, (105, 115, 95), atol=1)


def test_impossible_targets_are_refused() -> None:
    with pytest.raises(ConfigError, match="radius"):
        Target(TargetShape.SPHERE)
    with pytest.raises(ConfigError, match="above 0"):
        Target(TargetShape.PLANE, texel_mm=0.0)
    with pytest.raises(ConfigError, match="above 0 mm"):
        Mark(MarkKind.DISC, 0.0)
