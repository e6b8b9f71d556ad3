"""One mesh under two patients is said by `check`, the run and `status`, and stops none of them."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tbp_extract.cli import cli
from tbp_extract.pipeline.alike import patients_of_one_mesh
from tests.sources import copy_source, read_rows, write_rows


def test_only_meshes_of_different_patients_count() -> None:
    one, other = {"a/body.OBJ": "1", "a/page.jpg": "2"}, {"b/arm.obj": "3", "b/page.jpg": "2"}
    assert patients_of_one_mesh([("p", one), ("q", other)]) == 0
    assert patients_of_one_mesh([("p", one), ("p", one)]) == 0
    assert patients_of_one_mesh([("p", one), ("q", {"c/other name.obj": "1"}), ("r", one)]) == 1
    assert patients_of_one_mesh([("p", {"a.obj": None}), ("q", {"a.obj": None})]) == 0


@pytest.fixture(scope="module")
def doubled(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source of which one mesh stands under two patients."""
    copy = copy_source(source, tmp_path_factory.mktemp("doubled") / "source")
    first = read_rows(copy / "scans.csv")[0]
    second = {**first, "scan_id": "again", "patient_id": "somebody else"}
    write_rows(copy / "scans.csv", [first, second])
    return copy


def said(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(
        cli, [str(argument) for argument in arguments], standalone_mode=False
    )
    return int(result.return_value), result.output


def test_it_is_a_warning_everywhere_and_a_failure_nowhere(doubled: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for command in (
        ("check", doubled),
        ("run", doubled, "--out", out, "--workers", 0),
        ("status", out),
    ):
        code, output = said(*command)
        assert code == 0, output
        assert "the same mesh stands for more than one patient (1 such meshes)" in output
        assert "somebody else" not in output
