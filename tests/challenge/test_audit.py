"""A planted leak is found, and none is invented."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics  # type: ignore[import-untyped]

from tbp_extract.challenge.auc import area_under_curve
from tbp_extract.challenge.build import Challenge, ChallengeSource, build_challenge
from tbp_extract.config import ChallengeConfig, JpegConfig
from tests.centres import Lesion, crop, label, make_patient, write_centre, write_labels

OTHER_QUALITY = JpegConfig(quality=85, subsampling="4:2:0")


def make(folder: Path, *, leak: bool, patients: int = 24) -> Challenge:
    """Patients with two melanomas each; with a leak benign crops are saved at another quality."""
    visits, rows = [], []
    for p in range(patients):
        (visit,) = make_patient(f"{p:03d}", seed=p, visits=1, lesions=8, tags=2)
        if leak:
            for k, lesion in enumerate(visit.lesions[2:], 2):
                again = crop((p * 1000) * 1000 + k, config=OTHER_QUALITY)
                visit.lesions[k] = Lesion(lesion.lesion_id, None, again)
        visits.append(visit)
        day = visit.day + timedelta(days=5)
        rows += [label(visit.mrn, tag, day, "melanoma") for tag in (1, 2)]
    centre = write_centre(folder / "centre", visits, attribution="Hospital of Basel")
    labels = write_labels(folder / "lesion.csv", rows)
    source = ChallengeSource((centre,), (labels,))
    return build_challenge(source, folder / "out", ChallengeConfig())


def test_benign_crops_of_another_quality_are_caught(tmp_path: Path) -> None:
    made = make(tmp_path, leak=True)
    leaks = {f.property for f in made.audit.findings if f.verdict == "leak"}
    assert leaks == {"jpeg_tables"}
    looks = {f.property for f in made.audit.findings if f.verdict == "look"}
    assert {"bytes", "bytes_per_px"} <= looks
    assert not made.audit.passes
    assert "jpeg_tables,file,1.0000" in (tmp_path / "out" / "private" / "audit.csv").read_text()


def test_crops_that_differ_in_nothing_but_the_picture_pass(tmp_path: Path) -> None:
    made = make(tmp_path, leak=False)
    assert made.audit.passes
    assert {f.verdict for f in made.audit.findings} == {"pass"}


@pytest.mark.parametrize("steps", [2, 7, 1000])
def test_the_area_is_that_of_scikit_learn(steps: int) -> None:
    rng = np.random.default_rng(steps)
    target = rng.random(500) < 0.2
    score = np.round(rng.random(500) * steps) + target * (steps / 5)
    found = area_under_curve(target, score)
    assert found is not None
    assert found.value == pytest.approx(sklearn.metrics.roc_auc_score(target, score))


def test_chance_has_p_values_spread_evenly() -> None:
    rng = np.random.default_rng(0)
    values = []
    for _ in range(400):
        found = area_under_curve(rng.random(300) < 0.1, rng.integers(0, 5, 300))
        assert found is not None
        values.append(found.p_value)
    # Expected 40 of 400 below 0.1; three standard deviations are 18.
    assert 22 <= sum(value < 0.1 for value in values) <= 58


def test_one_class_has_no_area() -> None:
    assert area_under_curve(np.zeros(4, np.bool_), np.arange(4)) is None
