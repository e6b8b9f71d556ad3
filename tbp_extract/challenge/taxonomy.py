"""From the words of pathology tables to the ISIC archive's hierarchy of diagnoses.

The paths are those of the package ``isic-metadata``; a test holds ours to it, so that the package
itself is needed only for diagnoses that this table does not know.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

__all__ = ["DIAGNOSES", "REFINEMENTS", "Diagnosis", "diagnose", "nearest_names"]

LEVELS: Final = 5

_EPIDERMAL = "Benign:Benign epidermal proliferations"
_FIBROUS = "Benign:Benign soft tissue proliferations - Fibro-histiocytic"
_FLAT = "Benign:Flat melanotic pigmentations - not melanocytic nevus"
_UNCERTAIN = "Indeterminate:Indeterminate melanocytic proliferations"
_NEVUS = "Benign:Benign melanocytic proliferations:Nevus"
_BCC = "Malignant:Malignant adnexal epithelial proliferations - Follicular:Basal cell carcinoma"
_SCC = "Malignant:Malignant epidermal proliferations"
_MELANOMA = "Malignant:Malignant melanocytic proliferations (Melanoma)"

DIAGNOSES: Final[Mapping[str, str]] = {
    "acrochordon": f"{_FIBROUS}:Fibroepithelial polyp",
    "actinic keratosis": "Indeterminate:Indeterminate epidermal proliferations:"
    "Solar or actinic keratosis",
    # The archive sorts these by the gland they come from, which the word does not tell.
    "adnexal tumor": "Benign:Benign - Other",
    "aimp": f"{_UNCERTAIN}:Atypical intraepithelial melanocytic proliferation",
    "angiofibroma or fibrous papule": f"{_FIBROUS}:Angiofibroma",
    "angioma": "Benign:Benign soft tissue proliferations - Vascular:Hemangioma",
    "atypical melanocytic proliferation": f"{_UNCERTAIN}:Atypical melanocytic neoplasm",
    "basal cell carcinoma": _BCC,
    "cyst": "Benign:Cysts",
    "dermatofibroma": f"{_FIBROUS}:Dermatofibroma",
    "lentigo nos": f"{_FLAT}:Lentigo NOS",
    "lichenoid keratosis": f"{_EPIDERMAL}:Lichen planus like keratosis",
    "melanoma": f"{_MELANOMA}:Melanoma, NOS",
    "melanoma metastasis": f"{_MELANOMA}:Melanoma metastasis",
    "neurofibroma": "Benign:Benign soft tissue proliferations - Neural:Neurofibroma",
    "nevus": _NEVUS,
    "pigmented benign keratosis": f"{_EPIDERMAL}:Pigmented benign keratosis",
    "seborrheic keratosis": f"{_EPIDERMAL}:Seborrheic keratosis",
    "solar lentigo": f"{_EPIDERMAL}:Solar lentigo",
    "squamous cell carcinoma": f"{_SCC}:Squamous cell carcinoma, NOS",
    "verruca": "Benign:Inflammatory or infectious diseases:Verruca",
}
"""Archive path by the word of a pathology table, lower case."""

REFINEMENTS: Final[Mapping[str, Mapping[str, Mapping[str, str]]]] = {
    "melanoma": {
        "mel_class": {
            "melanoma in situ": f"{_MELANOMA}:Melanoma in situ",
            "invasive melanoma": f"{_MELANOMA}:Melanoma Invasive",
            "melanoma invasive": f"{_MELANOMA}:Melanoma Invasive",
        }
    },
    "nevus": {
        "nevus_dysplastic_feat": {"dysplastic": f"{_NEVUS}:Nevus, Atypical, Dysplastic, or Clark"},
        "nevus_type": {
            "blue": f"{_NEVUS}:Blue nevus",
            "spitz": f"{_NEVUS}:Nevus, Spitz",
        },
        "nevus_growth_pattern": {
            "compound": f"{_NEVUS}:Nevus, NOS, Compound",
            "intradermal": f"{_NEVUS}:Nevus, NOS, Dermal",
            "junctional": f"{_NEVUS}:Nevus, NOS, Junctional",
        },
    },
    "squamous cell carcinoma": {
        "scc_type": {
            "scc in situ": f"{_SCC}:Squamous cell carcinoma in situ",
            "invasive scc": f"{_SCC}:Squamous cell carcinoma, Invasive",
        }
    },
    "basal cell carcinoma": {
        "bcc_nod": {"yes": f"{_BCC}:Basal cell carcinoma, Nodular"},
        "bcc_sup": {"yes": f"{_BCC}:Basal cell carcinoma, Superficial"},
        "bcc_micro": {"yes": f"{_BCC}:Basal cell carcinoma, Micronodular"},
        "bcc_inf": {"yes": f"{_BCC}:Basal cell carcinoma, Infiltrating"},
    },
}
"""Deeper path by diagnosis, column and cell, lower case; the first column that fits decides."""

_COMBINED_BCC = f"{_BCC}:Basal cell carcinoma, Combined subtypes"
_MELANOCYTIC = ("melanocytic proliferations", "melanocytic nevus")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A place in the archive's hierarchy."""

    path: str
    """Levels joined by ``:``, as the archive takes them."""

    @property
    def levels(self) -> tuple[str | None, ...]:
        """Five levels, ``None`` where the path ends sooner."""
        parts = self.path.split(":")
        return (*parts, *[None] * (LEVELS - len(parts)))

    @property
    def full(self) -> str:
        """The value of ``iddx_full``."""
        return self.path.replace(":", "::")

    @property
    def is_malignant(self) -> bool:
        """Whether the target is 1."""
        return self.levels[0] == "Malignant"

    @property
    def is_melanoma(self) -> bool:
        """Whether melanoma fields may stand beside it."""
        return self.path.startswith(_MELANOMA)

    @property
    def melanocytic(self) -> str | None:
        """``True`` or ``False`` where level 2 says so; no more is known of plain Benign."""
        group = self.levels[1]
        if group is None or group.endswith("Other") or "Collision" in group:
            return None
        return str("melanocytic proliferations" in group)

    def is_below(self, other: "Diagnosis") -> bool:
        """Whether it is the other one or a finer one of it."""
        return f"{self.path}:".startswith(f"{other.path}:")


