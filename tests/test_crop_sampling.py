"""What a crop's pixels are worth: filtering, seams, true areas, densities and angles."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.crop import extract_crops
from tbp_extract.geometry import build_surface, corner_rowcol
from tbp_extract.kernels import gutter
from tbp_extract.types import CropBatch, CropFrames, Scan
from tests.naive.raster import sample_bilinear
from tests.targets import bare_scan, bent, embed, frames_at, lattice, plane_scan

BOTH = pytest.mark.parametrize("projection", ["orthographic", "geodesic"])
CENTRE = np.zeros((1, 3))
MM = 15.0 / 133


def checkerboard(side: int) -> NDArray[np.uint8]:
    """One texel a field, black and white."""
    field = (np.add.outer(np.arange(side), np.arange(side)) % 2 * 255).astype(np.uint8)
    return np.repeat(field[:, :, None], 3, axis=2)


def waves(side: int, longest: float = 0.3) -> NDArray[np.uint8]:
    """Soft waves of no more than `longest` radians a texel."""
    rng = np.random.default_rng(0)
    row, col = np.mgrid[0:side, 0:side]
    page = np.full((side, side, 3), 128.0)
    for band in range(3):
        for _ in range(4):
            down, right, turn = rng.uniform(-1, 1, 3) * (longest, longest, 6)
            page[:, :, band] += 25 * np.sin(down * row + right * col + turn)
    return np.asarray(np.rint(page), np.uint8)


def crop_of(scan: Scan, projection: str = "orthographic", *, size_px: int = 133) -> CropBatch:
    surface = build_surface(scan)
    frames = frames_at(surface, CENTRE, size_px=size_px)
    return extract_crops(scan, surface, frames, projection=projection)


@pytest.mark.parametrize(
    ("density", "bound"),
    # Where samples do not fall on the texels' own lattice a trace of the pattern is left.
    [(1.2, 6), (1.5, 1), (2.0, 1), (2.3, 2), (3.0, 1), (3.37, 1), (4.0, 1), (7.9, 1)],
)
def test_a_one_texel_checkerboard_turns_into_flat_grey(density: float, bound: int) -> None:
    side = int(17 / MM * density)
    scan = plane_scan(checkerboard(side), MM / density)
    pixels = crop_of(scan).pixels[0].astype(int)
    assert np.abs(pixels - 127.5).max() <= bound + 0.5


@pytest.mark.parametrize("density", [1.5, 2.0, 3.37, 4.0, 6.0])
def test_a_shallow_gradient_keeps_its_values_when_shrunk(density: float) -> None:
    side = int(17 / MM * density)
    ramp = np.rint(np.linspace(20, 230, side)).astype(np.uint8)
    page = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], ramp[::-1, None]), axis=-1)
    batch = crop_of(plane_scan(np.ascontiguousarray(page), MM / density))
    place = (np.arange(133) - 66) * density + 0.5 * (side - 1)
    expected = 20 + 210 * place / (side - 1)
    # Half a level of the page's rounding, half of the samples', half of the pixels'.
    away = np.abs(batch.pixels[0, :, :, 0] - expected[:, None])
    assert away.max() <= 1.0
    assert np.abs(batch.pixels[0, :, :, 1] - expected[None, :]).max() <= 1.0
    assert away.mean() < 0.4


@BOTH
@pytest.mark.parametrize("density", [0.2, 0.45, 1.0])
def test_magnified_texture_is_bilinear_to_the_grey_level(density: float, projection: str) -> None:
    side = int(19 / MM * density)
    page = np.random.default_rng(1).integers(0, 256, (side, side, 3)).astype(np.uint8)
    batch = crop_of(plane_scan(page, MM / density), projection)
    place = (np.arange(133) - 66) * density + 0.5 * (side - 1)
    exact = sample_bilinear(page, np.stack(np.meshgrid(place, place, indexing="ij"), axis=-1))
    # Half a level of rounding, 13 bits of weights, and wedge coordinates in single precision.
    assert np.abs(batch.pixels[0] - exact).max() <= 0.7


def torn(page: NDArray[np.uint8], texel_mm: float, column: int) -> tuple[Scan, Scan]:
    """A plane, and the same in two charts far apart on a black page, cut along a texel column.

    The column may be any place between texels; the mesh has an edge there.
    """
    whole = plane_scan(page, texel_mm, steps=16)
    width = page.shape[1]
    x_cut = (column - 0.5 * width + 0.31) * texel_mm
    vertices = whole.vertices_mm.copy()
    nearest = np.unique(vertices[:, 0])[np.abs(np.unique(vertices[:, 0]) - x_cut).argmin()]
    vertices[vertices[:, 0] == nearest, 0] = x_cut
    rowcol = np.stack((-vertices[:, 1], vertices[:, 0]), axis=-1) / texel_mm
    rowcol += 0.5 * (np.array(page.shape[:2]) - 1)
    faces = whole.faces
    right = vertices[faces][:, :, 0].mean(axis=1) > x_cut
    whole = replace(whole, vertices_mm=vertices, wedge_uv=to_uv(rowcol[faces], page))
    apart = np.zeros((page.shape[0], 2 * width + 40, 3), np.uint8)
    cut = int(np.floor((x_cut / texel_mm) + 0.5 * (width - 1)))
    apart[:, : cut + 1] = page[:, : cut + 1]
    apart[:, width + 40 + cut + 1 :] = page[:, cut + 1 :]
    wedges = rowcol[faces]
    wedges[right, :, 1] += width + 40
    two_charts = replace(whole, wedge_uv=to_uv(wedges, apart), atlas=(apart,))
    return whole, two_charts


def to_uv(rowcol: NDArray[np.float64], page: NDArray[np.uint8]) -> NDArray[np.float32]:
    u = (rowcol[..., 1] + 0.5) / page.shape[1]
    v = 1 - (rowcol[..., 0] + 0.5) / page.shape[0]
    return np.stack((u, v), axis=-1).astype(np.float32)


def gutter_filled(scan: Scan) -> Scan:
    page = scan.atlas[0].copy()
    mask = np.zeros(page.shape[:2], np.uint8)
    gutter.mark_texels(corner_rowcol(scan, np.arange(len(scan.faces))), mask)
    gutter.fill_gutter(mask, np.empty(page.shape[1], np.uint8), page)
    return replace(scan, atlas=(page,))


@BOTH
@pytest.mark.parametrize("density", [0.3, 1.1, 2.7])
def test_no_line_shows_across_a_seam(density: float, projection: str) -> None:
    side = int(19 / MM * density)
    page = waves(side, 0.2)
    whole, two = torn(page, MM / density, side // 2)
    expected = crop_of(whole, projection).pixels[0].astype(int)
    black = np.abs(crop_of(two, projection).pixels[0].astype(int) - expected)
    seam = np.abs(crop_of(gutter_filled(two), projection).pixels[0].astype(int) - expected)
    step = np.abs(np.diff(page.astype(int), axis=1)).max()
    # Past a chart's last texel centre the gutter repeats it: off by less than a texel's step.
    assert seam.max() <= step
    # Without the filling a dark line runs down there: the test would see one.
    assert black.max() > 25


def on_tilted_plane(tilt_deg: float, projection: str) -> CropBatch:
    """A camera that does not look straight at a plane."""
    scan = plane_scan(np.full((400, 400, 3), 99, np.uint8), 0.1)
    surface = build_surface(scan)
    frames = frames_at(surface, CENTRE)
    turn = np.radians(tilt_deg)
    tangent = np.array([np.cos(turn), 0, -np.sin(turn)])
    normal = np.array([np.sin(turn), 0, np.cos(turn)])
    axes = np.stack((tangent, np.cross(tangent, normal), normal))[None]
    return extract_crops(scan, surface, replace(frames, axes=axes), projection=projection)


@pytest.mark.parametrize("tilt_deg", [0.0, 20.0, 60.0])
def test_skin_area_and_angle_are_true_on_a_tilted_plane(tilt_deg: float) -> None:
    batch = on_tilted_plane(tilt_deg, "orthographic")
    assert batch.covered.all()
    cos = np.cos(np.radians(tilt_deg))
    np.testing.assert_allclose(batch.mm2_per_px, MM**2 / cos, rtol=1e-5)
    assert batch.obliqueness_deg[0] == pytest.approx(tilt_deg, abs=1e-3)
    assert batch.texel_mm[0] == pytest.approx(0.1, rel=1e-4)


def test_an_ellipse_in_a_tilted_view_has_the_area_of_its_disc() -> None:
    batch = on_tilted_plane(40.0, "orthographic")
    step = (np.arange(133) - 66) * MM
    inside = np.hypot(step[:, None], step[None, :] / np.cos(np.radians(40.0))) <= 3.0
    assert batch.mm2_per_px[0][inside].sum() == pytest.approx(np.pi * 9, rel=0.005)


@pytest.mark.parametrize("radius_mm", [60.0, 15.0])
def test_skin_area_is_true_on_a_sphere_cap(radius_mm: float) -> None:
    target = bent("sphere", radius_mm, 0.5, half_mm=12.0)
    scan = bare_scan(target.vertices, target.faces)
    surface = build_surface(scan)
    row, col = np.mgrid[0:133, 0:133]
    away = np.hypot(row - 66, col - 66) * MM
    for projection in ("orthographic", "geodesic"):
        frames = frames_at(surface, np.array([[0.0, 0.0, radius_mm]]))
        batch = extract_crops(scan, surface, frames, projection=projection)
        inside = away <= 5.0
        angle = 5.0 / radius_mm if projection == "geodesic" else np.arcsin(5.0 / radius_mm)
        cap = 2 * np.pi * radius_mm**2 * (1 - np.cos(angle))
        # Pixels on the rim count whole or not at all.
        assert batch.mm2_per_px[0][inside].sum() == pytest.approx(cap, rel=0.01)


def test_obliqueness_of_a_cylinder_is_the_mean_angle_over_the_image() -> None:
    step = np.linspace(-12, 12, 97)
    way = np.stack(np.meshgrid(step, np.linspace(-9, 9, 97), indexing="ij"), axis=-1)
    scan = bare_scan(embed("cylinder", 10.0, way.reshape(-1, 2)), lattice(97))
    surface = build_surface(scan)
    frames = frames_at(surface, np.array([[0.0, 0.0, 10.0]]))
    x = (np.arange(133) - 66) * MM
    for projection, angle in (
        ("orthographic", np.degrees(np.arcsin(np.abs(x) / 10.0))),
        ("geodesic", np.degrees(np.abs(x) / 10.0)),
    ):
        batch = extract_crops(scan, surface, frames, projection=projection)
        assert batch.obliqueness_deg[0] == pytest.approx(angle.mean(), abs=0.1)


@BOTH
def test_texel_size_is_the_mean_over_the_skin_shown(projection: str) -> None:
    scan = plane_scan(np.full((200, 200, 3), 50, np.uint8), 0.1)
    fine = scan.vertices_mm[scan.faces][:, :, 0].mean(axis=1) > 0
    uv = scan.wedge_uv.copy()
    # Half the skin is drawn at half the density.
    uv[fine] = 0.25 + 0.5 * uv[fine]
    batch = crop_of(replace(scan, wedge_uv=uv), projection)
    assert batch.texel_mm[0] == pytest.approx(0.5 * (0.1 + 0.2), rel=0.01)


@BOTH
def test_faces_whose_texels_are_one_do_not_spoil_the_texel_size(projection: str) -> None:
    scan = plane_scan(np.full((200, 200, 3), 50, np.uint8), 0.1)
    uv = scan.wedge_uv.copy()
    uv[:40] = 0.5
    uv[200] = uv[200, 0]
    batch = crop_of(replace(scan, wedge_uv=uv), projection)
    assert batch.covered.all()
    assert batch.texel_mm[0] == pytest.approx(0.1, rel=1e-3)


@BOTH
def test_density_may_differ_from_crop_to_crop_in_one_batch(projection: str) -> None:
    scan = plane_scan(waves(1400, 0.05), 0.1 / 7, steps=14)
    spread = replace(scan, vertices_mm=scan.vertices_mm * (1, 1, 1))
    far = spread.vertices_mm[:, 0] > 0
    spread.vertices_mm[far, 0] *= 12
    surface = build_surface(spread)
    points = np.array([[-5.0, 0.0, 0.0], [60.0, 0.0, 0.0], [-4.0, 1.0, 0.0], [50.0, -1.0, 0.0]])
    frames = frames_at(surface, points)
    batch = extract_crops(spread, surface, frames, projection=projection)
    for n in range(4):
        alone = extract_crops(spread, surface, _only(frames, n), projection=projection)
        np.testing.assert_array_equal(batch.pixels[n], alone.pixels[0])
    assert batch.texel_mm[0] < batch.texel_mm[1]


def _only(frames: CropFrames, n: int) -> CropFrames:
    rows = slice(n, n + 1)
    return replace(
        frames,
        candidate=frames.candidate[rows],
        face=frames.face[rows],
        origin_mm=frames.origin_mm[rows],
        axes=frames.axes[rows],
    )
