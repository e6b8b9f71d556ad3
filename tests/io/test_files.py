import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest

from tbp_extract.errors import OutputError
from tbp_extract.io.files import (
    LEFTOVER_PATTERN,
    PRIVATE_FILE,
    level_times,
    make_private_folder,
    open_whole,
    sha256_file,
    write_whole,
)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_file_is_there_with_its_content_and_nothing_else(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"new"


def test_an_error_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def interrupted() -> None:
        with open_whole(tmp_path / "a") as file:
            file.write(b"half of the n")
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_the_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    with open_whole(tmp_path / "a") as file:
        file.write(b"half")
        file.flush()
        assert not (tmp_path / "a").exists()
        assert len(list(tmp_path.glob(LEFTOVER_PATTERN))) == 1
    assert (tmp_path / "a").read_bytes() == b"half"


def test_a_full_disk_is_one_sentence_without_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "patient Doe"))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        write_whole(tmp_path / "a", b"x")
    assert "Doe" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write to the output folder") as caught:
        write_whole(tmp_path / "Doe" / "a", b"x")
    assert "Doe" not in str(caught.value)


def test_private_files_and_folders_are_for_the_owner_alone(tmp_path: Path) -> None:
    old_mask = os.umask(0)
    try:
        make_private_folder(tmp_path / "private")
        write_whole(tmp_path / "private" / "a", b"x", mode=PRIVATE_FILE)
        write_whole(tmp_path / "public", b"x")
    finally:
        os.umask(old_mask)
    assert mode_of(tmp_path / "private") == 0o700
    assert mode_of(tmp_path / "private" / "a") == 0o600
    assert mode_of(tmp_path / "public") == 0o666, "the umask decides on public files"


def test_an_open_folder_is_closed(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir(mode=0o755)
    make_private_folder(tmp_path / "private")
    assert mode_of(tmp_path / "private") == 0o700


def test_a_file_in_the_place_of_the_private_folder_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "private").write_bytes(b"")
    with pytest.raises(OutputError, match="private folder"):
        make_private_folder(tmp_path / "private")


def test_sha256_is_that_of_the_content(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(content)
    assert sha256_file(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_times_of_change_are_made_one(tmp_path: Path) -> None:
    (tmp_path / "release" / "images").mkdir(parents=True)
    (tmp_path / "release" / "images" / "a").write_bytes(b"x")
    level_times(tmp_path / "release")
    paths = (tmp_path / "release", *(tmp_path / "release").rglob("*"))
    assert {path.stat().st_mtime_ns for path in paths} == {946_684_800 * 10**9}
    with pytest.raises(OutputError, match="cannot set times") as caught:
        level_times(tmp_path / "Doe")
    assert "Doe" not in str(caught.value)
