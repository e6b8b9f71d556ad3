"""Faults of measurement, seeded one at a time: a check that no fault fails checks nothing."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.config import Config, CropConfig, JpegConfig
from tbp_extract.crop import extract_crops, frame_crops
from tbp_extract.detect.listed import Listed
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.geometry import build_surface
from tbp_extract.io.lesions import read_lesions
from tbp_extract.io.scan import read_scan, scan_ref
from tbp_extract.jpeg import decode_jpeg, encode_jpeg
from tbp_extract.kernels import raster
from tbp_extract.phantom.calibration import (
    CALIBRATION_MARKS,
    MarkCrop,
    calibration_point,
    check_calibration,
    make_calibration,
    write_calibration,
)
from tbp_extract.phantom.write import MeshFormat, write_scan, write_table
from tbp_extract.types import Scan, ScanRef

BEST = JpegConfig(quality=95, subsampling="4:4:4")


@dataclass(frozen=True)
class Run:
    """How the pipeline is run on a folder with the calibration body."""

    folder: Path
    unit: str = "mm"
    up: str = "+y"
    front: str = "+z"
    extent_mm: float = 15.0
    said_extent_mm: float = 15.0
    jpeg: JpegConfig = BEST
    mesh: str = "calibration.obj"

    @property
    def ref(self) -> ScanRef:
        path = self.folder / self.mesh
        unit = None if self.mesh.endswith("glb") else self.unit
        return scan_ref(path, unit=unit, up=self.up, front=self.front, lesions="lesions.csv")


def cut(run: Run) -> dict[str, MarkCrop]:
    """Crops by mark, as a release would hold them."""
    config = Config(crop=CropConfig(extent_mm=run.extent_mm))
    scan = read_scan(run.ref, config)
    surface = build_surface(scan)
    found = Listed(read_lesions(run.ref, scan, config), config.lesions).detect(scan, surface)
    crops = {}
    for frames in frame_crops(surface, found.candidates, config.crop):
        batch = extract_crops(scan, surface, frames, projection=config.crop.projection)
        for k, candidate in enumerate(frames.candidate):
            crops[found.candidates.lesion_id[candidate]] = MarkCrop(
                decode_jpeg(encode_jpeg(batch.pixels[k], run.jpeg)),
                run.said_extent_mm / frames.size_px,
                frames.origin_mm[k],
            )
    return crops


@pytest.fixture(scope="module")
def body() -> Scan:
    return make_calibration()


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, body: Scan) -> Path:
    folder = tmp_path_factory.mktemp("calibration")
    write_calibration(folder, scan=body)
    return folder


@pytest.fixture
def run(good: Path, tmp_path: Path) -> Run:
    return Run(shutil.copytree(good, tmp_path / "body"))


def deviations(run: Run) -> dict[str, str]:
    return {found.mark: str(found) for found in check_calibration(cut(run))}


def test_without_a_fault_nothing_deviates(run: Run) -> None:
    assert deviations(run) == {}


@pytest.mark.parametrize("kind", [MeshFormat.GLB, MeshFormat.PLY])
def test_other_formats_deviate_as_little(run: Run, body: Scan, kind: MeshFormat) -> None:
    write_calibration(run.folder, mesh_format=kind, scan=body)
    assert deviations(replace(run, mesh=f"calibration.{kind.value}")) == {}


def rewrite(run: Run, body: Scan, **changes: Any) -> Run:
    """Write the body again with something changed; its list stays."""
    write_scan(run.folder, "calibration", replace(body, **changes))
    return run


def flipped(axis: int) -> Callable[[Run, Scan], Run]:
    def seed(run: Run, body: Scan) -> Run:
        uv = body.wedge_uv.copy()
        uv[..., axis] = 1 - uv[..., axis]
        return rewrite(run, body, wedge_uv=uv)

    return seed


def mirrored(run: Run, body: Scan) -> Run:
    """Mesh and list are mirrored together, and the faces wound so that they look outward."""
    turn = np.array((-1.0, 1.0, 1.0))
    rows = [
        {"lesion_id": name, **dict(zip("xyz", place * turn, strict=True))}
        for name, place in places().items()
    ]
    write_table(run.folder / "lesions.csv", rows)
    return rewrite(
        run, body, vertices_mm=body.vertices_mm * turn, faces=body.faces[:, ::-1].copy(),
        wedge_uv=body.wedge_uv[:, ::-1].copy(),
    )  # fmt: skip


def places() -> dict[str, NDArray[np.float64]]:
    return {name: calibration_point(name) for name in CALIBRATION_MARKS}


def repainted(change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> Any:
    def seed(run: Run, body: Scan) -> Run:
        return rewrite(run, body, atlas=tuple(change(page) for page in body.atlas))

    return seed


def linear(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    share = page / 255.0
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.round(255.0 * light).astype(np.uint8)


def half_texel(run: Run, body: Scan) -> Run:
    """Texel corners taken for texel centres."""
    height, width = body.atlas[0].shape[:2]
    shift = np.array((0.5 / width, -0.5 / height), np.float32)
    return rewrite(run, body, wedge_uv=body.wedge_uv + shift)


def turned_by_exif(run: Run, body: Scan) -> Run:
    """An exporter stores pages turned and leaves it to a tag to turn them back."""
    for number, page in enumerate(body.atlas):
        turned = np.ascontiguousarray(np.rot90(page))
        jpeg = encode_jpeg(turned, BEST)
        tag = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
        segment = b"\xff\xe1" + (len(tag) + 2).to_bytes(2, "big") + tag
        (run.folder / f"calibration_{number}.jpg").write_bytes(jpeg[:2] + segment + jpeg[2:])
    return run


def swapped_pages(run: Run, body: Scan) -> Run:
    return rewrite(run, body, atlas=body.atlas[::-1])


def coarse_page(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A page stored at a quarter of its size and blown up again."""
    height, width = page.shape[:2]
    small = cv2.resize(page, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height)), np.uint8)


