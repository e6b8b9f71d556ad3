from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from tbp_extract.io.layout import OutLayout
from tbp_extract.risk import assess_risk, report_text
from tbp_extract.risk.cells import LEAST_PATIENTS, coarser, small_cells
from tbp_extract.risk.order import adjacency, natural_ranks, rank_correlation
from tests.releases import make_out


def table(groups: dict[tuple[float, str], int]) -> pd.DataFrame:
    """Patients by age and sex, two lesions each."""
    rows = [
        {
            "patient_id": f"{age} {sex} {k}",
            "age_approx": age,
            "sex": sex,
            "anatom_site_general": site,
            "attribution": "A",
            "tbp_ex_skin_tone": "tan",
        }
        for (age, sex), count in groups.items()
        for k in range(count)
        for site in ("head/neck", "lower extremity")
    ]
    return pd.DataFrame(rows)


def test_cells_count_patients_and_not_lesions() -> None:
    rows = table({(40.0, "male"): LEAST_PATIENTS - 1, (45.0, "male"): LEAST_PATIENTS})
    cells = small_cells(rows, ("age", "sex"))
    assert [(cell.values, cell.patients) for cell in cells] == [(("40.0", "male"), 10)]


def test_generalising_merges_cells() -> None:
    rows = table({(40.0, "male"): 6, (45.0, "male"): 6, (40.0, "female"): 20})
    by_name = {choice.name: choice for choice in coarser(rows)}
    assert by_name["as released"].patients_at_risk == pytest.approx(12 / 32)
    assert by_name["age in 10-year steps"].patients_at_risk == 0.0
    assert by_name["without age"].small_cells == 0


def test_missing_values_are_a_cell_of_their_own() -> None:
    rows = table({(np.nan, "male"): 3, (45.0, "male"): 12})
    assert small_cells(rows, ("age",))[0].values == ("(empty)",)


def test_natural_ranks_order_numbers_by_size() -> None:
    assert natural_ranks(["visit 10", "visit 9", "visit 9"]).tolist() == [3.0, 1.5, 1.5]


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    a = natural_ranks(rng.permutation(200).tolist())
    b = natural_ranks(rng.integers(0, 20, 200).tolist())
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert np.isnan(rank_correlation(a, np.ones(200)))


def test_adjacency_tells_blocks_from_a_shuffle() -> None:
    blocks = np.repeat(np.arange(50), 20)
    found = adjacency(blocks)
    assert found.found > 0.9
    assert found.shuffled == pytest.approx(20 * 19 * 50 / (1000 * 999))
    shuffled = adjacency(np.random.default_rng(0).permutation(blocks))
    assert abs(shuffled.excess) < 4 * shuffled.standard_error


def test_report_is_the_same_twice_and_says_de_identified(tmp_path: Path) -> None:
    out = make_out(tmp_path / "out")
    text = report_text(assess_risk(out))
    assert text == report_text(assess_risk(out))
    assert "de-identified" in text
    assert "anonym" not in text
    card = text.split("## For the data officer only")[0]
    private = pd.read_csv(OutLayout(out).linkage, dtype=str)
    for column in ("patient_id", "scan_id", "lesion_id"):
        assert not any(value in text for value in private[column])
    assert "| patients |" not in card


def test_report_does_without_the_private_side(tmp_path: Path) -> None:
    out = make_out(tmp_path / "out")
    OutLayout(out).linkage.unlink()
    report = assess_risk(out)
    assert report.scans is None
    assert report.correlation == {}
