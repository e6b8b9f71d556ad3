import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.config import LesionConfig
from tbp_extract.detect.listed import Listed
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.geometry import build_surface, point_positions
from tbp_extract.types import CandidateSource, DropReason, LesionList, Scan
from tests.targets import FLAT_PAGE, joined, moved, plane_scan

SCAN = plane_scan(FLAT_PAGE, 10.0)


def listed(
    xyz: NDArray[np.float64] | None = None,
    *,
    uv: NDArray[np.float64] | None = None,
    page: NDArray[np.int16] | None = None,
    scan: Scan = SCAN,
    **settings: float,
) -> tuple[Listed, Scan]:
    given = xyz if xyz is not None else uv
    n = len(given) if given is not None else 0
    lesions = LesionList(
        xyz_mm=xyz,
        uv=uv,
        page=page,
        lesion_id=tuple(f"L{i}" for i in range(n)),
        diameter_mm=np.arange(n, dtype=np.float32) + 1,
        extra={"tag": np.array([f"t{i}" for i in range(n)], object)},
    )
    return Listed(lesions, LesionConfig.model_validate(settings)), scan


def test_listed_lesions_land_on_the_nearest_skin_with_all_they_carry() -> None:
    xyz = np.array([[5.0, 3.0, 2.0], [-20.0, 8.0, -4.0], [11.0, 0.0, 0.0]])
    detector, scan = listed(xyz)
    surface = build_surface(scan)
    found = detector.detect(scan, surface)
    candidates = found.candidates
    assert len(found.drops) == 0
    assert candidates.lesion_id == ("L0", "L1", "L2")
    assert candidates.diameter_mm.tolist() == [1, 2, 3]
    assert candidates.extra["tag"].tolist() == ["t0", "t1", "t2"]
    assert (candidates.score == 1).all()
    assert candidates.source == (CandidateSource.LIST,) * 3
    place = point_positions(surface, candidates.face, candidates.barycentric)
    np.testing.assert_allclose(place, xyz * (1, 1, 0), atol=1e-9)


def test_every_lesion_is_kept_or_dropped_with_its_reason() -> None:
    rng = np.random.default_rng(0)
    xyz = rng.uniform(-38, 38, (300, 3)) * (1, 1, 0.2)
    xyz[100:120] = xyz[:20] + 0.1
    face_page = np.where(SCAN.vertices_mm[SCAN.faces][:, 0, 0] < -20, -1, 0).astype(np.int16)
    scan = Scan(SCAN.vertices_mm, SCAN.faces, SCAN.wedge_uv, face_page, SCAN.atlas)
    detector, _ = listed(xyz, scan=scan)
    found = detector.detect(scan, build_surface(scan))
    kept, dropped = found.candidates.lesion_id, found.drops.lesion_id
    assert sorted(kept + dropped) == sorted(f"L{i}" for i in range(300))
    reason = dict(zip(dropped, found.drops.reason, strict=True))
    assert set(reason.values()) == {
        DropReason.OFF_SURFACE,
        DropReason.DUPLICATE_POSITION,
        DropReason.UNTEXTURED,
    }
    for row in range(300):
        if abs(xyz[row, 2]) > 5:
            assert reason[f"L{row}"] is DropReason.OFF_SURFACE
        elif f"L{row}" in reason:
            assert reason[f"L{row}"] is not DropReason.OFF_SURFACE
    assert (scan.face_page[found.candidates.face] == 0).all()


def test_of_lesions_too_close_together_the_first_is_kept() -> None:
    xyz = np.array([[0.0, 0, 0], [0.4, 0, 0], [0.8, 0, 0], [0.8, 0.45, 0], [3, 0, 0], [3, 0, 4]])
    detector, scan = listed(xyz, min_spacing_mm=0.5)
    found = detector.detect(scan, build_surface(scan))
    # 2 is near 1, but 1 is gone; 5 snaps onto 4.
    assert found.candidates.lesion_id == ("L0", "L2", "L4")
    assert found.drops.lesion_id == ("L1", "L3", "L5")
    assert set(found.drops.reason) == {DropReason.DUPLICATE_POSITION}


@pytest.mark.parametrize("seed", range(2))
def test_no_two_kept_lesions_are_closer_than_the_spacing(seed: int) -> None:
    xyz = np.random.default_rng(seed).uniform(-6, 6, (250, 3)) * (1, 1, 0)
    detector, scan = listed(xyz, min_spacing_mm=0.8)
    surface = build_surface(scan)
    found = detector.detect(scan, surface)
    kept = np.array([int(i[1:]) for i in found.candidates.lesion_id])
    apart = np.linalg.norm(xyz[kept][:, None] - xyz[kept], axis=2) + 9 * np.eye(len(kept))
    assert apart.min() >= 0.8
    dropped = np.setdiff1d(np.arange(250), kept)
    assert (np.linalg.norm(xyz[dropped][:, None] - xyz[kept], axis=2).min(axis=1) < 0.8).all()


def test_the_snapping_distance_is_the_one_configured() -> None:
    xyz = np.array([[0.0, 0, 1.9], [5.0, 0, 2.1], [10.0, 0, 0.0]])
    detector, scan = listed(xyz, max_snap_mm=2.0)
    found = detector.detect(scan, build_surface(scan))
    assert found.drops.lesion_id == ("L1",)
    assert found.drops.reason == (DropReason.OFF_SURFACE,)


def test_a_list_that_is_mostly_off_the_skin_is_refused_with_what_to_look_at() -> None:
    xyz = np.array([[0.0, 0, 0], [5000.0, 0, 0], [0, 5000.0, 0]])
    detector, scan = listed(xyz)
    with pytest.raises(ScanError, match=r"2 of 3 listed lesions.*unit or other axes") as caught:
        detector.detect(scan, build_surface(scan))
    assert caught.value.reason is ScanReason.LESIONS_OFF_SURFACE
    lenient, _ = listed(xyz, max_off_surface_share=1.0)
    assert len(lenient.detect(scan, build_surface(scan)).drops) == 2


def test_texture_coordinates_are_found_on_their_page() -> None:
    scan = joined(SCAN, moved(SCAN, np.eye(3), np.array([0.0, 0.0, 100.0])))
    uv = np.array([[0.25, 0.5], [0.25, 0.5], [0.75, 0.9], [1.4, 0.2]])
    detector, _ = listed(uv=uv, page=np.array([0, 1, 1, 0], np.int16), scan=scan)
    surface = build_surface(scan)
    found = detector.detect(scan, surface)
    place = point_positions(surface, found.candidates.face, found.candidates.barycentric)
    np.testing.assert_allclose(place, [[-20, 0, 0], [-20, 0, 100], [20, 32, 100]], atol=1e-4)
    assert found.drops.reason == (DropReason.OFF_SURFACE,)


def test_an_empty_list_finds_nothing() -> None:
    detector, scan = listed(np.empty((0, 3)))
    found = detector.detect(scan, build_surface(scan))
    assert len(found.candidates) == len(found.drops) == 0
    assert found.candidates.face.shape == (0,)


def test_the_same_list_gives_the_same_answer() -> None:
    xyz = np.random.default_rng(3).uniform(-30, 30, (80, 3)) * (1, 1, 0.1)
    detector, scan = listed(xyz)
    surface = build_surface(scan)
    one, two = detector.detect(scan, surface), detector.detect(scan, surface)
    assert one.candidates.lesion_id == two.candidates.lesion_id
    assert one.candidates.face.tobytes() == two.candidates.face.tobytes()
    assert one.candidates.barycentric.tobytes() == two.candidates.barycentric.tobytes()
