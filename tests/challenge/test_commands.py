"""The commands as an organiser calls them."""

import csv
import signal
from pathlib import Path

import pytest

from tbp_extract.cli import main
from tests.centres import label, make_patient, write_centre, write_labels
from tests.challenge.planted import Planted, plant


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return plant(tmp_path_factory.mktemp("centres"), lesions=4)


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert isinstance(stopped.value.code, int)
    return (stopped.value.code, *capsys.readouterr())


def test_one_command_makes_a_challenge_and_another_scores_it(
    capsys: pytest.CaptureFixture[str], planted: Planted, tmp_path: Path
) -> None:
    config = tmp_path / "challenge.toml"
    config.write_text('[centres]\nnames = ["Basel", "Athens", "Vienna"]\nheld_out = ["Vienna"]\n')
    out = tmp_path / "out"
    code, told, _ = call(
        capsys, "challenge", *planted.source.releases, "--labels", planted.source.labels[0],
        "--config", config, "--out", out,
    )  # fmt: skip
    assert code == 3, "complete, but some labels were not used as they stand"
    assert "label rows not used as they stand, diagnosis_unknown: 1" in told
    assert f"challenge: {out}" in told
    solution = out / "private" / "solution.csv"
    sample = out / "public" / "sample_submission.csv"
    code, told, _ = call(capsys, "score", solution, sample)
    assert code == 0
    assert "partial AUC above 80 % sensitivity: 0.020000 of 0.2" in told
    with solution.open(newline="") as file:
        rows = list(csv.DictReader(file))
    perfect = tmp_path / "perfect.csv"
    perfect.write_text(
        "isic_id,target\n" + "".join(f"{r['isic_id']},{r['target']}\n" for r in rows)
    )
    assert "0.200000 of 0.2" in call(capsys, "score", solution, perfect)[1]


def test_good_labels_exit_with_0(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    visits = [v for p in range(6) for v in make_patient(f"{p}", seed=p, visits=1, lesions=4)]
    rows = [label(v.mrn, 1, v.day, "melanoma") for v in visits]
    centre = write_centre(tmp_path / "centre", visits, attribution="Hospital of Basel")
    labels = write_labels(tmp_path / "lesion.csv", rows)
    code, told, _ = call(capsys, "challenge", centre, "--labels", labels, "--out", tmp_path / "out")
    assert code == 0, told


def test_an_unknown_setting_names_the_nearest(
    capsys: pytest.CaptureFixture[str], planted: Planted, tmp_path: Path
) -> None:
    config = tmp_path / "challenge.toml"
    config.write_text("[splits]\ntest_shares = 0.2\n")
    code, _, error = call(
        capsys, "challenge", *planted.source.releases, "--labels", planted.source.labels[0],
        "--config", config, "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 2
    assert (
        "unknown setting splits.test_shares: the nearest that exists is splits.test_share" in error
    )
    assert not (tmp_path / "out").exists()


def test_messages_hold_no_path_and_no_record_number(
    capsys: pytest.CaptureFixture[str], planted: Planted, tmp_path: Path
) -> None:
    code, _, error = call(
        capsys, "challenge", planted.source.releases[0], "--labels", planted.source.labels[0],
        "--out", tmp_path / "out", "--earlier", planted.source.labels[0],
    )  # fmt: skip
    assert code == 2
    assert "earlier release 1: expected a column isic_id" in error
    assert str(tmp_path) not in error
    assert "000001" not in error


def test_the_example_configuration_is_valid() -> None:
    from tbp_extract.config import ChallengeConfig, read_settings

    root = Path(__file__).resolve().parents[2]
    config = read_settings(root / "configs" / "challenge.toml", ChallengeConfig)
    assert len(config.centres.names) == 3
