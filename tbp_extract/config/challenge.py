"""Settings of a challenge: centres, labels, duplicates, selection, splits, files.

A kind of its own, because a challenge is made from finished releases, not by a run.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tbp_extract.config.base import Positive, Section

__all__ = [
    "AuditConfig",
    "CardConfig",
    "CentreConfig",
    "ChallengeConfig",
    "DuplicateConfig",
    "FileConfig",
    "IdConfig",
    "LabelConfig",
    "SelectionConfig",
    "SplitConfig",
]

Prefix = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]*_$", max_length=16)]
Share = Annotated[float, Field(ge=0, le=1)]


class CentreConfig(Section):
    """Whose releases these are."""

    names: list[Annotated[str, Field(min_length=1, max_length=80)]] = Field(default_factory=list)
    """One a release, in the order of the command; the same name twice is one centre. Published."""

    held_out: list[str] = Field(default_factory=list)
    """Centres that are in the test set only."""

    @model_validator(mode="after")
    def _check(self) -> "CentreConfig":
        strangers = sorted(set(self.held_out) - set(self.names))
        if strangers:
            raise ValueError(f"held_out names {', '.join(strangers)}, which names does not")
        if self.names and set(self.held_out) == set(self.names):
            raise ValueError("held_out holds every centre: nothing is left to train on")
        return self


class LabelConfig(Section):
    """How labels are joined with lesions."""

    window_days: Positive = 91.3125
    """A capture belongs to a biopsy if it is at most this much older."""

    identity: Literal["tag", "lesion_id"] = "tag"
    """What names a lesion in all captures of its patient."""

    date_order: Literal["mdy", "dmy"] = "mdy"
    """Order in dates with slashes; ISO dates are always understood."""

    weak: bool = True
    """Whether lesions that nobody biopsied are taken as benign."""

    statuses_out: list[str] = Field(default_factory=lambda: ["Biopsy", "Excised"])
    """Tag statuses that keep a lesion from being taken as benign."""

    qualifying: list[str] = Field(default_factory=list)
    """Diagnoses that may take part, by short name or path, with all below; none: all."""

    follow_up_months: Positive = 6.0
    """A lesion seen this far apart, not biopsied and not grown, counts as unchanged."""

    follow_up_max_change_mm: Positive = 1.0


class DuplicateConfig(Section):
    """What is a duplicate, and what becomes of it."""

    policy: Literal["drop", "same_split", "keep"] = "drop"
    """``drop``: one crop of each group stays; ``same_split``: all stay, in one split;
    ``keep``: all stay wherever they fall, and the audit says so."""

    near: bool = True
    """Whether crops that are nearly identical count, or only pixel-identical ones."""

    min_similarity: Annotated[float, Field(ge=0.5, le=1)] = 0.65
    """Correlation of fine detail from which two crops are the same picture."""


class SelectionConfig(Section):
    """Which of the labelled crops take part."""

    per_capture: Literal["all", "sharpest"] = "all"
    """Images of one lesion in one capture."""

    per_lesion: Literal["all", "sharpest", "newest", "median"] = "all"
    """Images of one lesion over all captures; ``median``: the middle one in time."""

    min_lesions_per_patient: Annotated[int, Field(ge=1)] = 1
    max_lesions_per_patient: Annotated[int, Field(ge=1)] | None = None
    """Lesions without a diagnosis of their own are left out first."""

    benign_patients_per_malignant: Positive | None = None
    """Patients without a malignant lesion for each one with: chosen so that lesions a patient and
    spread of capture dates match; ``None`` takes all."""


class SplitConfig(Section):
    """How patients are shared out."""

    test_share: Share = 0.3
    """Of the patients of each centre that is not held out."""


class IdConfig(Section):
    """What released ids look like."""

    image_prefix: Prefix = "TBPC_"
    patient_prefix: Prefix = "TBPCP_"
    lesion_prefix: Prefix = "TBPCL_"
    style: Literal["token", "digits"] = "token"
    """12 letters and digits, or ``digits`` digits as in the ISIC archive."""

    digits: Annotated[int, Field(ge=6, le=12)] = 7


class FileConfig(Section):
    """What is written beside the HDF5 files and tables."""

    jpegs: bool = False
    """Single JPEG files, under ``train-image/image`` and ``test-image/image``."""

    dicom: bool = False
    """One DICOM object a crop; needs the extra ``dicom``."""

    archive: bool = False
    """The upload package for the ISIC archive, under ``private/``."""


class CardConfig(Section):
    """What the data set card says of itself."""

    title: str = "Skin lesion crops from 3D total-body photography"
    citation: str = ""
    licence: str = ""
    contact: str = ""


class AuditConfig(Section):
    """When a property that should say nothing says too much."""

    max_auc: Annotated[float, Field(gt=0.5, lt=1)] = 0.6
    """Largest AUC, in either direction, that passes."""

    significance: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """A larger one is a leak only if chance is less likely than this, over all properties."""


class ChallengeConfig(Section):
    """All settings of a challenge."""

    centres: CentreConfig = CentreConfig()
    labels: LabelConfig = LabelConfig()
    duplicates: DuplicateConfig = DuplicateConfig()
    selection: SelectionConfig = SelectionConfig()
    splits: SplitConfig = SplitConfig()
    ids: IdConfig = IdConfig()
    files: FileConfig = FileConfig()
    card: CardConfig = CardConfig()
    audit: AuditConfig = AuditConfig()
