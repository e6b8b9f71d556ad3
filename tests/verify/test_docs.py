from pathlib import Path

from tbp_extract.verify import CHECKS

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "verify.md"


def test_the_page_on_the_gate_names_every_check_once_and_in_order() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    assert [row.split("`")[1] for row in rows] == ["complete", *CHECKS]
