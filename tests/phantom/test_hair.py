from dataclasses import replace

import numpy as np

from tbp_extract.geometry import build_surface
from tbp_extract.phantom import Hair, grow_hair
from tests.phantom.scenes import arm

SCAN = arm()
SURFACE = build_surface(SCAN)


def hairy(hair: Hair, seed: int = 1, allowed: np.ndarray | None = None) -> np.ndarray:
    scan = replace(SCAN, atlas=(SCAN.atlas[0].copy(),))
    grow_hair(scan, SURFACE, hair, seed=seed, allowed=allowed)
    return scan.atlas[0]


def test_hair_takes_as_much_light_as_it_covers() -> None:
    hair = Hair(per_cm2=2.0, length_mm=(6.0, 6.0), width_mm=(0.1, 0.1), opacity=1.0, rgb=(0, 0, 0))
    page = hairy(hair).astype(float)
    lost = (SCAN.atlas[0] - page).sum(axis=(0, 1)) / SCAN.atlas[0].mean(axis=(0, 1))
    texel_mm2 = float(np.median(SURFACE.texel_mm)) ** 2
    # 1000 cm2 with two hairs each, 6 mm long and tapering from 0.1 to 0.035 mm.
    expected = 2.0 * 1026.0 * 6.0 * 0.1 * (0.35 + 0.65 / 2)
    # Crossings, rims of charts, and bytes.
    np.testing.assert_allclose(lost * texel_mm2, expected, rtol=0.08)


def test_hair_grows_where_it_may_and_by_its_seed() -> None:
    hair = Hair(length_mm=(1.0, 1.0))
    np.testing.assert_array_equal(hairy(hair), hairy(hair))
    assert (hairy(hair, seed=1) != hairy(hair, seed=2)).any()
    none = np.zeros(len(SCAN.faces), bool)
    np.testing.assert_array_equal(hairy(hair, allowed=none), SCAN.atlas[0])
