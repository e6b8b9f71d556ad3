"""A real model, really run: discs on a limb are found where they are, by boxes and by scores."""

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.config import Config, OnnxConfig, parse_config
from tbp_extract.detect import Detector, Found
from tbp_extract.detect.onnx.judge import make_judge
from tbp_extract.detect.onnx.search import make_box_detector
from tbp_extract.detect.resolve import Given, resolve_detector
from tbp_extract.errors import ConfigError, ScanError, ScanReason
from tbp_extract.geometry import build_surface, point_positions
from tbp_extract.pipeline.find import settle_detector
from tbp_extract.testing import check_detector, sample_scans
from tbp_extract.types import CandidateSource, DropReason, EmptyReason, Scan
from tests.detect.finds import EveryNth, Failing, Liar, Nothing
from tests.detect.models import disc_classifier, disc_detector

DISC_MM = 5.0
SIDE_PX, MM_PER_PX = 96, 0.5
BOXES = {"input_px": SIDE_PX, "mm_per_px": MM_PER_PX, "box_format": "cxcywh", "nms_iou": 0.1}
CROPS = {"input_px": 65, "mm_per_px": 15 / 65, "mode": "classifier", "score_threshold": 0.5}


def spots(limb: Scan, places: list[tuple[float, float]], diameter_mm: float = DISC_MM) -> Scan:
    """Paint dark discs on the one-coloured sample limb, at (angle in degrees, height in mm)."""
    page = limb.atlas[0].copy()
    rows, cols = np.indices(page.shape[:2])
    for angle, height in places:
        row, col = page.shape[0] - 1 - 4 * height, 4 * 40 * np.radians(angle)
        page[np.hypot(rows - row, cols - col) <= 2 * diameter_mm] = (110, 70, 55)
    return replace(limb, atlas=(page,))


def on_limb(places: list[tuple[float, float]]) -> NDArray[np.float64]:
    angle, height = np.radians([p[0] for p in places]), np.array([p[1] for p in places])
    return np.stack((40 * np.sin(angle), height, 40 * np.cos(angle)), axis=1)


LIMB = sample_scans()["a limb of one colour"]
PLACES = [(30.0, 30.0), (95.0, 80.0), (170.0, 130.0), (250.0, 60.0), (300.0, 100.0), (312.0, 100.0)]
SPOTTED = spots(LIMB, PLACES)
"""The last two lie 8.4 mm apart."""


def box_detector(**settings: Any) -> Detector:
    config = OnnxConfig.model_validate({**BOXES, **settings})
    return make_box_detector(disc_detector(SIDE_PX, DISC_MM / MM_PER_PX), config)


def ask(detector: Detector, scan: Scan) -> Found:
    return detector.detect(scan, build_surface(scan))


def places_of(found: Found, scan: Scan) -> NDArray[np.float64]:
    return point_positions(build_surface(scan), found.candidates.face, found.candidates.barycentric)


def test_boxes_on_tiles_become_one_find_a_disc_at_its_place_and_size() -> None:
    found = ask(box_detector(), SPOTTED)
    away = np.linalg.norm(places_of(found, SPOTTED)[:, None] - on_limb(PLACES), axis=2)
    assert sorted(away.argmin(axis=1)) == list(range(len(PLACES)))
    # Boxes lie on a grid of 0.5 mm; the limb's facets sink 0.03 mm below its radius.
    assert away.min(axis=1).max() < 0.5
    np.testing.assert_allclose(found.candidates.diameter_mm, DISC_MM, atol=1e-5)
    assert set(found.candidates.source) == {CandidateSource.DETECTOR}
    # Skin that curves away shows a disc narrower than its box, which then holds some bright skin.
    assert (found.candidates.score > 0.85).all()
    assert found.empty is None
    assert found.seen_share == pytest.approx(1.0, abs=0.01)


def test_the_same_finds_whatever_the_batch_and_layout() -> None:
    wanted = ask(box_detector(), SPOTTED)
    fixed = disc_detector(SIDE_PX, DISC_MM / MM_PER_PX, batch=3)
    for other in (
        box_detector(batch=1),
        make_box_detector(fixed, OnnxConfig.model_validate(BOXES)),
    ):
        found = ask(other, SPOTTED)
        np.testing.assert_array_equal(found.candidates.face, wanted.candidates.face)
        np.testing.assert_allclose(found.candidates.score, wanted.candidates.score, atol=1e-6)


def test_skin_without_a_disc_has_no_finds_and_no_skin_has_its_own_reason() -> None:
    assert ask(box_detector(), LIMB).empty is EmptyReason.NO_FINDS
    bare = sample_scans()["a limb without texture"]
    assert ask(box_detector(), bare).empty is EmptyReason.NO_SKIN


def test_both_modes_keep_the_contract_of_detectors() -> None:
    check_detector(box_detector(), {"discs": SPOTTED})
    model = disc_classifier(65, DISC_MM * 65 / 15)
    check_detector(make_judge(model, OnnxConfig.model_validate(CROPS), EveryNth(step=500)))


