"""A challenge's folder held against its own account of itself, and spoiled ones refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tbp_extract.challenge.build import build_challenge
from tbp_extract.config import ChallengeConfig, parse_settings
from tbp_extract.io.files import sha256_file
from tbp_extract.verify import verify
from tests.challenge.planted import SETTINGS, plant


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("challenge")
    pytest.importorskip("pydicom", reason="DICOM needs the extra dicom")
    out = folder / "out"
    settings = {**SETTINGS, "files": {"dicom": True, "jpegs": True, "archive": True}}
    planted = plant(folder / "centres", lesions=4)
    build_challenge(planted.source, out, parse_settings(settings, ChallengeConfig))
    return out


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "out"))


def failed(out: Path) -> set[str]:
    return {failure.check for failure in verify(out)}


def account_for(out: Path) -> None:
    """Bring the hashes in the manifest into line, as whoever tampers would."""
    path = out / "public" / "manifest.json"
    manifest = json.loads(path.read_text())
    for name, entry in manifest["files"].items():
        file = out / "public" / name
        entry |= {"bytes": file.stat().st_size, "sha256": sha256_file(file)}
    path.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


def test_a_challenge_passes_with_and_without_its_private_side(made: Path, copy: Path) -> None:
    assert verify(made) == ()
    shutil.rmtree(copy / "private")
    assert verify(copy) == ()


def edit(name: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    def edited(out: Path) -> None:
        path = out / "public" / name
        before = path.read_bytes().decode()
        path.write_bytes(change(before).encode())
        assert path.read_bytes().decode() != before

    return edited


def swap_rows(text: str) -> str:
    head, one, two, *rest = text.splitlines(keepends=True)
    return "".join((head, two, one, *rest))


def first_of(out: Path, pattern: str) -> Path:
    return min((out / "public").glob(pattern))


def append_to(pattern: str, data: bytes) -> Callable[[Path], None]:
    def appended(out: Path) -> None:
        path = first_of(out, pattern)
        path.write_bytes(path.read_bytes() + data)

    return appended


def patient_in_both(out: Path) -> None:
    train, test = ((out / "public" / f"{s}-metadata.csv") for s in ("train", "test"))
    of_train = train.read_text().splitlines()[1].split(",")[2]
    lines = test.read_text().splitlines()
    cells = lines[1].split(",")
    lines[1] = ",".join([cells[0], of_train, *cells[2:]])
    test.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (lambda out: (out / "public" / "notes.txt").write_text("x"), "tree"),
        (lambda out: (out / "elsewhere").mkdir(), "tree"),
        (lambda out: (out / "public" / "card.md").chmod(0o666), "modes"),
        (lambda out: (out / "private" / "solution.csv").chmod(0o644), "private_modes"),
        (edit("card.md", lambda text: text + "more"), "hashes"),
        (edit("manifest.json", lambda text: text.replace('"counts"', ' "counts"')), "manifest"),
    ],
)
def test_what_does_not_belong_there_is_found(
    copy: Path, spoil: Callable[[Path], None], check: str
) -> None:
    spoil(copy)
    assert check in failed(copy)


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (edit("train-metadata.csv", lambda text: text.replace("isic_id,target", "isic_id,t", 1)),
         "columns"),
        (edit("test-metadata.csv", lambda text: text.replace("\n", "\r\n")), "columns"),
        (edit("train-metadata.csv", lambda text: text.replace("3D: XP", "3D: XY", 1)),
         "vocabulary"),
        (edit("train-metadata.csv", swap_rows), "ids"),
        (edit("sample_submission.csv", swap_rows), "ids"),
        (edit("sample_submission.csv", lambda text: text.replace("0.", "0.1", 1)), "splits"),
        (patient_in_both, "splits"),
        (edit("card.md", lambda text: text + "Thanks to 000004.\n"), "private_values"),
        (append_to("train-image.hdf5", b"more"), "images"),
        (append_to("train-image/image/*.jpg", b"more"), "copies"),
        (append_to("test-dicom/*.dcm", b"more"), "copies"),
    ],
)  # fmt: skip
def test_what_was_changed_with_its_hash_is_found_all_the_same(
    copy: Path, spoil: Callable[[Path], None], check: str
) -> None:
    spoil(copy)
    account_for(copy)
    assert check in failed(copy)
