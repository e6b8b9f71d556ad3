from pathlib import Path

import pytest

from tbp_extract.errors import ConfigError
from tbp_extract.io.review import read_decisions
from tbp_extract.types import Decision

ROWS = "isic_id,scan,reasons,decision\nTBP_A,TBPS_A,face,approve\nTBP_B,TBPS_A,face,\n"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_decisions_are_read_as_spreadsheets_save_them(
    tmp_path: Path, separator: str, encoding: str, line_end: str
) -> None:
    path = tmp_path / "decisions.csv"
    path.write_bytes(ROWS.replace(",", separator).replace("\n", line_end).encode(encoding))
    path.chmod(0o644)
    assert read_decisions(path) == {"TBP_A": Decision.APPROVE}
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (ROWS.replace("approve", "yes"), "decisions.csv, row 2: expected approve, reject"),
        (ROWS.replace("isic_id", "id"), "expected columns isic_id and decision"),
        (ROWS + "TBP_A,TBPS_A,face,reject\n", "row 4: decided twice"),
    ],
)
def test_decisions_that_cannot_be_followed_stop_the_run(
    tmp_path: Path, text: str, sentence: str
) -> None:
    path = tmp_path / "decisions.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=sentence):
        read_decisions(path)
