"""Strong and weak labels, and every way in which a row can be wrong."""

from collections.abc import Sequence

import numpy as np
import pytest

from tbp_extract.challenge.fates import Fate
from tbp_extract.challenge.labels import Labelling, join_labels
from tbp_extract.challenge.verification import verification_stages
from tbp_extract.config.challenge import LabelConfig
from tbp_extract.errors import ConfigError
from tbp_extract.io.labels import LabelRow
from tests.challenge.pools import Crop, make_pool, make_row

TAKEN, OUTSIDE, ELSEWHERE = Fate.TAKEN, Fate.OUTSIDE_WINDOW, Fate.NOT_IN_INDEX_CAPTURE


def join(
    crops: Sequence[Crop], rows: Sequence[LabelRow], config: LabelConfig | None = None
) -> Labelling:
    config = config or LabelConfig()
    return join_labels(make_pool(crops, config.identity), rows, config)


def codes(labels: Labelling) -> list[str]:
    return [str(problem.code) for problem in labels.problems]


def test_every_capture_within_the_window_is_strong_and_no_other() -> None:
    days = ["2023-09-01", "2023-10-01", "2023-12-31", "2024-01-01", "2024-03-01"]
    crops = [Crop("7", day, "1") for day in days]
    labels = join(crops, [make_row("7", 1, "12/31/2023", "melanoma")])
    # 91 days before the last of December is the first of October.
    assert list(labels.fate) == [OUTSIDE, TAKEN, TAKEN, OUTSIDE, OUTSIDE]
    assert labels.malignant().tolist() == [False, True, True, False, False]
    assert not labels.problems


def test_the_window_is_91_3125_days_and_can_be_set() -> None:
    rows = [make_row("7", 1, "2024-04-01", "nevus")]
    assert join([Crop("7", "2024-01-01", "1")], rows).fate[0] == TAKEN  # 91 days
    late = join([Crop("7", "2023-12-31", "1")], rows)  # 92 days
    assert (late.fate[0], codes(late)) == (OUTSIDE, ["no_capture_in_window"])
    wide = join([Crop("7", "2023-12-31", "1")], rows, LabelConfig(window_days=92.0))
    assert wide.fate[0] == TAKEN


def test_other_lesions_of_the_newest_capture_with_tags_are_weak() -> None:
    crops = [
        *(Crop("7", "2022-01-01", "1"), Crop("7", "2022-01-01"), Crop("7", "2022-01-01", "2")),
        *(Crop("7", "2023-01-01"), Crop("7", "2023-01-01")),
    ]
    labels = join(crops, [make_row("7", 1, "1/20/2022", "melanoma")])
    assert list(labels.fate) == [TAKEN, TAKEN, TAKEN, ELSEWHERE, ELSEWHERE]
    assert labels.label.tolist() == [0, -1, -1, -1, -1]


def test_without_tags_the_newest_capture_is_the_index() -> None:
    crops = [Crop("7", "2022-01-01"), Crop("7", "2023-01-01")]
    labels = join(crops, [make_row("7", 0, "1/1/2024", "")])
    assert list(labels.fate) == [ELSEWHERE, TAKEN]


def test_statuses_of_biopsy_and_excision_are_not_weak() -> None:
    crops = [
        Crop("7", "2022-01-01", str(k), status=status)
        for k, status in enumerate(("Biopsy", "excised", "Watch", None), 1)
    ]
    labels = join(crops, [make_row("7", 0, "1/1/2024", "")])
    assert list(labels.fate) == [Fate.TAG_STATUS, Fate.TAG_STATUS, TAKEN, TAKEN]


def test_patients_that_no_table_names_take_no_part() -> None:
    crops = [Crop("7", "2022-01-01"), Crop("8", "2022-01-01")]
    labels = join(crops, [make_row("7", 0, "1/1/2024", "")])
    assert list(labels.fate) == [TAKEN, Fate.PATIENT_NOT_LISTED]


def test_a_tag_at_which_nothing_was_found_is_not_weak_but_may_be_biopsied() -> None:
    matches = ("tagged", "tagged_nl", "unmatched", "unmatched", None)
    crops = [Crop("7", "2022-01-01", str(k), match=match) for k, match in enumerate(matches, 1)]
    labels = join(crops, [make_row("7", 4, "1/20/2022", "nevus")])
    assert list(labels.fate) == [TAKEN, TAKEN, Fate.TAG_UNMATCHED, TAKEN, TAKEN]
    assert labels.label.tolist() == [-1, -1, -1, 0, -1]


def test_a_labelled_lesion_outside_its_window_is_never_weak() -> None:
    crops = [Crop("7", "2022-01-01", "1"), Crop("7", "2022-01-01", "2")]
    labels = join(crops, [make_row("7", 1, "1/1/2020", "melanoma")])
    assert list(labels.fate) == [OUTSIDE, TAKEN]
    assert codes(labels) == ["biopsy_before_capture"]
    assert "before its first capture on 2022-01-01" in labels.problems[0].message


