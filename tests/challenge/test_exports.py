"""The archive's validator and DICOM's take what we write."""

import csv
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pydicom
import pytest
from isic_metadata.metadata import MetadataBatch, MetadataRow

from tbp_extract.challenge.build import build_challenge
from tbp_extract.config import ChallengeConfig, parse_settings
from tbp_extract.jpeg import decode_jpeg
from tbp_extract.verify.dicom import dicom_faults
from tests.challenge.planted import SETTINGS, plant


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    planted = plant(tmp_path_factory.mktemp("centres"), lesions=4)
    folder = tmp_path_factory.mktemp("challenge") / "out"
    settings = {**SETTINGS, "files": {"archive": True, "dicom": True}}
    build_challenge(planted.source, folder, parse_settings(settings, ChallengeConfig))
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_archives_own_checks_pass_row_by_row_and_as_a_batch(out: Path) -> None:
    table = rows(out / "private" / "archive" / "metadata.csv")
    assert {row["diagnosis"].partition(":")[0] for row in table} == {"Benign", "Malignant"}
    checked = [MetadataRow.model_validate(row) for row in table]
    MetadataBatch(items=checked)
    for given, row in zip(table, checked, strict=True):
        assert set(row.unstructured) == {"filename", "attribution", "copyright_license"}
        assert row.age == int(given["age"])
        assert row.diagnosis == given["diagnosis"]


def test_the_package_holds_the_images_that_its_table_names(out: Path) -> None:
    folder = out / "private" / "archive"
    names = {row["filename"] for row in rows(folder / "metadata.csv")}
    assert {path.name for path in (folder / "images").iterdir()} == names
    with h5py.File(out / "public" / "test-image.hdf5", "r") as file:
        for name in file:
            assert (folder / "images" / f"{name}.jpg").read_bytes() == file[name][()]


def test_isic_metadata_validate_accepts_the_table(out: Path) -> None:
    tool = shutil.which("isic")
    if tool is None:
        pytest.skip("no isic here: pip install isic-cli")
    done = subprocess.run(  # noqa: S603 - a tool of the system on a file of ours
        [tool, "metadata", "validate", str(out / "private" / "archive" / "metadata.csv")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "No structural errors found" in done.stdout


def dicom_files(out: Path, split: str) -> list[Path]:
    return sorted((out / "public" / f"{split}-dicom").iterdir())


def test_dciodvfy_finds_no_error(out: Path) -> None:
    tool = shutil.which("dciodvfy")
    if tool is None:
        pytest.skip("no dciodvfy here: Debian has it in dicom3tools")
    for path in dicom_files(out, "train"):
        done = subprocess.run(  # noqa: S603 - a tool of the system on a file of ours
            [tool, "-new", str(path)], capture_output=True, text=True, check=False
        )
        assert "Error" not in done.stdout + done.stderr, path.name
        assert done.returncode == 0


def test_pydicom_decodes_to_the_pixels_of_the_jpeg(out: Path) -> None:
    with h5py.File(out / "public" / "test-image.hdf5", "r") as file:
        paths = dicom_files(out, "test")
        assert [path.stem for path in paths] == list(file)
        for path in paths:
            image = pydicom.dcmread(path)
            np.testing.assert_array_equal(image.pixel_array, decode_jpeg(file[path.stem][()]))
            spacing = float(image.PixelSpacing[0])
            assert spacing * image.Columns == pytest.approx(
                float(table_row(out, path.stem)["extent"]), rel=1e-5
            )


def table_row(out: Path, name: str) -> dict[str, float]:
    """What a release of the simulated centres says of the crop."""
    import pyarrow.parquet as pq

    links = {row["isic_id"]: row for row in rows(out / "private" / "linkage.csv")}
    link = links[name]
    centres = [p for p in out.parent.parent.rglob("metadata.parquet") if link["centre"] in p.parts]
    for path in centres:
        table = pq.read_table(path, columns=["isic_id", "tbp_ex_extent_mm"]).to_pylist()
        for row in table:
            if row["isic_id"] == link["source_isic_id"]:
                return {"extent": row["tbp_ex_extent_mm"]}
    raise AssertionError(name)


def test_dicom_tells_what_the_public_row_tells_and_nothing_else(out: Path) -> None:
    by_id = {row["isic_id"]: row for row in rows(out / "public" / "train-metadata.csv")}
    private = {row["mrn"] for row in rows(out / "private" / "linkage.csv")}
    studies: dict[str, set[str]] = {}
    for path in dicom_files(out, "train"):
        row = by_id[path.stem]
        image = pydicom.dcmread(path)
        assert str(image.PatientID) == row["patient_id"]
        assert image.PatientSex == {"male": "M", "female": "F"}[row["sex"]]
        assert (image.StudyDate, image.PatientBirthDate) == ("", "")
        assert image.AnatomicRegionSequence[0].CodeMeaning == "Lower limb"
        assert image.ImageLaterality == "L"
        assert image.PatientIdentityRemoved == "YES"
        assert "Malignant" not in str(image)
        assert not private & {str(element.value) for element in image.iterall()}
        studies.setdefault(str(image.StudyInstanceUID), set()).add(row["patient_id"])
    assert all(len(people) == 1 for people in studies.values())
    assert list(dicom_faults(dicom_files(out, "train")[0].parent)) == []
