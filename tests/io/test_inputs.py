import os
import time
from pathlib import Path

import pytest

from tbp_extract.config import LimitConfig
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io import inputs
from tbp_extract.io.folder import InputFile, ScanFolder
from tbp_extract.io.inputs import glance, still_the_same

LIMITS = LimitConfig()


def seen(root: Path, *names: str) -> dict[str, InputFile]:
    folder = ScanFolder(root, LIMITS)
    for name in names:
        try:
            folder.read(name, role="a file", missing=ScanReason.MESH_MISSING)
        except ScanError:
            continue
    return folder.inputs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.obj").write_text("a mesh")
    (tmp_path / "b.jpg").write_text("a page")
    return tmp_path


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise AssertionError("nothing was to be read")

    monkeypatch.setattr(ScanFolder, "read", refuse)


def test_what_was_not_touched_is_the_same(root: Path) -> None:
    noted = seen(root, "a.obj", "b.jpg")
    assert still_the_same(root, noted, LIMITS) is not None


def test_other_bytes_of_the_same_length_and_time_are_noticed(root: Path) -> None:
    noted = seen(root, "a.obj")
    before = (root / "a.obj").stat()
    (root / "a.obj").write_text("b mesh")
    os.utime(root / "a.obj", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert still_the_same(root, noted, LIMITS) is None


def test_a_file_that_was_copied_anew_is_the_same(root: Path) -> None:
    noted = seen(root, "a.obj")
    (root / "a.obj").unlink()
    (root / "a.obj").write_text("a mesh")
    now = still_the_same(root, noted, LIMITS)
    assert now is not None
    assert now["a.obj"].sha256 == noted["a.obj"].sha256


@pytest.mark.parametrize("change", ["gone", "appeared"])
def test_files_that_went_or_came_are_noticed(root: Path, change: str) -> None:
    noted = seen(root, "a.obj", "c.mtl")
    if change == "gone":
        (root / "a.obj").unlink()
    else:
        (root / "c.mtl").write_text("a material")
    assert still_the_same(root, noted, LIMITS) is None


def test_settled_files_are_not_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "CLOCK_NS", -(10**12))
    noted = seen(root, "a.obj", "b.jpg")
    forbid_reading(monkeypatch)
    assert still_the_same(root, noted, LIMITS) is not None
    with pytest.raises(AssertionError):
        still_the_same(root, noted, LIMITS, rehash=True)


def test_a_file_changed_just_before_it_was_read_is_read_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = seen(root, "a.obj")
    assert noted["a.obj"].seen_ns - noted["a.obj"].ctime_ns < inputs.CLOCK_NS
    forbid_reading(monkeypatch)
    with pytest.raises(AssertionError):
        still_the_same(root, noted, LIMITS)


def test_a_glance_tells_whether_a_file_was_touched(root: Path) -> None:
    noted = glance(root, ["a.obj", "none"])
    assert still_the_same(root, noted, LIMITS) is not None
    time.sleep(0.02)
    (root / "a.obj").touch()
    assert still_the_same(root, noted, LIMITS) is None
