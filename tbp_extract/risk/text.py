"""A risk report as a page for the data officer, with a part for the data card."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from tbp_extract.risk.cells import LEAST_PATIENTS, QUASI_IDENTIFIERS

if TYPE_CHECKING:
    from tbp_extract.risk import RiskReport

__all__ = ["report_text"]

MOST_CELLS: Final = 500
"""So many small cells are listed; how many there are is said anyway."""


def report_text(report: "RiskReport") -> str:
    """Write a report as Markdown; the same release gives the same text.

    The list of small cells is for the data officer; only *For the data card* is to be published.
    """
    return "\n".join((*_card(report), *_officer(report))) + "\n"


def _card(report: "RiskReport") -> Iterator[str]:
    released, *others = report.coarser
    yield "# What this release still tells"
    yield ""
    yield "## For the data card"
    yield ""
    yield (
        f"The release is de-identified, not without risk: {report.crops} crops of "
        f"{report.patients} patients carry age, sex, site, centre and skin tone. "
        f"{_percent(released.patients_at_risk)} of the patients are in at least one group of fewer "
        f"than {LEAST_PATIENTS} who share all five ({released.small_cells} of {released.cells} "
        "groups)."
    )
    yield ""
    yield "| if it said | groups | of fewer than 11 | patients in one |"
    yield "|---|---|---|---|"
    for choice in (released, *others):
        yield (
            f"| {choice.name} | {choice.cells} | {choice.small_cells} | "
            f"{_percent(choice.patients_at_risk)} |"
        )
    yield ""
    yield (
        "Rows of one patient bear one pseudonym and belong together. Order tells nothing beyond "
        "that:"
    )
    yield ""
    for name, found in report.adjacency.items():
        yield (
            f"- neighbours in the order of {name} are of one patient in {_percent(found.found)} of "
            f"pairs, in a shuffle in {_percent(found.shuffled)}."
        )
    yield ""


def _officer(report: "RiskReport") -> Iterator[str]:
    yield "## For the data officer only"
    yield ""
    if report.correlation:
        yield "Rank correlation of released order with private order:"
        yield ""
        for name, value in report.correlation.items():
            yield f"- `{name}`: {'all equal' if value != value else f'{value:+.3f}'}"
        yield ""
    yield f"Groups of fewer than {LEAST_PATIENTS} patients: {len(report.small)}."
    if not report.small:
        return
    yield ""
    yield f"| {' | '.join(QUASI_IDENTIFIERS)} | patients |"
    yield "|" + "---|" * (len(QUASI_IDENTIFIERS) + 1)
    for cell in report.small[:MOST_CELLS]:
        yield f"| {' | '.join(v.replace('|', '/') for v in cell.values)} | {cell.patients} |"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