FAULTS: dict[str, tuple[Callable[[Run, Scan], Run], str]] = {
    "millimetres said to be centimetres": (lambda run, _: replace(run, unit="cm"), "disc 5 mm"),
    "mm per px 5 % too large": (lambda run, _: replace(run, said_extent_mm=15.75), "disc 5 mm"),
    "mm per px 5 % too small": (lambda run, _: replace(run, extent_mm=15.75), "disc 3 mm"),
    "U flipped": (flipped(0), "letter"),
    "V flipped": (flipped(1), "letter"),
    "mirrored mesh": (mirrored, "letter"),
    "linear levels": (repainted(linear), "middle grey"),
    "BGR": (repainted(lambda page: page[..., ::-1].copy()), "red"),
    "half a texel": (half_texel, "disc 5 mm"),
    "turned by EXIF": (turned_by_exif, "letter"),
    "pages swapped": (swapped_pages, "back yellow"),
    "up and front in wrong order": (lambda run, _: replace(run, up="+z", front="+y"), "letter"),
    "up on another axis": (lambda run, _: replace(run, up="+x"), "letter"),
    "front and back": (lambda run, _: replace(run, front="-z"), "back yellow"),
    "chroma halved": (
        lambda run, _: replace(run, jpeg=JpegConfig(quality=95, subsampling="4:2:0")),
        "hues",
    ),
    "page blown up": (repainted(coarse_page), "waves"),
}  # fmt: skip
"""Each with a mark that must tell."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_data_or_settings_shows(run: Run, body: Scan, fault: str) -> None:
    seed, mark = FAULTS[fault]
    assert mark in deviations(seed(run, body))


@pytest.mark.parametrize("unit", ["in", "m"])
def test_units_far_off_are_refused_at_once(run: Run, unit: str) -> None:
    with pytest.raises(ScanError) as caught:
        cut(replace(run, unit=unit))
    assert caught.value.reason is ScanReason.SCALE_IMPLAUSIBLE


def test_a_mirrored_mesh_that_is_not_wound_anew_is_inside_out(run: Run, body: Scan) -> None:
    turn = np.array((-1.0, 1.0, 1.0))
    with pytest.raises(ScanError) as caught:
        cut(rewrite(run, body, vertices_mm=body.vertices_mm * turn))
    assert caught.value.reason is ScanReason.MESH_INSIDE_OUT


def nearest(
    page: NDArray[np.uint8],
    index: int,
    face_page: NDArray[np.int16],
    maps: NDArray[np.float64],
    winner: NDArray[np.int32],
    place: NDArray[np.intp],
    out: NDArray[np.uint8],
) -> None:
    """`raster.shade` without interpolation."""
    n, row, col = np.nonzero((winner >= 0) & (face_page[winner] == index))
    face = winner[n, row, col]
    at = np.einsum("pkc,pc->pk", maps[face], np.stack((row, col, np.ones_like(row)), axis=1))
    r, c = np.clip(np.round(at).astype(int), 0, np.array(page.shape[:2]) - 1).T
    out[place[n], row, col] = page[r, c]


def test_sampling_the_nearest_texel_shows(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raster, "shade", nearest)
    assert "waves" in deviations(run)


def test_a_kernel_left_over_from_another_version_shows(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a cache may hold: here one that has pixel corners where centres are meant."""
    current = raster.shade

    def stale(page: Any, index: int, face_page: Any, maps: NDArray[np.float64], *rest: Any) -> None:
        shifted = maps.copy()
        shifted[:, :, 2] += 0.5
        current(page, index, face_page, shifted, *rest)

    monkeypatch.setattr(raster, "shade", stale)
    assert "disc 5 mm" in deviations(run)


def test_a_missing_crop_is_a_deviation(run: Run) -> None:
    crops = cut(run)
    del crops["letter"]
    assert [found.mark for found in check_calibration(crops)] == ["letter"]
