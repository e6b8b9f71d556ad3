"""Crops as DICOM: one VL Photographic Image each, with the JPEG in it as it is.

Only what stands in a public row goes in, under pseudonyms; dates are left out. Needs pydicom (the
extra ``dicom``).
"""

import importlib.util
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tbp_extract import __version__
from tbp_extract.errors import ConfigError
from tbp_extract.jpeg import jpeg_markers

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["DicomFacts", "check_dicom", "dicom_bytes"]

VL_PHOTOGRAPHIC: Final = "1.2.840.10008.5.1.4.1.1.77.1.4"
JPEG_BASELINE: Final = "1.2.840.10008.1.2.4.50"
UID_ROOT: Final = "2.25"
"""For UIDs made from 128-bit numbers (PS3.5 B.2)."""

IMPLEMENTATION_UID: Final = f"{UID_ROOT}.229390327216213903072162139030721621390"
METHOD: Final = "Allow-list of attributes, keyed pseudonyms, no dates"

PHOTOMETRIC: Final = "YBR_FULL_422"
"""For baseline JPEG of any chroma sampling: the stream itself says which it is."""

_REGIONS: Final[Mapping[str, tuple[str, str, str]]] = {
    "head/neck": ("774007", "Head and Neck", "HEADNECK"),
    "upper extremity": ("53120007", "Upper limb", "ARM"),
    "lower extremity": ("61685007", "Lower limb", "LEG"),
    "anterior torso": ("22943007", "Trunk", "TRUNK"),
    "posterior torso": ("77568009", "Back", "BACK"),
}
"""SNOMED CT code, meaning, and defined term by general site."""


@dataclass(frozen=True, slots=True)
class DicomFacts:
    """What is told of a crop: words and pseudonyms of its public row."""

    isic_id: str
    patient_id: str
    study: int
    """Keyed number of 128 bits, the same for all crops of a capture."""

    image: int
    """Keyed number of 128 bits of this crop."""

    number: int
    """Place of the crop in its series, from 1."""

    extent_mm: float
    sex: str | None = None
    age_years: float = math.nan
    site: str | None = None
    location: str | None = None


def check_dicom() -> None:
    """Raise unless pydicom is there.

    Raises
    ------
    ConfigError
        Saying how to install it.
    """
    if importlib.util.find_spec("pydicom") is None:
        raise ConfigError(
            "setting files.dicom: needs pydicom, which is not installed: pip install "
            "'tbp-extract[dicom]'"
        )


def dicom_bytes(jpeg: bytes, facts: DicomFacts) -> bytes:
    """Wrap a crop.

    Parameters
    ----------
    jpeg : bytes
        Baseline, three channels.
    facts : DicomFacts

    Returns
    -------
    bytes
        A DICOM file: the same crop and facts give the same bytes.

    """
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate

    image = Dataset()
    _add_identity(image, facts)
    _add_acquisition(image, facts)
    _add_region(image, facts)
    _add_pixels(image, jpeg, facts)
    image.PixelData = encapsulate([jpeg])
    image["PixelData"].is_undefined_length = True
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = pydicom.uid.UID(VL_PHOTOGRAPHIC)
    meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    meta.TransferSyntaxUID = pydicom.uid.UID(JPEG_BASELINE)
    meta.ImplementationClassUID = pydicom.uid.UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = "TBP_EXTRACT"
    image.file_meta = meta
    sink = io.BytesIO()
    pydicom.dcmwrite(sink, image, enforce_file_format=True)
    return sink.getvalue()


def _add_identity(image: "Dataset", facts: DicomFacts) -> None:
    image.SOPClassUID = VL_PHOTOGRAPHIC
    image.SOPInstanceUID = f"{UID_ROOT}.{facts.image}"
    image.StudyInstanceUID = f"{UID_ROOT}.{facts.study}"
    image.SeriesInstanceUID = f"{UID_ROOT}.{facts.study ^ 1}"
    image.PatientName = f"{facts.patient_id}^"
    image.PatientID = facts.patient_id
    image.PatientBirthDate = ""
    image.PatientSex = {"male": "M", "female": "F"}.get(facts.sex or "", "")
    if not math.isnan(facts.age_years):
        image.PatientAge = f"{facts.age_years:03.0f}Y"
    image.PatientIdentityRemoved = "YES"
    image.DeidentificationMethod = METHOD
    image.DeidentificationMethodCodeSequence = [
        _code("113100", "DCM", "Basic Application Confidentiality Profile")
    ]
    image.LongitudinalTemporalInformationModified = "REMOVED"
    for name in ("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID"):
        setattr(image, name, "")


def _add_acquisition(image: "Dataset", facts: DicomFacts) -> None:
    image.Modality = "XC"
    image.SeriesNumber = 1
    image.InstanceNumber = facts.number
    image.Manufacturer = "tbp_extract"
    image.ManufacturerModelName = "tbp_extract"
    image.DeviceSerialNumber = "none"
    image.SoftwareVersions = __version__
    image.ImageType = ["DERIVED", "PRIMARY"]
    image.PatientOrientation = ""
    image.AcquisitionContextSequence = []
    image.DerivationDescription = "Crop of a textured three-dimensional body scan"
    image.ImageComments = facts.isic_id


def _add_region(image: "Dataset", facts: DicomFacts) -> None:
    region = _REGIONS.get(facts.site or "")
    if region is not None:
        value, meaning, term = region
        image.AnatomicRegionSequence = [_code(value, "SCT", meaning)]
        image.BodyPartExamined = term
    side = (facts.location or "").partition(" ")[0]
    image.ImageLaterality = {"Left": "L", "Right": "R"}.get(side, "U")


def _add_pixels(image: "Dataset", jpeg: bytes, facts: DicomFacts) -> None:
    found = jpeg_markers(jpeg)
    image.SamplesPerPixel = 3
    image.PhotometricInterpretation = PHOTOMETRIC
    image.PlanarConfiguration = 0
    image.Rows, image.Columns = found.height_px, found.width_px
    image.BitsAllocated, image.BitsStored, image.HighBit = 8, 8, 7
    image.PixelRepresentation = 0
    image.BurnedInAnnotation = "NO"
    image.LossyImageCompression = "01"
    raw_bytes = 3 * found.height_px * found.width_px
    image.LossyImageCompressionRatio = f"{raw_bytes / len(jpeg):.4f}"
    image.LossyImageCompressionMethod = "ISO_10918_1"
    mm_per_px = f"{facts.extent_mm / found.width_px:.8f}"
    image.PixelSpacing = [mm_per_px, mm_per_px]


def _code(value: str, scheme: str, meaning: str) -> Any:
    from pydicom.dataset import Dataset

    code = Dataset()
    code.CodeValue = value
    code.CodingSchemeDesignator = scheme
    code.CodeMeaning = meaning
    return code
