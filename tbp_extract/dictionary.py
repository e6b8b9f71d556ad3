"""The page ``docs/data_dictionary.md``, made from the columns themselves.

``python -m tbp_extract.dictionary > docs/data_dictionary.md`` renews it.
"""

import sys
from collections.abc import Iterator, Sequence

from tbp_extract.columns import (
    CLINICAL_BLOCKS,
    ISIC_TEST_COLUMNS,
    LABEL_COLUMNS,
    LABEL_VOCABULARY,
    RELEASED_COLUMNS,
    VOCABULARY,
    Column,
    Origin,
)

__all__ = ["dictionary_page"]

_ORIGINS = {
    Origin.GIVEN: "handed through or mapped from the source",
    Origin.EXACT: "the vendor's formula, reproduced on genuine rows",
    Origin.OWN: "our definition; under a vendor's name where the vendor's own is not published",
    Origin.VENDOR: "only the vendor's software makes it: empty unless a source gives it",
}


def dictionary_page() -> str:
    """Text of the data dictionary as Markdown."""
    isic = len(ISIC_TEST_COLUMNS)
    return "\n".join(
        (
            "# Data dictionary",
            "",
            "Every column of `metadata.csv` and `metadata.parquet`, in order. Made from",
            "`tbp_extract/columns.py` by `python -m tbp_extract.dictionary`; the same rows lie in",
            "`data_dictionary.csv` of every release. A value that cannot be computed is empty.",
            "",
            *(f"- `{origin}`: {words}." for origin, words in _ORIGINS.items()),
            "",
            "## Columns of the ISIC 2024 test file",
            *_table(RELEASED_COLUMNS[:isic]),
            "",
            "## Columns of our own",
            *_table(RELEASED_COLUMNS[isic:]),
            "",
            "## Columns that labels add",
            "In the tables of a challenge (`docs/challenge.md`), not in a release.",
            *_table(LABEL_COLUMNS),
            "",
            "## Information model of a clinically verified set",
            *(f"- {block}: {', '.join(names)}." for block, names in CLINICAL_BLOCKS.items()),
            "",
            "## Words",
            *_words(),
            "",
        )
    )


def _table(columns: Sequence[Column]) -> Iterator[str]:
    yield "| name | type | unit | range | decimals | definition | origin |"
    yield "|---|---|---|---|---|---|---|"
    for column in columns:
        decimals = "" if column.decimals is None else str(column.decimals)
        yield (
            f"| `{column.name}` | {column.dtype} | {column.unit} | {column.range} | {decimals} "
            f"| {column.definition.replace('*', chr(92) + '*')} | {column.origin} |"
        )


def _words() -> Iterator[str]:
    for name, words in {**VOCABULARY, **LABEL_VOCABULARY}.items():
        yield f"- `{name}`: {'; '.join(words)}."


if __name__ == "__main__":
    sys.stdout.write(dictionary_page())