def test_a_classifier_scores_the_finds_of_another_and_drops_what_is_none() -> None:
    base = box_detector()
    truth = ask(base, SPOTTED)

    class Both:
        """Finds the discs, and as many places where there is nothing."""

        def detect(self, scan: Scan, surface: Any) -> Found:
            found = base.detect(scan, surface).candidates
            blank = EveryNth(step=1500).detect(scan, surface).candidates
            n, m = len(found), len(blank)
            return Found(
                replace(
                    found,
                    face=np.concatenate((found.face, blank.face)),
                    barycentric=np.concatenate((found.barycentric, blank.barycentric)),
                    diameter_mm=np.concatenate((found.diameter_mm, blank.diameter_mm)),
                    score=np.concatenate((found.score, blank.score)),
                    source=found.source + blank.source,
                    lesion_id=tuple(str(k + 1) for k in range(n + m)),
                ),
                truth.drops,
            )

    judge = make_judge(
        disc_classifier(65, DISC_MM * 65 / 15), OnnxConfig.model_validate(CROPS), Both()
    )
    found = ask(judge, SPOTTED)
    assert found.candidates.lesion_id == tuple(str(k + 1) for k in range(len(PLACES)))
    assert (found.candidates.score > 0.5).all()
    assert Counter(found.drops.reason) == {DropReason.BELOW_SCORE: len(found.drops)}
    assert len(found.drops) >= 5


@pytest.mark.parametrize(
    ("base", "message"),
    [(Liar(), "breaks its contract: candidates.face"), (Failing(), "raised RuntimeError")],
)
def test_a_classifier_does_not_lean_on_a_base_that_breaks_the_contract(
    base: Detector, message: str
) -> None:
    judge = make_judge(disc_classifier(65, 20), OnnxConfig.model_validate(CROPS), base)
    with pytest.raises(ScanError, match=message) as caught:
        ask(judge, SPOTTED)
    assert caught.value.reason is ScanReason.DETECTOR_FAULT


def test_the_code_of_a_base_of_ones_own_counts_as_well(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(disc_classifier(65, 20))
    hashes = set()
    for base in ("blob", "tests.detect.finds:Nothing"):
        onnx = {**CROPS, "model": str(tmp_path / "model.onnx"), "base": base}
        config = settle_detector(parse_config({"detect": {"detector": "onnx", "onnx": onnx}}))
        hashes.add(config.detect.code_sha256)
    assert len(hashes) == 2


def test_a_classifier_of_nothing_gives_the_reason_of_its_base() -> None:
    judge = make_judge(disc_classifier(65, 20), OnnxConfig.model_validate(CROPS), Nothing())
    assert ask(judge, SPOTTED).empty is EmptyReason.NO_FINDS


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"input_px": 64, "mm_per_px": 0.1}, "at least 24 mm of skin.*6.4 mm"),
        ({**CROPS, "mm_per_px": 4.0}, "1 to 200 mm.*260 mm"),
        ({**CROPS, "base": "blub"}, "unknown detector 'blub'"),
    ],
)
def test_settings_under_which_a_network_cannot_look_are_refused(
    settings: dict[str, Any], message: str
) -> None:
    detect = {"detector": "onnx", "onnx": {"model": "m.onnx", **settings}}
    base = {} if "base" in settings else {"base": "tests.detect.finds:Nothing"}
    detect["onnx"] |= base  # type: ignore[operator]
    with pytest.raises(ConfigError, match=message):
        resolve_detector(
            "onnx", parse_config({"detect": detect}), Given(model=disc_classifier(65, 20))
        )


def test_the_detector_onnx_needs_a_model() -> None:
    with pytest.raises(ConfigError, match=r"needs onnx\.model"):
        parse_config({"detect": {"detector": "onnx"}})
    with pytest.raises(ConfigError, match="takes the model that"):
        resolve_detector("onnx", Config())


def test_a_model_counts_by_its_hash_and_its_path_is_released_nowhere(tmp_path: Path) -> None:
    prints = set()
    for name in ("one.onnx", "two.onnx"):
        path = tmp_path / name
        path.write_bytes(disc_detector(SIDE_PX, 10))
        settings = {"detect": {"detector": "onnx", "onnx": {**BOXES, "model": str(path)}}}
        config = settle_detector(parse_config(settings))
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        assert config.public_settings["detect"]["onnx"]["model_sha256"] == sha256
        assert name not in str(config.public_settings)
        prints.add(config.fingerprint)
    assert len(prints) == 1
    path.write_bytes(disc_detector(SIDE_PX, 12))
    assert settle_detector(parse_config(settings)).fingerprint not in prints
    with pytest.raises(ConfigError, match="it is another model, or was changed while"):
        settle_detector(config)


def test_a_model_that_is_not_there_is_said_without_its_path(tmp_path: Path) -> None:
    settings = {"detect": {"detector": "onnx", "onnx": {"model": str(tmp_path / "gone.onnx")}}}
    with pytest.raises(ConfigError, match=r"detect\.onnx\.model: cannot be read") as caught:
        settle_detector(parse_config(settings))
    assert "gone" not in str(caught.value)
