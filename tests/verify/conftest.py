"""One clean release, made by a run, and copies of it that a test may spoil."""

import shutil
from pathlib import Path

import pytest

from tbp_extract.config import parse_config
from tbp_extract.io.files import PRIVATE_FILE, make_private_folder, write_whole
from tbp_extract.pipeline.run import run
from tests.sources import copy_source, read_rows, write_rows
from tests.verify.edits import level

ATTRIBUTION = "Department of Dermatology, University Hospital"


@pytest.fixture(scope="session")
def sound(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scans that are exported, one that is quarantined, one lesion that is dropped."""
    place = tmp_path_factory.mktemp("sound")
    spoilt = copy_source(source, place / "source")
    rows = read_rows(spoilt / "scans.csv")
    for number, row in enumerate(rows):
        row |= {"patient_id": f"MRN-004711{number:02d}", "attribution": ATTRIBUTION}
    rows.append(rows[0] | {"scan_id": "visit Doe", "mesh": "arm_000/Doe_Jane.obj"})
    write_rows(spoilt / "scans.csv", rows)
    lesions = read_rows(spoilt / "arm_001" / "lesions.csv")
    away = dict.fromkeys("xyz", "1500")
    write_rows(spoilt / "arm_001" / "lesions.csv", [*lesions, lesions[0] | away | NEW_LESION])
    # A key of its own would order the shards, and so the leaks, otherwise each time.
    make_private_folder(place / "out" / "private")
    write_whole(place / "out" / "private" / "key", KEY_TEXT, mode=PRIVATE_FILE)
    config = parse_config({"release": {"attributions": [ATTRIBUTION]}})
    run(spoilt, place / "out", config, workers=0)
    return place / "out"


KEY_TEXT = b"0123456789abcdef" * 4 + b"\n"
NEW_LESION = {"lesion_id": "lesion far away"}


@pytest.fixture
def out(sound: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    copy = shutil.copytree(sound, tmp_path / "out")
    level(copy)
    return copy
