"""What a release still tells: small cells, and whether its order says anything."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from tbp_extract.errors import OutputError
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.shards import ShardReader
from tbp_extract.io.tables import read_metadata
from tbp_extract.risk.cells import Cell, Coarser, coarser, small_cells
from tbp_extract.risk.order import Adjacency, adjacency, natural_ranks, rank_correlation
from tbp_extract.risk.text import report_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RiskReport", "assess_risk", "report_text"]

PRIVATE_ORDERS: Final = ("patient_id", "scan_id", "capture_date", "lesion_id", "y_mm")
"""Columns of the private linkage whose order the release must not follow."""


@dataclass(frozen=True, slots=True)
class RiskReport:
    """What a release still tells."""

    patients: int
    crops: int
    scans: int | None
    """``None`` where the private side is not at hand."""

    small: tuple[Cell, ...]
    """By age, sex, site, centre and tone."""

    coarser: tuple[Coarser, ...]
    adjacency: dict[str, Adjacency]
    """By order: of rows, and of crops as shards hold them."""

    correlation: dict[str, float]
    """Spearman of row order with a private order; empty without the private side."""


def assess_risk(out: Path) -> RiskReport:
    """Look at a finished output, with its private side where that is there.

    Raises
    ------
    SourceError
        If there is no release that reads.
    OutputError
        If the private linkage is of another release.
    """
    layout = OutLayout(out)
    rows = read_metadata(layout.release)
    patient = dict(zip(rows["isic_id"], rows["patient_id"], strict=True))
    with ShardReader(layout.release) as reader:
        in_shards = np.array([patient[isic_id] for isic_id in reader.ids], object)
    links = _links(layout, rows)
    return RiskReport(
        patients=int(rows["patient_id"].nunique()),
        crops=len(rows),
        scans=None if links is None else int(links["scan_id"].nunique()),
        small=tuple(small_cells(rows, ("age", "sex", "site", "centre", "tone"))),
        coarser=tuple(coarser(rows)),
        adjacency={
            "rows": adjacency(rows["patient_id"].to_numpy()),
            "shards": adjacency(in_shards),
        },
        correlation={} if links is None else _correlations(links),
    )


def _links(layout: OutLayout, rows: "pd.DataFrame") -> "pd.DataFrame | None":
    """Private rows in the order of the released ones."""
    import pandas as pd

    if not layout.linkage.is_file():
        return None
    links = pd.read_csv(layout.linkage, dtype=str, keep_default_na=False).set_index("isic_id")
    try:
        return links.loc[rows["isic_id"]]
    except KeyError:
        raise OutputError("the private linkage is not of this release") from None


def _correlations(links: "pd.DataFrame") -> dict[str, float]:
    row = np.arange(len(links), dtype=np.float64)
    ranks = {
        name: natural_ranks(links[name].tolist())
        for name in PRIVATE_ORDERS
        if name in links and name != "y_mm"
    }
    if "y_mm" in links:
        ranks["y_mm"] = np.asarray(links["y_mm"].astype(float).rank(), np.float64)
    return {name: rank_correlation(row, values) for name, values in ranks.items()}
