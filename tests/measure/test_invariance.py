"""The same lesion measures the same, however its crop was made."""

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.crop import extract_crops
from tbp_extract.geometry import build_surface
from tbp_extract.measure import measure_lesions
from tbp_extract.measure.existing import candidates_of_images
from tbp_extract.phantom import Target, TargetShape
from tbp_extract.phantom.marks import Mark, MarkKind
from tbp_extract.phantom.targets import make_target, target_point
from tests.targets import frames_at

SAME = (
    *("clin_size_long_diam_mm", "tbp_lv_minorAxisMM", "tbp_lv_areaMM2", "tbp_lv_perimeterMM"),
    *("tbp_lv_L", "tbp_lv_Lext", "tbp_lv_deltaL", "tbp_lv_deltaLB", "tbp_lv_deltaLBnorm"),
)


# A disc of 5 mm on skin that bends as a thigh does.
TARGET = Target(
    TargetShape.CYLINDER,
    radius_mm=80.0,
    height_mm=30.0,
    marks=(Mark(MarkKind.DISC, 5.0, rgb=(140, 95, 80)),),
    texel_mm=0.12,
    edge_mm=2.0,
    supersampling=2,
)


def test_neither_sampling_nor_projection_moves_a_measure_by_two_per_cent() -> None:
    scan = make_target(TARGET)
    surface = build_surface(scan)
    place = target_point(TARGET, 0.0, 0.0)[None]

    def measured(projection: str, size_px: int) -> Mapping[str, NDArray[np.float64]]:
        frames = frames_at(surface, place, size_px=size_px)
        batch = extract_crops(scan, surface, frames, projection=projection)
        return measure_lesions(candidates_of_images(("0",)), batch).columns

    one = measured("orthographic", 133)
    assert one["tbp_lv_areaMM2"][0] == pytest.approx(6.25 * np.pi, rel=0.02)
    for projection, size_px in (("orthographic", 256), ("geodesic", 133), ("geodesic", 256)):
        other = measured(projection, size_px)
        for name in SAME:
            np.testing.assert_allclose(other[name], one[name], rtol=0.02, err_msg=name)