def test_two_diagnoses_for_one_lesion_are_both_listed_and_neither_is_used() -> None:
    crops = [Crop("7", "2022-01-01", "1"), Crop("7", "2022-01-01", "2")]
    rows = [
        make_row("7", 1, "1/9/2022", "melanoma", 2),
        make_row("7", 1, "1/9/2022", "nevus", 3),
    ]
    labels = join(crops, rows)
    assert list(labels.fate) == [Fate.LABEL_PROBLEM, TAKEN]
    assert [(p.code, p.row.row) for p in labels.problems] == [
        ("two_diagnoses", 2), ("two_diagnoses", 3)
    ]  # fmt: skip


def test_of_rows_that_agree_the_earliest_biopsy_counts_and_the_others_are_listed() -> None:
    crops = [Crop("7", "2022-01-01", "1"), Crop("7", "2022-02-01", "1")]
    rows = [make_row("7", 1, "3/1/2022", "nevus", 2), make_row("7", 1, "1/9/2022", "nevus", 3)]
    labels = join(crops, rows)
    assert list(labels.fate) == [TAKEN, OUTSIDE]
    assert [(p.code, p.row.row) for p in labels.problems] == [("repeated", 2)]


@pytest.mark.parametrize(
    ("row", "code", "words"),
    [
        (make_row("7", 1, "1/9/2022", "naevuss"), "diagnosis_unknown", "nearest that is known is"),
        (make_row("7", 1, "1/9/2022", ""), "diagnosis_missing", "expected a diagnosis"),
        (make_row("7", 1, "", "nevus"), "date_missing", "expected a biopsy date"),
        (make_row("7", 1, "13/13/2022", "nevus"), "date_unreadable", "month/day/year"),
        (make_row("7", 1, "1/9/2022", "nevus", mel_class="invasive melanoma"),
         "melanoma_field_on_other", "mel_class"),
        (make_row("7", 1, "1/9/2022", "melanoma", mel_thick_mm="-1"),
         "melanoma_field_unreadable", "mm above 0"),
        (make_row("7", 1, "1/9/2022", "melanoma", mel_mitotic_index="many"),
         "melanoma_field_unreadable", "mel_mitotic_index"),
        (make_row("7", 1, "1/9/2022", "nevus", diagnosis_confirm_type="hearsay"),
         "confirm_type_unknown", "histopathology"),
        (make_row("7", 9, "1/9/2022", "nevus"), "lesion_unknown", "tag 9"),
        (make_row("7", 0, "1/9/2022", "nevus"), "tag_missing", "expected a lesion tag"),
        (make_row("6", 1, "1/9/2022", "nevus"), "patient_unknown", "no release holds"),
        (make_row("", 1, "1/9/2022", "nevus"), "mrn_missing", "expected a record number"),
        (make_row("7", 1, "1/9/2022", "nevus", centre="Bern"), "centre_unknown", "basel"),
    ],
)  # fmt: skip
def test_each_wrong_row_is_listed_once_and_its_lesion_left_out(
    row: LabelRow, code: str, words: str
) -> None:
    labels = join([Crop("7", "2022-01-01", "1")], [row, make_row("7", 0, "1/1/2024", "", 3)])
    assert codes(labels) == [code]
    assert words in labels.problems[0].message
    if row.get("mrn") == "7" and row.get("lesion_tag") == "1" and not row.get("centre"):
        assert labels.fate[0] == Fate.LABEL_PROBLEM


def test_a_malignant_label_without_its_lesion_makes_the_patient_doubtful() -> None:
    crops = [Crop("7", "2022-01-01", "1"), Crop("7", "2022-01-01"), Crop("8", "2022-01-01")]
    rows = [make_row("7", 9, "1/9/2022", "melanoma"), make_row("8", 0, "1/1/2024", "", 3)]
    labels = join(crops, rows)
    assert list(labels.fate) == [Fate.DOUBTFUL_PATIENT, Fate.DOUBTFUL_PATIENT, TAKEN]
    before = join(crops, [make_row("7", 9, "1/9/2021", "melanoma"), rows[1]])
    assert list(before.fate) == [TAKEN] * 3, "what was cut out before the capture is not in it"
    benign = join(crops, [make_row("7", 9, "1/9/2022", "nevus"), rows[1]])
    assert list(benign.fate) == [TAKEN] * 3


def test_record_numbers_survive_a_spreadsheet() -> None:
    crops = [Crop("00042", "2022-01-01", "7"), Crop("AB-1", "2022-01-01", "007")]
    rows = [make_row("42", "7.0", "1/9/2022", "nevus"), make_row("AB-1", 7, "1/9/2022", "nevus", 3)]
    labels = join(crops, rows)
    assert (labels.label.tolist(), codes(labels)) == ([0, 1], [])


