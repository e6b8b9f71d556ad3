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
@click.option(
    "--patients",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV with isic_id and patient_id: fills the columns that tell of a lesion among its "
    "patient's others. Where it has tbp_lv_location_simple, also those of the body part.",
)
def measure(source: Path, out: Path, extent_mm: float, patients: Path | None) -> int:
    """Measure crops that exist already: a shard, a release folder, or a folder of JPEG files."""
    from tbp_extract.pipeline.measure_crops import measure_crops

    count = measure_crops(source, out, extent_mm=extent_mm, patients=patients)
    click.echo(f"{count} crops measured: {out}")
    return 0
