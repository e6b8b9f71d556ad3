"""Whether DICOM files of crops say nothing but what a crop's object may say. Needs pydicom.

Every attribute is on an allow-list with the form of its value; sequences are entered. The file must
be what its own attributes give when written anew, so that nothing stands before, between or behind
them, and its picture must be a bare JPEG.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tbp_extract.verify.jpeg import bare_jpeg_fault

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

__all__ = ["dicom_faults"]

_NOTHING: Final = ""
_UID: Final = r"2\.25\.\d{1,39}"
_CODE: Final = r"[A-Za-z0-9. -]{1,64}"
_FORMS: Final[Mapping[str, str]] = {
    "SOPClassUID": r"1\.2\.840\.10008\.5\.1\.4\.1\.1\.77\.1\.4",
    **dict.fromkeys(("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"), _UID),
    "PatientName": r"[A-Z]{2,5}_[A-Z0-9]{7,16}\^?",
    "PatientID": r"[A-Z]{2,5}_[A-Z0-9]{7,16}",
    "PatientSex": r"[MF]?",
    "PatientAge": r"0([0-7][05]|8[05])Y",
    "PatientIdentityRemoved": "YES",
    "DeidentificationMethod": r"Allow-list of attributes, keyed pseudonyms, no dates",
    "LongitudinalTemporalInformationModified": "REMOVED",
    **dict.fromkeys(("PatientBirthDate", "StudyDate", "StudyTime", "AccessionNumber"), _NOTHING),
    **dict.fromkeys(("ReferringPhysicianName", "StudyID", "PatientOrientation"), _NOTHING),
    "Modality": "XC",
    "SeriesNumber": "1",
    "InstanceNumber": r"\d{1,7}",
    "Manufacturer": "tbp_extract",
    "ManufacturerModelName": "tbp_extract",
    "DeviceSerialNumber": "none",
    "SoftwareVersions": r"\d+(\.\d+){1,3}",
    "ImageType": "DERIVED, PRIMARY",
    "DerivationDescription": "Crop of a textured three-dimensional body scan",
    "ImageComments": r"[A-Z]{2,5}_[A-Z0-9]{7,16}",
    "BodyPartExamined": "HEADNECK|ARM|LEG|TRUNK|BACK",
    "ImageLaterality": "[LRU]",
    "SamplesPerPixel": "3",
    "PhotometricInterpretation": "YBR_FULL_422",
    "PlanarConfiguration": "0",
    **dict.fromkeys(("Rows", "Columns"), r"\d{2,4}"),
    **dict.fromkeys(("BitsAllocated", "BitsStored"), "8"),
    "HighBit": "7",
    "PixelRepresentation": "0",
    "BurnedInAnnotation": "NO",
    "LossyImageCompression": "01",
    "LossyImageCompressionRatio": r"\d{1,4}(\.\d{1,4})?",
    "LossyImageCompressionMethod": "ISO_10918_1",
    "PixelSpacing": r"\d{1,2}(\.\d{1,8})?, \d{1,2}(\.\d{1,8})?",
    **dict.fromkeys(("CodeValue", "CodingSchemeDesignator", "CodeMeaning"), _CODE),
}
"""Allowed attributes and what each may say."""

_SEQUENCES: Final = frozenset(
    {
        *("DeidentificationMethodCodeSequence", "AcquisitionContextSequence"),
        "AnatomicRegionSequence",
    }
)
_META: Final = frozenset(
    {
        *("FileMetaInformationGroupLength", "FileMetaInformationVersion"),
        *("MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID", "TransferSyntaxUID"),
        *("ImplementationClassUID", "ImplementationVersionName"),
    }
)


def dicom_faults(folder: Path) -> Iterator[str]:
    """Say what keeps a folder from being one of clean crops as DICOM.

    Parameters
    ----------
    folder : Path
        Holds files ``*.dcm`` and nothing else.

    Yields
    ------
    str
        One sentence per kind of fault, without names of files; none for a clean folder.

    Raises
    ------
    ImportError
        If pydicom is not installed.
    """
    entries = sorted(folder.iterdir())
    files = [path for path in entries if path.suffix == ".dcm" and path.is_file()]
    if len(entries) > len(files):
        yield f"{len(entries) - len(files)} entries are no DICOM files"
    linked = sum(path.is_symlink() or path.stat().st_nlink > 1 for path in files)
    if linked:
        yield f"{linked} files are links or have a second name"
    faults = Counter(fault for path in files for fault in _faults_of(path.read_bytes()))
    for fault, count in sorted(faults.items()):
        yield f"{count} DICOM files {fault}"


def _faults_of(data: bytes) -> set[str]:
    import pydicom

    try:
        image = pydicom.dcmread(io.BytesIO(data))
        faults = set(_attribute_faults(image))
        if any(data[:128]):
            faults.add("hold text before their beginning")
        sink = io.BytesIO()
        pydicom.dcmwrite(sink, image, enforce_file_format=True)
        if sink.getvalue() != data:
            faults.add("are not what their own attributes give when written anew")
        return faults | set(_picture_faults(image))
    except Exception as error:  # a damaged file may break the reader in any way
        return {f"cannot be read ({type(error).__name__})"}


def _attribute_faults(image: "Dataset") -> Iterator[str]:
    if any(element.keyword not in _META for element in image.file_meta):
        yield "hold other file meta information than a bare file"
    for element in image.iterall():
        if element.tag.is_private or element.keyword not in _FORMS.keys() | _SEQUENCES:
            if element.keyword != "PixelData":
                yield f"hold {element.keyword or 'attributes that are private or repeat'}"
        elif element.keyword in _FORMS and not _is_allowed(element):
            yield f"say in {element.keyword} what it may not say"


def _is_allowed(element: "DataElement") -> bool:
    value = element.value
    values = value if element.VM > 1 else [_NOTHING if value is None else value]
    text = ", ".join(map(str, values))
    return re.fullmatch(_FORMS[element.keyword], text) is not None


def _picture_faults(image: "Dataset") -> Iterator[str]:
    from pydicom.encaps import generate_fragments

    # The first piece is a table of offsets.
    table, *fragments = generate_fragments(image.PixelData)
    if len(fragments) != 1 or any(table):
        yield "hold their picture in several pieces"
        return
    # An odd length is made even by one byte of zero.
    jpeg = fragments[0][:-1] if fragments[0][-1:] == b"\0" else fragments[0]
    if bare_jpeg_fault(jpeg, image.Rows) is not None:
        yield "hold a picture that is no bare JPEG"
