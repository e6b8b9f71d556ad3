"""The data set card: the tables of a data paper, as Markdown."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from tbp_extract.challenge.rows import Rows
from tbp_extract.columns import VERIFICATION_STAGES, VOCABULARY
from tbp_extract.config.challenge import CardConfig

__all__ = ["card"]

_LABEL_FIELDS: Final = (
    ("Target", "target"),
    ("Diagnosis, level 1", "iddx_1"),
    ("Diagnosis", "iddx_full"),
    ("Verification", "verification_stage"),
)
_OPEN_FIELDS: Final = (
    ("Sex of patients", "sex"),
    ("Age of patients at their first image", "age_approx"),
    ("Site of images", "anatom_site_general"),
    ("Lighting of images", "tbp_tile_type"),
    ("Skin tone of images", "tbp_ex_skin_tone"),
    ("Attribution of images", "attribution"),
    ("Licence of images", "copyright_license"),
)
_OF_PATIENTS = frozenset({"sex", "age_approx"})


def card(rows: Rows, centres: Sequence[str], config: CardConfig, *, with_test_labels: bool) -> str:
    """Write the card.

    Parameters
    ----------
    rows : Rows
    centres : (K,) sequence of str
        Centre of each row.
    config : CardConfig
    with_test_labels : bool
        Whether labels of the test set may be told: not in public.
    """
    parts = {"train": rows.chosen(test=False), "test": rows.chosen(test=True)}
    told = parts if with_test_labels else {"train": parts["train"]}
    lines = [f"# {config.title}", "", *_facts(config), "## Size", *_sizes(parts, told)]
    by_split = {
        name: [c for c, test in zip(centres, rows.is_test, strict=True) if test == (name == "test")]
        for name in parts
    }
    lines += ["", "## Images by centre", *_counts(by_split)]
    lines += ["", "## Images of one patient", *_per_patient(parts)]
    fields = [(*names, parts) for names in _OPEN_FIELDS] + [(*n, told) for n in _LABEL_FIELDS]
    for title, field, tables in fields:
        cells = {name: _cells(table, field) for name, table in tables.items()}
        lines += ["", f"## {title}", *_counts(cells, field)]
    return "\n".join(lines) + "\n"


def _facts(config: CardConfig) -> Iterator[str]:
    for name in ("citation", "licence", "contact"):
        if text := getattr(config, name):
            yield f"{name.capitalize()}: {text}"
            yield ""
    yield "Attribution and licence of each image stand in its row. A target of 1 means a malignant"
    yield "diagnosis; a lesion that nobody saw reason to biopsy is taken as benign."
    yield ""


def _sizes(parts: dict[str, Any], told: dict[str, Any]) -> Iterator[str]:
    yield f"| | {' | '.join(parts)} |"
    yield "|---|" + "---|" * len(parts)
    patients = [len(set(t["patient_id"].to_pylist())) for t in parts.values()]
    yield _line("patients", patients)
    yield _line("images", [t.num_rows for t in parts.values()])
    malignant = {n: _positives(t) for n, t in told.items()}
    yield _line("malignant images", [malignant.get(n, ("", ""))[0] for n in parts])
    yield _line("patients with one", [malignant.get(n, ("", ""))[1] for n in parts])


def _positives(table: Any) -> tuple[int, int]:
    target = table["target"].to_numpy() == 1
    patients = table["patient_id"].to_numpy()[target]
    return int(target.sum()), len(set(patients))


def _cells(table: Any, field: str) -> list[str]:
    cells = table[field].to_pylist()
    if field in _OF_PATIENTS:
        first = dict(zip(reversed(table["patient_id"].to_pylist()), reversed(cells), strict=True))
        cells = list(first.values())
    return ["not known" if cell is None else _plain(cell) for cell in cells]


def _plain(cell: Any) -> str:
    return f"{cell:g}" if isinstance(cell, float) else str(cell)


def _counts(parts: dict[str, list[str]], field: str = "") -> Iterator[str]:
    found = {name: Counter(cells) for name, cells in parts.items()}
    words = set().union(*found.values())
    known = VOCABULARY.get(field, VERIFICATION_STAGES if field == "verification_stage" else ())
    order = [word for word in known if word in words]
    order += sorted(words - set(order), key=lambda w: (w == "not known", len(w) * w.isdecimal(), w))
    yield f"| | {' | '.join(parts)} |"
    yield "|---|" + "---|" * len(parts)
    for word in order:
        yield _line(word.replace("|", "/"), [count[word] for count in found.values()])


def _per_patient(parts: dict[str, Any]) -> Iterator[str]:
    yield f"| | {' | '.join(parts)} |"
    yield "|---|" + "---|" * len(parts)
    counts = {n: list(Counter(t["patient_id"].to_pylist()).values()) for n, t in parts.items()}
    for name, q in (
        ("least", 0),
        ("lower quartile", 25),
        ("median", 50),
        ("upper quartile", 75),
        ("most", 100),
    ):
        yield _line(name, [f"{np.percentile(c, q):g}" if c else "" for c in counts.values()])


def _line(name: str, cells: Sequence[object]) -> str:
    return f"| {name} | {' | '.join(map(str, cells))} |"
