"""Damaged and odd files in small number; ``python -m benchmarks.fuzz`` reads them in large."""

import mmap
from pathlib import Path

import pytest

from tests.fuzz.judge import judge
from tests.fuzz.odd import Odd, odd_files
from tests.fuzz.seeds import TARGETS, write_frame
from tests.fuzz.worker import restore, run

ODD = tuple(odd_files())


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frame")
    (folder / "t").mkdir()
    write_frame(folder)
    return folder


def test_there_are_many_odd_files_and_each_has_a_name_of_its_own() -> None:
    assert len(ODD) >= 2500
    assert len({(odd.target, odd.name) for odd in ODD}) == len(ODD)


@pytest.mark.parametrize("target", TARGETS)
def test_odd_files_meet_their_fate(frame: Path, target: str) -> None:
    wrong = [
        (odd.name, outcome)
        for odd in ODD
        if odd.target == target and (outcome := _fate(frame, odd)) not in odd.expected
    ]
    assert wrong == []


def _fate(folder: Path, odd: Odd) -> str:
    try:
        return judge(odd.target, folder, odd.data)
    finally:
        restore(odd.target, folder)


@pytest.mark.parametrize("target", TARGETS)
def test_mutants_neither_crash_nor_load_wrongly(target: str) -> None:
    with mmap.mmap(-1, 8) as state:
        result = run(target, 7, 0, 100, state)
    assert result["finds"] == []
    assert result["slowest_s"] < 10
