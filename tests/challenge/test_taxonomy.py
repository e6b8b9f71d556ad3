"""Our table of diagnoses is part of the archive's vocabulary."""

import sys

import pytest
from isic_metadata.diagnosis_hierarchical import DiagnosisEnum

from tbp_extract.challenge import taxonomy
from tbp_extract.challenge.taxonomy import (
    DIAGNOSES,
    REFINEMENTS,
    Diagnosis,
    diagnose,
    nearest_names,
)

PATHS = {member.value for member in DiagnosisEnum}
WORDS = (
    "acrochordon", "actinic keratosis", "adnexal tumor", "AIMP", "angiofibroma or fibrous papule",
    "angioma", "atypical melanocytic proliferation", "basal cell carcinoma", "cyst",
    "dermatofibroma", "lentigo NOS", "lichenoid keratosis", "melanoma", "melanoma metastasis",
    "neurofibroma", "nevus", "pigmented benign keratosis", "seborrheic keratosis", "solar lentigo",
    "squamous cell carcinoma", "verruca",
)  # fmt: skip
MALIGNANT = {
    *("basal cell carcinoma", "melanoma", "melanoma metastasis", "squamous cell carcinoma"),
}


def found(text: str, **details: str) -> Diagnosis:
    diagnosis = diagnose(text, details)
    assert diagnosis is not None
    return diagnosis


@pytest.mark.parametrize("path", sorted(DIAGNOSES.values()))
def test_every_path_is_the_archives(path: str) -> None:
    assert path in PATHS


def test_every_refinement_is_the_archives_and_finer() -> None:
    for word, columns in REFINEMENTS.items():
        parent = DIAGNOSES[word].rpartition(":")[0] if "," in DIAGNOSES[word] else DIAGNOSES[word]
        for paths in columns.values():
            assert set(paths.values()) <= PATHS
            assert all(path.startswith(parent) for path in paths.values())


@pytest.mark.parametrize("word", WORDS)
def test_every_word_of_slice_3d_is_known_and_malignant_where_its_authors_say_so(word: str) -> None:
    assert found(word).is_malignant == (word in MALIGNANT)
    assert found(word.upper().replace(" ", "_")) == found(word)


def test_levels_and_full_path_are_written_as_in_the_challenge() -> None:
    melanoma = found("melanoma", mel_class="melanoma in situ")
    assert melanoma.full == (
        "Malignant::Malignant melanocytic proliferations (Melanoma)::Melanoma in situ"
    )
    group, name = "Malignant melanocytic proliferations (Melanoma)", "Melanoma in situ"
    assert melanoma.levels == ("Malignant", group, name, None, None)


def test_details_lead_deeper() -> None:
    assert found("nevus", nevus_growth_pattern="Compound").levels[3] == "Nevus, NOS, Compound"
    both = {"nevus_growth_pattern": "compound", "nevus_dysplastic_feat": "dysplastic"}
    assert found("nevus", **both).levels[3] == "Nevus, Atypical, Dysplastic, or Clark"
    two = {"bcc_nod": "yes", "bcc_sup": "yes"}
    combined = found("basal cell carcinoma", **two)
    assert combined.levels[3] == "Basal cell carcinoma, Combined subtypes"
    assert combined.path in PATHS


def test_paths_and_last_levels_of_the_archive_are_known() -> None:
    path = "Benign:Benign melanocytic proliferations:Nevus:Nevus, Spitz"
    assert found(path) == found(path.replace(":", "::")) == found("Nevus, Spitz") == Diagnosis(path)


def test_melanocytic_is_said_only_where_it_is_known() -> None:
    assert found("nevus").melanocytic == found("melanoma").melanocytic == "True"
    assert (
        found("basal cell carcinoma").melanocytic == found("solar lentigo").melanocytic == "False"
    )
    assert found("Benign").melanocytic is found("adnexal tumor").melanocytic is None


def test_unknown_ones_name_the_nearest() -> None:
    assert diagnose("melanomma") is None
    assert nearest_names("melanomma") == "melanoma"
    assert nearest_names("seborheic keratoses") == "seborrheic keratosis"


def test_below_means_the_same_or_finer() -> None:
    nevus, compound = found("nevus"), found("nevus", nevus_growth_pattern="compound")
    assert compound.is_below(nevus)
    assert nevus.is_below(nevus)
    assert not nevus.is_below(compound)
    assert not found("Nevus, Spitz").is_below(found("melanoma"))


def test_the_words_are_known_without_the_archives_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "isic_metadata.diagnosis_hierarchical", None)
    taxonomy._by_name.cache_clear()
    try:
        assert all(diagnose(word) is not None for word in WORDS)
        assert found(DIAGNOSES["nevus"]) == found("nevus")
        assert diagnose("Nevus, Halo") is None
        assert nearest_names("melanomma") == "melanoma"
    finally:
        taxonomy._by_name.cache_clear()