def diagnose(text: str, details: Mapping[str, str] | None = None) -> Diagnosis | None:
    """Find a diagnosis in the archive's hierarchy.

    Parameters
    ----------
    text : str
        A word of ``DIAGNOSES``, an archive path with ``:`` or ``::``, or its last level.
    details : mapping of str to str, optional
        Other cells of the row, by column; see ``REFINEMENTS``.

    Returns
    -------
    Diagnosis or None
        ``None`` for one that is not known.
    """
    word = _plain(text)
    if word in DIAGNOSES:
        return Diagnosis(_refined(word, details or {}))
    found = _by_name().get(word) or _by_name().get(_plain(text.replace("::", ":")))
    return None if found is None else Diagnosis(found)


def nearest_names(text: str) -> str:
    """Name the known diagnosis whose name is nearest to a text."""
    known = sorted(DIAGNOSES.keys() | _by_name().keys())
    near: list[str] = difflib.get_close_matches(_plain(text), known, n=1, cutoff=0.0)
    return near[0]


def _refined(word: str, details: Mapping[str, str]) -> str:
    columns = REFINEMENTS.get(word, {})
    found = [
        paths[cell]
        for column, paths in columns.items()
        if (cell := _plain(details.get(column, ""))) in paths
    ]
    if word == "basal cell carcinoma" and len(found) > 1:
        return _COMBINED_BCC
    return found[0] if found else DIAGNOSES[word]


@cache
def _by_name() -> Mapping[str, str]:
    """Archive paths by path and by last level; the shallower wins where a name stands twice."""
    known = [*DIAGNOSES.values(), _COMBINED_BCC, "Benign", "Indeterminate", "Malignant"]
    known += [p for columns in REFINEMENTS.values() for c in columns.values() for p in c.values()]
    try:
        from isic_metadata.diagnosis_hierarchical import DiagnosisEnum
    except ImportError:
        paths = known
    else:
        paths = [member.value for member in DiagnosisEnum]
    deepest_first = sorted(paths, key=lambda path: -path.count(":"))
    names = {_plain(path.rpartition(":")[2]): path for path in deepest_first}
    return names | {_plain(path): path for path in paths}


def _plain(text: str) -> str:
    return " ".join(text.replace("_", " ").lower().split())
