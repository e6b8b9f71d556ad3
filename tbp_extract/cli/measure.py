"""Commands on crops that exist already: ``measure``."""

from pathlib import Path

import click

from tbp_extract.cli.common import NEW

__all__ = ["measure"]


@click.command()
@click.argument("source", metavar="INPUT", type=click.Path(exists=True, path_type=Path))
@click.option("--out", type=NEW, required=True, help="The table: a CSV file.")
@click.option(
    "--extent-mm", default=15.0, show_default=True, help="Side of every crop on the skin, mm."
)
def measure(source: Path, out: Path, extent_mm: float) -> int:
    """Measure crops that exist already: a shard, a release folder, or a folder of JPEG files."""
    from tbp_extract.pipeline.measure_crops import measure_crops

    count = measure_crops(source, out, extent_mm=extent_mm)
    click.echo(f"{count} crops measured: {out}")
    return 0
