"""Submissions are read, and what is wrong with one is said in one sentence."""

from pathlib import Path

import pytest

from tbp_extract.errors import SourceError
from tbp_extract.io.scores import Judged, read_judged

SOLUTION = "isic_id,target,patient_id\nA,0,p\nB,1,p\nC,0,q\n"


def judged(tmp_path: Path, submission: str, solution: str = SOLUTION) -> Judged:
    (tmp_path / "solution.csv").write_text(solution)
    (tmp_path / "submission.csv").write_text(submission)
    return read_judged(tmp_path / "solution.csv", tmp_path / "submission.csv")


def test_rows_go_by_id_whatever_their_order(tmp_path: Path) -> None:
    found = judged(tmp_path, "isic_id,target\nC,0.1\nB,0.9\nA,0.5\n")
    assert found.target.tolist() == [False, True, False]
    assert found.prediction.tolist() == [0.1, 0.9, 0.5]
    assert found.patient[1] == found.patient[2] != found.patient[0]


@pytest.mark.parametrize(
    ("submission", "words"),
    [
        ("isic_id,score\nA,1\n", "expected the columns target"),
        ("isic_id,target\nA,0\nB,1\n", "the submission lacks 1 ids, such as C"),
        ("isic_id,target\nA,0\nB,1\nC,0\nD,0\n", "1 ids, such as D"),
        ("isic_id,target\nA,0\nB,1\nC,0\nC,0\n", "1 ids come more than once"),
        ("isic_id,target\nA,0\nB,1\nC,\n", "row 4, column target: expected a number, it is empty"),
        ("isic_id,target\nA,0\nB,high\nC,0\n", "row 3, column target: expected a number"),
        ("isic_id,target\nA,0\nB,1.5\nC,0\n", "from 0 to 1, got 1 outside"),
    ],
)
def test_a_wrong_submission_is_refused(tmp_path: Path, submission: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        judged(tmp_path, submission)


def test_a_wrong_solution_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="targets of 0 or 1"):
        judged(tmp_path, "isic_id,target\nA,0\n", "isic_id,target,patient_id\nA,2,p\n")
