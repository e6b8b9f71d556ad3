"""Which of the labelled crops take part."""

import xml.etree.ElementTree as ET  # our own drawing
from collections.abc import Sequence
from typing import Any

import numpy as np

from tbp_extract.challenge.fates import Fate
from tbp_extract.challenge.labels import Labelling, join_labels
from tbp_extract.challenge.plots import selection_plot
from tbp_extract.challenge.pool import Pool
from tbp_extract.challenge.reports import selection_table
from tbp_extract.challenge.selection import patient_figures, select
from tbp_extract.config.challenge import LabelConfig, SelectionConfig
from tbp_extract.types import ReleaseKey
from tests.challenge.pools import Crop, make_pool, make_row

KEY = ReleaseKey(bytes(range(32)))


def labelled(crops: Sequence[Crop], malignant: Sequence[str] = ()) -> tuple[Pool, Labelling]:
    """All crops taken; patients in ``malignant`` have a melanoma at tag 1."""
    pool = make_pool(crops)
    rows = [make_row(mrn, 1, "2022-03-01", "melanoma") for mrn in malignant]
    labels = join_labels(pool, rows, LabelConfig(window_days=3000.0))
    return pool, labels


def fates(crops: Sequence[Crop], malignant: Sequence[str] = (), **settings: Any) -> list[Fate]:
    pool, labels = labelled(crops, malignant)
    taken = np.full(len(pool), Fate.TAKEN, object)
    return list(select(pool, labels, taken, SelectionConfig(**settings), KEY))


TAKEN, OTHER = Fate.TAKEN, Fate.OTHER_IMAGE_OF_LESION


def test_nothing_is_left_out_by_default() -> None:
    crops = [Crop("7", "2022-01-01", "1"), Crop("7", "2022-01-01", "1", lesion_id="b")]
    assert fates(crops) == [TAKEN, TAKEN]


def test_the_sharpest_image_of_a_lesion_in_a_capture_stays() -> None:
    crops = [
        Crop("7", "2022-01-01", "1", sharpness=0.3),
        Crop("7", "2022-01-01", "1", sharpness=0.6),
        Crop("7", "2022-01-01", "1", sharpness=float("nan")),
        Crop("7", "2022-06-01", "1", sharpness=0.1),
        Crop("7", "2022-06-01", sharpness=0.2),
    ]
    assert fates(crops, per_capture="sharpest") == [OTHER, TAKEN, OTHER, TAKEN, TAKEN]


def test_one_image_a_lesion_is_the_sharpest_the_newest_or_the_middle_one() -> None:
    days = ("2022-01-01", "2022-03-01", "2022-12-01", None)
    crops = [
        Crop("7", d, "1", sharpness=s) for d, s in zip(days, (0.9, 0.2, 0.3, 0.1), strict=True)
    ]
    assert fates(crops, per_lesion="sharpest") == [TAKEN, OTHER, OTHER, OTHER]
    assert fates(crops, per_lesion="newest") == [OTHER, OTHER, TAKEN, OTHER]
    assert fates(crops[:3], per_lesion="median") == [OTHER, TAKEN, OTHER]
    assert fates(crops[:2], per_lesion="median") == [TAKEN, OTHER]


def test_patients_with_too_few_lesions_are_left_out() -> None:
    crops = [
        *(Crop("7", "2022-01-01", "1"), Crop("7", "2022-06-01", "1"), Crop("7", "2022-06-01")),
        *(Crop("8", "2022-01-01") for _ in range(3)),
    ]
    few = Fate.TOO_FEW_LESIONS
    assert fates(crops, min_lesions_per_patient=3) == [few] * 3 + [TAKEN] * 3


def test_the_limit_of_a_patient_spares_lesions_with_a_diagnosis() -> None:
    crops = [Crop("7", "2022-01-01", "1")] + [Crop("7", "2022-01-01") for _ in range(20)]
    found = fates(crops, ["7"], max_lesions_per_patient=5)
    assert found[0] == TAKEN
    assert found.count(TAKEN) == 5
    assert found.count(Fate.OVER_PATIENT_LIMIT) == 16


def many_patients() -> tuple[list[Crop], list[str]]:
    """30 patients with a melanoma and 20 lesions or so; 300 without, half of them with 5."""
    rng = np.random.default_rng(0)
    crops, malignant = [], []
    for p in range(330):
        mrn = f"{p:03d}"
        if p < 30:
            malignant.append(mrn)
        count = int(rng.integers(16, 24)) if p < 30 or p % 2 else int(rng.integers(3, 8))
        days = [f"2022-{m:02d}-01" for m in range(1, 1 + int(rng.integers(1, 4)))]
        for k in range(count):
            crops.append(Crop(mrn, days[k % len(days)], "1" if k == 0 else None))
    return crops, malignant


def test_patients_without_a_malignant_lesion_are_matched_in_lesions_and_spread() -> None:
    crops, malignant = many_patients()
    pool, labels = labelled(crops, malignant)
    taken = np.full(len(pool), Fate.TAKEN, object)
    config = SelectionConfig(benign_patients_per_malignant=2.0)
    found = select(pool, labels, taken, config, KEY)
    before, after = (patient_figures(pool, labels, fate) for fate in (taken, found))
    assert after.malignant.sum() == before.malignant.sum() == 30
    assert 40 <= (~after.malignant).sum() <= 60
    for name in ("lesions", "spread_days"):
        gaps = []
        for figures in (before, after):
            values = getattr(figures, name)
            means = [values[figures.malignant].mean(), values[~figures.malignant].mean()]
            gaps.append(abs(means[0] - means[1]))
        assert gaps[1] <= gaps[0]
    medians = [np.median(after.lesions[c]) for c in (after.malignant, ~after.malignant)]
    assert abs(medians[0] - medians[1]) <= 1
    table = selection_table(before, after).to_pylist()
    assert [row["patients"] for row in table[::2]] == [
        *("30", "300", "30", str((~after.malignant).sum()))
    ]
    drawing = ET.fromstring(selection_plot(before, after))  # noqa: S314 - written by us
    lines = [e for e in drawing.iter() if e.get("stroke", "").startswith("#b2")]
    assert len(lines) == 4, "two figures, before and after"


def test_matching_depends_on_the_key_and_on_nothing_else() -> None:
    crops, malignant = many_patients()
    pool, labels = labelled(crops, malignant)
    taken = np.full(len(pool), Fate.TAKEN, object)
    config = SelectionConfig(benign_patients_per_malignant=1.0)
    one, again = (select(pool, labels, taken, config, KEY) for _ in range(2))
    other = select(pool, labels, taken, config, ReleaseKey(bytes(32)))
    assert list(one) == list(again)
    assert list(one) != list(other)
