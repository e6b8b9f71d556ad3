import hashlib
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from tbp_extract.config import LimitConfig
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.folder import ScanFolder, join_name, parent_name


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "scan" / "sub").mkdir(parents=True)
    (tmp_path / "scan" / "a.txt").write_text("a")
    (tmp_path / "scan" / "sub" / "b.txt").write_text("b")
    return tmp_path / "scan"


def read(root: Path, name: str, within: str = "") -> bytes:
    folder = ScanFolder(root, LimitConfig())
    return folder.read(name, role="the file", missing=ScanReason.MESH_MISSING, within=within)


def refusal(root: Path, name: str, within: str = "") -> ScanError:
    with pytest.raises(ScanError) as caught:
        read(root, name, within)
    assert str(caught.value).startswith("the file")
    assert str(root) not in str(caught.value)
    # As a table can hold it.
    assert caught.value.file == name.replace("\0", "\\x00")
    return caught.value


@pytest.mark.parametrize("name", ["sub/b.txt", "sub\\b.txt", "./sub/../sub//b.txt"])
def test_names_inside_are_read(root: Path, name: str) -> None:
    assert read(root, name) == b"b"


def test_names_are_relative_to_a_subfolder_if_one_is_given(root: Path) -> None:
    assert read(root, "b.txt", within="sub") == b"b"
    assert refusal(root, "a.txt", within="sub").reason is ScanReason.MESH_MISSING


@pytest.mark.parametrize(
    "name",
    ["../secret.txt", "..\\secret.txt", "sub/../../secret.txt", "/etc/passwd", "\\\\host\\x",
     "C:\\x.txt", "c:x.txt", "a\0.txt", "../scan/a.txt"],
)  # fmt: skip
def test_names_that_leave_are_refused(root: Path, name: str) -> None:
    assert refusal(root, name).reason is ScanReason.PATH_OUTSIDE_SCAN


@pytest.mark.parametrize("name", ["a.txt/", "a.txt\\", "a.txt/.", "sub/b.txt\\."])
def test_a_name_that_ends_as_a_folder_is_no_file(root: Path, name: str) -> None:
    assert refusal(root, name).reason is ScanReason.PATH_OUTSIDE_SCAN


def test_names_that_leave_the_subfolder_are_refused(root: Path) -> None:
    assert refusal(root, "../a.txt", within="sub").reason is ScanReason.PATH_OUTSIDE_SCAN


def test_links_are_not_followed_wherever_they_lead(root: Path) -> None:
    (root / "out.txt").symlink_to(root.parent / "secret.txt")
    (root / "out").symlink_to(root.parent)
    (root / "in.txt").symlink_to(root / "a.txt")
    (root / "again").symlink_to(root / "sub")
    (root / "dead").symlink_to(root / "gone")
    for name in ("out.txt", "out/secret.txt", "in.txt", "again/b.txt", "dead"):
        error = refusal(root, name)
        assert error.reason is ScanReason.PATH_OUTSIDE_SCAN
        assert "symbolic link" in str(error)


def test_a_file_swapped_for_a_link_after_the_look_is_not_followed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = os.stat

    def swap_after(*args: Any, **options: Any) -> os.stat_result:
        found = look(*args, **options)
        if "dir_fd" in options:
            (root / "a.txt").unlink()
            (root / "a.txt").symlink_to(root.parent / "secret.txt")
        return found

    monkeypatch.setattr(os, "stat", swap_after)
    assert refusal(root, "a.txt").reason is ScanReason.MESH_MISSING


def test_a_file_that_grows_while_it_is_read_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def grow(handle: int) -> os.stat_result:
        if stat.S_ISREG(os.stat(handle).st_mode):
            looks.append(handle)
        if len(looks) == 4:  # after opening, for the record, before reading, after reading
            (root / "a.txt").write_text("a longer text")
        return os.stat(handle)

    monkeypatch.setattr(os, "fstat", grow)
    assert refusal(root, "a.txt").reason is ScanReason.FILE_CHANGED


