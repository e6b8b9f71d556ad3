"""DICOM files of crops: clean ones pass, each with one thing more does not."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tbp_extract.config import JpegConfig
from tbp_extract.io.dicom import DicomFacts, dicom_bytes
from tbp_extract.jpeg import encode_jpeg
from tbp_extract.verify.dicom import dicom_faults
from tests.releases import make_pixels

pydicom = pytest.importorskip("pydicom", reason="needs the extra dicom")

FACTS = DicomFacts(
    isic_id="TBP_ABCDEFGH2345",
    patient_id="TBPP_ABCDEFGH2345",
    study=2**100 + 1,
    image=2**100 + 7,
    number=3,
    extent_mm=15.0,
    sex="female",
    age_years=45.0,
    site="upper extremity",
    location="Left Arm - Upper",
)


def clean(seed: int = 0, size_px: int = 33) -> bytes:
    config = JpegConfig(quality=80, subsampling="4:2:0")
    return dicom_bytes(encode_jpeg(make_pixels(size_px, seed), config), FACTS)


def edited(data: bytes, edit: Callable[[Any], object]) -> bytes:
    image = pydicom.dcmread(io.BytesIO(data))
    edit(image)
    sink = io.BytesIO()
    pydicom.dcmwrite(sink, image)
    return sink.getvalue()


def faults(folder: Path, data: bytes) -> list[str]:
    (folder / "a.dcm").write_bytes(data)
    return list(dicom_faults(folder))


@pytest.mark.parametrize("size_px", [33, 41, 133])
def test_clean_files_pass(tmp_path: Path, size_px: int) -> None:
    for seed in range(4):
        assert faults(tmp_path, clean(seed, size_px)) == []


def with_comment(image: Any) -> None:
    from pydicom.encaps import encapsulate, generate_fragments

    _, jpeg = generate_fragments(image.PixelData)
    spoilt = jpeg[:20] + b"\xff\xfe\x00\x0aJane Doe" + jpeg[20:]
    image.PixelData = encapsulate([spoilt])
    image["PixelData"].is_undefined_length = True


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda i: setattr(i, "PatientName", "Doe^Jane"), "say in PatientName"),
        (lambda i: setattr(i, "PatientID", "MRN-00471101"), "say in PatientID"),
        (lambda i: setattr(i, "PatientBirthDate", "19600501"), "say in PatientBirthDate"),
        (lambda i: setattr(i, "StudyDate", "20240501"), "say in StudyDate"),
        (lambda i: setattr(i, "PatientAge", "043Y"), "say in PatientAge"),
        (lambda i: setattr(i, "ImageComments", "left ear of Jane"), "say in ImageComments"),
        (lambda i: setattr(i, "InstitutionName", "St. Elsewhere"), "hold InstitutionName"),
        (lambda i: setattr(i, "OperatorsName", "Doe"), "hold OperatorsName"),
        (lambda i: setattr(i, "ContentDate", "20240501"), "hold ContentDate"),
        (lambda i: setattr(i, "SOPInstanceUID", "1.2.3.20240501"), "say in SOPInstanceUID"),
        (lambda i: i.add_new(0x00091010, "LO", "Doe"), "private or repeat"),
        (lambda i: i.add_new(0x60003000, "OW", b"Doe!"), "private or repeat"),
        (
            lambda i: setattr(i.AnatomicRegionSequence[0], "PatientComments", "Doe"),
            "hold PatientComments",
        ),
        (lambda i: setattr(i.file_meta, "SourceApplicationEntityTitle", "WARD7"), "file meta"),
        (lambda i: setattr(i, "preamble", b"Jane Doe".ljust(128)), "before their beginning"),
        (with_comment, "no bare JPEG"),
    ],
)
def test_one_thing_more_is_caught(
    tmp_path: Path, edit: Callable[[Any], object], words: str
) -> None:
    found = " ".join(faults(tmp_path, edited(clean(), edit)))
    assert words in found
    assert "Doe" not in found


def test_bytes_behind_the_end_are_caught(tmp_path: Path) -> None:
    assert faults(tmp_path, clean() + b"\0\0\0\0\0\0\0\0")


def test_strays_links_and_rubbish_are_caught(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "b.dcm").write_bytes(b"rubbish")
    assert faults(tmp_path, clean()) == [
        "1 entries are no DICOM files",
        "1 DICOM files cannot be read (InvalidDicomError)",
    ]
    os.link(tmp_path / "a.dcm", tmp_path / "c.dcm")
    assert "2 files are links or have a second name" in list(dicom_faults(tmp_path))
