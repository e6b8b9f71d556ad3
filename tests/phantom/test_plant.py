from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.errors import ConfigError
from tbp_extract.geometry import build_surface, corner_rowcol, snap_points
from tbp_extract.phantom import (
    Layout,
    Lesion,
    LesionKind,
    Planted,
    Sites,
    Target,
    TargetShape,
    plant_lesions,
    sample_sites,
    target_point,
)
from tbp_extract.phantom.colour import rgb_to_lab
from tbp_extract.phantom.targets import log_map, make_target
from tbp_extract.types import Scan
from tests.naive.paint import weights
from tests.phantom.scenes import arm

OFFSET = (-20.0, 6.0, 4.0)
PLANE = Target(TargetShape.PLANE, width_mm=30.0, height_mm=30.0)
CYLINDER = Target(TargetShape.CYLINDER, radius_mm=8.0, height_mm=30.0)
SPHERE = Target(TargetShape.SPHERE, radius_mm=10.0)
LAYOUTS = pytest.mark.parametrize("layout", Layout)


def on_target(
    target: Target, lesions: list[Lesion], places: list[tuple[float, float]], **options: bool
) -> Planted:
    scan = make_target(target)
    surface = build_surface(scan)
    xyz = np.array([target_point(target, *place) for place in places])
    points = snap_points(surface, xyz, max_mm=1.0)
    # The snapped place lies on the mesh, a little inside the round surface.
    corners = surface.vertices_mm[surface.faces[points.face]]
    at = (corners * points.barycentric[:, :, None]).sum(axis=1)
    return plant_lesions(
        scan, surface, Sites(points.face, points.barycentric, at), lesions, **options
    )


