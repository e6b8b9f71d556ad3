import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tbp_extract.errors import ConfigError, OutputError
from tbp_extract.io.keys import read_key, read_or_make_key


def write_key(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_first_use_makes_a_key_that_stays(tmp_path: Path) -> None:
    path = tmp_path / "private" / "key"
    key = read_or_make_key(path)
    assert len(key.secret) == 32
    assert read_or_make_key(path) == key == read_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [p.name for p in path.parent.iterdir()] == ["key"]


def test_two_keys_differ(tmp_path: Path) -> None:
    assert read_or_make_key(tmp_path / "a") != read_or_make_key(tmp_path / "b")


def test_runs_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(read_or_make_key, [tmp_path / "private" / "key"] * 16))
    assert len({key.secret for key in keys}) == 1


def test_a_given_key_is_read_as_hex(tmp_path: Path) -> None:
    path = write_key(tmp_path / "key", "0aFF" * 16 + "\n")
    assert read_or_make_key(path).secret == bytes.fromhex("0aff" * 16)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o601])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = write_key(tmp_path / "key", "00" * 32, mode)
    with pytest.raises(ConfigError, match=f"got mode {mode:04o}: chmod 600"):
        read_or_make_key(path)


@pytest.mark.parametrize(
    "text", ["", "\n", "00" * 31, "00" * 33, "0g" * 32, "é" * 64, "0 " * 32, "00" * 4096, "+" * 64]
)
def test_a_malformed_key_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    path = write_key(tmp_path / "key", text)
    with pytest.raises(ConfigError, match="64 hex digits") as caught:
        read_or_make_key(path)
    assert not text.strip() or text.strip() not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_folder_or_a_pipe_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o700)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("folder", "pipe"):
        with pytest.raises(ConfigError, match="to be a file"):
            read_or_make_key(tmp_path / name)


def test_a_link_to_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").symlink_to(tmp_path / "gone")
    with pytest.raises(ConfigError, match="cannot read the release key"):
        read_or_make_key(tmp_path / "key")


def test_a_key_that_must_be_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the release key"):
        read_key(tmp_path / "key")
    assert not (tmp_path / "key").exists()


def test_a_place_that_takes_no_key_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((OutputError, ConfigError)) as caught:
        read_or_make_key(tmp_path / "file" / "key")
    assert str(tmp_path) not in str(caught.value)
