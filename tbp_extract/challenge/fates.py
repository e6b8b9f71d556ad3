"""What became of each crop: it takes part, or there is one reason why not."""

from enum import StrEnum

__all__ = ["Fate"]


class Fate(StrEnum):
    """Every crop of every release ends with exactly one of these."""

    TAKEN = "taken"
    PATIENT_NOT_LISTED = "patient_not_listed"
    NOT_IN_INDEX_CAPTURE = "not_in_index_capture"
    OUTSIDE_WINDOW = "outside_window"
    TAG_STATUS = "tag_status"
    TAG_UNMATCHED = "tag_unmatched"
    LABEL_PROBLEM = "label_problem"
    DOUBTFUL_PATIENT = "doubtful_patient"
    WITHOUT_DIAGNOSIS = "without_diagnosis"
    NOT_QUALIFYING = "not_qualifying"
    PUBLISHED_BEFORE = "published_before"
    DUPLICATE = "duplicate"
    DUPLICATE_ACROSS_SPLITS = "duplicate_across_splits"
    OTHER_IMAGE_OF_LESION = "other_image_of_lesion"
    TOO_FEW_LESIONS = "too_few_lesions"
    OVER_PATIENT_LIMIT = "over_patient_limit"
    NOT_MATCHED = "not_matched"
