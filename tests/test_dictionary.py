from pathlib import Path

import pytest

from tbp_extract.columns import RELEASED_COLUMNS, VOCABULARY
from tbp_extract.dictionary import dictionary_page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "data_dictionary.md"


def test_the_page_in_docs_is_made_from_the_columns_as_they_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == dictionary_page(), (
        "run: python -m tbp_extract.dictionary > docs/data_dictionary.md"
    )


@pytest.mark.parametrize("column", RELEASED_COLUMNS, ids=lambda c: c.name)
def test_every_column_has_one_row(column: object) -> None:
    name = getattr(column, "name", "")
    rows = [line for line in dictionary_page().splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1
    assert rows[0].replace("\\|", "").count("|") == 8


def test_every_word_of_a_vocabulary_is_listed() -> None:
    page = dictionary_page()
    assert all(word in page for words in VOCABULARY.values() for word in words)