def painted_texels(
    planted: Planted, before: Scan
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Place (M, 3), area (M,) and whether painted (M,), of all texels with skin, exactly once."""
    scan = planted.scan
    rowcol = corner_rowcol(scan, np.arange(len(scan.faces)))
    seen: dict[tuple[int, int], tuple[NDArray[np.float64], float]] = {}
    changed = (scan.atlas[0] != before.atlas[0]).any(axis=2)
    near = np.zeros(len(scan.faces), bool)
    for face in range(len(scan.faces)):
        low, high = np.floor(rowcol[face].min(axis=0)), np.ceil(rowcol[face].max(axis=0))
        top, left, bottom, right = (int(value) for value in (*low, *high))
        near[face] = changed[max(top, 0) : bottom + 1, max(left, 0) : right + 1].any()
    for face in np.flatnonzero(near).tolist():
        low, high = np.ceil(rowcol[face].min(axis=0)), np.floor(rowcol[face].max(axis=0))
        spans = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
        box = np.stack(np.meshgrid(*spans, indexing="ij"), axis=-1).reshape(-1, 2)
        weight = weights(rowcol[face], box)
        inside = (weight > -1e-6).all(axis=1)
        corners = scan.vertices_mm[scan.faces[face]]
        px = rowcol[face]
        twice = np.linalg.det(np.stack((px[1] - px[0], px[2] - px[0])))
        mm2 = np.linalg.norm(np.cross(corners[1] - corners[0], corners[2] - corners[0]))
        for (row, column), place in zip(
            box[inside].astype(int), weight[inside] @ corners, strict=True
        ):
            seen[int(row), int(column)] = (place, mm2 / abs(twice))
    places, areas = zip(*seen.values(), strict=True)
    painted = np.array([changed[texel] for texel in seen])
    return np.array(places), np.array(areas), painted


@LAYOUTS
@pytest.mark.parametrize("target", [PLANE, CYLINDER, SPHERE], ids=lambda t: t.shape.value)
def test_disc_covers_its_area_and_no_more(target: Target, layout: Layout) -> None:
    # On the seam of the split layout, off the middle of the others.
    place, radius = (0.4, 1.3), 2.5
    target = replace(target, layout=layout, texel_mm=0.1, edge_mm=0.6)
    lesion = Lesion(LesionKind.DISC, 2 * radius, offset_lab=OFFSET, edge_mm=0.0)
    planted = on_target(target, [lesion], [place])
    before = make_target(target)
    places, areas, painted = painted_texels(planted, before)
    exact = np.pi * radius**2
    if target.shape is TargetShape.SPHERE:
        exact = 2 * np.pi * target.radius_mm**2 * (1 - np.cos(radius / target.radius_mm))
    truth = planted.truth
    # The mesh is inscribed: edge 0.6 on R 8 loses up to 0.1 %; the log map has its own 0.5 %.
    np.testing.assert_allclose(truth.area_mm2[0], exact, rtol=0.01)
    np.testing.assert_allclose(truth.long_mm[0], 2 * radius, rtol=2e-3)
    # Texels painted reach half the edge, which is 1.5 texels, beyond the outline.
    outer = np.pi * (radius + 0.75 * target.texel_mm) ** 2
    assert abs(areas[painted].sum() / outer - 1) < 0.03
    centre = target_point(target, *place)
    away = np.linalg.norm(log_map(target, centre, places), axis=1)
    # 0.075 mm of the soft edge, 0.05 mm of the log map and of places on chords.
    assert away[painted].max() < radius + 0.125
    assert away[~painted].min() > radius
    middle = (log_map(target, centre, places[painted]) * areas[painted, None]).sum(axis=0)
    np.testing.assert_allclose(middle / areas[painted].sum(), 0.0, atol=0.03)


@LAYOUTS
def test_ellipse_lies_as_turned_seen_from_outside(layout: Layout) -> None:
    target = replace(CYLINDER, layout=layout)
    lesion = Lesion(LesionKind.ELLIPSE, 8.0, aspect=0.4, angle_deg=30.0, edge_mm=0.0)
    planted = on_target(target, [lesion], [(1.0, 2.0)])
    places, _, painted = painted_texels(planted, make_target(target))
    way = log_map(target, target_point(target, 1.0, 2.0), places[painted])
    values, vectors = np.linalg.eigh(np.cov(way.T))
    right, up = vectors[:, 1] * np.sign(vectors[0, 1])
    # Clockwise by 30 degrees: to the right and down.
    np.testing.assert_allclose(np.degrees(np.arctan2(up, right)), -30.0, atol=1.0)
    np.testing.assert_allclose(np.sqrt(values[0] / values[1]), 0.4, rtol=0.05)


def test_no_old_colour_is_left_beside_the_chart() -> None:
    target = replace(PLANE, layout=Layout.SPLIT)
    lesion = Lesion(LesionKind.DISC, 6.0, offset_lab=OFFSET)
    page = on_target(target, [lesion], [(0.0, 0.0)]).scan.atlas[0]
    old = make_target(target).atlas[0]
    scan = make_target(target)
    rowcol = corner_rowcol(scan, np.arange(len(scan.faces)))
    seam = np.abs(scan.vertices_mm[scan.faces][:, :, 0]) < 1e-9
    near = np.abs(scan.vertices_mm[scan.faces][:, :, 1]) < 2.0
    for row, column in rowcol[seam & near]:
        # Three texels to both sides of the seam, which lie in the gutter or in the chart.
        middle = round(column)
        part = page[round(row), middle - 2 : middle + 3]
        assert (part != old[round(row), middle - 2 : middle + 3]).any(axis=1).all()


def test_colour_is_the_skin_plus_the_offset() -> None:
    scan = arm()
    surface = build_surface(scan)
    sites = sample_sites(surface, np.full(5, 4.0), seed=2)
    lesions = [Lesion(LesionKind.DISC, 8.0, offset_lab=OFFSET, edge_mm=0.0)] * 5
    planted = plant_lesions(scan, surface, sites, lesions, masks=True)
    inside = planted.masks[0] > 0
    change = rgb_to_lab(planted.scan.atlas[0]) - rgb_to_lab(scan.atlas[0])
    core = np.asarray((np.abs(change - OFFSET) < 1.0).all(axis=2))
    # All but the soft edge, which is 1.5 texels wide, and the rounding to bytes.
    assert core[inside].mean() > 0.75
    assert (change[~inside] == 0).mean() > 0.99
    # The mean holds the inner half of the soft edge as well.
    np.testing.assert_allclose(planted.truth.contrast_lab, np.tile(OFFSET, (5, 1)), rtol=0.15)


def test_masks_hold_the_true_area() -> None:
    scan = arm()
    surface = build_surface(scan)
    sites = sample_sites(surface, np.full(8, 4.0), seed=4)
    lesions = [Lesion(LesionKind.IRREGULAR, 8.0, roughness=0.2, outline_seed=k) for k in range(8)]
    planted = plant_lesions(scan, surface, sites, lesions, masks=True)
    texel = float(np.median(surface.texel_mm))
    # Texels differ in size with the atlas's distortion; rim texels beyond charts count too.
    np.testing.assert_allclose(
        (planted.masks[0] > 0).sum() * texel**2, planted.truth.area_mm2.sum(), rtol=0.08
    )
    assert set(np.unique(planted.masks[0])) == {0, 255}


def test_later_lesions_blend_over_earlier_ones() -> None:
    half = replace(PLANE, texel_mm=0.1)
    first = Lesion(LesionKind.DISC, 6.0, offset_lab=(-15.0, 0.0, 0.0))
    second = Lesion(LesionKind.DISC, 6.0, offset_lab=(-10.0, 0.0, 0.0))
    planted = on_target(half, [first, second], [(0.0, 0.0), (3.0, 0.0)])
    bare = rgb_to_lab(np.array(PLANE.skin_rgb, np.uint8))[0]
    lightness = rgb_to_lab(planted.scan.atlas[0])[..., 0]
    row, column = 6 + 150, 6 + 150
    levels = lightness[row, [column - 20, column + 15, column + 50]] - bare
    np.testing.assert_allclose(levels, (-15.0, -25.0, -10.0), atol=0.5)


def test_the_given_scan_stays_as_it_is_and_planting_is_repeatable() -> None:
    scan = arm(512, 2)
    surface = build_surface(scan)
    sites = sample_sites(surface, np.full(6, 3.0), seed=2)
    lesions = [Lesion(LesionKind.DISC, 6.0)] * 6
    before = [page.copy() for page in scan.atlas]
    one, two = (plant_lesions(scan, surface, sites, lesions) for _ in range(2))
    assert one.masks == ()
    for page, old, a, b in zip(scan.atlas, before, one.scan.atlas, two.scan.atlas, strict=True):
        np.testing.assert_array_equal(page, old)
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(one.scan.atlas, before, strict=True))
    np.testing.assert_array_equal(one.truth.area_mm2, two.truth.area_mm2)


def test_what_cannot_be_planted_is_refused() -> None:
    scan = arm()
    surface = build_surface(scan)
    sites = sample_sites(surface, np.ones(2), seed=2)
    with pytest.raises(ConfigError, match="place for each of 1"):
        plant_lesions(scan, surface, sites, [Lesion(LesionKind.DISC, 3.0)])
    bare = replace(scan, face_page=np.full_like(scan.face_page, -1))
    with pytest.raises(ConfigError, match="without texture"):
        plant_lesions(bare, surface, sites, [Lesion(LesionKind.DISC, 3.0)] * 2)
