"""Commands on what a release still tells: ``risk``."""

from pathlib import Path

import click

from tbp_extract.cli.common import FOLDER, NEW

__all__ = ["risk"]


@click.command()
@click.argument("out", type=FOLDER)
@click.option("--to", type=NEW, help="The report; private/risk.md by default.")
def risk(out: Path, to: Path | None) -> int:
    """Say how many patients share what the release in OUT tells of them."""
    from tbp_extract.io.files import PRIVATE_FILE, make_private_folder, write_whole
    from tbp_extract.io.layout import OutLayout
    from tbp_extract.risk import assess_risk, report_text

    report = assess_risk(out)
    if to is None:
        make_private_folder(OutLayout(out).private)
    write_whole(to or OutLayout(out).risk, report_text(report).encode(), mode=PRIVATE_FILE)
    released = report.coarser[0]
    click.echo(
        f"{report.patients} patients, {report.crops} crops: {released.small_cells} of "
        f"{released.cells} groups have fewer than 11 patients"
    )
    return 0
