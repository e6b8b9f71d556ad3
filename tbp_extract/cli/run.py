"""Commands on a source of scans: ``run`` and ``check``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tbp_extract.cli.common import EXIT_FAILED, EXIT_QUARANTINED, FILE, FOLDER, NEW, config_option
from tbp_extract.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tbp_extract.pipeline.run import RunReport

__all__ = ["check", "run"]


@click.command()
@click.argument("source", type=FOLDER)
@click.option("--out", type=NEW, required=True, help="Output folder; taken up again if it exists.")
@config_option
@click.option("--workers", default="auto", help="Processes: a number, 0 for none, or auto.")
@click.option("--engine", type=click.Choice(["local"]), default="local", help="Where workers run.")
@click.option("--key", "key_path", type=FILE, help="Release key; made in OUT/private if not given.")
@click.option("--rehash", is_flag=True, help="Read all inputs again, even untouched ones.")
def run(
    source: Path,
    out: Path,
    config_path: Path | None,
    workers: str,
    engine: str,
    key_path: Path | None,
    rehash: bool,
) -> int:
    """Turn the scans of SOURCE into a de-identified release."""
    from tbp_extract.config import read_config
    from tbp_extract.console import RunProgress
    from tbp_extract.pipeline.run import run as run_pipeline

    with RunProgress() as progress:
        report = run_pipeline(
            source,
            out,
            read_config(config_path),
            workers=_worker_number(workers),
            key_path=key_path,
            progress=progress,
            rehash=rehash,
        )
    return _tell_run(report)


@click.command()
@click.argument("source", type=FOLDER)
@config_option
def check(source: Path, config_path: Path | None) -> int:
    """Say what would be read from SOURCE and what is wrong with it; write nothing."""
    from tbp_extract.config import read_config
    from tbp_extract.pipeline.alike import patients_of_one_mesh, shared_mesh_sentence
    from tbp_extract.pipeline.preflight import check_source

    bad, seen = 0, []
    for finding in check_source(source, read_config(config_path)):
        seen.append((finding.patient_id, finding.files))
        bad += finding.problem is not None
        click.echo(f"{finding.scan_id}: {finding.problem or finding.summary}")
    total = len(seen)
    if shared := patients_of_one_mesh(seen):
        click.echo(shared_mesh_sentence(shared))
    click.echo(f"{total} scans, {total - bad} good, {bad} with problems")
    return EXIT_FAILED if bad or not total else 0


def _worker_number(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal():
        raise ConfigError(f"--workers: expected a number from 0 up or 'auto', got {text!r}")
    return int(text)


def _tell_run(report: "RunReport") -> int:
    scans, lesions = report.counts["scans"], report.counts["lesions"]
    for scan in report.quarantined:
        click.echo(f"{scan.scan} quarantined ({scan.reason}): {scan.message}")
    dropped = _counted(lesions["dropped"])
    click.echo(
        f"scans: {scans['planned']} planned, {scans['done']} done, "
        f"{len(report.quarantined)} quarantined\n"
        f"lesions: {lesions['found']} found, {lesions['exported']} exported, "
        f"{sum(lesions['dropped'].values())} dropped{f' ({dropped})' if dropped else ''}"
    )
    if lesions["tags"]:
        click.echo(f"tags and finds: {_counted(lesions['tags'])}")
    if scans["empty"]:
        click.echo(f"scans without a lesion: {_counted(scans['empty'])}")
    if report.quarantined:
        click.echo("private/quarantine.csv in the output folder tells which scans these are")
    if not lesions["exported"]:
        click.echo("nothing was produced")
        return EXIT_FAILED
    click.echo(f"release: {report.release}")
    return EXIT_QUARANTINED if report.quarantined else 0


def _counted(counts: "Mapping[str, int]") -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