def test_a_root_that_is_a_link_is_fine(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    assert read(link, "a.txt") == b"a"


@pytest.mark.parametrize("name", ["A.txt", "SUB/b.txt", "b.txt", "", ".", "sub/none", "a.txt/x"])
def test_nothing_is_searched_for(root: Path, name: str) -> None:
    assert refusal(root, name).reason is ScanReason.MESH_MISSING


def test_what_is_no_regular_file_is_refused(root: Path) -> None:
    os.mkfifo(root / "pipe")
    for name in ("pipe", "sub"):
        assert refusal(root, name).reason is ScanReason.MESH_MISSING


def test_large_files_are_refused(root: Path) -> None:
    (root / "large").write_bytes(b"x" * 11)
    folder = ScanFolder(root, LimitConfig(texture_bytes=10))
    with pytest.raises(ScanError, match=r"11 bytes, limits\.texture_bytes allows 10") as caught:
        folder.read("large", role="the file", missing=ScanReason.MESH_MISSING, kind="texture")
    assert caught.value.reason is ScanReason.OVER_LIMIT


def count_listings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    listed: list[int] = []
    list_names = os.listdir

    def counted(folder: Any) -> Any:
        listed.append(folder)
        return list_names(folder)

    monkeypatch.setattr(os, "listdir", counted)
    return listed


def test_a_settled_folder_is_listed_once_for_all_its_files(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for k in range(50):
        (root / "sub" / f"{k}.txt").write_text(str(k))
    # When a folder's entry changed cannot be set: the clock is put forward instead.
    soon_ns = time.time_ns() + 60_000_000_000
    monkeypatch.setattr("tbp_extract.io.folder.time.time_ns", lambda: soon_ns)
    listed = count_listings(monkeypatch)
    folder = ScanFolder(root, LimitConfig())
    for k in range(50):
        name = f"sub/{k}.txt"
        assert folder.read(name, role="a", missing=ScanReason.MESH_MISSING) == str(k).encode()
    assert len(listed) == 2


@pytest.mark.parametrize("is_settled", [True, False])
def test_a_listing_that_is_kept_hides_no_change(
    root: Path, monkeypatch: pytest.MonkeyPatch, is_settled: bool
) -> None:
    if is_settled:
        soon_ns = time.time_ns() + 60_000_000_000
        monkeypatch.setattr("tbp_extract.io.folder.time.time_ns", lambda: soon_ns)
    folder = ScanFolder(root, LimitConfig())
    assert folder.exists("sub/b.txt")
    assert not folder.exists("sub/c.txt")
    time.sleep(0.02)  # a step of the file system's clock
    (root / "sub" / "b.txt").rename(root / "sub" / "c.txt")
    assert folder.exists("sub/c.txt")
    assert not folder.exists("sub/b.txt")


def test_a_folder_that_has_just_changed_is_listed_again_each_time(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = count_listings(monkeypatch)
    folder = ScanFolder(root, LimitConfig())
    assert folder.exists("a.txt")
    assert folder.exists("a.txt")
    assert len(listed) == 2


def test_what_was_read_is_hashed(root: Path) -> None:
    folder = ScanFolder(root, LimitConfig())
    empty = folder.digest
    for name, within in (("sub\\b.txt", ""), ("./a.txt", ""), ("b.txt", "sub")):
        folder.read(name, role="the file", missing=ScanReason.MESH_MISSING, within=within)
    expected = {"a.txt": b"a", "sub/b.txt": b"b"}
    assert folder.sha256 == {k: hashlib.sha256(v).hexdigest() for k, v in expected.items()}
    assert folder.digest != empty


def test_the_digest_follows_content_and_name_but_not_order(root: Path) -> None:
    def digest(*names: str) -> str:
        folder = ScanFolder(root, LimitConfig())
        for name in names:
            folder.read(name, role="the file", missing=ScanReason.MESH_MISSING)
        return folder.digest

    first = digest("a.txt", "sub/b.txt")
    assert digest("sub/b.txt", "a.txt") == first
    assert digest("a.txt") != first
    (root / "a.txt").write_text("changed")
    assert digest("a.txt", "sub/b.txt") != first


def test_names_are_joined_plainly() -> None:
    assert join_name("sub", "a.txt") == "sub/a.txt"
    assert join_name("sub", "..\\a.txt") == "a.txt"
    assert join_name("", "./a b.txt") == "a b.txt"
    assert join_name("sub", "/a.txt") == "/a.txt"
    assert join_name("sub", "../../a.txt") == "../../a.txt"
    assert parent_name("x\\y/z.obj") == "x/y"
    assert parent_name("z.obj") == ""


def test_half_a_letter_names_nothing(root: Path) -> None:
    (root / os.fsdecode(b"\xfc.txt")).write_text("x")
    with pytest.raises(ScanError, match="not UTF-8") as caught:
        read(root, "\udcfc.txt")
    assert caught.value.reason is ScanReason.MESH_MISSING
