"""Write a challenge: tables, images, reports; the manifest last."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from tbp_extract.challenge import reports
from tbp_extract.challenge.card import card
from tbp_extract.challenge.crops import PoolCrops
from tbp_extract.challenge.exports import write_exports
from tbp_extract.challenge.labels import Labelling
from tbp_extract.challenge.plots import selection_plot
from tbp_extract.config.challenge import ChallengeConfig
from tbp_extract.errors import ReleaseError
from tbp_extract.io.challenge_files import (
    ChallengeLayout,
    write_challenge_manifest,
    write_table,
)
from tbp_extract.io.files import PRIVATE_FILE, PUBLIC_FILE, write_whole
from tbp_extract.io.image_file import write_image_file
from tbp_extract.verify.dicom import dicom_faults

if TYPE_CHECKING:
    from tbp_extract.challenge.build import Challenge

__all__ = ["challenge_counts", "write_challenge", "write_problems"]


def write_challenge(
    made: "Challenge", crops: PoolCrops, layout: ChallengeLayout, config: ChallengeConfig
) -> None:
    """Write all files of a challenge.

    Raises
    ------
    OutputError
        If the disk is full or a file does not read back.
    ReleaseError
        If a DICOM file says what it may not say.
    """
    _write_images(made, crops, layout)
    write_exports(made, crops, layout, config)
    _write_public_tables(made, layout)
    _write_private_tables(made, layout)
    _write_cards(made, layout, config)
    if config.files.dicom:
        _check_dicom(layout)
    write_challenge_manifest(layout, config.model_dump(mode="json"), challenge_counts(made))


def _check_dicom(layout: ChallengeLayout) -> None:
    """Hold what was written against the allow-list of attributes, by another reader."""
    folders = [layout.public / f"{split}-dicom" for split in ("train", "test")]
    faults = [fault for folder in folders for fault in dicom_faults(folder)]
    if faults:
        raise ReleaseError(f"expected DICOM files of allowed attributes alone: {'; '.join(faults)}")


def write_problems(labels: Labelling, layout: ChallengeLayout) -> None:
    """Write the rows of the label tables that were not used as they stand.

    Raises
    ------
    OutputError
        If the disk is full.
    """
    table = reports.problem_table(labels.problems)
    write_table(layout.private / "label_problems.csv", table, private=True)


def challenge_counts(made: "Challenge") -> dict[str, Any]:
    """Count what may be told in public."""
    rows = made.rows
    target = rows.table["target"].to_numpy()
    patients = rows.table["patient_id"].to_numpy()
    return {
        "crops": dict(sorted(Counter(str(f) for f in made.fate).items())),
        "train": {
            "images": int((~rows.is_test).sum()),
            "patients": len(set(patients[~rows.is_test])),
            "malignant": int(target[~rows.is_test].sum()),
        },
        "test": {
            "images": int(rows.is_test.sum()),
            "patients": len(set(patients[rows.is_test])),
        },
    }


def _write_images(made: "Challenge", crops: PoolCrops, layout: ChallengeLayout) -> None:
    for test, split in ((False, "train"), (True, "test")):
        images = made.rows.images(crops, test=test)
        write_image_file(layout.public / f"{split}-image.hdf5", images)


def _write_public_tables(made: "Challenge", layout: ChallengeLayout) -> None:
    tables = {
        "train-metadata": made.rows.train_metadata(),
        "test-metadata": made.rows.test_metadata(),
        "train-clinical": made.rows.clinical(test=False),
        "sample_submission": made.rows.sample_submission(),
        "duplicates": reports.public_pairs(made.pairs, made.compared, made.rows),
    }
    for name, table in tables.items():
        write_table(layout.public / f"{name}.csv", table, private=False)


def _write_private_tables(made: "Challenge", layout: ChallengeLayout) -> None:
    pool, labels, rows = made.pool, made.labels, made.rows
    tables = {
        "solution": rows.solution(),
        "test-clinical": rows.clinical(test=True),
        "linkage": reports.linkage_table(pool, labels, rows),
        "fates": reports.fate_table(pool, made.fate, rows),
        "duplicates": reports.pair_table(pool, labels, made.pairs, made.compared, rows),
        "selection": reports.selection_table(made.before, made.after),
        "audit": reports.audit_table(made.audit),
    }
    for name, table in tables.items():
        write_table(layout.private / f"{name}.csv", table, private=True)
    plot = selection_plot(made.before, made.after)
    write_whole(layout.private / "selection.svg", plot.encode(), mode=PRIVATE_FILE)


def _write_cards(made: "Challenge", layout: ChallengeLayout, config: ChallengeConfig) -> None:
    pool, rows = made.pool, made.rows
    centres = [pool.centres[c] for c in pool.centre[rows.crop]]
    for path, told, mode in (
        (layout.public / "card.md", False, PUBLIC_FILE),
        (layout.private / "card-with-test-labels.md", True, PRIVATE_FILE),
    ):
        text = card(rows, centres, config.card, with_test_labels=told)
        write_whole(path, text.encode(), mode=mode)
