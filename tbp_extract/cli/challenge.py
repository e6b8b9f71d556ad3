"""Commands of challenge organisers: ``challenge`` and ``score``."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tbp_extract.cli.common import EXIT_FAILED, EXIT_QUARANTINED, FILE, FOLDER, NEW

if TYPE_CHECKING:
    from tbp_extract.challenge.build import Challenge

__all__ = ["challenge", "score"]


@click.command()
@click.argument("releases", metavar="RELEASE...", nargs=-1, required=True, type=FOLDER)
@click.option(
    "--labels",
    type=FILE,
    multiple=True,
    required=True,
    help="Pathology table (CSV); may be given several times.",
)
@click.option("--config", "config_path", type=FILE, help="Settings (TOML); see configs/.")
@click.option("--out", type=NEW, required=True, help="A new folder.")
@click.option(
    "--earlier",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="What was published before: HDF5 file, release, folder of JPEGs, CSV of ids.",
)
@click.option(
    "--key", "key_path", type=FILE, help="Challenge key; made in OUT/private if not given."
)
def challenge(
    releases: tuple[Path, ...],
    labels: tuple[Path, ...],
    config_path: Path | None,
    out: Path,
    earlier: tuple[Path, ...],
    key_path: Path | None,
) -> int:
    """Merge the RELEASEs of several centres with their labels into the files of a challenge.

    A RELEASE is the output folder of a run, with its private linkage.
    """
    from tbp_extract.challenge.build import ChallengeSource, build_challenge
    from tbp_extract.config import ChallengeConfig, read_settings

    config = read_settings(config_path, ChallengeConfig)
    made = build_challenge(ChallengeSource(releases, labels, earlier), out, config, key_path)
    return _tell(made, out)


@click.command()
@click.argument("solution", type=FILE)
@click.argument("submission", type=FILE)
def score(solution: Path, submission: Path) -> int:
    """Score a SUBMISSION against a SOLUTION with the metrics of the 2024 challenge."""
    from tbp_extract.challenge.score import score as score_submission
    from tbp_extract.io.scores import read_judged

    judged = read_judged(solution, submission)
    found = score_submission(judged.target, judged.prediction, judged.patient)
    click.echo(f"partial AUC above 80 % sensitivity: {found.partial_auc:.6f} of 0.2")
    click.echo(f"sensitivity among the top 15 of each patient: {found.top_sensitivity:.6f}")
    click.echo(f"average rank: {found.average_rank:.6f}, weighted: {found.weighted_rank:.6f}")
    return 0


def _tell(made: "Challenge", out: Path) -> int:
    fates = Counter(str(fate) for fate in made.fate)
    for name, count in sorted(fates.items()):
        click.echo(f"{name}: {count} crops")
    test = made.rows.is_test
    patients = made.rows.table["patient_id"].to_numpy()
    for split, chosen in (("train", ~test), ("test", test)):
        click.echo(f"{split}: {int(chosen.sum())} images, {len(set(patients[chosen]))} patients")
    for code, count in sorted(Counter(str(p.code) for p in made.problems).items()):
        click.echo(f"label rows not used as they stand, {code}: {count}")
    for finding in made.audit.findings:
        if finding.verdict != "pass":
            click.echo(
                f"audit, {finding.verdict}: {finding.property} has an AUC of {finding.auc:.3f}"
            )
    for name, count in made.audit.crossings.items():
        if count:
            click.echo(f"audit, leak: {count} {name} are in train and in test")
    click.echo(f"challenge: {out}")
    if not made.audit.passes:
        click.echo("the audit found a leak: see private/audit.csv before anything is published")
        return EXIT_FAILED
    return EXIT_QUARANTINED if made.problems else 0
