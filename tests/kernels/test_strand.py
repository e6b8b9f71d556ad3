import numpy as np

from tbp_extract.geometry import build_surface, corner_rowcol
from tbp_extract.kernels.strand import draw_strands
from tbp_extract.phantom import Target, TargetShape, make_target
from tests.naive import strand as naive

RGB = np.array((60.0, 40.0, 30.0))


def test_strands_take_the_way_and_the_colour_of_the_twin() -> None:
    scan = make_target(Target(TargetShape.SPHERE, radius_mm=6.0, edge_mm=1.5, texel_mm=0.25))
    surface = build_surface(scan)
    rng = np.random.default_rng(2)
    seed = rng.choice(len(scan.faces), 12, replace=False).astype(np.int32)
    roots = surface.vertices_mm[surface.faces[seed]].mean(axis=1)
    headings = rng.normal(size=(12, 3))
    shape = np.column_stack(
        (rng.uniform(2, 6, 12), rng.uniform(0.05, 0.6, 12), rng.normal(0, 0.2, 12))
    )
    rowcol = corner_rowcol(scan, np.arange(len(scan.faces)))
    page = scan.atlas[0].copy()
    # All texels count as skin: none is painted beyond the face that holds it.
    covered = np.full((page.shape[0], (page.shape[1] + 7) // 8), 255, np.uint8)
    draw_strands(
        surface.vertices_mm, surface.faces, surface.neighbours, surface.face_normals, rowcol,
        np.ones(len(scan.faces), np.bool_), seed, roots, headings, shape, 0.6, RGB, 0.8,
        covered, page,
    )  # fmt: skip
    expected = scan.atlas[0].astype(np.float64)
    for n in range(12):
        left = shape[n, 0]
        for face, start, end in naive.walk(
            surface.vertices_mm, surface.faces, surface.neighbours, surface.face_normals,
            int(seed[n]), roots[n], headings[n], shape[n, 0], shape[n, 2], 0.6,
        ):  # fmt: skip
            width = shape[n, 1] * (0.35 + 0.65 * left / shape[n, 0])
            corners = surface.vertices_mm[surface.faces[face]]
            expected = naive.ink(expected, rowcol[face], corners, start, end, width, RGB, 0.8)
            left -= float(np.linalg.norm(end - start))
    differs = np.abs(page - expected).max(axis=2)
    assert (page != scan.atlas[0]).any(axis=2).sum() > 150
    # Rounding may tip a byte, or a texel over the border of a piece.
    assert (differs > 1).sum() <= 2
