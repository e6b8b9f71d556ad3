"""Three centres with planted duplicates and label errors, and the truth about them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tbp_extract.challenge.build import ChallengeSource
from tbp_extract.config import ChallengeConfig, parse_settings
from tests.centres import (
    CENTRES,
    Lesion,
    Visit,
    label,
    make_patient,
    no_biopsy,
    source_id,
    write_centre,
    write_labels,
)

KEY = bytes(range(32)).hex()

SETTINGS: dict[str, Any] = {"centres": {"names": list(CENTRES), "held_out": ["Vienna"]}}


@dataclass
class Planted:
    """Where the centres lie and what was planted in them."""

    source: ChallengeSource
    duplicates: set[frozenset[str]] = field(default_factory=set)
    """Pairs of released ids of the centres."""

    errors: dict[int, set[str]] = field(default_factory=dict)
    """Codes by row of the label table."""

    crops: int = 0


def plant(folder: Path, *, patients: int = 30, lesions: int = 8, visits: int = 2) -> Planted:
    """Make centres.

    Each of the first patients of a centre gets one label error; each third later one a melanoma.
    """
    people = {
        (centre, p): make_patient(
            f"{p:06d}",
            seed=100 * c + p,
            visits=visits,
            lesions=lesions,
            tone=("light", "tan", "brown")[p % 3],
        )
        for c, centre in enumerate(CENTRES)
        for p in range(patients // len(CENTRES))
    }
    pairs = list(_copy_crops(people))
    for centre in CENTRES:
        captures = [v for (c, _), own in people.items() if c == centre for v in own]
        write_centre(folder / centre, captures, attribution=f"Hospital of {centre}")
    rows: list[dict[str, Any]] = []
    errors: dict[int, set[str]] = {}
    for (centre, p), own in people.items():
        for row, code in labels_of(centre, p, own):
            rows.append({**row, "centre": row.get("centre", centre)})
            if code:
                errors.setdefault(len(rows) + 1, set()).add(code)
    planted = Planted(
        ChallengeSource(
            tuple(folder / centre for centre in CENTRES),
            (write_labels(folder / "lesion.csv", rows),),
        ),
        errors=errors,
        crops=sum(len(v.lesions) for own in people.values() for v in own),
    )
    for one, other in pairs:
        planted.duplicates.add(
            frozenset(
                source_id(folder / centre, visit, name) for centre, visit, name in (one, other)
            )
        )
    return planted


Place = tuple[str, Visit, str]


def _copy_crops(people: dict[tuple[str, int], list[Visit]]) -> Iterator[tuple[Place, Place]]:
    """Plant duplicates of every kind among crops that take part: untagged, at the last visit."""
    last = {key: own[-1] for key, own in people.items()}
    copies = (
        # within a capture, across patients, across centres (the held-out one as well)
        (("Basel", 4), -1, ("Basel", 4), -2, "same"),
        (("Basel", 5), -1, ("Basel", 6), -1, "same"),
        (("Basel", 7), -1, ("Athens", 7), -1, "same"),
        (("Athens", 8), -1, ("Vienna", 8), -1, "same"),
        (("Athens", 4), -1, ("Athens", 5), -1, "saved again"),
        (("Basel", 8), -1, ("Athens", 9), -1, "resized"),
        (("Athens", 6), -1, ("Vienna", 6), -1, "lighter"),
    )
    for from_, a, to, b, how in copies:
        source, target = last[from_].lesions[a], last[to].lesions[b]
        target.jpeg = copied(source, how)
        yield (from_[0], last[from_], source.lesion_id), (to[0], last[to], target.lesion_id)
    # across visits: both take part where a tagged lesion is in two captures of the window
    for key in (("Basel", 9), ("Athens", 3)):
        first, second = people[key][-2:]
        first.day = second.day - timedelta(days=30)
        second.lesions[0].jpeg = first.lesions[0].jpeg
        yield (key[0], first, "row 0"), (key[0], second, "row 0")


def copied(lesion: Lesion, how: str) -> bytes:
    if how == "same":
        return lesion.jpeg
    pixels = cv2.imdecode(np.frombuffer(lesion.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    if how == "resized":
        pixels = cv2.resize(pixels, (57, 57), interpolation=cv2.INTER_CUBIC)
    if how == "lighter":
        pixels = cv2.convertScaleAbs(pixels, alpha=1.05, beta=6)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def labels_of(centre: str, p: int, own: list[Visit]) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Rows of one patient, each with the code of the error planted in it."""
    mrn, day = own[-1].mrn, own[-1].day + timedelta(days=20)
    if centre == "Basel" and p == 0:
        yield label(mrn, 1, day, "melanoma"), "two_diagnoses"
        yield label(mrn, 1, day, "nevus"), "two_diagnoses"
        yield label(mrn, 2, own[0].day - timedelta(days=5), "nevus"), "biopsy_before_capture"
        yield label(mrn, 3, day, "nevus", mel_thick_mm="0.8"), "melanoma_field_on_other"
    elif centre == "Basel" and p == 1:
        yield label(mrn, 1, day, "melanomma"), "diagnosis_unknown"
        yield label(mrn, 77, day, "nevus"), "lesion_unknown"
        yield label("no such number", 1, day, "nevus"), "patient_unknown"
    elif centre == "Basel" and p == 2:
        yield label(mrn, 1, own[-1].day + timedelta(days=400), "nevus"), "no_capture_in_window"
        yield label(mrn, 2, day, ""), "diagnosis_missing"
        yield {**label(mrn, 3, day, "nevus"), "biopsy_date": "31/12/2024"}, "date_unreadable"
    elif centre == "Athens" and p == 0:
        yield label(mrn, 0, day, "nevus"), "tag_missing"
        yield label(mrn, 2, day, "melanoma", mel_thick_mm="thin"), "melanoma_field_unreadable"
        yield label(mrn, 3, day, "nevus", diagnosis_confirm_type="rumour"), "confirm_type_unknown"
    elif centre == "Athens" and p == 1:
        yield {**label(mrn, 1, day, "nevus"), "biopsy_date": ""}, "date_missing"
        yield label(mrn, 2, day, "nevus"), None
        yield label(mrn, 2, day, "nevus"), "repeated"
        yield {**label(mrn, 3, day, "nevus"), "centre": "Bern"}, "centre_unknown"
        yield {**label(mrn, 3, day, "nevus"), "centre": ""}, "patient_ambiguous"
        yield {**label("", 3, day, "nevus")}, "mrn_missing"
    elif p % 3 == 0:
        yield label(mrn, 1, day, "melanoma", mel_class="melanoma in situ"), None
        yield label(mrn, 2, day, "nevus", nevus_growth_pattern="compound"), None
    else:
        yield no_biopsy(mrn), None


def key_file(folder: Path) -> Path:
    """Write a key that is always the same."""
    path = folder / "key"
    path.write_text(KEY)
    path.chmod(0o600)
    return path


def settings(**changes: object) -> ChallengeConfig:
    """Settings of the planted challenge, some changed."""
    return parse_settings({**SETTINGS, **changes}, ChallengeConfig)
