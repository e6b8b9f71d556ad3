"""The other forms of a challenge: single JPEGs, DICOM, the upload package of the ISIC archive."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tbp_extract.challenge.crops import PoolCrops
from tbp_extract.challenge.keyed import digest
from tbp_extract.config.challenge import ChallengeConfig
from tbp_extract.io.challenge_files import ChallengeLayout, write_single_files, write_table
from tbp_extract.io.dicom import DicomFacts, dicom_bytes
from tbp_extract.io.files import PRIVATE_FOLDER, make_private_folder

if TYPE_CHECKING:
    from tbp_extract.challenge.build import Challenge

__all__ = ["archive_table", "write_exports"]

UID_BITS: Final = 128

ARCHIVE_FIELDS: Final = (
    *("patient_id", "lesion_id", "sex", "anatom_site_general", "clin_size_long_diam_mm"),
    *("image_type", "tbp_tile_type", "diagnosis_confirm_type", "mel_thick_mm"),
    *("mel_mitotic_index", "attribution", "copyright_license"),
)
"""Columns that the archive takes under the names that they have with us."""


def write_exports(
    made: "Challenge", crops: PoolCrops, layout: ChallengeLayout, config: ChallengeConfig
) -> None:
    """Write the forms that are asked for.

    Raises
    ------
    OutputError
        If the disk is full.
    """
    for test, split in ((False, "train"), (True, "test")):
        if config.files.jpegs:
            folder = layout.public / f"{split}-image" / "image"
            write_single_files(folder, made.rows.images(crops, test=test))
        if config.files.dicom:
            folder = layout.public / f"{split}-dicom"
            write_single_files(folder, _dicom(made, crops, test=test), ".dcm")
    if config.files.archive:
        _write_archive(made, crops, layout)


def archive_table(made: "Challenge") -> pa.Table:
    """Metadata as the archive's upload takes it: one row an image, labels of the test set too."""
    table = made.rows.table
    strong = pa.array(made.labels.label[made.rows.crop] >= 0)
    histology = pc.equal(table["diagnosis_confirm_type"], "histopathology")
    columns = {
        "filename": pc.binary_join_element_wise(table["isic_id"], ".jpg", ""),
        "age": table["age_approx"].cast(pa.int64()),
        "diagnosis": pc.replace_substring(table["iddx_full"], "::", ":"),
        "concomitant_biopsy": pc.if_else(pc.and_(strong, histology), "True", None),
        "melanocytic": table["melanocytic"],
        **{name: table[name] for name in ARCHIVE_FIELDS},
    }
    return pa.table(columns)


def _write_archive(made: "Challenge", crops: PoolCrops, layout: ChallengeLayout) -> None:
    make_private_folder(layout.archive)
    write_table(layout.archive / "metadata.csv", archive_table(made), private=True)
    images = (pair for test in (False, True) for pair in made.rows.images(crops, test=test))
    write_single_files(layout.archive / "images", images, private=True)
    (layout.archive / "images").chmod(PRIVATE_FOLDER)


def _dicom(made: "Challenge", crops: PoolCrops, *, test: bool) -> Iterator[tuple[str, bytes]]:
    rows, pool = made.rows, made.pool
    names = ("patient_id", "sex", "anatom_site_general", "tbp_lv_location")
    words = {name: rows.table[name].to_pylist() for name in names}
    age, extent = (rows.table[n].to_numpy() for n in ("age_approx", "tbp_ex_extent_mm"))
    number: dict[int, int] = {}
    for k in np.flatnonzero(rows.is_test == test).tolist():
        crop = int(rows.crop[k])
        capture = int(pool.capture[crop])
        number[capture] = number.get(capture, 0) + 1
        facts = DicomFacts(
            isic_id=rows.ids[k],
            patient_id=words["patient_id"][k],
            study=_uid(made, "study", words["patient_id"][k], str(pool.day[crop]), str(capture)),
            image=_uid(made, "image", rows.ids[k]),
            number=number[capture],
            extent_mm=float(extent[k]),
            sex=words["sex"][k],
            age_years=float(age[k]),
            site=words["anatom_site_general"][k],
            location=words["tbp_lv_location"][k],
        )
        yield rows.ids[k], dicom_bytes(crops.jpeg(crop), facts)


def _uid(made: "Challenge", *parts: Any) -> int:
    return digest(made.key, "uid", *parts) >> UID_BITS