def test_numbers_that_differ_in_zeros_only_are_matched_exactly_or_not_at_all() -> None:
    crops = [Crop("042", "2022-01-01", "1"), Crop("42", "2022-01-01", "1")]
    exact = join(crops, [make_row("042", 1, "1/9/2022", "nevus")])
    assert exact.label.tolist() == [0, -1]
    assert codes(join(crops, [make_row("0042", 1, "1/9/2022", "nevus")])) == ["patient_ambiguous"]


def test_the_same_number_at_two_centres_needs_the_centre() -> None:
    crops = [Crop("7", "2022-01-01", "1"), Crop("7", "2022-01-01", "1", centre="Athens")]
    assert codes(join(crops, [make_row("7", 1, "1/9/2022", "nevus")])) == ["patient_ambiguous"]
    named = join(crops, [make_row("7", 1, "1/9/2022", "nevus", centre="Athens")])
    assert named.label.tolist() == [-1, 0]


def test_lesions_are_found_by_id_where_one_capture_has_it() -> None:
    crops = [Crop("7", "2022-01-01", lesion_id="A"), Crop("7", "2023-01-01", lesion_id="A")]
    row = make_row("7", "", "1/9/2022", "nevus", lesion_id="A")
    assert codes(join(crops, [row])) == ["lesion_ambiguous"]
    by_id = join(crops, [row], LabelConfig(identity="lesion_id"))
    assert (list(by_id.fate), codes(by_id)) == ([TAKEN, OUTSIDE], [])
    assert codes(join(crops[:1], [row])) == []


def test_only_qualifying_diagnoses_take_part_where_they_are_listed() -> None:
    crops = [Crop("7", "2022-01-01", str(k)) for k in (1, 2, 3)]
    rows = [
        make_row("7", 1, "1/9/2022", "nevus", nevus_growth_pattern="compound"),
        make_row("7", 2, "1/9/2022", "verruca", 3),
        make_row("7", 3, "1/9/2022", "melanoma", 4, mel_class="melanoma in situ"),
    ]
    listed = [
        "nevus",
        "Malignant melanocytic proliferations (Melanoma)",
    ]
    labels = join(crops, rows, LabelConfig(qualifying=listed))
    assert list(labels.fate) == [TAKEN, Fate.NOT_QUALIFYING, TAKEN]
    with pytest.raises(ConfigError, match="nearest that is known is 'nevus'"):
        join(crops, rows, LabelConfig(qualifying=["nevuss"]))


def test_weak_labels_can_be_switched_off() -> None:
    crops = [Crop("7", "2022-01-01", "1"), Crop("7", "2022-01-01", "2")]
    rows = [make_row("7", 1, "1/9/2022", "nevus")]
    labels = join(crops, rows, LabelConfig(weak=False))
    assert list(labels.fate) == [TAKEN, Fate.WITHOUT_DIAGNOSIS]


def test_day_first_dates_are_read_as_set() -> None:
    rows = [make_row("7", 1, "9/1/2022", "nevus")]
    crops = [Crop("7", "2022-01-01", "1")]
    assert codes(join(crops, rows)) == ["no_capture_in_window"]
    assert codes(join(crops, rows, LabelConfig(date_order="dmy"))) == []


def test_verification_goes_by_confirmation_follow_up_and_growth() -> None:
    crops = [
        Crop("7", "2022-01-01", "1"),
        Crop("7", "2022-01-01", "2"),
        *(Crop("8", "2021-01-01", "1"), Crop("8", "2022-01-01", "1")),
        *(Crop("8", "2021-01-01", "2", size_mm=3.0), Crop("8", "2022-01-01", "2", size_mm=5.0)),
        *(Crop("9", "2021-10-01", "1"), Crop("9", "2022-01-01", "1")),
    ]
    rows = [
        make_row("7", 1, "1/9/2022", "nevus"),
        make_row(
            "7", 2, "1/9/2022", "nevus", 3, diagnosis_confirm_type="Single image expert consensus"
        ),
        *(make_row(mrn, 0, "1/1/2024", "", 4) for mrn in "89"),
    ]
    pool = make_pool(crops)
    labels = join_labels(pool, rows, LabelConfig())
    taken = np.flatnonzero(labels.fate == TAKEN)
    stages = dict(
        zip(taken.tolist(), verification_stages(pool, labels, taken, LabelConfig()), strict=True)
    )
    assert stages == {
        0: "histopathology",
        1: "consensus of reviewers",
        3: "unchanged over follow-up",
        5: "initial clinical annotation",  # grew by 2 mm
        7: "initial clinical annotation",  # three months only
    }
